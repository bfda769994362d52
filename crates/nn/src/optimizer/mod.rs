//! Optimisers: what one update does to each parameter.
//!
//! Each is an [`Optimizer`], written once in a file of its own: the buffers that it keeps beside a
//! parameter, the coefficients of an update, and the update itself, in operations that every backend has
//! ([`Elements`]). [`Algorithm`] lists them all; a backend does its work in a [`Visitor`], which is
//! compiled for each, so that an update is as fast as one written for it alone.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined into a function for the processor's vectors is compiled without them"
)]
mod adam;
mod adamw;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod clip;
mod definition;
mod elements;
mod rmsprop;
mod schedule;
mod sgd;
mod slices;

use gansweep_config::{Config, NetworkOptimizer, OptimizerKind};

pub use adam::Adam;
pub use adamw::AdamW;
pub use clip::{CLIP_EPS, clip_scale};
pub use definition::Optimizer;
pub use elements::{Elements, Vector, splat};
pub use rmsprop::{RmsProp, RmsPropMomentum};
pub use schedule::at_step;
pub use sgd::{Sgd, SgdMomentum};
pub use slices::step_slices;

use crate::network::Role;

/// The most coefficients of any update.
pub const MAX_COEFFICIENTS: usize = 8;

/// An optimiser with the buffers that its hyperparameters call for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// [`Adam`].
    Adam,
    /// [`AdamW`].
    AdamW,
    /// [`Sgd`].
    Sgd,
    /// [`SgdMomentum`].
    SgdMomentum,
    /// [`RmsProp`].
    RmsProp,
    /// [`RmsPropMomentum`].
    RmsPropMomentum,
}

/// The constants of an [`Optimizer`], for code that is not compiled for each.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    /// [`Optimizer::BUFFERS`].
    pub buffers: &'static [&'static str],
    /// Numbers of an update.
    pub coefficients: usize,
    /// [`Optimizer::VARYING`].
    pub varying: usize,
}

/// Work that is compiled for each optimiser.
pub trait Visitor {
    /// The result.
    type Output;

    /// Does the work for the optimiser `O`.
    fn visit<O: Optimizer<STATE, COEFFICIENTS>, const STATE: usize, const COEFFICIENTS: usize>(
        self,
    ) -> Self::Output;
}

impl Algorithm {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Adam, Self::AdamW, Self::Sgd, Self::SgdMomentum, Self::RmsProp, Self::RmsPropMomentum];

    /// What a config asks for.
    pub fn of(config: &NetworkOptimizer) -> Self {
        match config.kind {
            OptimizerKind::Adam => Self::Adam,
            OptimizerKind::AdamW => Self::AdamW,
            OptimizerKind::Sgd if config.momentum > 0.0 => Self::SgdMomentum,
            OptimizerKind::Sgd => Self::Sgd,
            OptimizerKind::RmsProp if config.momentum > 0.0 => Self::RmsPropMomentum,
            OptimizerKind::RmsProp => Self::RmsProp,
        }
    }

    /// Does `work` for this one.
    #[inline]
    pub fn visit<V: Visitor>(self, work: V) -> V::Output {
        match self {
            Self::Adam => work.visit::<Adam, _, _>(),
            Self::AdamW => work.visit::<AdamW, _, _>(),
            Self::Sgd => work.visit::<Sgd, _, _>(),
            Self::SgdMomentum => work.visit::<SgdMomentum, _, _>(),
            Self::RmsProp => work.visit::<RmsProp, _, _>(),
            Self::RmsPropMomentum => work.visit::<RmsPropMomentum, _, _>(),
        }
    }

    /// The constants of its [`Optimizer`].
    pub fn declaration(self) -> Declaration {
        struct Declare;

        impl Visitor for Declare {
            type Output = Declaration;

            fn visit<O: Optimizer<STATE, COEFFICIENTS>, const STATE: usize, const COEFFICIENTS: usize>(
                self,
            ) -> Self::Output {
                const { assert!(O::VARYING <= COEFFICIENTS && COEFFICIENTS <= MAX_COEFFICIENTS) }
                Declaration {
                    buffers: const { &O::BUFFERS },
                    coefficients: COEFFICIENTS,
                    varying: O::VARYING,
                }
            }
        }

        self.visit(Declare)
    }
}

