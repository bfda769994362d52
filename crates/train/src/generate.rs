//! New images from a trained generator, and what a trained discriminator says of images.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::{Lane, Latents, OpenTrainer, TrainError, Trainer, TrainingImages, pixels};
use gansweep_config::{Config, DatasetSpec, SampleMode};
use gansweep_nn::rng::{self, Key, Purpose};
use gansweep_nn::state::LaneState;
use gansweep_protocol::SampleSource;

/// Seed of the latents that are drawn for quality figures: equal latents for all runs, as far as their dimensions are equal.
pub const EVALUATION_SEED: u64 = 0x6576_616c_7561_7465;

/// Images that a trained generator draws: one of each of `classes`. Image `i` does not depend on the others.
#[derive(Debug, Clone, Copy)]
pub struct Draw<'a> {
    /// The config of the run.
    pub config: &'a Config,
    /// Its data.
    pub spec: &'a DatasetSpec,
    /// Its weights.
    pub state: &'a LaneState,
    /// `[count]`: the class of each image, without effect on a model that is not conditional.
    pub classes: &'a [u16],
    /// Seed of the latents.
    pub seed: u64,
    /// Which of the generator's weights draw; must be some that the config has.
    pub source: SampleSource,
}

/// An [`OpenTrainer`] for several threads.
pub type OpenThreaded<'a> =
    dyn Fn(Vec<Lane>, Vec<LaneState>, TrainingImages) -> Result<Box<dyn Trainer>, TrainError> + Sync + 'a;

impl Draw<'_> {
    /// All images, `[count, channels, height, width]`.
    pub fn images(&self, open: &OpenThreaded<'_>, threads: usize) -> Result<Vec<u8>, TrainError> {
        let mut bytes = Vec::with_capacity(self.classes.len() * self.spec.image.size());
        self.in_chunks(open, threads, |chunk| -> Result<(), TrainError> {
            bytes.extend(chunk);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Passes the images to `take` in order, some at a time, `[some, channels, height, width]`. Each of at most
    /// `threads` threads has a trainer of its own, from `open`. The first error ends the drawing.
    pub fn in_chunks<E: From<TrainError>>(
        &self,
        open: &OpenThreaded<'_>,
        threads: usize,
        mut take: impl FnMut(Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let latents = latents(self.config, self.classes.len(), self.seed);
        let dim = self.config.model.latent_dim as usize;
        let chunks: Vec<Chunk<'_>> = latents.chunks(CHUNK * dim).zip(self.classes.chunks(CHUNK)).collect();
        let threads = threads.min(chunks.len()).max(1);
        thread::scope(|scope| {
            // Chunk `i` is drawn by thread `i % threads`, which is at most two chunks ahead.
            let drawn: Vec<Receiver<Result<Vec<u8>, TrainError>>> = (0..threads)
                .map(|first| {
                    let (sender, receiver) = sync_channel(1);
                    let own: Vec<Chunk<'_>> = chunks.iter().skip(first).step_by(threads).copied().collect();
                    scope.spawn(move || self.draw(open, &own, &sender));
                    receiver
                })
                .collect();
            for chunk in 0..chunks.len() {
                // A thread that ends early has panicked, and so does the scope.
                let Ok(images) = drawn[chunk % threads].recv() else { break };
                take(images?)?;
            }
            Ok(())
        })
    }

    /// Draws chunks and sends them, until all are sent, one has failed or nobody receives them any more.
    fn draw(
        &self,
        open: &OpenThreaded<'_>,
        chunks: &[Chunk<'_>],
        sender: &SyncSender<Result<Vec<u8>, TrainError>>,
    ) {
        let mut trainer = match self::open(open, self.config, self.spec, self.state, self.seed) {
            Ok(trainer) => trainer,
            Err(error) => {
                let _ = sender.send(Err(error));
                return;
            }
        };
        for &(latents, classes) in chunks {
            let latents = Latents { lanes: vec![latents.to_vec()], classes: classes.to_vec() };
            let drawn = trainer.sample(&latents, SampleMode::Eval, self.source).map(|drawn| {
                let values = drawn.into_iter().next().flatten().unwrap_or_default();
                pixels::to_bytes(&values, self.config.data.pixels)
            });
            let has_failed = drawn.is_err();
            if sender.send(drawn).is_err() || has_failed {
                break;
            }
        }
    }
}

/// Latents and classes of images that are drawn at once.
type Chunk<'a> = (&'a [f32], &'a [u16]);

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
