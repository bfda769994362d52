//! Adam for all lanes of a network at once.

use burn::tensor::{Device, Tensor};
use gansweep_config::AdamConfig;
use rayon::prelude::*;

use crate::device::in_host_memory;
use gansweep_nn::optimizer::AdamUpdate;

/// The numbers of Adam that stay the same from step to step, each `[lanes, 1]`.
#[derive(Debug, Clone)]
pub(super) struct Adam {
    configs: Vec<AdamConfig>,
    beta1: Tensor<2>,
    rest1: Tensor<2>,
    beta2: Tensor<2>,
    rest2: Tensor<2>,
    eps: Tensor<2>,
}

/// The numbers of Adam that depend on how many updates there have been.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Correction {
    /// `lr / (1 - beta1^t)`.
    pub(super) step_size: f32,
    /// `1 / sqrt(1 - beta2^t)`.
    pub(super) root: f32,
}

impl Correction {
    /// Of update `t`, counted from 1.
    pub(super) fn new(config: &AdamConfig, t: u64) -> Self {
        let power = |beta: f64| beta.powf(t as f64);
        Self {
            step_size: (config.lr / (1.0 - power(config.beta1))) as f32,
            root: (1.0 / (1.0 - power(config.beta2)).sqrt()) as f32,
        }
    }
}

/// Parameters and moments of a network, each `[lanes, numbers]`.
///
/// Each tensor keeps its place in the device's memory through every update, which a recorded step
/// relies on: it is taken out, changed as its only owner, and put back.
#[derive(Debug)]
pub(super) struct Trained {
    /// The parameters.
    pub(super) values: Tensor<2>,
    /// Decayed mean of the gradients.
    pub(super) first: Tensor<2>,
    /// Decayed mean of their squares.
    pub(super) second: Tensor<2>,
}

impl Adam {
    /// Of every lane.
    pub(super) fn new<'a>(configs: impl Iterator<Item = &'a AdamConfig>, device: &Device) -> Self {
        let configs: Vec<_> = configs.collect();
        let column = |value: &dyn Fn(&AdamConfig) -> f64| {
            let values: Vec<f32> = configs.iter().map(|config| value(config) as f32).collect();
            Tensor::<1>::from_data(values.as_slice(), device).reshape([configs.len(), 1])
        };
        Self {
            beta1: column(&|config| config.beta1),
            rest1: column(&|config| 1.0 - config.beta1),
            beta2: column(&|config| config.beta2),
            rest2: column(&|config| 1.0 - config.beta2),
            eps: column(&|config| config.eps),
            configs: configs.into_iter().cloned().collect(),
        }
    }

    /// One update as `torch.optim.Adam` computes it (Kingma and Ba 2015, algorithm 1):
    /// `gradient` is `[lanes, numbers]`, `step_size` and `root` are a [`Correction`]'s, `[lanes, 1]`.
    pub(super) fn update(
        &self,
        trained: &mut Trained,
        gradient: Tensor<2>,
        step_size: Tensor<2>,
        root: Tensor<2>,
    ) {
        if self.update_here(trained, &gradient, &step_size, &root) {
            return;
        }
        let square = gradient.clone().square() * self.rest2.clone();
        trained.first.inplace(|first| first * self.beta1.clone() + gradient * self.rest1.clone());
        trained.second.inplace(|second| second * self.beta2.clone() + square);
        let scale = trained.second.clone().sqrt() * root + self.eps.clone();
        let change = trained.first.clone() / scale * step_size;
        trained.values.inplace(|values| values - change);
    }

    /// The same in one pass over every number, where they lie in this process's memory: a dozen
    /// operations of a processor are a dozen passes over more than its caches hold.
    fn update_here(
        &self,
        trained: &mut Trained,
        gradient: &Tensor<2>,
        step_size: &Tensor<2>,
        root: &Tensor<2>,
    ) -> bool {
        let Trained { values, first, second } = trained;
        in_host_memory([values, first, second], [gradient, step_size, root], |written, read| {
            let ([values, first, second], [gradient, step_size, root]) = (written, read);
            let count = gradient.len() / self.configs.len();
            let moments = first.par_chunks_mut(count).zip(second.par_chunks_mut(count));
            let lanes = gradient.par_chunks(count).zip(values.par_chunks_mut(count)).zip(moments);
            lanes.zip(&self.configs).zip(step_size.par_iter().zip(root)).for_each(
                |((((gradient, values), (first, second)), config), (&step_size, &root))| {
                    AdamUpdate::corrected(config, step_size, root).descend(gradient, values, first, second);
                },
            );
        })
    }
}
