//! Keys of `[loss]`: what each network minimises.

use super::{FRACTION, Math, math};
use crate::LossKind;
use crate::schema::{Field, Key, Kind, Lanes};

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    math(Math {
        path: "loss.kind",
        kind: Kind::Choice(&LossKind::NAMES),
        default: "\"non-saturating\"",
        identity: "\"non-saturating\"",
        lanes: Lanes::Common,
        field: Field::Loss(|c| &mut c.loss.kind),
        doc: "What both networks minimise.",
    }),
    math(Math {
        path: "loss.combine",
        kind: Kind::Choice(&["sum", "mean"]),
        default: "\"sum\"",
        identity: "\"sum\"",
        lanes: Lanes::Varies,
        field: Field::Combine(|c| &mut c.loss.combine),
        doc: "The discriminator's loss: the `sum` of its losses on real and on fake images, or half of that, the `mean`.",
    }),
    math(Math {
        path: "loss.label_smoothing",
        kind: FRACTION,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.loss.label_smoothing),
        doc: "The discriminator's target on real images is one minus this; the generator's stays 1.",
    }),
];
