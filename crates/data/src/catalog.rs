//! The published datasets: their files, digests, mirrors and fingerprints.
//!
//! What guards which file, always over the uncompressed bytes, however they were compressed:
//!
//! - MNIST, Fashion-MNIST, `strokes`: SHA-256 of every file.
//! - KMNIST: SHA-256 of the labels and of the test images; the training images by the git object
//!   id that independent copies of the uncompressed file have, since only digests of the `.gz`
//!   are published for them (SHA-256 `51467d22…35fde4`).

use gansweep_base::digest::sha256;
use gansweep_config::{Dataset, DatasetSpec};

use crate::{
    Split,
    digest::Digest::{self, GitBlob, Sha256},
    images::{CLASSES, SHAPE},
};

/// What an IDX file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Images of 28 x 28 bytes.
    Images,
    /// One byte per image.
    Labels,
}

/// One file of a dataset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FileSpec {
    /// Which dataset.
    pub(crate) dataset: Dataset,
    /// Which part.
    pub(crate) split: Split,
    /// What it holds.
    pub(crate) kind: Kind,
    /// Of the uncompressed bytes.
    pub(crate) digest: Digest,
}

impl FileSpec {
    /// The published name, without `.gz`.
    pub(crate) const fn name(&self) -> &'static str {
        match (self.split, self.kind) {
            (Split::Train, Kind::Images) => "train-images-idx3-ubyte",
            (Split::Train, Kind::Labels) => "train-labels-idx1-ubyte",
            (Split::Test, Kind::Images) => "t10k-images-idx3-ubyte",
            (Split::Test, Kind::Labels) => "t10k-labels-idx1-ubyte",
        }
    }
}

/// A file of a dataset.
pub(crate) const fn file(dataset: Dataset, split: Split, kind: Kind) -> FileSpec {
    FileSpec { dataset, split, kind, digest: digest(dataset, split, kind) }
}

/// The four files of a dataset, the small ones first, so that a wrong mirror is noticed early.
pub(crate) const fn files(dataset: Dataset) -> [FileSpec; 4] {
    [
        file(dataset, Split::Test, Kind::Labels),
        file(dataset, Split::Train, Kind::Labels),
        file(dataset, Split::Test, Kind::Images),
        file(dataset, Split::Train, Kind::Images),
    ]
}

/// Where `NAME.gz` of each file is published, to be tried in this order; empty for `strokes`.
pub(crate) const fn mirrors(dataset: Dataset) -> &'static [&'static str] {
    match dataset {
        Dataset::Mnist => &[
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ],
        Dataset::FashionMnist => &[
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ],
        Dataset::Kmnist => &[
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "https://storage.googleapis.com/kuzushiji-mnist/",
        ],
        Dataset::Strokes => &[],
    }
}

/// What is known of a dataset without loading or downloading anything.
pub fn spec(dataset: Dataset) -> DatasetSpec {
    DatasetSpec {
        image: SHAPE,
        classes: CLASSES,
        train_images: Split::Train.count() as u32,
        test_images: Split::Test.count() as u32,
        fingerprint: fingerprint(dataset),
    }
}

/// The identity of a dataset's training images and labels: 64 hexadecimal digits, known without
/// loading or downloading anything.
///
/// It is the SHA-256 of two lines, `NAME DIGEST` of the training images and of the training labels,
/// where the digest is the published one of the uncompressed file. Images are trained on only after
/// their digests were found to be these.
fn fingerprint(dataset: Dataset) -> String {
    let lines = [Kind::Images, Kind::Labels].map(|kind| {
        let file = file(dataset, Split::Train, kind);
        format!("{} {}\n", file.name(), file.digest.hex())
    });
    sha256(lines.concat())
}

const fn digest(dataset: Dataset, split: Split, kind: Kind) -> Digest {
    let digests = match dataset {
        Dataset::Mnist => &MNIST,
        Dataset::FashionMnist => &FASHION_MNIST,
        Dataset::Kmnist => &KMNIST,
        Dataset::Strokes => &STROKES,
    };
    match (split, kind) {
        (Split::Train, Kind::Images) => digests.train_images,
        (Split::Train, Kind::Labels) => digests.train_labels,
        (Split::Test, Kind::Images) => digests.test_images,
        (Split::Test, Kind::Labels) => digests.test_labels,
    }
}

/// Of the uncompressed files of one dataset.
struct Digests {
    train_images: Digest,
    train_labels: Digest,
    test_images: Digest,
    test_labels: Digest,
}

const MNIST: Digests = Digests {
    train_images: Sha256("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    train_labels: Sha256("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    test_images: Sha256("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    test_labels: Sha256("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
};

const FASHION_MNIST: Digests = Digests {
    train_images: Sha256("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
    train_labels: Sha256("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    test_images: Sha256("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    test_labels: Sha256("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
};

const KMNIST: Digests = Digests {
    train_images: GitBlob("3cf037df1ccd08cf71c7e9465ca6bc729e79a251"),
    train_labels: Sha256("2a16eeae62da984b8bd24fa32e31d47291f01dac3fe84d5594f304f71e7d374b"),
    test_images: Sha256("76fbd229ce87db80dd281af5e6670de4ad0e42fb30a7bd643972994c47c1f42e"),
    test_labels: Sha256("a11dc742be8e781a40a92f53d6a4957e7b7d36df2faa097659131ebfd8fd60c6"),
};

const STROKES: Digests = Digests {
    train_images: Sha256("b9bb54e0dabcdd6b95ad2a0eedf35637ce57eba5a0493c1a7640e5e25f0ab080"),
    train_labels: Sha256("9da43bfe8f85ff945fecffe7ce264e461ca4e0b1bb7f0af52f905d035f66dd55"),
    test_images: Sha256("4110e1663056eb549b6efd1a6c63a2824cedc5c1a450c55ac5c05e03051c0136"),
    test_labels: Sha256("fb36f44b5f766559b7c4861e71a25690c6ed21319fc41cec7cd5ef96798f6acd"),
};