/// The optimiser of a network.
pub fn of(role: Role, config: &Config) -> &NetworkOptimizer {
    match role {
        Role::Generator => &config.optimizer.generator,
        Role::Discriminator => &config.optimizer.discriminator,
    }
}

/// One update of all parameters of a network.
#[derive(Debug, Clone, Copy)]
pub struct Update {
    /// The optimiser.
    pub algorithm: Algorithm,
    /// The norm that the network's gradient is clipped to before the update.
    pub clip_norm: Option<f64>,
    coefficients: [f32; MAX_COEFFICIENTS],
}

impl Update {
    /// The update `t`, counted from 1.
    pub fn new(config: &NetworkOptimizer, t: u64) -> Self {
        struct Coefficients<'a>(&'a NetworkOptimizer, u64);

        impl Visitor for Coefficients<'_> {
            type Output = [f32; MAX_COEFFICIENTS];

            fn visit<O: Optimizer<STATE, COEFFICIENTS>, const STATE: usize, const COEFFICIENTS: usize>(
                self,
            ) -> Self::Output {
                let mut coefficients = [0.0; MAX_COEFFICIENTS];
                let own = O::coefficients(self.0, self.1);
                coefficients.iter_mut().zip(own).for_each(|(all, own)| *all = own as f32);
                coefficients
            }
        }

        let algorithm = Algorithm::of(config);
        let clip_norm = (config.clip_norm > 0.0).then_some(config.clip_norm);
        Self { algorithm, clip_norm, coefficients: algorithm.visit(Coefficients(config, t)) }
    }

    /// The coefficient at `index`.
    pub fn coefficient(&self, index: usize) -> f32 {
        self.coefficients[index]
    }

    /// The coefficients of an optimiser.
    pub fn coefficients<const COEFFICIENTS: usize>(&self) -> [f32; COEFFICIENTS] {
        std::array::from_fn(|index| self.coefficients[index])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// An optimiser with another value of each of its hyperparameters in turn, and the name of that.
    fn others(optimizer: &NetworkOptimizer) -> Vec<(String, NetworkOptimizer)> {
        let json = serde_json::to_value(optimizer).unwrap();
        let names = json.as_object().unwrap().iter().filter(|(_, value)| value.is_number());
        let other = |(name, value): (&String, &Value)| {
            let mut other = json.clone();
            other[name] = (value.as_f64().unwrap() * 0.5 + 0.01).into();
            (name.clone(), serde_json::from_value(other).unwrap())
        };
        names.map(other).collect()
    }

    #[test]
    fn a_hyperparameter_counts_if_an_update_reads_it_and_only_then() {
        // Within the warm-up, after it, and after the first and the last of some horizons.
        let update = |optimizer: &NetworkOptimizer| {
            [0, 300, 700, 4000, 150_000, 500_000].map(|step| {
                let update = Update::new(&at_step(optimizer, step, 1000), 3);
                (update.algorithm, update.clip_norm, update.coefficients.map(f32::to_bits))
            })
        };
        for optimizer in NetworkOptimizer::examples() {
            for (name, other) in others(&optimizer) {
                let is_read = update(&optimizer) != update(&other);
                assert_eq!(optimizer.canonical() != other.canonical(), is_read, "{name} of {optimizer:?}");
                assert_eq!(update(&other), update(&other.canonical()), "{name} of {optimizer:?}");
            }
        }
    }

    #[test]
    fn every_algorithm_has_an_example_and_buffers_of_its_own() {
        let examples = NetworkOptimizer::examples();
        for algorithm in Algorithm::ALL {
            assert!(examples.iter().any(|it| Algorithm::of(it) == algorithm), "{algorithm:?}");
            let buffers = algorithm.declaration().buffers;
            for (index, buffer) in buffers.iter().enumerate() {
                assert!(!buffers[..index].contains(buffer), "{algorithm:?}");
                assert!(!Role::BOTH.iter().any(|role| buffer.starts_with(role.name())), "{algorithm:?}");
            }
        }
    }
}
