//! Job-steps per second of a recipe on one of Burn's devices, for several numbers of lanes.
//!
//! `cargo run --release -p gansweep-gan --example burn_speed --features vulkan -- \
//!     vulkan:0 jovian 1,8,64 200 [replay|issue]`
//!
//! A job-step is one step of one lane. The last two columns compare a step with the device's floor:
//! the larger of the step's operations over the measured rate of matrix products and its bytes
//! over the measured bandwidth.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use gansweep_experiment::{Config, Dataset, Experiment, IMAGE_PIXELS, LoadOptions, TRAIN_IMAGES};
use gansweep_gan::burn_path::{BurnTrainer, DeviceSpeed, StepCost, memory_bytes};
use gansweep_gan::device::{self, DeviceKind, OpenDevice};
use gansweep_gan::state::LaneState;
use gansweep_gan::trainer::{Lane, Trainer, TrainingImages};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument =
        |index: usize, default: &str| arguments.get(index).map_or(default, String::as_str).to_owned();
    let device = device::open(argument(0, "flex").parse()?)?;
    let device = if argument(4, "replay") == "issue" { device.without_replay() } else { device };
    let config = config(&argument(1, "jovian"))?;
    let steps: u32 = argument(3, "100").parse()?;
    let side = if matches!(device.kind, DeviceKind::Cpu | DeviceKind::SoftwareGpu) { 512 } else { 8192 };
    let speed = DeviceSpeed::measure(&device, side)?;
    println!("{}", device.description);
    println!("products {:.0} GFLOP/s, memory {:.0} GB/s", speed.flops / 1e9, speed.bytes / 1e9);
    println!(
        "{:>5} {:>10} {:>12} {:>10} {:>8} {:>10} {:>10} {:>10}",
        "lanes", "ms/step", "job-steps/s", "floor ms", "of floor", "start s", "est. MiB", "held MiB"
    );
    for lanes in argument(2, "1,8,64").split(',') {
        measure(&device, &config, lanes.parse()?, steps, speed)?;
    }
    Ok(())
}

fn measure(
    device: &OpenDevice,
    config: &Config,
    lanes: usize,
    steps: u32,
    speed: DeviceSpeed,
) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let all: Vec<_> = (0..lanes as u64).map(|seed| Lane { config: config.clone(), seed }).collect();
    let states: Vec<_> = all.iter().map(|lane| LaneState::initial(&lane.config, lane.seed)).collect();
    let mut trainer = BurnTrainer::new(device, all, states, &images(config))?;
    // Compiles the kernels, and records the step.
    trainer.advance(8, false)?;
    let started = start.elapsed().as_secs_f64();
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        trainer.advance(steps, false)?;
        best = best.min(start.elapsed().as_secs_f64() / f64::from(steps));
    }
    let floor = speed.floor(StepCost::of(config), lanes);
    // Of the whole process so far: ask for one number of lanes at a time to compare.
    let held = device.memory_held_bytes().map_or("?".to_owned(), |bytes| (bytes >> 20).to_string());
    println!(
        "{lanes:>5} {:>10.3} {:>12.1} {:>10.3} {:>7.0}% {started:>10.1} {:>10} {held:>10}",
        best * 1e3,
        lanes as f64 / best,
        floor * 1e3,
        100.0 * floor / best,
        memory_bytes(config, lanes) >> 20,
    );
    Ok(())
}

fn config(recipe: &str) -> Result<Config, Box<dyn Error>> {
    let source = format!("name = \"speed\"\nrecipe = \"{recipe}\"\n");
    Ok(Experiment::parse(Path::new("speed.toml"), source, &LoadOptions::default())?.config)
}

/// Noise: the speed of a step does not depend on what it sees.
fn images(config: &Config) -> TrainingImages {
    let count = TRAIN_IMAGES as usize;
    let bytes =
        (0..count * IMAGE_PIXELS).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    TrainingImages { dataset: Dataset::Strokes, bytes: Arc::new(bytes), count, pixels: config.data.pixels }
}
