//! A config: the values that decide what a run computes, without the seed.
//!
//! Everything in [`Config`] changes what is computed, and besides it only the seed and the data do. How
//! long a run is trained is its budget ([`BudgetedConfig`]), which may differ from sweep to sweep. How
//! often a run is recorded is in [`Record`](crate::Record), and where it trains in
//! [`Execution`](crate::Execution).

use serde::{Deserialize, Serialize};

use crate::{
    Activation, AugmentConfig, ConditionKind, DataRequest, Dataset, DatasetSpec, GeneratorCondition,
    LossConfig, LossKind, ModelConfig, OptimizerConfig, PenaltyConfig, PenaltyKind, Relativistic,
};

/// A config with a budget.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetedConfig {
    /// What is computed.
    pub config: Config,
    /// The budget: how many passes over the training images to train.
    pub epochs: u32,
}

/// The values that decide what a run computes, without the seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The training images.
    pub data: DataConfig,
    /// Generator and discriminator.
    pub model: ModelConfig,
    /// What each network minimises.
    pub loss: LossConfig,
    /// A penalty on the discriminator's input gradient.
    #[serde(default)]
    pub penalty: PenaltyConfig,
    /// Random changes of the discriminator's inputs.
    #[serde(default)]
    pub augment: AugmentConfig,
    /// The optimiser of each network.
    pub optimizer: OptimizerConfig,
    /// Batches, steps and latents.
    pub train: TrainConfig,
}

/// The training images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The dataset that the run trains on: the fallback, where the requested dataset is missing.
    pub dataset: Dataset,
    /// Rows and columns of an image; 0 for the dataset's own.
    #[serde(default)]
    pub side: u32,
    /// Channels of an image; 0 for the dataset's own.
    #[serde(default)]
    pub channels: u32,
    /// Train on this many images: the first of the dataset, or of a folder an even selection; 0 for all.
    pub images: u32,
    /// Whether each image is mirrored, left to right, in half of the epochs.
    #[serde(default)]
    pub flip: bool,
    /// The interval that pixel values are scaled to.
    pub pixels: Pixels,
}

/// The interval that pixel values are scaled to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pixels {
    /// `[-1, 1]`: the range of `tanh`.
    Signed,
    /// `[0, 1]`: the range of the sigmoid.
    Unit,
}

/// Batches, steps and latents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Images in a batch; the last batch of an epoch may be smaller.
    pub batch_size: u32,
    /// Discriminator updates, each on a batch of its own, before each generator update.
    pub d_steps: u32,
    /// Where the generator step's latents come from.
    pub noise: Noise,
    /// Whether each epoch has an order of its own.
    pub shuffle: bool,
    /// Whether a last batch that is not full is left out.
    pub drop_last: bool,
    /// Decay of the exponential moving average of the generator; 0 for none.
    #[serde(default)]
    pub ema: f64,
    /// Whether the decay starts small and grows to `ema`; without effect where `ema` is 0.
    #[serde(default)]
    pub ema_warmup: bool,
    /// Standard deviation of the normal noise on all of the discriminator's inputs at the beginning.
    #[serde(default)]
    pub instance_noise: f64,
    /// Epochs after which that noise has decayed to nothing; 0 if it stays.
    #[serde(default)]
    pub instance_noise_epochs: f64,
}

/// Where the generator step's latents come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// Drawn anew for the generator step.
    Fresh,
    /// Those of the discriminator step before it.
    Shared,
}

