//! Keys of `[train]`: how long, in what portions, and on which noise.

use super::math;
use crate::schema::{Field, Key, Kind};

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    math(
        "train.epochs",
        Kind::Integer(1, 100_000),
        "5",
        Field::Integer(|c| &mut c.train.epochs),
        "Passes over the training images.",
    ),
    math(
        "train.batch_size",
        Kind::Integer(1, 65_536),
        "64",
        Field::Integer(|c| &mut c.train.batch_size),
        "Images in a batch.",
    ),
    math(
        "train.d_steps",
        Kind::Integer(1, 100),
        "1",
        Field::Integer(|c| &mut c.train.d_steps),
        "Updates of the discriminator, each on a batch of its own, before each update of the generator.",
    ),
    math(
        "train.noise",
        Kind::Choice(&["fresh", "shared"]),
        "\"fresh\"",
        Field::Noise(|c| &mut c.train.noise),
        "The latents of the generator's update: drawn anew (`fresh`), or those of the discriminator's update before it (`shared`).",
    ),
    math(
        "train.shuffle",
        Kind::Bool,
        "true",
        Field::Bool(|c| &mut c.train.shuffle),
        "Whether each epoch takes the images in an order of its own.",
    ),
    math(
        "train.drop_last",
        Kind::Bool,
        "false",
        Field::Bool(|c| &mut c.train.drop_last),
        "Whether a last batch that is not full is left out. Where all batches are full it has no effect and is recorded as `false`.",
    ),
];
