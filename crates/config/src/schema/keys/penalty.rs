//! Keys of `[penalty]`: a penalty on the discriminator's gradient with respect to its input.

use crate::PenaltyKind;
use crate::schema::declare::{ConfigKey, config};
use crate::schema::field::Field;
use crate::schema::key::{Key, Lanes};
use crate::schema::kind::{Interval, Kind};

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    config(ConfigKey {
        path: "penalty.kind",
        kind: Kind::Choice(&PenaltyKind::NAMES),
        default: "\"none\"",
        identity: "\"none\"",
        lanes: Lanes::Common,
        field: Field::Penalty(|c| &mut c.penalty.kind),
        doc: "The penalty that is added to D's loss.",
    }),
    config(ConfigKey {
        path: "penalty.weight",
        kind: Kind::Number(Interval::above(0.0, 1e6)),
        default: "10.0",
        identity: "10.0",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.penalty.weight),
        doc: "The factor before the penalty.",
    }),
    config(ConfigKey {
        path: "penalty.one_sided",
        kind: Kind::Bool,
        default: "false",
        identity: "false",
        lanes: Lanes::Common,
        field: Field::Bool(|c| &mut c.penalty.one_sided),
        doc: "`wgan-gp` and `dragan`: whether norms below one cost nothing (Petzka et al. 2018).",
    }),
    config(ConfigKey {
        path: "penalty.every",
        kind: Kind::Integer(1, 1000),
        default: "1",
        identity: "1",
        lanes: Lanes::Common,
        field: Field::Integer(|c| &mut c.penalty.every),
        doc: "The penalty is part of one update of D in this many, from the first on, with `weight` times as large, as StyleGAN2's lazy regularisation (Karras et al. 2020, appendix B).",
    }),
    config(ConfigKey {
        path: "penalty.noise",
        kind: Kind::Number(Interval::above(0.0, 100.0)),
        default: "0.3",
        identity: "0.3",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.penalty.noise),
        doc: "`dragan`: standard deviation of the normal noise that is added to real images where the gradient is measured. The default is about half the standard deviation of MNIST's pixels, as in the authors' code.",
    }),
];
