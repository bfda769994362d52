//! KMNIST: cursive Japanese characters (Clanuwat et al. 2018).

use gansweep_config::Dataset;

use crate::{
    declaration::{Declaration, Format, GREY_28, Part},
    digest::Digest::{GitBlob, Sha256},
};

// Only digests of the `.gz` are published for the training images (SHA-256 `51467d22…35fde4`); what
// guards the uncompressed file is the git object id that independent copies of it have.
pub(crate) static KMNIST: Declaration = Declaration {
    dataset: Dataset::Kmnist,
    format: Format::MNIST,
    torchvision: "KMNIST",
    image: GREY_28,
    class_names: &["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
    mirrors: &[
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "https://storage.googleapis.com/kuzushiji-mnist/",
    ],
    train: Part {
        count: 60_000,
        images: GitBlob("3cf037df1ccd08cf71c7e9465ca6bc729e79a251"),
        labels: Sha256("2a16eeae62da984b8bd24fa32e31d47291f01dac3fe84d5594f304f71e7d374b"),
    },
    test: Part {
        count: 10_000,
        images: Sha256("76fbd229ce87db80dd281af5e6670de4ad0e42fb30a7bd643972994c47c1f42e"),
        labels: Sha256("a11dc742be8e781a40a92f53d6a4957e7b7d36df2faa097659131ebfd8fd60c6"),
    },
};
