//! Keys of `[optimizer]`: the optimiser of each network.

use crate::schema::declare::{ConfigKey, FRACTION, config, shorthand};
use crate::schema::field::Field;
use crate::schema::key::{Key, Lanes};
use crate::schema::kind::{Interval, Kind};
use crate::{OptimizerKind, ScheduleKind};

/// The optimisers.
const KINDS: Kind = Kind::Choice(&OptimizerKind::NAMES);

/// Learning rates. In single precision, larger ones overflow within a step.
const RATE: Kind = Kind::Number(Interval::above(0.0, 1000.0));
/// Values of epsilon. Smaller ones are zero in single precision.
const ADDEND: Kind = Kind::Number(Interval::closed(1e-30, 1.0));

/// Weight decays. A larger one than one over the learning rate would change the sign of every parameter.
const DECAY: Kind = Kind::Number(Interval::closed(0.0, 1000.0));

/// Norms of gradients.
const NORM: Kind = Kind::Number(Interval::closed(0.0, 1e9));
/// The schedules.
const SCHEDULES: Kind = Kind::Choice(&ScheduleKind::NAMES);
/// Horizons, in epochs.
const HORIZON: Kind = Kind::Number(Interval::above(0.0, 1e6));
/// Shares of a learning rate.
const SHARE: Kind = Kind::Number(Interval::closed(0.0, 1.0));
/// Warm-ups, in epochs.
const WARMUP: Kind = Kind::Number(Interval::closed(0.0, 1e6));

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
    shorthand(
        "optimizer.momentum",
        FRACTION,
        &["optimizer.generator.momentum", "optimizer.discriminator.momentum"],
        "Momentum of both networks.",
    ),
    shorthand(
        "optimizer.alpha",
        FRACTION,
        &["optimizer.generator.alpha", "optimizer.discriminator.alpha"],
        "Alpha of both networks.",
    ),
    shorthand(
        "optimizer.weight_decay",
        DECAY,
        &["optimizer.generator.weight_decay", "optimizer.discriminator.weight_decay"],
        "Weight decay of both networks.",
    ),
    shorthand(
        "optimizer.clip_norm",
        NORM,
        &["optimizer.generator.clip_norm", "optimizer.discriminator.clip_norm"],
        "Largest gradient norm of both networks.",
    ),
    shorthand(
        "optimizer.schedule",
        SCHEDULES,
        &["optimizer.generator.schedule", "optimizer.discriminator.schedule"],
        "Learning rate schedule of both networks.",
    ),
    shorthand(
        "optimizer.horizon",
        HORIZON,
        &["optimizer.generator.horizon", "optimizer.discriminator.horizon"],
        "Horizon of the schedules of both networks.",
    ),
    shorthand(
        "optimizer.lr_end",
        SHARE,
        &["optimizer.generator.lr_end", "optimizer.discriminator.lr_end"],
        "Share of the learning rate at the horizon of both networks.",
    ),
    shorthand(
        "optimizer.gamma",
        SHARE,
        &["optimizer.generator.gamma", "optimizer.discriminator.gamma"],
        "Factor of the learning rate after each horizon of both networks.",
    ),
    shorthand(
        "optimizer.warmup",
        WARMUP,
        &["optimizer.generator.warmup", "optimizer.discriminator.warmup"],
        "Warm-up of both networks.",
    ),
    config(ConfigKey {
        path: "optimizer.generator.kind",
        kind: KINDS,
        default: "\"adam\"",
        identity: "\"adam\"",
        lanes: Lanes::Common,
        field: Field::Optimizer(|c| &mut c.optimizer.generator.kind),
        doc: "Optimiser of the generator. Of the keys below, those have an effect whose description names it.",
    }),
    config(ConfigKey {
        path: "optimizer.generator.lr",
        kind: RATE,
        default: "1e-3",
        identity: "1e-3",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.generator.lr),
        doc: "Learning rate of the generator.",
    }),
    config(ConfigKey {
        path: "optimizer.generator.beta1",
        kind: FRACTION,
        default: "0.5",
        identity: "0.5",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.generator.beta1),
        doc: "`adam`, `adamw`: decay of the generator's first moment.",
    }),
    config(ConfigKey {
        path: "optimizer.generator.beta2",
        kind: FRACTION,
        default: "0.999",
        identity: "0.999",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.generator.beta2),
        doc: "`adam`, `adamw`: decay of the generator's second moment.",
    }),
    config(ConfigKey {
        path: "optimizer.generator.eps",
        kind: ADDEND,
        default: "1e-8",
        identity: "1e-8",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.generator.eps),
        doc: "`adam`, `adamw`, `rmsprop`: added to the root of the generator's second moment.",
    }),
    config(ConfigKey {
        path: "optimizer.generator.momentum",
        kind: FRACTION,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Presence,
        field: Field::Number(|c| &mut c.optimizer.generator.momentum),
        doc: "`sgd`, `rmsprop`: PyTorch's `momentum` for the generator; `0` for none.",
    }),
    config(ConfigKey {
        path: "optimizer.generator.alpha",
        kind: FRACTION,
        default: "0.99",
        identity: "0.99",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.generator.alpha),
        doc: "`rmsprop`: decay of the generator's mean square.",
    }),
    config(ConfigKey {
        path: "optimizer.generator.weight_decay",
        kind: DECAY,
        default: "0.01",
        identity: "0.01",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.generator.weight_decay),
        doc: "`adamw`: times the learning rate, the share of each of the generator's parameters that an update takes away.",
    }),
    config(ConfigKey {
        path: "optimizer.generator.clip_norm",
        kind: NORM,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Presence,
        field: Field::Number(|c| &mut c.optimizer.generator.clip_norm),
        doc: "Largest norm of the generator's gradient: a longer one is shortened to it before the update, as by `torch.nn.utils.clip_grad_norm_`; `0` stands for no limit. The norm that is recorded is that before.",
    }),
    config(ConfigKey {
        path: "optimizer.generator.schedule",
        kind: SCHEDULES,
        default: "\"constant\"",
        identity: "\"constant\"",
        lanes: Lanes::Varies,
        field: Field::Schedule(|c| &mut c.optimizer.generator.schedule),
        doc: "How the generator's learning rate changes from step to step.",
    }),
    config(ConfigKey {
        path: "optimizer.generator.horizon",
        kind: HORIZON,
        default: "100.0",
        identity: "100.0",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.generator.horizon),
        doc: "`linear`, `cosine`: epochs until the generator's learning rate has come to its end, where it stays; `step`: epochs until each of its steps. Does not depend on the budget.",
    }),
    config(ConfigKey {
        path: "optimizer.generator.lr_end",
        kind: SHARE,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.generator.lr_end),
        doc: "`linear`, `cosine`: share of the generator's learning rate that is left at the horizon.",
    }),
    config(ConfigKey {
        path: "optimizer.generator.gamma",
        kind: SHARE,
        default: "0.1",
        identity: "0.1",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.generator.gamma),
        doc: "`step`: factor of the generator's learning rate after each horizon.",
    }),
    config(ConfigKey {
        path: "optimizer.generator.warmup",
        kind: WARMUP,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.generator.warmup),
        doc: "Epochs, or a fraction of one, in which the generator's learning rate grows from zero in a straight line; `0` stands for no warm-up.",
    }),
    config(ConfigKey {
        path: "optimizer.discriminator.kind",
        kind: KINDS,
        default: "\"adam\"",
        identity: "\"adam\"",
        lanes: Lanes::Common,
        field: Field::Optimizer(|c| &mut c.optimizer.discriminator.kind),
        doc: "Optimiser of the discriminator. Of the keys below, those have an effect whose description names it.",
    }),
    config(ConfigKey {
        path: "optimizer.discriminator.lr",
        kind: RATE,
        default: "1e-3",
        identity: "1e-3",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.discriminator.lr),
        doc: "Learning rate of the discriminator.",
    }),
    config(ConfigKey {
        path: "optimizer.discriminator.beta1",
        kind: FRACTION,
        default: "0.5",
        identity: "0.5",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.discriminator.beta1),
        doc: "`adam`, `adamw`: decay of the discriminator's first moment.",
    }),
    config(ConfigKey {
        path: "optimizer.discriminator.beta2",
        kind: FRACTION,
        default: "0.999",
        identity: "0.999",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.discriminator.beta2),
        doc: "`adam`, `adamw`: decay of the discriminator's second moment.",
    }),
    config(ConfigKey {
        path: "optimizer.discriminator.eps",
        kind: ADDEND,
        default: "1e-8",
        identity: "1e-8",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.discriminator.eps),
        doc: "`adam`, `adamw`, `rmsprop`: added to the root of the discriminator's second moment.",
    }),
    config(ConfigKey {
        path: "optimizer.discriminator.momentum",
        kind: FRACTION,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Presence,
        field: Field::Number(|c| &mut c.optimizer.discriminator.momentum),
        doc: "`sgd`, `rmsprop`: PyTorch's `momentum` for the discriminator; `0` for none.",
    }),
    config(ConfigKey {
        path: "optimizer.discriminator.alpha",
        kind: FRACTION,
        default: "0.99",
        identity: "0.99",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.discriminator.alpha),
        doc: "`rmsprop`: decay of the discriminator's mean square.",
    }),
    config(ConfigKey {
        path: "optimizer.discriminator.weight_decay",
        kind: DECAY,
        default: "0.01",
        identity: "0.01",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.discriminator.weight_decay),
        doc: "`adamw`: times the learning rate, the share of each of the discriminator's parameters that an update takes away.",
    }),
    config(ConfigKey {
        path: "optimizer.discriminator.clip_norm",
        kind: NORM,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Presence,
        field: Field::Number(|c| &mut c.optimizer.discriminator.clip_norm),
        doc: "Largest norm of the discriminator's gradient: a longer one is shortened to it before the update, as by `torch.nn.utils.clip_grad_norm_`; `0` stands for no limit. The norm that is recorded is that before.",
    }),
    config(ConfigKey {
        path: "optimizer.discriminator.schedule",
        kind: SCHEDULES,
        default: "\"constant\"",
        identity: "\"constant\"",
        lanes: Lanes::Varies,
        field: Field::Schedule(|c| &mut c.optimizer.discriminator.schedule),
        doc: "How the discriminator's learning rate changes from step to step.",
    }),
    config(ConfigKey {
        path: "optimizer.discriminator.horizon",
        kind: HORIZON,
        default: "100.0",
        identity: "100.0",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.discriminator.horizon),
        doc: "`linear`, `cosine`: epochs until the discriminator's learning rate has come to its end, where it stays; `step`: epochs until each of its steps. Does not depend on the budget.",
    }),
    config(ConfigKey {
        path: "optimizer.discriminator.lr_end",
        kind: SHARE,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.discriminator.lr_end),
        doc: "`linear`, `cosine`: share of the discriminator's learning rate that is left at the horizon.",
    }),
    config(ConfigKey {
        path: "optimizer.discriminator.gamma",
        kind: SHARE,
        default: "0.1",
        identity: "0.1",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.discriminator.gamma),
        doc: "`step`: factor of the discriminator's learning rate after each horizon.",
    }),
    config(ConfigKey {
        path: "optimizer.discriminator.warmup",
        kind: WARMUP,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.optimizer.discriminator.warmup),
        doc: "Epochs, or a fraction of one, in which the discriminator's learning rate grows from zero in a straight line; `0` stands for no warm-up.",
    }),
];