impl Config {
    /// The form that is hashed and recorded: values without effect are replaced by fixed ones, so that
    /// configs that compute the same are equal.
    ///
    /// A leaky `ReLU` of slope 0 is a `ReLU`, and other activations have slope 0. A hyperparameter that the optimiser
    /// does not use has its default. What a kind of network does not have, such as a DCGAN hidden
    /// layers, is that of a config without it. A number of images that is all of them is 0, and so are a side and channels
    /// that the dataset has anyway. `drop_last` is false where the last batch is full, and `ema_warmup` where there
    /// is no average. A part of an image's side that is less than a pixel is 0.
    #[must_use]
    pub fn canonical(mut self, spec: &DatasetSpec) -> Self {
        let images = self.images(spec);
        self.loss = self.loss.canonical(self.clipped_weights());
        self.penalty = self.penalty.canonical();
        self.augment = self.augment.canonical(spec.image);
        let Self { data, model, optimizer, train, .. } = &mut self;
        let generator = (&mut model.generator.activation, &mut model.generator.slope);
        let discriminator = (&mut model.discriminator.activation, &mut model.discriminator.slope);
        for (activation, slope) in [generator, discriminator] {
            if *activation == Activation::LeakyRelu && *slope == 0.0 {
                *activation = Activation::Relu;
            }
            if *activation != Activation::LeakyRelu {
                *slope = 0.0;
            }
        }
        model.generator.forget_what_its_kind_has_not();
        model.discriminator.forget_what_its_kind_has_not();
        if !model.conditional {
            model.generator.condition = GeneratorCondition::default();
            model.discriminator.condition = ConditionKind::default();
        }
        if !model.embeds_class_in_rows() || model.embedding == spec.classes {
            model.embedding = 0;
        }
        for optimizer in [&mut optimizer.generator, &mut optimizer.discriminator] {
            *optimizer = optimizer.canonical();
        }
        data.images = if images == spec.train_images { 0 } else { images };
        let own = data.dataset.default_shape();
        let unless_own = |asked, own: Option<u32>| if own.is_none_or(|own| own == asked) { 0 } else { asked };
        data.side = unless_own(data.side, own.map(|own| own.width));
        data.channels = unless_own(data.channels, own.map(|own| own.channels));
        train.drop_last &= !images.is_multiple_of(train.batch_size);
        train.ema_warmup &= train.ema > 0.0;
        if train.instance_noise == 0.0 {
            train.instance_noise_epochs = 0.0;
        }
        self
    }

    /// The largest magnitude of the discriminator's parameters, if they are clipped: where neither another loss, nor a
    /// penalty, nor spectral norms bound its slope.
    pub fn clipped_weights(&self) -> Option<f64> {
        let is_bounded = self.penalty.exists() || self.model.discriminator.spectral_norm;
        let is_clipped = self.loss.kind == LossKind::Wasserstein && !is_bounded;
        is_clipped.then_some(self.loss.weight_clip)
    }

    /// Numbers of a class's embedding, where it is part of a row of numbers. By default there are as many as classes,
    /// as in PyTorch-GAN.
    pub const fn embedding(&self, spec: &DatasetSpec) -> u32 {
        match self.model.embedding {
            0 => spec.classes,
            length => length,
        }
    }

    /// The shape in which the generator takes a latent vector: a row, with the embedding of a class behind it where that is
    /// [part of it](ModelConfig::embeds_class_in_latent).
    pub fn generator_input(&self, spec: &DatasetSpec) -> Vec<usize> {
        let embedding = if self.model.embeds_class_in_latent() { self.embedding(spec) } else { 0 };
        vec![self.model.latent_dim as usize + embedding as usize]
    }

    /// The shape in which the discriminator takes an image: a row, or channels, height and width. Where the embedding of a
    /// class is [part of it](ModelConfig::embeds_class_in_image), it is more numbers of the row, or one more channel.
    pub fn discriminator_input(&self, spec: &DatasetSpec) -> Vec<usize> {
        let (part, image) = (&self.model.discriminator, spec.image);
        let (mut shape, more) = match part.takes_rows() {
            true => (vec![image.size()], self.embedding(spec) as usize),
            false => (image.shape().to_vec(), 1),
        };
        if self.model.embeds_class_in_image() {
            shape[0] += more;
        }
        shape
    }

    /// Whether fakes have the classes of the real images of their batch, because they are compared with them one by
    /// one or lie on a line with them. Else their classes are drawn.
    pub fn pairs_classes(&self) -> bool {
        self.loss.relativistic != Relativistic::None || self.penalty.kind == PenaltyKind::WganGp
    }

    /// Whether the discriminator sees other images than those of the data and of the generator.
    pub fn changes_inputs(&self) -> bool {
        self.augment.exists() || self.train.instance_noise > 0.0
    }

