//! New images from a trained generator.

use std::sync::Arc;

use gansweep_experiment::{Config, IMAGE_PIXELS, SampleMode};

use crate::native::NativeTrainer;
use crate::state::LaneState;
use crate::streams::{self, Key, Purpose};
use crate::trainer::{Lane, Trainer, TrainingImages};
use crate::{GanError, grid};

/// `count` images of 784 grey bytes, from latents of that seed; the first are the same however
/// many are drawn.
pub fn images(config: &Config, state: &LaneState, count: usize, seed: u64) -> Result<Vec<u8>, GanError> {
    let mut latents = vec![0.0; count * config.model.latent_dim as usize];
    streams::latents(Key::new(seed, Purpose::Generate, &[]), config.model.latent, &mut latents);
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
    let mut trainer = NativeTrainer::new(vec![lane], vec![state.clone()], blank, 1)?;
    let drawn = trainer.sample(&[latents], count, SampleMode::Eval)?;
    let values = drawn.into_iter().next().flatten().unwrap_or_default();
    Ok(grid::to_bytes(&values, pixels))
}
