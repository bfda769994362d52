//! Fashion-MNIST: articles of clothing (Xiao, Rasul and Vollgraf 2017).

use gansweep_config::Dataset;

use crate::{
    declaration::{Declaration, Format, GREY_28, Part},
    digest::Digest::Sha256,
};

pub(crate) static FASHION_MNIST: Declaration = Declaration {
    dataset: Dataset::FashionMnist,
    format: Format::MNIST,
    torchvision: "FashionMNIST",
    image: GREY_28,
    class_names: &[
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ],
    mirrors: &[
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ],
    train: Part {
        count: 60_000,
        images: Sha256("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
        labels: Sha256("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    },
    test: Part {
        count: 10_000,
        images: Sha256("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
        labels: Sha256("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
    },
};