    /// The number of training images that the run uses.
    pub const fn images(&self, spec: &DatasetSpec) -> u32 {
        match self.data.images {
            0 => spec.train_images,
            part => part,
        }
    }

    /// The number of training images in one epoch, without a dropped last batch.
    pub const fn images_per_epoch(&self, spec: &DatasetSpec) -> u32 {
        self.train.images_per_epoch(self.images(spec))
    }

    /// The number of batches in one epoch.
    pub const fn batches_per_epoch(&self, spec: &DatasetSpec) -> u32 {
        self.images_per_epoch(spec).div_ceil(self.train.batch_size)
    }

    /// The number of steps (each `d_steps` discriminator updates and one generator update) in one epoch.
    pub const fn steps_per_epoch(&self, spec: &DatasetSpec) -> u32 {
        self.batches_per_epoch(spec).div_ceil(self.train.d_steps)
    }

    /// The number of steps in `epochs` epochs.
    pub const fn steps(&self, epochs: u32, spec: &DatasetSpec) -> u64 {
        self.steps_per_epoch(spec) as u64 * epochs as u64
    }

    /// The step within the epoch after `step` steps, or 0 if all steps of an epoch have batches of equal
    /// size. Lanes of one group must have equal phases, because their batches must be of equal size at
    /// every step.
    pub const fn phase(&self, spec: &DatasetSpec, step: u64) -> u64 {
        let images_per_step = self.train.batch_size as u64 * self.train.d_steps as u64;
        if (self.images_per_epoch(spec) as u64).is_multiple_of(images_per_step) {
            0
        } else {
            step % self.steps_per_epoch(spec) as u64
        }
    }
}

impl From<&DataConfig> for DataRequest {
    fn from(data: &DataConfig) -> Self {
        Self { dataset: data.dataset, side: data.side, channels: data.channels }
    }
}

impl TrainConfig {
    /// Standard deviation of the noise on the discriminator's inputs in a step that begins after `epochs` epochs. It
    /// decays in a straight line.
    pub fn instance_noise_after(&self, epochs: f64) -> f64 {
        let left =
            if self.instance_noise_epochs > 0.0 { 1.0 - epochs / self.instance_noise_epochs } else { 1.0 };
        self.instance_noise * left.max(0.0)
    }

