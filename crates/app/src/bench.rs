//! Measures training speed: steps of all runs per second, for a recipe on a device.

use std::path::Path;
use std::time::Instant;

use gansweep_base::host;
use gansweep_config::{Config, Experiment, LoadOptions};
use gansweep_data::{Split, strokes};
use gansweep_nn::state::LaneState;
use gansweep_train::{Lane, TrainError, Trainer, TrainingImages};

use crate::{AppError, backends};

/// Steps between two reads of the clock.
const CHUNK: u32 = 10;
/// Seconds of training before the first measurement.
const WARM_UP_SECONDS: f64 = 1.0;

/// What to measure.
#[derive(Debug, Clone)]
pub struct BenchRequest {
    /// The recipe's name.
    pub recipe: String,
    /// Number of runs trained at the same time.
    pub lanes: u32,
    /// The device's name.
    pub device: String,
    /// Threads on the CPU; 0 for one per core.
    pub threads: usize,
}

/// Running training to be measured.
pub struct Bench {
    trainer: Box<dyn Trainer>,
    lanes: u32,
    device: String,
}

impl Bench {
    /// Starts to train `lanes` runs of the recipe on images like MNIST's.
    pub fn start(request: &BenchRequest) -> Result<Self, AppError> {
        let (config, spec) = (recipe(&request.recipe)?, strokes::spec());
        let lanes: Vec<Lane> = (0..u64::from(request.lanes))
            .map(|seed| Lane { config: config.clone(), spec: spec.clone(), seed })
            .collect();
        let states = lanes.iter().map(|lane| LaneState::initial(&lane.config, &spec, lane.seed));
        let states = states.collect::<Result<_, _>>().map_err(TrainError::from)?;
        let threads = if request.threads == 0 { host::threads() } else { request.threads };
        let images = images_like_mnist(&config);
        let trainer = backends::open_trainer(&request.device, threads, lanes, states, images)?;
        let mut bench = Self { trainer, lanes: request.lanes, device: request.device.clone() };
        bench.measure(WARM_UP_SECONDS)?;
        Ok(bench)
    }

    /// Backend and device: `native on cpu`.
    pub fn arrangement(&self) -> String {
        format!("{} on {}", self.trainer.backend(), self.device)
    }

    /// Steps per second, summed over the lanes, measured for at least `seconds`.
    pub fn measure(&mut self, seconds: f64) -> Result<f64, AppError> {
        let begin = Instant::now();
        let mut steps = 0;
        while begin.elapsed().as_secs_f64() < seconds {
            self.trainer.advance(CHUNK, false)?;
            steps += CHUNK;
        }
        Ok(f64::from(self.lanes) * f64::from(steps) / begin.elapsed().as_secs_f64())
    }
}

fn recipe(name: &str) -> Result<Config, AppError> {
    let source = format!("recipe = \"{}\"\n", name.escape_default());
    Ok(Experiment::parse(Path::new("bench.toml"), source, &LoadOptions::default())?.config)
}

/// As many images as MNIST has, and as sparse: the speed of the CPU backend depends on sparsity.
fn images_like_mnist(config: &Config) -> TrainingImages {
    let images = strokes::generate(Split::Train);
    TrainingImages::first(images.count, images, config.data.pixels)
}
