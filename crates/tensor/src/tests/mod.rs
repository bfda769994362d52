//! The Burn backend against the hand-written CPU backend, and against itself.

mod convolutions;
#[cfg(feature = "wgpu")]
mod driver;
mod groups;
mod lists;
mod masks;
pub(super) mod recording;
mod steps;

use std::sync::{Arc, LazyLock};

use gansweep_config::{
    Config, LossKind, NetworkKind, NetworkOptimizer, OptimizerConfig, Relativistic, SampleMode,
};
use gansweep_fixtures::config::{config, like_mnist};
use rand::Rng;

use super::TensorTrainer;
use super::masks::{MaskMaker, integers};
use super::step_plan::{Mask, MaskGroup, MaskPlan};
use crate::device::{self, OpenDevice};
use gansweep_cpu::CpuTrainer;
use gansweep_nn::rng::{Key, Pass, Purpose, dropout_mask};
use gansweep_nn::state::LaneState;
use gansweep_protocol::{Metric, SampleSource};
use gansweep_train::{DeviceKind, DeviceName};
use gansweep_train::{Lane, LaneChunk, Latents, Trainer, TrainingImages};

/// Layers small enough for a test, with widths that no vector or tile divides.
const SMALL: [&str; 6] = [
    "model.generator.hidden=[20, 37]",
    "model.discriminator.hidden=[33, 18]",
    "model.generator.width=5",
    "model.discriminator.width=3",
    "model.latent_dim=9",
    "train.batch_size=12",
];

/// The device of these tests: `GANSWEEP_TEST_DEVICE`, or the first that the build has.
pub(super) fn test_device() -> OpenDevice {
    static OPEN: LazyLock<OpenDevice> = LazyLock::new(|| {
        let first = match (cfg!(feature = "flex"), cfg!(feature = "wgpu")) {
            (true, _) => DeviceName::Flex,
            (_, true) => DeviceName::Vulkan(0),
            _ => DeviceName::LibtorchCpu,
        };
        let name = std::env::var("GANSWEEP_TEST_DEVICE").unwrap_or_else(|_| first.to_string());
        let device = device::open(name.parse().unwrap()).unwrap();
        // To find out whether it is a recorded step that is wrong.
        if std::env::var_os("GANSWEEP_TEST_ISSUED").is_some() { device.without_replay() } else { device }
    });
    OPEN.clone()
}

/// The cases of a test on this device. A software driver compiles the kernels of each for seconds: it takes the first and the
/// last.
fn cases<T>(all: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>) -> impl Iterator<Item = T> {
    let all = all.into_iter();
    let (takes_all, last) = (test_device().kind != DeviceKind::SoftwareGpu, all.len().saturating_sub(1));
    let chosen = move |(index, case)| (takes_all || index == 0 || index == last).then_some(case);
    all.enumerate().filter_map(chosen)
}

/// The recipes that this backend trains.
fn recipes() -> impl Iterator<Item = &'static str> {
    let trained = |name: &&str| crate::supports(&config(name, &[]), &like_mnist()).is_ok();
    gansweep_config::recipes::NAMES.into_iter().filter(trained)
}

/// Whether a network of that recipe has convolutions.
fn convolves(recipe: &str) -> bool {
    let model = config(recipe, &[]).model;
    [model.generator.kind, model.discriminator.kind].contains(&NetworkKind::Dcgan)
}

fn small(recipe: &str, sets: &[&str]) -> Config {
    config(recipe, &[&SMALL[..], sets].concat())
}

fn images(config: &Config) -> TrainingImages {
    let (shape, count) = (like_mnist().image, config.images(&like_mnist()) as usize);
    let mut bytes = vec![0; count * shape.size()];
    Key::new(1, Purpose::Generate, &[]).generator().fill_bytes(&mut bytes);
    let labels = (0..count).map(|image| (image % like_mnist().classes as usize) as u16).collect();
    let (bytes, labels) = (Arc::new(bytes), Arc::new(labels));
    TrainingImages { shape, bytes, labels, count, pixels: config.data.pixels }.with_flips(&config.data)
}

pub(super) fn lanes(configs: &[Config]) -> Vec<Lane> {
    configs
        .iter()
        .zip(7..)
        .map(|(config, seed)| Lane { config: config.clone(), spec: like_mnist(), seed })
        .collect()
}

pub(super) fn initial(lanes: &[Lane]) -> Vec<LaneState> {
    lanes.iter().map(|lane| LaneState::initial(&lane.config, &lane.spec, lane.seed).unwrap()).collect()
}

