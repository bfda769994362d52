//! The hidden command behind `just bench`: job-steps per second of a recipe on a device.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use gansweep_experiment::{Dataset, Experiment, IMAGE_PIXELS, LoadOptions, TRAIN_IMAGES};
use gansweep_gan::state::LaneState;
use gansweep_gan::trainer::{Lane, TrainingImages};
use gansweep_gan::worker;
use serde_json::json;

use crate::cli::BenchArgs;
use crate::failure::Failure;

/// Steps before the clock starts.
const WARM_UP: u32 = 10;

/// Trains `lanes` runs at the same time on synthetic images and prints one line of JSON.
pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    let source = format!("name = \"bench\"\nrecipe = \"{}\"\n", args.recipe.escape_default());
    let mut config = Experiment::parse(Path::new("bench"), source, &LoadOptions::default())?.config;
    config.data.dataset = Dataset::Strokes;
    let lanes: Vec<Lane> = (0..u64::from(args.lanes)).map(|seed| Lane { config: config.clone(), seed }).collect();
    let states = lanes.iter().map(|lane| LaneState::initial(&lane.config, lane.seed)).collect();
    let images = TrainingImages {
        dataset: Dataset::Strokes,
        bytes: Arc::new((0..TRAIN_IMAGES as usize * IMAGE_PIXELS).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()),
        count: TRAIN_IMAGES as usize,
        pixels: config.data.pixels,
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut trainer = worker::open_trainer(&args.device, threads, lanes, states, images)?;
    trainer.advance(WARM_UP, false)?;
    let begin = Instant::now();
    trainer.advance(args.steps, false)?;
    let rate = f64::from(args.lanes) * f64::from(args.steps) / begin.elapsed().as_secs_f64();
    let line = json!({
        "program": "gansweep", "recipe": args.recipe, "jobs": args.lanes,
        "arrangement": format!("{} on {}, {threads} threads", trainer.backend(), args.device),
        "job_steps_per_second": rate,
    });
    writeln!(std::io::stdout().lock(), "{line}")?;
    Ok(())
}
