//! `[optimizer]`: the optimiser of each network.

use serde::{Deserialize, Serialize};

use crate::ScheduleKind;

/// The optimisers of both networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// The generator's optimiser.
    pub generator: NetworkOptimizer,
    /// The discriminator's optimiser.
    pub discriminator: NetworkOptimizer,
}

/// The optimiser of one network.
///
/// There is a field for every hyperparameter of every kind; a kind ignores those of the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkOptimizer {
    /// The algorithm.
    #[serde(default)]
    pub kind: OptimizerKind,
    /// Learning rate.
    pub lr: f64,
    /// Decay of Adam's first moment.
    pub beta1: f64,
    /// Decay of Adam's second moment.
    pub beta2: f64,
    /// Added to the root of Adam's corrected second moment, and of `RMSprop`'s mean square.
    pub eps: f64,
    /// Decay of the momentum buffer; 0 for no momentum.
    #[serde(default)]
    pub momentum: f64,
    /// Decay of `RMSprop`'s mean square.
    #[serde(default)]
    pub alpha: f64,
    /// `AdamW`'s weight decay; the learning rate times it is the share of a parameter that an update takes away.
    #[serde(default)]
    pub weight_decay: f64,
    /// The most that the norm of a network's gradient may be: a longer one is shortened to it; 0 for no limit.
    #[serde(default)]
    pub clip_norm: f64,
    /// How the learning rate changes.
    #[serde(default)]
    pub schedule: ScheduleKind,
    /// The schedule's own horizon in epochs, whatever the budget.
    #[serde(default)]
    pub horizon: f64,
    /// `linear`, `cosine`: the share of the learning rate that is left at the horizon.
    #[serde(default)]
    pub lr_end: f64,
    /// `step`: the factor of the learning rate after each horizon.
    #[serde(default)]
    pub gamma: f64,
    /// Epochs in which the learning rate grows from zero; 0 for no warm-up.
    #[serde(default)]
    pub warmup: f64,
}

/// The optimisers, each as `PyTorch` computes it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Adam (Kingma and Ba 2015, algorithm 1) with bias correction and without weight decay.
    #[default]
    Adam,
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).
    #[serde(rename = "adamw")]
    AdamW,
    /// Stochastic gradient descent with momentum, without dampening, Nesterov's variant and weight decay.
    Sgd,
    /// `RMSprop` (Tieleman and Hinton 2012, lecture 6.5), not centred, without weight decay.
    #[serde(rename = "rmsprop")]
    RmsProp,
}

impl OptimizerKind {
    /// Every optimiser, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Adam, Self::AdamW, Self::Sgd, Self::RmsProp];

    /// The names of [`Self::ALL`], in the same order.
    pub(crate) const NAMES: [&'static str; Self::ALL.len()] = {
        let mut names = [""; Self::ALL.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = Self::ALL[index].name();
            index += 1;
        }
        names
    };

    /// The name in experiment files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adam => "adam",
            Self::AdamW => "adamw",
            Self::Sgd => "sgd",
            Self::RmsProp => "rmsprop",
        }
    }
}

impl NetworkOptimizer {
    /// Adam, with its numbers in the order of `torch.optim.Adam`.
    pub const fn adam(lr: f64, beta1: f64, beta2: f64, eps: f64) -> Self {
        Self { beta1, beta2, eps, ..Self::defaults(OptimizerKind::Adam, lr) }
    }

    /// `AdamW`, with its hyperparameters in the order of `torch.optim.AdamW`.
    pub const fn adamw(lr: f64, beta1: f64, beta2: f64, eps: f64, weight_decay: f64) -> Self {
        Self { beta1, beta2, eps, weight_decay, ..Self::defaults(OptimizerKind::AdamW, lr) }
    }

    /// Stochastic gradient descent.
    pub const fn sgd(lr: f64, momentum: f64) -> Self {
        Self { momentum, ..Self::defaults(OptimizerKind::Sgd, lr) }
    }

    /// `RMSprop`, with its numbers in the order of `torch.optim.RMSprop`.
    pub const fn rmsprop(lr: f64, alpha: f64, eps: f64, momentum: f64) -> Self {
        Self { eps, momentum, alpha, ..Self::defaults(OptimizerKind::RmsProp, lr) }
    }

    /// Identity default of the horizon.
    const HORIZON: f64 = 100.0;
    /// Identity default of the share that is left at the horizon.
    const LR_END: f64 = 0.0;
    /// Identity default of the factor after each horizon.
    const GAMMA: f64 = 0.1;

    /// The identity default for every hyperparameter but the learning rate: what a kind does not use does not
    /// change the config's hash.
    const fn defaults(kind: OptimizerKind, lr: f64) -> Self {
        Self {
            kind,
            lr,
            beta1: 0.5,
            beta2: 0.999,
            eps: 1e-8,
            momentum: 0.0,
            alpha: 0.99,
            weight_decay: 0.01,
            clip_norm: 0.0,
            schedule: ScheduleKind::Constant,
            horizon: Self::HORIZON,
            lr_end: Self::LR_END,
            gamma: Self::GAMMA,
            warmup: 0.0,
        }
    }

    /// At least one of each kind, with and without optional features, for tests of all kinds.
    pub fn examples() -> Vec<Self> {
        let adam = Self::adam(1e-3, 0.9, 0.999, 1e-8);
        vec![
            adam,
            Self::adamw(1e-3, 0.9, 0.999, 1e-8, 0.1),
            Self::sgd(0.01, 0.0),
            Self::sgd(0.01, 0.9),
            Self::rmsprop(1e-3, 0.9, 1e-8, 0.0),
            Self::rmsprop(1e-3, 0.9, 1e-8, 0.8),
            Self { clip_norm: 0.01, ..adam },
            Self { clip_norm: 0.1, ..Self::sgd(0.01, 0.9) },
            Self { schedule: ScheduleKind::Linear, horizon: 3.0, lr_end: 0.1, warmup: 0.5, ..adam },
            Self { schedule: ScheduleKind::Cosine, horizon: 2.0, lr_end: 0.1, ..Self::sgd(0.01, 0.9) },
            Self {
                schedule: ScheduleKind::Step,
                horizon: 1.0,
                gamma: 0.5,
                ..Self::rmsprop(1e-3, 0.9, 1e-8, 0.0)
            },
        ]
    }

    /// Replaces every hyperparameter that the kind does not use by its identity default.
    #[must_use]
    pub const fn canonical(self) -> Self {
        let Self { kind, lr, beta1, beta2, eps, momentum, alpha, weight_decay, .. } = self;
        let own = match kind {
            OptimizerKind::Adam => Self::adam(lr, beta1, beta2, eps),
            OptimizerKind::AdamW => Self::adamw(lr, beta1, beta2, eps, weight_decay),
            OptimizerKind::Sgd => Self::sgd(lr, momentum),
            OptimizerKind::RmsProp => Self::rmsprop(lr, alpha, eps, momentum),
        };
        let Self { clip_norm, schedule, horizon, lr_end, gamma, warmup, .. } = self;
        let own = Self { clip_norm, warmup, ..own };
        match schedule {
            ScheduleKind::Constant => own,
            ScheduleKind::Linear | ScheduleKind::Cosine => Self { schedule, horizon, lr_end, ..own },
            ScheduleKind::Step => Self { schedule, horizon, gamma, ..own },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_optimizers_are_those_of_their_serialised_form() {
        for kind in OptimizerKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
