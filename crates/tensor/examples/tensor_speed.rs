//! Job-steps per second of a recipe on one of Burn's devices, for several numbers of lanes.
//!
//! `cargo run --release -p gansweep-tensor --example tensor_speed --features vulkan -- \
//!     vulkan:0 jovian 1,8,64 200 [replay|issue] [KEY=VALUE...]`
//!
//! A job-step is one step of one lane. Two columns compare a step with the device's floor: the
//! larger of the step's operations over the measured rate of matrix products and its bytes over the
//! measured bandwidth. The last two compare the planner's estimate of the memory with what the
//! process holds so far: ask for one number of lanes at a time.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use gansweep_config::{Config, DatasetSpec, Experiment, LoadOptions};
use gansweep_data::strokes;
use gansweep_nn::state::LaneState;
use gansweep_tensor::device::{self, OpenDevice};
use gansweep_tensor::{DeviceSpeed, StepCost, TensorTrainer, memory_bytes};
use gansweep_train::DeviceKind;
use gansweep_train::{Lane, Trainer, TrainingImages};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument =
        |index: usize, default: &str| arguments.get(index).map_or(default, String::as_str).to_owned();
    let device = device::open(argument(0, "flex").parse()?)?;
    let device = if argument(4, "replay") == "issue" { device.without_replay() } else { device };
    let sets = arguments.get(5..).unwrap_or_default();
    let config = config(&argument(1, "jovian"), sets)?;
    let spec = strokes::spec();
    let steps: u32 = argument(3, "100").parse()?;
    let lanes: Vec<usize> = argument(2, "1,8,64").split(',').map(str::parse).collect::<Result<_, _>>()?;
    let measured: Vec<Measured> = lanes
        .into_iter()
        .map(|lanes| measure(&device, &config, &spec, lanes, steps))
        .collect::<Result<_, _>>()?;
    // After the others: it takes memory too.
    let side = if matches!(device.kind, DeviceKind::Cpu | DeviceKind::SoftwareGpu) { 512 } else { 8192 };
    let speed = DeviceSpeed::measure(&device, side)?;
    println!("{}", device.description);
    println!("products {:.0} GFLOP/s, memory {:.0} GB/s", speed.flops / 1e9, speed.bytes / 1e9);
    println!(
        "{:>5} {:>10} {:>12} {:>10} {:>8} {:>10} {:>10} {:>10}",
        "lanes", "ms/step", "job-steps/s", "floor ms", "of floor", "start s", "est. MiB", "held MiB"
    );
    for Measured { lanes, seconds, started, held } in measured {
        let floor = speed.floor(StepCost::of(&config, &spec)?, lanes);
        println!(
            "{lanes:>5} {:>10.3} {:>12.1} {:>10.3} {:>7.0}% {started:>10.1} {:>10} {:>10}",
            seconds * 1e3,
            lanes as f64 / seconds,
            floor * 1e3,
            100.0 * floor / seconds,
            memory_bytes(&config, &spec, lanes)? >> 20,
            held.map_or("?".to_owned(), |bytes| (bytes >> 20).to_string()),
        );
    }
    Ok(())
}

/// What was measured with a number of lanes.
struct Measured {
    lanes: usize,
    /// Of a step.
    seconds: f64,
    /// Seconds until the first steps were done.
    started: f64,
    /// Bytes of the device's memory.
    held: Option<u64>,
}

fn measure(
    device: &OpenDevice,
    config: &Config,
    spec: &DatasetSpec,
    lanes: usize,
    steps: u32,
) -> Result<Measured, Box<dyn Error>> {
    let start = Instant::now();
    let lane = |seed| Lane { config: config.clone(), spec: spec.clone(), seed };
    let all: Vec<_> = (0..lanes as u64).map(lane).collect();
    let states = (0..lanes as u64).map(|seed| LaneState::initial(config, spec, seed));
    let states = states.collect::<Result<_, _>>()?;
    let mut trainer = TensorTrainer::new(device, all, states, &images(config, spec))?;
    // Compiles the kernels, and records the step.
    trainer.advance(8, false)?;
    let started = start.elapsed().as_secs_f64();
    let mut seconds = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        trainer.advance(steps, false)?;
        seconds = seconds.min(start.elapsed().as_secs_f64() / f64::from(steps));
    }
    // What a sweep does besides: a step that measures gradients, and every size of batch.
    trainer.advance(config.steps_per_epoch(spec).min(steps), true)?;
    Ok(Measured { lanes, seconds, started, held: device.memory_held_bytes() })
}

fn config(recipe: &str, sets: &[String]) -> Result<Config, Box<dyn Error>> {
    let source = format!("name = \"speed\"\nrecipe = \"{recipe}\"\n");
    let options = LoadOptions { sets: sets.to_vec(), ..LoadOptions::default() };
    Ok(Experiment::parse(Path::new("speed.toml"), source, &options)?.config)
}

/// Noise: the speed of a step does not depend on what it sees.
fn images(config: &Config, spec: &DatasetSpec) -> TrainingImages {
    let (shape, count) = (spec.image, config.images(spec) as usize);
    let bytes =
        (0..count * shape.size()).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let (bytes, labels) = (Arc::new(bytes), Arc::new(vec![0; count]));
    TrainingImages { shape, bytes, labels, count, pixels: config.data.pixels }
}
