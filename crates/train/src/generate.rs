//! New images from a trained generator, and what a trained discriminator says of images.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::{Lane, Latents, OpenTrainer, TrainError, Trainer, TrainingImages, pixels};
use gansweep_config::{Config, DatasetSpec, Latent, SampleMode};
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
    /// `[count, latent_dim]`: the latent vector of each image.
    pub latents: &'a [f32],
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
        let dim = self.config.model.latent_dim as usize;
        let chunks: Vec<Chunk<'_>> =
            self.latents.chunks(CHUNK * dim).zip(self.classes.chunks(CHUNK)).collect();
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
        let mut trainer = match self::open(open, self.config, self.spec, self.state) {
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
pub fn latents(config: &Config, count: usize, seed: u64) -> Vec<f32> {
    let mut latents = vec![0.0; count * config.model.latent_dim as usize];
    rng::latents(Key::new(seed, Purpose::Generate, &[]), config.model.latent, &mut latents);
    latents
}

/// Latents `[rows * cols, latent_dim]`, each row of which goes from one latent of a seed to another in equal steps: normal
/// latents on a great circle, since points inside of the sphere that they lie near are improbable (White 2016,
/// <https://arxiv.org/abs/1609.04468>); uniform ones straight.
pub fn latents_between(config: &Config, rows: usize, cols: usize, seed: u64) -> Vec<f32> {
    let dim = config.model.latent_dim as usize;
    let ends = latents(config, 2 * rows, seed);
    let mut all = Vec::with_capacity(rows * cols * dim);
    for ends in ends.chunks_exact(2 * dim) {
        let (first, last) = ends.split_at(dim);
        for col in 0..cols {
            let along = col as f64 / cols.saturating_sub(1).max(1) as f64;
            let [before, after] = match config.model.latent {
                Latent::Normal => on_circle(first, last, along),
                Latent::Uniform => [1.0 - along, along],
            };
            let mixed =
                |(first, last): (&f32, &f32)| (before * f64::from(*first) + after * f64::from(*last)) as f32;
            all.extend(first.iter().zip(last).map(mixed));
        }
    }
    all
}

/// The weights of two vectors in one on the great circle through them, `along` from 0 to 1 (Shoemake 1985).
fn on_circle(first: &[f32], last: &[f32], along: f64) -> [f64; 2] {
    let product = |one: &[f32], other: &[f32]| -> f64 {
        one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum()
    };
    let lengths = (product(first, first) * product(last, last)).sqrt();
    let angle = (product(first, last) / lengths).clamp(-1.0, 1.0).acos();
    // Of one direction, or of none, which has no angle.
    if angle.is_nan() || angle.sin() < 1e-6 {
        return [1.0 - along, along];
    }
    [((1.0 - along) * angle).sin() / angle.sin(), (along * angle).sin() / angle.sin()]
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
    let mut trainer = open(open_trainer, config, spec, state)?;
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
    let lane = Lane { config, spec: spec.clone(), seed: 0 };
    open_trainer(vec![lane], vec![state.clone()], blank)
}

/// Images that are drawn at once, so that the activations of thousands need no memory.
pub(crate) const CHUNK: usize = 256;

#[cfg(test)]
mod tests {
    use gansweep_fixtures::config::config;

    use super::*;

    fn length(vector: &[f32]) -> f64 {
        vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn a_row_goes_from_one_latent_to_another() {
        for latent in ["normal", "uniform"] {
            let config = config("fast", &["model.latent_dim=64", &format!("model.latent={latent}")]);
            let (ends, rows) = (latents(&config, 4, 7), latents_between(&config, 2, 5, 7));
            assert_eq!(rows.len(), 10 * 64);
            for row in 0..2 {
                let at = |col: usize| &rows[(5 * row + col) * 64..][..64];
                let end = |end: usize| &ends[(2 * row + end) * 64..][..64];
                for (col, known) in [(0, end(0)), (4, end(1))] {
                    assert!(at(col).iter().zip(known).all(|(one, other)| (one - other).abs() < 1e-5));
                }
                // The middle of a straight line would be shorter by a factor of about 0.7.
                let middle = length(at(2)) / (0.5 * (length(at(0)) + length(at(4))));
                match latent {
                    "normal" => assert!((middle - 1.0).abs() < 0.05, "{middle}"),
                    _ => assert!((at(2)[5] - 0.5 * (at(0)[5] + at(4)[5])).abs() < 1e-6),
                }
            }
        }
    }

    #[test]
    fn a_row_of_one_and_opposite_or_equal_ends_are_no_division_by_zero() {
        let config = config("fast", &[]);
        assert_eq!(
            latents_between(&config, 1, 1, 3),
            latents(&config, 2, 3)[..config.model.latent_dim as usize]
        );
        for (first, last) in [([1.0, 2.0], [2.0, 4.0]), ([1.0, 2.0], [-1.0, -2.0]), ([0.0, 0.0], [1.0, 1.0])]
        {
            let [before, after] = on_circle(&first, &last, 0.25);
            assert!((before - 0.75).abs() < 1e-12 && (after - 0.25).abs() < 1e-12);
        }
    }
}
