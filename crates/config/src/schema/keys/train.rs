//! Keys of `[train]`: the budget, batches, steps and latents.

use crate::schema::declare::{ConfigKey, FRACTION, budget, config};
use crate::schema::field::Field;
use crate::schema::key::{Key, Lanes};
use crate::schema::kind::{Interval, Kind};

/// In the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    budget(
        "train.epochs",
        Kind::Integer(1, 100_000),
        "5",
        "The budget: how many passes over the training images each run is trained. It is not part of a run's id: for more epochs a run goes on from its checkpoint, for fewer the sweep shows less of it.",
    ),
    config(ConfigKey {
        path: "train.batch_size",
        kind: Kind::Integer(1, 65_536),
        default: "64",
        identity: "64",
        lanes: Lanes::Common,
        field: Field::Integer(|c| &mut c.train.batch_size),
        doc: "Images in a batch.",
    }),
    config(ConfigKey {
        path: "train.d_steps",
        kind: Kind::Integer(1, 100),
        default: "1",
        identity: "1",
        lanes: Lanes::Common,
        field: Field::Integer(|c| &mut c.train.d_steps),
        doc: "Updates of the discriminator, each on a batch of its own, before each update of the generator.",
    }),
    config(ConfigKey {
        path: "train.noise",
        kind: Kind::Choice(&["fresh", "shared"]),
        default: "\"fresh\"",
        identity: "\"fresh\"",
        lanes: Lanes::Varies,
        field: Field::Noise(|c| &mut c.train.noise),
        doc: "The latents of the generator's update: newly drawn (`fresh`), or those of the discriminator's update before it (`shared`).",
    }),
    config(ConfigKey {
        path: "train.shuffle",
        kind: Kind::Bool,
        default: "true",
        identity: "true",
        lanes: Lanes::Varies,
        field: Field::Bool(|c| &mut c.train.shuffle),
        doc: "Whether the images are shuffled anew for each epoch.",
    }),
    config(ConfigKey {
        path: "train.drop_last",
        kind: Kind::Bool,
        default: "false",
        identity: "false",
        lanes: Lanes::Common,
        field: Field::Bool(|c| &mut c.train.drop_last),
        doc: "Whether a last batch that is not full is left out. Where all batches are full it has no effect and is recorded as `false`.",
    }),
    config(ConfigKey {
        path: "train.ema",
        kind: FRACTION,
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Presence,
        field: Field::Number(|c| &mut c.train.ema),
        doc: "Decay of an exponential moving average of the generator's weights and running statistics, updated after each update of the generator: `0.999` averages over about a thousand of them; `0` for no average. Training does not use it. Grids are recorded of both, `generate` and `export` take the average, and quality figures are the average's.",
    }),
    config(ConfigKey {
        path: "train.ema_warmup",
        kind: Kind::Bool,
        default: "true",
        identity: "false",
        lanes: Lanes::Varies,
        field: Field::Bool(|c| &mut c.train.ema_warmup),
        doc: "Whether the decay after `t` updates of the generator is at most `(1 + t) / (10 + t)`, so that the average forgets the initial weights soon.",
    }),
    config(ConfigKey {
        path: "train.instance_noise",
        kind: Kind::Number(Interval::closed(0.0, 100.0)),
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Presence,
        field: Field::Number(|c| &mut c.train.instance_noise),
        doc: "Standard deviation of normal noise that is added to everything that D sees, real images and fakes, in its own updates and in G's (Sønderby et al. 2017, section 3.2; Arjovsky and Bottou 2017, section 3).",
    }),
    config(ConfigKey {
        path: "train.instance_noise_epochs",
        kind: Kind::Number(Interval::closed(0.0, 1e6)),
        default: "0.0",
        identity: "0.0",
        lanes: Lanes::Varies,
        field: Field::Number(|c| &mut c.train.instance_noise_epochs),
        doc: "Epochs over which `instance_noise` decays in a straight line to nothing; 0 for noise that stays.",
    }),
];
