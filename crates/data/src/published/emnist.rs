//! EMNIST: handwritten letters and digits (Cohen, Afshar, Tapson and van Schaik 2017), three of its splits.
//!
//! NIST publishes one archive, <https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip> (MD5
//! `58c8d27c78d21e728a6bc7b3cc06412e`, as torchvision has it), with the files as `.gz`. Their digests:
//!
//! - of the `.gz`, SHA-256 from the Git LFS pointers of github.com/aurelienduarte/emnist, a copy of the archive;
//! - of the uncompressed files, git's object ids in independent repositories: `balanced` from
//!   `lshiyan/biological-deep-learning` and `HagenSchlaefer/cnn_using_PyTorch`, `letters` from `ArenD100/Final`. Where
//!   both can be had (the labels of `letters`), they agree. Of `digits` no uncompressed copy was found.
//!
//! Images are stored column by column, and the labels of `letters` count from 1.

use gansweep_config::Dataset;

use crate::{
    declaration::{Archive, Declaration, Format, GREY_28, Part},
    digest::Digest::{GitBlob, GzipSha256},
};

/// The whole, of 562 MB.
const ARCHIVE: &str = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip";
/// Verbatim copies of the archive's files, which spare nine tenths of the download.
const MIRRORS: &[&str] = &["https://huggingface.co/datasets/Heliosoph/EMNIST/resolve/main/"];

macro_rules! format {
    ($split:literal, $first_label:literal) => {
        Format {
            names: [
                [
                    concat!("emnist-", $split, "-train-images-idx3-ubyte"),
                    concat!("emnist-", $split, "-train-labels-idx1-ubyte"),
                ],
                [
                    concat!("emnist-", $split, "-test-images-idx3-ubyte"),
                    concat!("emnist-", $split, "-test-labels-idx1-ubyte"),
                ],
            ],
            transposed: true,
            first_label: $first_label,
            archive: Some(Archive { name: "gzip.zip", url: ARCHIVE }),
        }
    };
}

pub(crate) static EMNIST_DIGITS: Declaration = Declaration {
    dataset: Dataset::EmnistDigits,
    format: format!("digits", 0),
    torchvision: "EMNIST",
    image: GREY_28,
    class_names: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    mirrors: MIRRORS,
    train: Part {
        count: 240_000,
        images: GzipSha256("f7c95004d14d81af89522e67d8f0c781dfb3bd544181c81bfe1eb6b41c35b726"),
        labels: GzipSha256("6638a6ff5fe2eefd9cca2471995b46c82986b8e4b2a70d2f5ce8e05d7edb319e"),
    },
    test: Part {
        count: 40_000,
        images: GzipSha256("20ebe43509264f7639d37c835a3f0b009e90b29e00a099a03101abe1644a3f63"),
        labels: GzipSha256("bad1834c45d5988e270b99d43b13edc3fd898f658ffbc2caf2846ef27f7b05b0"),
    },
};

/// Upper and lower case of a letter are one class.
pub(crate) static EMNIST_LETTERS: Declaration = Declaration {
    dataset: Dataset::EmnistLetters,
    format: format!("letters", 1),
    torchvision: "EMNIST",
    image: GREY_28,
    class_names: &[
        "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T",
        "U", "V", "W", "X", "Y", "Z",
    ],
    mirrors: MIRRORS,
    train: Part {
        count: 124_800,
        images: GitBlob("0fa940439e983453f0480ef61aa3025f0979b2d3"),
        labels: GitBlob("dfaf78616a39a4974cd97aa394dcc593453b54cf"),
    },
    test: Part {
        count: 20_800,
        images: GitBlob("993b7cb0a248976f80daf3ada442d95a6cbd51f1"),
        labels: GitBlob("170768b56b24d25258a262acda7fc996123b9f39"),
    },
};

/// Digits and letters; both cases are one class where they look alike.
pub(crate) static EMNIST_BALANCED: Declaration = Declaration {
    dataset: Dataset::EmnistBalanced,
    format: format!("balanced", 0),
    torchvision: "EMNIST",
    image: GREY_28,
    class_names: &[
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "C", "D", "E", "F", "G", "H", "I", "J",
        "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z", "a", "b", "d", "e",
        "f", "g", "h", "n", "q", "r", "t",
    ],
    mirrors: MIRRORS,
    train: Part {
        count: 112_800,
        images: GitBlob("eb86efaf0bbaa0bd2b338735f426903322542a65"),
        labels: GitBlob("b8b722c3ed5cb45f4d5ce2fc57be430d8e4fbb96"),
    },
    test: Part {
        count: 18_800,
        images: GitBlob("684ea9ba48ebf22e6419ac4ea7925637b27ba746"),
        labels: GitBlob("840462d872d386dad89e5cdb89683d29efc99acf"),
    },
};
