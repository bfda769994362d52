//! New images from a trained generator, and what a trained discriminator says of images.

use std::sync::Arc;

use crate::{Lane, Latents, OpenTrainer, TrainError, Trainer, TrainingImages, pixels};
use gansweep_config::{Config, DatasetSpec, SampleMode};
use gansweep_nn::rng::{self, Key, Purpose};
use gansweep_nn::state::LaneState;
use gansweep_protocol::SampleSource;

/// Seed of the latents that are drawn for quality figures: equal latents for all runs, as far as their dimensions are equal.
pub const EVALUATION_SEED: u64 = 0x6576_616c_7561_7465;

/// Draws an image of each of `classes` (which are without effect on a model that is not conditional) from latents of
/// that seed, as bytes `[count, channels, height, width]`. Image `i` does not depend on the others. `source` must be
/// one that the config has. `open_trainer` chooses the backend.
pub fn images(
    open_trainer: &OpenTrainer<'_>,
    config: &Config,
    spec: &DatasetSpec,
    state: &LaneState,
    classes: &[u16],
    seed: u64,
    source: SampleSource,
) -> Result<Vec<u8>, TrainError> {
    let dim = config.model.latent_dim as usize;
    let latents = latents(config, classes.len(), seed);
    let mut trainer = open(open_trainer, config, spec, state, seed)?;
    let mut bytes = Vec::with_capacity(classes.len() * spec.image.size());
    for (latents, classes) in latents.chunks(CHUNK * dim).zip(classes.chunks(CHUNK)) {
        let latents = Latents { lanes: vec![latents.to_vec()], classes: classes.to_vec() };
        let drawn = trainer.sample(&latents, SampleMode::Eval, source)?;
        let drawn = drawn.into_iter().next().flatten().unwrap_or_default();
        bytes.extend(pixels::to_bytes(&drawn, config.data.pixels));
    }
    Ok(bytes)
}

/// Latents `[count, latent_dim]` of a seed.
pub(crate) fn latents(config: &Config, count: usize, seed: u64) -> Vec<f32> {
    let mut latents = vec![0.0; count * config.model.latent_dim as usize];
    rng::latents(Key::new(seed, Purpose::Generate, &[]), config.model.latent, &mut latents);
    latents
}

/// The discriminator's logit of each image of `[count, channels, height, width]`: the larger, the more real. A conditional
/// model takes each to be of its class of `classes` `[count]`, which are without effect on any other.
pub fn logits(
    open_trainer: &OpenTrainer<'_>,
    config: &Config,
    spec: &DatasetSpec,
    state: &LaneState,
    images: &[u8],
    classes: &[u16],
) -> Result<Vec<f32>, TrainError> {
    let mut trainer = open(open_trainer, config, spec, state, 0)?;
    let table = TrainingImages::table(config.data.pixels);
    let mut logits = Vec::with_capacity(images.len() / spec.image.size());
    for (images, classes) in images.chunks(CHUNK * spec.image.size()).zip(classes.chunks(CHUNK)) {
        let values: Vec<f32> = images.iter().map(|byte| table[usize::from(*byte)]).collect();
        logits.extend(trainer.logits(0, &values, classes)?);
    }
    Ok(logits)
}

/// A trainer that trains nothing.
fn open(
    open_trainer: &OpenTrainer<'_>,
    config: &Config,
    spec: &DatasetSpec,
    state: &LaneState,
    seed: u64,
) -> Result<Box<dyn Trainer>, TrainError> {
    // A trainer needs the training images of an epoch. One blank image is the smallest epoch.
    let mut config = config.clone();
    (config.data.images, config.data.flip) = (1, false);
    config.train.batch_size = 1;
    let blank = TrainingImages {
        shape: spec.image,
        bytes: Arc::new(vec![0; spec.image.size()]),
        labels: Arc::new(vec![0]),
        count: 1,
        pixels: config.data.pixels,
    };
    let lane = Lane { config, spec: spec.clone(), seed };
    open_trainer(vec![lane], vec![state.clone()], blank)
}

/// Images that are drawn at once, so that the activations of thousands need no memory.
pub(crate) const CHUNK: usize = 256;
