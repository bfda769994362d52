//! What every backend does for a group: the same steps on the same numbers.

use std::sync::Arc;

use gansweep_config::{Config, Dataset, IMAGE_PIXELS, Pixels, SampleMode};

use crate::TrainError;
use gansweep_nn::rng::{self, Key, Purpose};
use gansweep_nn::state::LaneState;

/// A lane as a backend needs to know it.
#[derive(Debug, Clone)]
pub struct Lane {
    /// The resolved values.
    pub config: Config,
    /// Of the run.
    pub seed: u64,
}

/// The training images that all lanes of a group share.
#[derive(Debug, Clone)]
pub struct TrainingImages {
    /// Where they are from.
    pub dataset: Dataset,
    /// Scaled to `[count, 784]` when a batch is gathered.
    pub bytes: Arc<Vec<u8>>,
    /// How many.
    pub count: usize,
    /// The interval that values are scaled to.
    pub pixels: Pixels,
}

impl TrainingImages {
    /// The value of a pixel byte: `byte / 255` in `[0, 1]`, then `2 v - 1` for the signed range,
    /// as `ToTensor` and `Normalize(0.5, 0.5)` compute it.
    pub fn table(pixels: Pixels) -> [f32; 256] {
        std::array::from_fn(|byte| {
            let unit = byte as f32 / 255.0;
            match pixels {
                Pixels::Signed => (unit - 0.5) / 0.5,
                Pixels::Unit => unit,
            }
        })
    }

    /// The bytes of image `index`.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.bytes[index * IMAGE_PIXELS..(index + 1) * IMAGE_PIXELS]
    }
}

/// What one lane measured in one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepValues {
    /// The discriminator's loss, mean over the batch (over the step's updates if there are several).
    pub d_loss: f32,
    /// The generator's loss, mean over the batch.
    pub g_loss: f32,
    /// Mean of D(x).
    pub d_real: f32,
    /// Mean of D(G(z)) in the discriminator step.
    pub d_fake_before: f32,
    /// Mean of D(G(z)) in the generator step.
    pub d_fake_after: f32,
}

impl StepValues {
    /// Whether both losses are finite.
    pub fn is_finite(&self) -> bool {
        self.d_loss.is_finite() && self.g_loss.is_finite()
    }
}

/// What one lane did in one [`Trainer::advance`].
#[derive(Debug, Clone, PartialEq)]
pub struct LaneChunk {
    /// One entry a step. It ends early with the first step whose losses are not finite; the lane
    /// is then of no more use.
    pub steps: Vec<StepValues>,
    /// L2 norms of the generator's and the discriminator's gradients in the last step, if asked.
    pub gradient_norms: Option<GradientNorms>,
}

/// L2 norms over all parameters of a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GradientNorms {
    /// Of the generator's gradient.
    pub generator: f32,
    /// Of the discriminator's gradient, in the last of the step's updates.
    pub discriminator: f32,
}

/// One group of lanes on one device.
///
/// All lanes of a group have equal shapes, batch size and data, and are in the same
/// [`phase`](Config::phase). A lane's numbers depend on its config, seed, data and state alone.
pub trait Trainer {
    /// What computes: for the record.
    fn backend(&self) -> String;

    /// Trains every active lane `steps` steps further (never past an epoch's end, which the caller
    /// sees to). Entry `i` is lane `i`'s; inactive lanes have `None`. Gradient norms of the last
    /// step are measured if `norms`.
    fn advance(&mut self, steps: u32, norms: bool) -> Result<Vec<Option<LaneChunk>>, TrainError>;

    /// Images of the generators of all active lanes from `latents[lane]`, each
    /// `[count, latent_dim]`: `[count, 784]` a lane, in the config's pixel range. Leaves every
    /// state as it was.
    fn sample(
        &mut self,
        latents: &[Vec<f32>],
        count: usize,
        mode: SampleMode,
    ) -> Result<Vec<Option<Vec<f32>>>, TrainError>;

    /// A copy of a lane's state.
    fn state(&mut self, lane: usize) -> Result<LaneState, TrainError>;

    /// Takes a lane out of all further work.
    fn retire(&mut self, lane: usize);
}

/// The batches of one step of a lane, as indices into the training images.
#[derive(Debug, Clone)]
pub struct Schedule {
    order: Vec<u32>,
    epoch: Option<u32>,
}

impl Schedule {
    /// Before any step.
    pub fn new() -> Self {
        Self { order: Vec::new(), epoch: None }
    }

    /// The images of every discriminator update of `step` (counted from 0), in order: `d_steps`
    /// batches, fewer at an epoch's end. The order of an epoch is derived when it is first needed.
    pub fn batches(&mut self, lane: &Lane, step: u64) -> Vec<&[u32]> {
        let config = &lane.config;
        let per_epoch = u64::from(config.steps_per_epoch());
        let (epoch, within) = ((step / per_epoch) as u32, (step % per_epoch) as usize);
        if self.epoch != Some(epoch) {
            let count =
                if config.data.images == 0 { gansweep_config::TRAIN_IMAGES } else { config.data.images };
            self.order = rng::epoch_order(lane.seed, epoch, count, config.train.shuffle);
            self.epoch = Some(epoch);
        }
        let used = &self.order[..config.images_per_epoch() as usize];
        let batch = config.train.batch_size as usize;
        let updates = config.train.d_steps as usize;
        used.chunks(batch).skip(within * updates).take(updates).collect()
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::new()
    }
}

/// The sweep's fixed latents for models of `latent_dim`: `[count, latent_dim]`, row by row.
pub fn fixed_latents(latent_seed: u64, config: &Config, count: usize) -> Vec<f32> {
    let dim = config.model.latent_dim as usize;
    let mut values = vec![0.0; count * dim];
    rng::latents(Key::new(latent_seed, Purpose::Fixed, &[dim as u64]), config.model.latent, &mut values);
    values
}
