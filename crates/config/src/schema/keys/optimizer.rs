//! Keys of `[optimizer]`: how parameters move.

use super::{FRACTION, math, shorthand};
use crate::OptimizerKind;
use crate::schema::{Field, Interval, Key, Kind};

/// The optimisers.
const KINDS: Kind = Kind::Choice(&OptimizerKind::NAMES);

/// A learning rate: in single precision, larger ones overflow within a step.
const RATE: Kind = Kind::Number(Interval::above(0.0, 1000.0));
/// An addend to a denominator, large enough to be more than zero in single precision.
const ADDEND: Kind = Kind::Number(Interval::closed(1e-30, 1.0));

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    shorthand(
        "optimizer.kind",
        KINDS,
        &["optimizer.generator.kind", "optimizer.discriminator.kind"],
        "Optimiser of both networks.",
    ),
    shorthand(
        "optimizer.lr",
        RATE,
        &["optimizer.generator.lr", "optimizer.discriminator.lr"],
        "Learning rate of both networks.",
    ),
    shorthand(
        "optimizer.beta1",
        FRACTION,
        &["optimizer.generator.beta1", "optimizer.discriminator.beta1"],
        "First beta of both networks.",
    ),
    shorthand(
        "optimizer.beta2",
        FRACTION,
        &["optimizer.generator.beta2", "optimizer.discriminator.beta2"],
        "Second beta of both networks.",
    ),
    shorthand(
        "optimizer.eps",
        ADDEND,
        &["optimizer.generator.eps", "optimizer.discriminator.eps"],
        "Epsilon of both networks.",
    ),
    math(
        "optimizer.generator.kind",
        KINDS,
        "\"adam\"",
        Field::Optimizer(|c| &mut c.optimizer.generator.kind),
        "Optimiser of the generator; its numbers are the keys below that name it.",
    ),
    math(
        "optimizer.generator.lr",
        RATE,
        "1e-3",
        Field::Number(|c| &mut c.optimizer.generator.lr),
        "Learning rate of the generator.",
    ),
    math(
        "optimizer.generator.beta1",
        FRACTION,
        "0.5",
        Field::Number(|c| &mut c.optimizer.generator.beta1),
        "`adam`: decay of the generator's first moment.",
    ),
    math(
        "optimizer.generator.beta2",
        FRACTION,
        "0.999",
        Field::Number(|c| &mut c.optimizer.generator.beta2),
        "`adam`: decay of the generator's second moment.",
    ),
    math(
        "optimizer.generator.eps",
        ADDEND,
        "1e-8",
        Field::Number(|c| &mut c.optimizer.generator.eps),
        "`adam`: added to the root of the generator's corrected second moment.",
    ),
    math(
        "optimizer.discriminator.kind",
        KINDS,
        "\"adam\"",
        Field::Optimizer(|c| &mut c.optimizer.discriminator.kind),
        "Optimiser of the discriminator; its numbers are the keys below that name it.",
    ),
    math(
        "optimizer.discriminator.lr",
        RATE,
        "1e-3",
        Field::Number(|c| &mut c.optimizer.discriminator.lr),
        "Learning rate of the discriminator.",
    ),
    math(
        "optimizer.discriminator.beta1",
        FRACTION,
        "0.5",
        Field::Number(|c| &mut c.optimizer.discriminator.beta1),
        "`adam`: decay of the discriminator's first moment.",
    ),
    math(
        "optimizer.discriminator.beta2",
        FRACTION,
        "0.999",
        Field::Number(|c| &mut c.optimizer.discriminator.beta2),
        "`adam`: decay of the discriminator's second moment.",
    ),
    math(
        "optimizer.discriminator.eps",
        ADDEND,
        "1e-8",
        Field::Number(|c| &mut c.optimizer.discriminator.eps),
        "`adam`: added to the root of the discriminator's corrected second moment.",
    ),
];
