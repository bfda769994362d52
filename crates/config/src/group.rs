//! Groups: runs whose tensors have equal shapes, and which can therefore train as lanes of one batch.

use std::collections::HashMap;

use crate::{Config, Dataset, DatasetSpec, LossKind, OptimizerKind, Output, Pixels, PlannedRun};

/// What all lanes of a group have in common: everything that decides a tensor's shape, which
/// images a step sees, or which operations it consists of.
///
/// Learning rates, betas, eps, slopes (a `ReLU` is a leaky `ReLU` of slope 0), dropout rates above
/// zero, label smoothing, the combination of losses, the latent distribution, noise, shuffling,
/// epochs and seeds are absent on purpose: each lane has its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about a shape")]
pub struct GroupKey {
    /// Length of a latent vector.
    pub latent_dim: u32,
    /// Widths of the generator's hidden layers.
    pub generator_hidden: Vec<u32>,
    /// Widths of the discriminator's hidden layers.
    pub discriminator_hidden: Vec<u32>,
    /// Whether the generator has `BatchNorm`.
    pub batch_norm: bool,
    /// Whether the generator has Dropout layers.
    pub generator_dropout: bool,
    /// Whether the discriminator has Dropout layers.
    pub discriminator_dropout: bool,
    /// The generator's last activation.
    pub output: Output,
    /// What the networks minimise.
    pub loss: LossKind,
    /// How the generator's parameters move.
    pub generator_optimizer: OptimizerKind,
    /// How the discriminator's parameters move.
    pub discriminator_optimizer: OptimizerKind,
    /// Images in a batch.
    pub batch_size: u32,
    /// Whether a last batch that is not full is left out.
    pub drop_last: bool,
    /// Discriminator updates before each generator update.
    pub d_steps: u32,
    /// What is learnt.
    pub dataset: Dataset,
    /// Its shapes and its bytes.
    pub spec: DatasetSpec,
    /// How many of its images.
    pub images: u32,
    /// Their scale.
    pub pixels: Pixels,
}

impl GroupKey {
    /// Of a config on data of that spec.
    pub fn of(config: &Config, spec: &DatasetSpec) -> Self {
        let Config { data, model, loss, optimizer, train } = config;
        Self {
            latent_dim: model.latent_dim,
            generator_hidden: model.generator.hidden.clone(),
            discriminator_hidden: model.discriminator.hidden.clone(),
            batch_norm: model.generator.batch_norm,
            generator_dropout: model.generator.dropout > 0.0,
            discriminator_dropout: model.discriminator.dropout > 0.0,
            output: model.output,
            loss: loss.kind,
            generator_optimizer: optimizer.generator.kind,
            discriminator_optimizer: optimizer.discriminator.kind,
            batch_size: train.batch_size,
            drop_last: train.drop_last,
            d_steps: train.d_steps,
            dataset: data.dataset,
            spec: spec.clone(),
            images: data.images,
            pixels: data.pixels,
        }
    }
}

/// Puts runs of equal [`GroupKey`] together, given as positions in `runs`.
///
/// Groups stand in the order of their first runs, and runs within a group in the order of `runs`.
pub fn group_runs<'a>(runs: impl IntoIterator<Item = &'a PlannedRun>) -> Vec<Vec<usize>> {
    let mut place_of: HashMap<GroupKey, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (position, run) in runs.into_iter().enumerate() {
        let next = groups.len();
        let place = *place_of.entry(GroupKey::of(&run.config, &run.spec)).or_insert(next);
        if place == next {
            groups.push(Vec::new());
        }
        groups[place].push(position);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkOptimizer;
    use crate::fixtures::{config, spec};

    #[test]
    fn lanes_of_a_group_have_one_kind_of_optimizer_for_each_network() {
        let key = |generator, discriminator| {
            let mut config = config();
            config.optimizer.generator = generator;
            config.optimizer.discriminator = discriminator;
            GroupKey::of(&config, &spec())
        };
        let all = NetworkOptimizer::examples();
        for (i, &one) in all.iter().enumerate() {
            for (j, &other) in all.iter().enumerate() {
                assert_eq!(key(one, all[0]) == key(other, all[0]), i == j, "{one:?} and {other:?}");
                assert_eq!(key(all[0], one) == key(all[0], other), i == j, "{one:?} and {other:?}");
            }
            assert_eq!(key(one, one), key(NetworkOptimizer { lr: 0.5, ..one }, one));
        }
    }
}
