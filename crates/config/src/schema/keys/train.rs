//! Keys of `[train]`: how long, in what portions, and on which noise.

use super::{Math, budget, math};
use crate::schema::{Field, Key, Kind, Lanes};

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    budget(
        "train.epochs",
        Kind::Integer(1, 100_000),
        "5",
        "Passes over the training images: how far the sweep asks its runs to be trained. No part of a run's id: more epochs go on from where the run stands, fewer show less of it.",
    ),
    math(Math {
        path: "train.batch_size",
        kind: Kind::Integer(1, 65_536),
        default: "64",
        identity: "64",
        lanes: Lanes::Common,
        field: Field::Integer(|c| &mut c.train.batch_size),
        doc: "Images in a batch.",
    }),
    math(Math {
        path: "train.d_steps",
        kind: Kind::Integer(1, 100),
        default: "1",
        identity: "1",
        lanes: Lanes::Common,
        field: Field::Integer(|c| &mut c.train.d_steps),
        doc: "Updates of the discriminator, each on a batch of its own, before each update of the generator.",
    }),
    math(Math {
        path: "train.noise",
        kind: Kind::Choice(&["fresh", "shared"]),
        default: "\"fresh\"",
        identity: "\"fresh\"",
        lanes: Lanes::Varies,
        field: Field::Noise(|c| &mut c.train.noise),
        doc: "The latents of the generator's update: drawn anew (`fresh`), or those of the discriminator's update before it (`shared`).",
    }),
    math(Math {
        path: "train.shuffle",
        kind: Kind::Bool,
        default: "true",
        identity: "true",
        lanes: Lanes::Varies,
        field: Field::Bool(|c| &mut c.train.shuffle),
        doc: "Whether each epoch takes the images in an order of its own.",
    }),
    math(Math {
        path: "train.drop_last",
        kind: Kind::Bool,
        default: "false",
        identity: "false",
        lanes: Lanes::Common,
        field: Field::Bool(|c| &mut c.train.drop_last),
        doc: "Whether a last batch that is not full is left out. Where all batches are full it has no effect and is recorded as `false`.",
    }),
];