pub(super) fn burn(lanes: &[Lane], states: &[LaneState]) -> TensorTrainer {
    let images = images(&lanes[0].config);
    TensorTrainer::new(&test_device(), lanes.to_vec(), states.to_vec(), &images).unwrap()
}

fn native(lanes: &[Lane], states: &[LaneState]) -> CpuTrainer {
    CpuTrainer::new(lanes.to_vec(), states.to_vec(), images(&lanes[0].config), 1).unwrap()
}

pub(super) fn advance(trainer: &mut dyn Trainer, steps: u32) -> Vec<LaneChunk> {
    trainer.advance(steps, true).unwrap().into_iter().flatten().collect()
}

/// All metrics but accuracies: where an output is at the threshold, a rounding moves an accuracy by a whole
/// image. (The oracle of `cpu` tests accuracies; `apart` tests that backends agree on them.)
fn numbers(chunk: &LaneChunk) -> Vec<f32> {
    let is_smooth = |metric: &Metric| !ACCURACIES.contains(metric);
    let of_step = |row: &[f32]| {
        let named = Metric::of_steps().zip(row.to_vec());
        named.filter(|(metric, _)| is_smooth(metric)).map(|(_, value)| value).collect::<Vec<_>>()
    };
    chunk.steps.iter().flat_map(of_step).chain(chunk.point.iter().flatten().copied()).collect()
}

const ACCURACIES: [Metric; 2] = [Metric::DAccuracyReal, Metric::DAccuracyFake];

/// Whether accuracies differ by no more than an image here and there.
fn accuracies_agree(a: &[LaneChunk], b: &[LaneChunk]) -> bool {
    a.iter().zip(b).all(|(a, b)| {
        ACCURACIES.into_iter().all(|metric| {
            let (a, b) = (a.steps.column(metric), b.steps.column(metric));
            let apart: f32 = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum();
            a.len() == b.len() && apart <= 0.01 * a.len() as f32 + 0.1
        })
    })
}

/// The largest difference, relative to numbers above one and absolute below.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / a.abs().max(b.abs()).max(1.0)).fold(0.0, f32::max)
}

fn chunk_distance(a: &[LaneChunk], b: &[LaneChunk]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| distance(&numbers(a), &numbers(b))).fold(0.0, f32::max)
}

fn state_distance(a: &LaneState, b: &LaneState) -> f32 {
    assert_eq!(
        (a.step, a.generator_updates, a.discriminator_updates),
        (b.step, b.generator_updates, b.discriminator_updates)
    );
    assert!(a.arrays.keys().eq(b.arrays.keys()));
    a.arrays.iter().map(|(name, array)| distance(&array.values, &b.arrays[name].values)).fold(0.0, f32::max)
}

/// Fixed latents of each lane, and a class for each image.
fn latents(lanes: &[Lane], count: usize) -> Latents {
    Latents {
        lanes: lanes.iter().map(|lane| gansweep_train::fixed_latents(3, &lane.config, count)).collect(),
        classes: gansweep_train::classes_in_turn(&lanes[0].spec, count),
    }
}

/// The distance of both backends after training the same lanes: in metrics, states, samples.
fn apart(configs: &[Config], steps: &[u32]) -> [f32; 3] {
    let lanes = lanes(configs);
    let states = initial(&lanes);
    let (mut burn, mut native) = (burn(&lanes, &states), native(&lanes, &states));
    let mut far = [0.0f32; 3];
    for &steps in steps {
        let (ours, theirs) = (advance(&mut burn, steps), advance(&mut native, steps));
        assert!(accuracies_agree(&ours, &theirs));
        far[0] = far[0].max(chunk_distance(&ours, &theirs));
    }
    let latents = latents(&lanes, 6);
    for lane in 0..lanes.len() {
        far[1] = far[1].max(state_distance(&burn.state(lane).unwrap(), &native.state(lane).unwrap()));
    }
    let sources = if configs[0].train.ema > 0.0 { &SampleSource::ALL[..] } else { &[SampleSource::Raw] };
    for mode in [SampleMode::Eval, SampleMode::BatchStatistics] {
        for &source in sources {
            let ours = burn.sample(&latents, mode, source).unwrap();
            let theirs = native.sample(&latents, mode, source).unwrap();
            for (a, b) in ours.iter().flatten().zip(theirs.iter().flatten()) {
                far[2] = far[2].max(distance(a, b));
            }
        }
    }
    far
}
