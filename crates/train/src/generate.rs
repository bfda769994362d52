//! New images from a trained generator.

use std::sync::Arc;

use crate::{Lane, OpenTrainer, TrainError, TrainingImages, pixels};
use gansweep_config::{Config, DatasetSpec, SampleMode};
use gansweep_nn::rng::{self, Key, Purpose};
use gansweep_nn::state::LaneState;
use gansweep_protocol::SampleSource;

/// Draws `count` images from latents of that seed, as bytes `[count, channels, height, width]`. Image `i` does
/// not depend on `count`. `source` must be one that the config has. `open_trainer` chooses the backend.
pub fn images(
    open_trainer: &OpenTrainer<'_>,
    config: &Config,
    spec: &DatasetSpec,
    state: &LaneState,
    count: usize,
    seed: u64,
    source: SampleSource,
) -> Result<Vec<u8>, TrainError> {
    let dim = config.model.latent_dim as usize;
    let mut latents = vec![0.0; count * dim];
    rng::latents(Key::new(seed, Purpose::Generate, &[]), config.model.latent, &mut latents);
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
    let range = config.data.pixels;
    let lane = Lane { config, spec: spec.clone(), seed };
    let mut trainer = open_trainer(vec![lane], vec![state.clone()], blank)?;
    let mut bytes = Vec::with_capacity(count * spec.image.size());
    for latents in latents.chunks(CHUNK * dim) {
        let drawn = trainer.sample(&[latents.to_vec()], latents.len() / dim, SampleMode::Eval, source)?;
        bytes.extend(pixels::to_bytes(&drawn.into_iter().next().flatten().unwrap_or_default(), range));
    }
    Ok(bytes)
}

/// Images that are drawn at once, so that the activations of thousands need no memory.
const CHUNK: usize = 256;