    /// The number of images in one epoch over a training set of `images`.
    pub(crate) const fn images_per_epoch(&self, images: u32) -> u32 {
        if self.drop_last { images / self.batch_size * self.batch_size } else { images }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkKind;
    use crate::fixtures::{config, spec};

    /// Steps per epoch for a number of images (0 for all), a batch size, `d_steps` and `drop_last`.
    fn steps(images: u32, batch_size: u32, d_steps: u32, drop_last: bool) -> u32 {
        let mut config = config();
        config.data.images = images;
        config.train = TrainConfig { batch_size, d_steps, drop_last, ..config.train };
        config.steps_per_epoch(&spec())
    }

    #[test]
    fn an_epoch_has_as_many_steps_as_batches_the_last_one_included() {
        assert_eq!(steps(0, 32, 1, false), 1875);
        assert_eq!(steps(0, 100, 1, false), 600);
        assert_eq!(steps(0, 128, 1, false), 469);
        assert_eq!(steps(0, 64, 1, false), 938);
        assert_eq!(steps(10, 64, 1, false), 1);
    }

    #[test]
    fn a_last_batch_that_is_dropped_makes_no_step() {
        assert_eq!(steps(0, 128, 1, true), 468);
        assert_eq!(steps(0, 100, 1, true), 600);
        assert_eq!(steps(10, 64, 1, true), 0);
    }

    #[test]
    fn several_discriminator_updates_share_a_step() {
        assert_eq!(steps(0, 100, 5, false), 120);
        assert_eq!(steps(0, 128, 2, false), 235);
    }

    #[test]
    fn a_run_has_a_phase_only_where_an_epochs_last_step_is_smaller() {
        let phases = |batch_size, d_steps, drop_last| {
            let mut config = config();
            config.train = TrainConfig { batch_size, d_steps, drop_last, ..config.train };
            [0, 7, 60_000, 60_001].map(|step| config.phase(&spec(), step))
        };
        assert_eq!(phases(100, 1, false), [0; 4]);
        assert_eq!(phases(64, 1, false), [0, 7, 60_000 % 938, 60_001 % 938]);
        assert_eq!(phases(64, 1, true), [0; 4]);
        assert_eq!(phases(64, 2, true), [0, 7, 60_000 % 469, 60_001 % 469]);
    }

    #[test]
    fn the_longest_run_has_more_steps_than_fit_32_bits() {
        let mut config = config();
        config.train.batch_size = 1;
        assert_eq!(config.steps(100_000, &spec()), 6_000_000_000);
    }

    #[test]
    fn instance_noise_decays_to_nothing_over_its_own_epochs_or_stays() {
        let noise = |epochs: f64, at: f64| {
            let mut train = config().train;
            (train.instance_noise, train.instance_noise_epochs) = (0.5, epochs);
            train.instance_noise_after(at)
        };
        let decayed =
            [(4.0, 0.0, 0.5), (4.0, 1.0, 0.375), (4.0, 3.0, 0.125), (4.0, 4.0, 0.0), (4.0, 9.0, 0.0)];
        for (epochs, at, expected) in decayed.into_iter().chain([(0.0, 100.0, 0.5)]) {
            assert_eq!(noise(epochs, at).to_bits(), f64::to_bits(expected), "{epochs}, {at}");
        }
    }

    #[test]
    fn a_config_in_its_canonical_form_stays_as_it_is() {
        let canonical = config().canonical(&spec());
        assert_eq!(canonical.clone().canonical(&spec()), canonical);
        assert_eq!(canonical.model.generator.slope.to_bits(), 0.0f64.to_bits());
        assert_eq!(canonical.model.discriminator, config().model.discriminator);
    }

    #[test]
    fn what_a_kind_of_network_does_not_have_is_the_same_in_all_of_them() {
        let mut one = config();
        one.model.generator.kind = NetworkKind::Dcgan;
        let mut other = one.clone();
        (other.model.generator.hidden, other.model.discriminator.width) = (vec![7], 7);
        assert_eq!(one.clone().canonical(&spec()), other.clone().canonical(&spec()));
        other.model.generator.width = 7;
        assert_ne!(one.clone().canonical(&spec()), other.clone().canonical(&spec()));
        one.model.generator.width = 7;
        other.model.discriminator.hidden = vec![7];
        assert_ne!(one.canonical(&spec()), other.canonical(&spec()));
    }

    #[test]
    fn the_canonical_form_changes_nothing_that_is_computed() {
        let mut config = config();
        config.train.drop_last = true;
        config.train.batch_size = 128;
        assert!(config.clone().canonical(&spec()).train.drop_last);
        config.train.batch_size = 100;
        config.data.images = 60_000;
        let canonical = config.clone().canonical(&spec());
        assert_eq!((canonical.train.drop_last, canonical.data.images), (false, 0));
        assert_eq!(canonical.steps_per_epoch(&spec()), config.steps_per_epoch(&spec()));
        config.data.images = 300;
        assert_eq!(config.clone().canonical(&spec()).data.images, 300);
        config.train.ema_warmup = true;
        assert!(!config.clone().canonical(&spec()).train.ema_warmup);
        config.train.ema = 0.9;
        assert!(config.canonical(&spec()).train.ema_warmup);
    }

    #[test]
    fn a_shape_that_the_dataset_has_anyway_is_the_same_as_none() {
        let shape = |dataset, side, channels| {
            let mut config = config();
            config.data = DataConfig { dataset, side, channels, ..config.data };
            let data = config.canonical(&spec()).data;
            (data.side, data.channels)
        };
        assert_eq!(shape(Dataset::Strokes, 28, 1), (0, 0));
        assert_eq!(shape(Dataset::Strokes, 28, 3), (0, 3));
        assert_eq!(shape(Dataset::Strokes, 64, 1), (64, 0));
        assert_eq!(shape(Dataset::Mnist, 28, 1), (0, 0));
    }
}
