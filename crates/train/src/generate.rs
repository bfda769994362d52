//! New images from a trained generator.

use std::sync::Arc;

use crate::{Lane, OpenTrainer, TrainError, TrainingImages, pixels};
use gansweep_config::{Config, DatasetSpec, SampleMode};
use gansweep_nn::rng::{self, Key, Purpose};
use gansweep_nn::state::LaneState;

/// Draws `count` images from latents of that seed, as bytes `[count, channels, height, width]`. Image `i` does
/// not depend on `count`. `open_trainer` chooses the backend.
pub fn images(
    open_trainer: &OpenTrainer<'_>,
    config: &Config,
    spec: &DatasetSpec,
    state: &LaneState,
    count: usize,
    seed: u64,
) -> Result<Vec<u8>, TrainError> {
    let mut latents = vec![0.0; count * config.model.latent_dim as usize];
    rng::latents(Key::new(seed, Purpose::Generate, &[]), config.model.latent, &mut latents);
    // A trainer needs the training images of an epoch. One blank batch is the smallest epoch.
    let mut config = config.clone();
    config.data.images = config.train.batch_size;
    let blank = TrainingImages {
        shape: spec.image,
        bytes: Arc::new(vec![0; config.train.batch_size as usize * spec.image.size()]),
        labels: Arc::new(vec![0; config.train.batch_size as usize]),
        count: config.train.batch_size as usize,
        pixels: config.data.pixels,
    };
    let range = config.data.pixels;
    let lane = Lane { config, spec: spec.clone(), seed };
    let mut trainer = open_trainer(vec![lane], vec![state.clone()], blank)?;
    let drawn = trainer.sample(&[latents], count, SampleMode::Eval)?;
    let values = drawn.into_iter().next().flatten().unwrap_or_default();
    Ok(pixels::to_bytes(&values, range))
}
