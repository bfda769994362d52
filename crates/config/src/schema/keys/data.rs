//! Keys of `[data]`: the training images.

use crate::schema::declare::{ConfigKey, config, execution};
use crate::schema::field::Field;
use crate::schema::key::{Key, Lanes};
use crate::schema::kind::Kind;

const DATASETS: &[&str] = &[
    "mnist",
    "fashion-mnist",
    "kmnist",
    "emnist-digits",
    "emnist-letters",
    "emnist-balanced",
    "cifar10",
    "strokes",
    "idx",
    "folder",
];
const FALLBACKS: &[&str] = &[
    "none",
    "mnist",
    "fashion-mnist",
    "kmnist",
    "emnist-digits",
    "emnist-letters",
    "emnist-balanced",
    "cifar10",
    "strokes",
];

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    config(ConfigKey {
        path: "data.dataset",
        kind: Kind::Choice(DATASETS),
        default: "\"mnist\"",
        identity: "\"mnist\"",
        lanes: Lanes::Common,
        field: Field::Dataset(|c| &mut c.data.dataset),
        doc: "The dataset. `emnist-digits`, `emnist-letters` and `emnist-balanced` are splits of EMNIST, `cifar10` is CIFAR-10. `strokes` are digits that the program draws itself, without a download. `idx` are your own images, in IDX files in the folder `data.path`; `folder` are your own pictures there, PNG and JPEG.",
    }),
    execution(
        "data.path",
        Kind::Text,
        "\"\"",
        "For `dataset = \"idx\"` and `dataset = \"folder\"`: the folder of your images. In the file, a relative path starts at the file's folder; in `--set` or a variable, at the current folder. The folder may be moved: a run's id does not depend on its place. For `idx` it depends on the content of the files; for `folder` also on the names of subfolders and pictures, which decide the classes and the order of the images.",
    ),
    execution(
        "data.skip_damaged",
        Kind::Bool,
        "false",
        "For `dataset = \"folder\"`: leave out files that are no sound images. By default they are an error that names them. The images that are left decide a run's id.",
    ),
    config(ConfigKey {
        path: "data.side",
        kind: Kind::Integer(0, 256),
        default: "0",
        identity: "0",
        lanes: Lanes::Common,
        field: Field::Integer(|c| &mut c.data.side),
        doc: "Rows and columns of an image, for a dataset that is made in the shape that is asked for: `strokes` are drawn with the side of MNIST, 32 or 64 pixels; the pictures of `folder` are cut to a square and resized to any side up to 256. `0`: the dataset's own, MNIST's for `strokes` and 64 for `folder`. Other datasets have the shape of their files, and any other is refused.",
    }),
    config(ConfigKey {
        path: "data.channels",
        kind: Kind::OneOf(&[0, 1, 3]),
        default: "0",
        identity: "0",
        lanes: Lanes::Common,
        field: Field::Integer(|c| &mut c.data.channels),
        doc: "Channels of an image, for the same datasets: `1` is grey, `3` is colour. `0`: the dataset's own, 1 for `strokes` and 3 for `folder`.",
    }),
    config(ConfigKey {
        path: "data.images",
        kind: Kind::Integer(0, 100_000_000),
        default: "0",
        identity: "0",
        lanes: Lanes::Common,
        field: Field::Integer(|c| &mut c.data.images),
        doc: "Train on this many images: the first of the dataset, or, of `folder`, an even selection that keeps the shares of the classes; `0` for all.",
    }),
    config(ConfigKey {
        path: "data.flip",
        kind: Kind::Bool,
        default: "false",
        identity: "false",
        lanes: Lanes::Common,
        field: Field::Bool(|c| &mut c.data.flip),
        doc: "Mirror images left to right: in each epoch each image with probability 1/2. For photographs: mirrored letters and digits are wrong.",
    }),
    config(ConfigKey {
        path: "data.pixels",
        kind: Kind::Choice(&["signed", "unit"]),
        default: "\"signed\"",
        identity: "\"signed\"",
        lanes: Lanes::Common,
        field: Field::Pixels(|c| &mut c.data.pixels),
        doc: "The range of pixel values: `signed` is [-1, 1] and goes with `model.output = \"tanh\"`, `unit` is [0, 1] and goes with `\"sigmoid\"`.",
    }),
    execution(
        "data.fallback",
        Kind::Choice(FALLBACKS),
        "\"none\"",
        "The dataset to train on where the other one is neither on this machine nor can be downloaded; `strokes` then have the shape of the images that they replace, if they can be drawn in it. The database and the report name the dataset that was used. `none`: stop with an error instead.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_for_datasets_are_those_of_the_datasets() {
        assert_eq!(DATASETS, crate::Dataset::ALL.map(crate::Dataset::name));
        // The user's own images are no fallback: a folder that the user names exists or is an error.
        let own = |name: &&&str| crate::Dataset::from_name(name).is_some_and(crate::Dataset::is_own);
        assert!(FALLBACKS[1..].iter().eq(DATASETS.iter().filter(|name| !own(name))));
    }
}
