//! Whole steps against an independent implementation, and changes that must not change a bit.

mod attention;
mod averaged_norms;
mod bits;
mod cases;
mod class_norms;
mod conditional_lists;
mod convolutions;
mod instance_norms;
mod lists;
pub(crate) mod oracle;
mod shortcuts;
mod smooth_activations;
mod steps;
mod tape;
mod without_biases;

use std::sync::Arc;

use gansweep_config::{Config, Dataset, DatasetSpec, NetworkOptimizer, OptimizerConfig};
use gansweep_fixtures::config::{config, like_mnist};

use super::CpuTrainer;
use cases::cases;
use gansweep_nn::rng::hash32;
use gansweep_nn::state::LaneState;
use gansweep_train::{Lane, LaneChunk, Trainer, TrainingImages};

/// Three steps an epoch, the last with a batch of three.
const IMAGES: u32 = 13;

/// Large steps, in which an error shows.
const LR: f64 = 2e-2;
/// So large that a step is a smooth function of the gradient, and can be compared.
const EPS: f64 = 1e-2;

/// A small GAN; sizes are no multiples of sixteen.
fn small() -> Config {
    let mut config = config(
        "fast",
        &[
            "data.dataset=strokes",
            &format!("data.images={IMAGES}"),
            "model.latent_dim=7",
            "model.generator.hidden=[6, 19]",
            "model.generator.batch_norm=false",
            "model.discriminator.hidden=[18, 5]",
            "model.discriminator.dropout=0",
            "train.batch_size=5",
        ],
    );
    let adam = NetworkOptimizer::adam(LR, 0.9, 0.99, EPS);
    config.optimizer = OptimizerConfig { generator: adam, discriminator: adam };
    config
}

fn with(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = small();
    change(&mut config);
    config
}

/// Noise; of "MNIST" a fifth of the pixels, the others being background.
fn images(config: &Config) -> TrainingImages {
    let (spec, count) = (spec(), config.data.images as usize);
    let least = if config.data.dataset == Dataset::Mnist { u32::MAX / 5 * 4 } else { 0 };
    let byte = |i| if hash32(3, 4, i) < least { 0 } else { (hash32(1, 2, i) >> 24) as u8 };
    let bytes = (0..(count * spec.image.size()) as u32).map(byte).collect();
    let labels = (0..count).map(|image| (3 * image % 10) as u16).collect();
    let (bytes, labels) = (Arc::new(bytes), Arc::new(labels));
    TrainingImages { shape: spec.image, bytes, labels, count, pixels: config.data.pixels }
        .with_flips(&config.data)
}

fn spec() -> DatasetSpec {
    like_mnist()
}

fn initial(config: &Config, seed: u64) -> LaneState {
    LaneState::initial(config, &spec(), seed).unwrap()
}

fn lane(config: &Config, seed: u64) -> Lane {
    Lane { config: config.clone(), spec: spec(), seed }
}

/// A trainer of equal lanes but for their seeds.
fn trainer(config: &Config, seeds: &[u64], threads: usize) -> CpuTrainer {
    let lanes = seeds.iter().map(|&seed| lane(config, seed)).collect();
    let states = seeds.iter().map(|&seed| initial(config, seed)).collect();
    CpuTrainer::new(lanes, states, images(config), threads).unwrap()
}

/// The chunk of the one lane.
fn advance_alone(trainer: &mut CpuTrainer, steps: u32) -> LaneChunk {
    trainer.advance(steps, true).unwrap().remove(0).unwrap()
}
