//! Keys of `[data]`: what is learnt.

use super::{Math, execution, math};
use crate::schema::{Field, Key, Kind, Lanes};

const DATASETS: &[&str] = &["mnist", "fashion-mnist", "kmnist", "strokes", "idx"];
const FALLBACKS: &[&str] = &["none", "mnist", "fashion-mnist", "kmnist", "strokes"];

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    math(Math {
        path: "data.dataset",
        kind: Kind::Choice(DATASETS),
        default: "\"mnist\"",
        identity: "\"mnist\"",
        lanes: Lanes::Common,
        field: Field::Dataset(|c| &mut c.data.dataset),
        doc: "What is learnt. `strokes` are digits that the program draws itself, without a download. `idx` are images of your own, in IDX files in the folder `data.path`.",
    }),
    execution(
        "data.path",
        Kind::Text,
        "\"\"",
        "For `dataset = \"idx\"`: the folder of the IDX files. A relative path starts at the folder of the experiment file where the file gives it, and at the current folder where `--set` or a variable does. Runs are known by the content of the files: a folder may be moved.",
    ),
    math(Math {
        path: "data.images",
        kind: Kind::Integer(0, 100_000_000),
        default: "0",
        identity: "0",
        lanes: Lanes::Common,
        field: Field::Integer(|c| &mut c.data.images),
        doc: "Train on the first so many images, at most those that the dataset has; `0` stands for all.",
    }),
    math(Math {
        path: "data.pixels",
        kind: Kind::Choice(&["signed", "unit"]),
        default: "\"signed\"",
        identity: "\"signed\"",
        lanes: Lanes::Common,
        field: Field::Pixels(|c| &mut c.data.pixels),
        doc: "What pixel values are scaled to: `signed` is [-1, 1] and goes with `model.output = \"tanh\"`, `unit` is [0, 1] and goes with `\"sigmoid\"`.",
    }),
    execution(
        "data.fallback",
        Kind::Choice(FALLBACKS),
        "\"none\"",
        "What to train on where the dataset is neither on this machine nor to be downloaded; the database and the report name what was really used. `none`: stop with an error instead.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_for_datasets_are_those_of_the_datasets() {
        assert_eq!(DATASETS, crate::Dataset::ALL.map(crate::Dataset::name));
        // A folder that the user names is there or it is not: nothing falls back on it.
        let own = |name: &&&str| **name == crate::Dataset::Idx.name();
        assert!(FALLBACKS[1..].iter().eq(DATASETS.iter().filter(|name| !own(name))));
    }
}
