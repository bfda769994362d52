//! New images from a trained generator.

use std::sync::Arc;

use crate::{Lane, OpenTrainer, TrainError, TrainingImages, grid};
use gansweep_config::{Config, IMAGE_PIXELS, SampleMode};
use gansweep_nn::rng::{self, Key, Purpose};
use gansweep_nn::state::LaneState;

/// `count` images of 784 grey bytes drawn by a trainer that `open_trainer` builds, from latents of that seed; the first are the same however
/// many are drawn.
pub fn images(
    open_trainer: &OpenTrainer<'_>,
    config: &Config,
    state: &LaneState,
    count: usize,
    seed: u64,
) -> Result<Vec<u8>, TrainError> {
    let mut latents = vec![0.0; count * config.model.latent_dim as usize];
    rng::latents(Key::new(seed, Purpose::Generate, &[]), config.model.latent, &mut latents);
    // A trainer wants the images of an epoch; one of one blank batch is the smallest.
    let mut config = config.clone();
    config.data.images = config.train.batch_size;
    let blank = TrainingImages {
        dataset: config.data.dataset,
        bytes: Arc::new(vec![0; config.train.batch_size as usize * IMAGE_PIXELS]),
        count: config.train.batch_size as usize,
        pixels: config.data.pixels,
    };
    let pixels = config.data.pixels;
    let lane = Lane { config, seed };
    let mut trainer = open_trainer(vec![lane], vec![state.clone()], blank)?;
    let drawn = trainer.sample(&[latents], count, SampleMode::Eval)?;
    let values = drawn.into_iter().next().flatten().unwrap_or_default();
    Ok(grid::to_bytes(&values, pixels))
}
