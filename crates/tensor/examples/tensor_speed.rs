//! Job-steps per second of a recipe on one of Burn's devices, for several numbers of lanes.
//!
//! `cargo run --release -p gansweep-tensor --example tensor_speed --features vulkan -- \
//!     vulkan:0 jovian 1,8,64 200 [replay|issue] [KEY=VALUE...]`
//!
//! A job-step is one step of one lane; the groups take turns, in rounds of that many steps, and the table has medians.
//! Processor time is that of the whole process. Two columns compare a step with the device's floor: the
//! larger of the step's operations over the measured rate of matrix products and its bytes over the
//! measured bandwidth. The last two compare the planner's estimate of the memory, in MB, with what the
//! process holds: they say something where one number of lanes is asked for.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use gansweep_config::{Config, DataRequest, DatasetSpec, Experiment, LoadOptions};
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
    let spec = spec(&config);
    let steps: u32 = argument(3, "100").parse()?;
    let lanes: Vec<usize> = argument(2, "1,8,64").split(',').map(str::parse).collect::<Result<_, _>>()?;
    let mut groups: Vec<Group> = lanes
        .into_iter()
        .map(|lanes| Group::start(&device, &config, &spec, lanes))
        .collect::<Result<_, _>>()?;
    for _ in 0..ROUNDS {
        for group in &mut groups {
            group.measure(steps)?;
        }
    }
    for group in &mut groups {
        // What a sweep does besides: a step that measures gradients, and every size of batch.
        group.trainer.advance(config.steps_per_epoch(&spec).min(steps), true)?;
    }
    let held = device.memory_held_bytes();
    // After the others: it takes memory too.
    let side = if matches!(device.kind, DeviceKind::Cpu | DeviceKind::SoftwareGpu) { 512 } else { 8192 };
    let speed = DeviceSpeed::measure(&device, side)?;
    println!("{}", device.description);
    println!("products {:.0} GFLOP/s, memory {:.0} GB/s", speed.flops / 1e9, speed.bytes / 1e9);
    println!(
        "{:>5} {:>10} {:>12} {:>15} {:>10} {:>8} {:>10} {:>10} {:>10}",
        "lanes",
        "ms/step",
        "job-steps/s",
        "cpu ms/job-step",
        "floor ms",
        "of floor",
        "start s",
        "est. MB",
        "held MB"
    );
    for group in groups {
        let lanes = group.lanes;
        let floor = speed.floor(StepCost::of(&config, &spec)?, lanes);
        let Cost { seconds, busy } = group.median();
        println!(
            "{lanes:>5} {:>10.3} {:>12.1} {:>15.3} {:>10.3} {:>7.0}% {:>10.1} {:>10.1} {:>10}",
            seconds * 1e3,
            lanes as f64 / seconds,
            busy * 1e3 / lanes as f64,
            floor * 1e3,
            100.0 * floor / seconds,
            group.started,
            memory_bytes(&config, &spec, lanes)? as f64 / 1e6,
            held.map_or("?".to_owned(), |bytes| format!("{:.1}", bytes as f64 / 1e6)),
        );
    }
    Ok(())
}

/// Measurements of each group, of which the median is printed.
const ROUNDS: usize = 5;

/// Seconds of a step.
#[derive(Debug, Clone, Copy)]
struct Cost {
    seconds: f64,
    /// Of processor time.
    busy: f64,
}

/// A group in training.
struct Group {
    lanes: usize,
    trainer: TensorTrainer,
    /// Seconds until the first steps were done.
    started: f64,
    costs: Vec<Cost>,
}

impl Group {
    fn start(
        device: &OpenDevice,
        config: &Config,
        spec: &DatasetSpec,
        lanes: usize,
    ) -> Result<Self, Box<dyn Error>> {
        let start = Instant::now();
        let lane = |seed| Lane { config: config.clone(), spec: spec.clone(), seed };
        let all: Vec<_> = (0..lanes as u64).map(lane).collect();
        let states = (0..lanes as u64).map(|seed| LaneState::initial(config, spec, seed));
        let states = states.collect::<Result<_, _>>()?;
        let mut trainer = TensorTrainer::new(device, all, states, &images(config, spec))?;
        // Compiles the kernels, and records the step.
        trainer.advance(8, false)?;
        Ok(Self { lanes, trainer, started: start.elapsed().as_secs_f64(), costs: Vec::new() })
    }

    fn measure(&mut self, steps: u32) -> Result<(), Box<dyn Error>> {
        let (start, busy) = (Instant::now(), processor_seconds());
        self.trainer.advance(steps, false)?;
        let (seconds, steps) = (start.elapsed().as_secs_f64(), f64::from(steps));
        let busy = processor_seconds().zip(busy).map_or(f64::NAN, |(after, before)| after - before);
        self.costs.push(Cost { seconds: seconds / steps, busy: busy / steps });
        Ok(())
    }

    /// Each by itself.
    fn median(&self) -> Cost {
        let median = |pick: fn(&Cost) -> f64| {
            let mut all: Vec<f64> = self.costs.iter().map(pick).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        Cost { seconds: median(|cost| cost.seconds), busy: median(|cost| cost.busy) }
    }
}

/// Processor time of this process so far, where the system tells.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    // Linux counts in hundredths of a second for every program.
    Some((ticks()? + ticks()?) / 100.0)
}

/// Of drawn digits, in the shape that the config asks for.
fn spec(config: &Config) -> DatasetSpec {
    let spec = strokes::spec();
    DatasetSpec { image: DataRequest::from(&config.data).shape().unwrap_or(spec.image), ..spec }
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
