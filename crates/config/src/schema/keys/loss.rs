//! Keys of `[loss]`: what each network minimises.

use super::{FRACTION, math};
use crate::LossKind;
use crate::schema::{Field, Key, Kind};

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    math(
        "loss.kind",
        Kind::Choice(&LossKind::NAMES),
        "\"non-saturating\"",
        Field::Loss(|c| &mut c.loss.kind),
        "What both networks minimise.",
    ),
    math(
        "loss.combine",
        Kind::Choice(&["sum", "mean"]),
        "\"sum\"",
        Field::Combine(|c| &mut c.loss.combine),
        "The discriminator's loss: the `sum` of its losses on real and on fake images, or half of that, the `mean`.",
    ),
    math(
        "loss.label_smoothing",
        FRACTION,
        "0.0",
        Field::Number(|c| &mut c.loss.label_smoothing),
        "The discriminator's target on real images is one minus this; the generator's stays 1.",
    ),
];
