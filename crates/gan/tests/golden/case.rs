//! The cases of `tests/golden/cases.json` and everything that goes into their steps, for the
//! example that hands the inputs to PyTorch and for the test that compares the outcomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use gansweep_experiment::{Config, IMAGE_PIXELS, IMAGE_SIDE, Noise};
use gansweep_gan::architecture::{Layer, Network, Role};
use gansweep_gan::state::{Array, LaneState};
use gansweep_gan::streams::{self, Key, Pass, Purpose};
use gansweep_gan::trainer::{Lane, Schedule, TrainingImages, fixed_latents};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Fixed latents whose images are compared after the last step.
pub(crate) const SAMPLES: usize = 16;
/// Their seed.
pub(crate) const LATENT_SEED: u64 = 5;

/// One recipe (or a small config that no recipe has), trained for a few steps.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// The recipe's name.
    pub(crate) name: String,
    /// Of the run.
    pub(crate) seed: u64,
    /// Steps to train, past the end of an epoch or into its last batch.
    pub(crate) steps: u64,
    /// The recipe's config but for the number of images, which brings an epoch's end near.
    pub(crate) config: Config,
}

impl Case {
    /// Every case.
    pub(crate) fn all() -> Vec<Self> {
        let text = include_str!("../../../../tests/golden/cases.json");
        serde_json::from_str(text).expect("the committed cases are valid")
    }

    /// The lane to train.
    pub(crate) fn lane(&self) -> Lane {
        Lane { config: self.config.clone(), seed: self.seed }
    }

    /// As many synthetic images as the config trains on.
    pub(crate) fn images(&self) -> TrainingImages {
        let count = self.config.data.images as usize;
        let bytes = (0..count).flat_map(image).collect();
        let data = &self.config.data;
        TrainingImages { dataset: data.dataset, bytes: Arc::new(bytes), count, pixels: data.pixels }
    }

    /// Every number that goes into the steps, by name: the initial state under the names of
    /// [`LaneState`], `fixed_latents`, and for each step `s` (from 0) and discriminator update `u`
    /// `step.s.x.u` (real images), `step.s.z_d.u`, `step.s.z_g` (latents) and
    /// `step.s.mask.u.PASS.LAYER` (dropout masks).
    pub(crate) fn inputs(&self) -> BTreeMap<String, Array> {
        let mut inputs = LaneState::initial(&self.config, self.seed).arrays;
        let latents = fixed_latents(LATENT_SEED, &self.config, SAMPLES);
        inputs.insert("fixed_latents".to_owned(), matrix(SAMPLES, latents));
        let (lane, images, mut schedule) = (self.lane(), self.images(), Schedule::new());
        for step in 0..self.steps {
            self.step_inputs(step, &schedule.batches(&lane, step), &images, &mut inputs);
        }
        inputs
    }

    fn step_inputs(
        &self,
        step: u64,
        batches: &[&[u32]],
        images: &TrainingImages,
        inputs: &mut BTreeMap<String, Array>,
    ) {
        let table = TrainingImages::table(self.config.data.pixels);
        let mut last = Vec::new();
        for (update, batch) in (0u32..).zip(batches) {
            let rows = batch.len();
            let bytes = batch.iter().flat_map(|&index| images.image(index as usize));
            let pixels = bytes.map(|&byte| table[usize::from(byte)]).collect();
            inputs.insert(format!("step.{step}.x.{update}"), matrix(rows, pixels));
            last = self.latents(Purpose::LatentD, &[step, u64::from(update)], rows);
            inputs.insert(format!("step.{step}.z_d.{update}"), matrix(rows, last.clone()));
            for pass in [Pass::DiscriminatorReal, Pass::DiscriminatorFake, Pass::GeneratorInD] {
                self.masks(step, update, pass, rows, inputs);
            }
        }
        let rows = batches.last().map_or(0, |batch| batch.len());
        let latents = match self.config.train.noise {
            Noise::Fresh => self.latents(Purpose::LatentG, &[step], rows),
            Noise::Shared => last,
        };
        inputs.insert(format!("step.{step}.z_g"), matrix(rows, latents));
        for pass in [Pass::DiscriminatorInG, Pass::GeneratorInG] {
            self.masks(step, 0, pass, rows, inputs);
        }
    }

    fn latents(&self, purpose: Purpose, position: &[u64], rows: usize) -> Vec<f32> {
        let mut values = vec![0.0; rows * self.config.model.latent_dim as usize];
        streams::latents(Key::new(self.seed, purpose, position), self.config.model.latent, &mut values);
        values
    }

    fn masks(&self, step: u64, update: u32, pass: Pass, rows: usize, inputs: &mut BTreeMap<String, Array>) {
        let (role, rate) = match pass {
            Pass::GeneratorInD | Pass::GeneratorInG => (Role::Generator, self.config.model.generator.dropout),
            _ => (Role::Discriminator, self.config.model.discriminator.dropout),
        };
        let mut features = 0;
        for (index, layer) in Network::of(role, &self.config).layers.iter().enumerate() {
            match *layer {
                Layer::Linear { outputs, .. } => features = outputs,
                Layer::Dropout => {
                    let mut mask = vec![0.0; rows * features];
                    streams::dropout_mask(Key::mask(self.seed, step, update, pass, index), rate, &mut mask);
                    inputs.insert(format!("step.{step}.mask.{update}.{pass:?}.{index}"), matrix(rows, mask));
                }
                _ => {}
            }
        }
    }
}

/// SHA-256 over names and values: golden values hold only for the inputs they were made from.
pub(crate) fn digest(inputs: &BTreeMap<String, Array>) -> String {
    let mut hasher = Sha256::new();
    for (name, array) in inputs {
        hasher.update(name.as_bytes());
        for value in &array.values {
            hasher.update(value.to_le_bytes());
        }
    }
    let bytes = hasher.finalize();
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Image `n` of the synthetic training images: a soft ring on black, in integers. Its centre is
/// row `8 + 5 n mod 13`, column `8 + 7 n mod 12`, the square of its radius `9 + 11 n mod 40`, and
/// a pixel loses 16 of its 255 per unit of squared distance from the ring.
fn image(n: usize) -> [u8; IMAGE_PIXELS] {
    let (row, column, radius) = (8 + 5 * n % 13, 8 + 7 * n % 12, 9 + 11 * n % 40);
    std::array::from_fn(|pixel| {
        let (r, c) = (pixel / IMAGE_SIDE, pixel % IMAGE_SIDE);
        let distance = r.abs_diff(row).pow(2) + c.abs_diff(column).pow(2);
        255u8.saturating_sub(u8::try_from(16 * distance.abs_diff(radius)).unwrap_or(u8::MAX))
    })
}

fn matrix(rows: usize, values: Vec<f32>) -> Array {
    Array { shape: vec![rows, values.len() / rows], values }
}
