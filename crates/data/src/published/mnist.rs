//! MNIST: handwritten digits (`LeCun`, Cortes and Burges 1998).

use gansweep_config::Dataset;

use crate::{
    declaration::{Declaration, Format, GREY_28, Part},
    digest::Digest::Sha256,
};

pub(crate) static MNIST: Declaration = Declaration {
    dataset: Dataset::Mnist,
    format: Format::MNIST,
    torchvision: "MNIST",
    image: GREY_28,
    class_names: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    mirrors: &[
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ],
    train: Part {
        count: 60_000,
        images: Sha256("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        labels: Sha256("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    },
    test: Part {
        count: 10_000,
        images: Sha256("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        labels: Sha256("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    },
};
