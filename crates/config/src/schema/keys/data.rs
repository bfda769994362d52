//! Keys of `[data]`: the training images.

use crate::schema::declare::{ConfigKey, config, execution};
use crate::schema::field::Field;
use crate::schema::key::{Key, Lanes};
use crate::schema::kind::Kind;

const DATASETS: &[&str] = &["mnist", "fashion-mnist", "kmnist", "strokes", "idx"];
const FALLBACKS: &[&str] = &["none", "mnist", "fashion-mnist", "kmnist", "strokes"];

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    config(ConfigKey {
        path: "data.dataset",
        kind: Kind::Choice(DATASETS),
        default: "\"mnist\"",
        identity: "\"mnist\"",
        lanes: Lanes::Common,
        field: Field::Dataset(|c| &mut c.data.dataset),
        doc: "The dataset. `strokes` are digits that the program draws itself, without a download. `idx` are your own images, in IDX files in the folder `data.path`.",
    }),
    execution(
        "data.path",
        Kind::Text,
        "\"\"",
        "For `dataset = \"idx\"`: the folder of the IDX files. In the file, a relative path starts at the file's folder; in `--set` or a variable, at the current folder. Only the content of the files is part of a run's id: the folder may be moved.",
    ),
    config(ConfigKey {
        path: "data.images",
        kind: Kind::Integer(0, 100_000_000),
        default: "0",
        identity: "0",
        lanes: Lanes::Common,
        field: Field::Integer(|c| &mut c.data.images),
        doc: "Train on this many images from the beginning of the dataset; `0` for all.",
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
        "The dataset to train on where the other one is neither on this machine nor can be downloaded; the database and the report name the one that was used. `none`: stop with an error instead.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_for_datasets_are_those_of_the_datasets() {
        assert_eq!(DATASETS, crate::Dataset::ALL.map(crate::Dataset::name));
        // `idx` is no fallback: a folder that the user names exists or is an error.
        let own = |name: &&&str| **name == crate::Dataset::Idx.name();
        assert!(FALLBACKS[1..].iter().eq(DATASETS.iter().filter(|name| !own(name))));
    }
}
