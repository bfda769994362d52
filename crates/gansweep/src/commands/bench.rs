//! The hidden command behind `just bench`: job-steps per second of a recipe on a device.

use std::io::{BufRead, Write, stdin, stdout};
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Instant;

use gansweep_app::backends;
use gansweep_config::{Config, Dataset, Experiment, LoadOptions};
use gansweep_data::{Split, strokes};
use gansweep_nn::state::LaneState;
use gansweep_train::{Lane, Trainer, TrainingImages};
use serde_json::json;

use crate::cli::BenchArgs;
use crate::failure::Failure;

/// Steps between two looks at the clock.
const CHUNK: u32 = 10;

/// Trains `lanes` runs at the same time on images like MNIST's and prints a line of JSON per round.
pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    let config = recipe(&args.recipe)?;
    let lanes: Vec<Lane> =
        (0..u64::from(args.lanes)).map(|seed| Lane { config: config.clone(), seed }).collect();
    let states = lanes.iter().map(|lane| LaneState::initial(&lane.config, lane.seed)).collect();
    let cores = || available_parallelism().map_or(1, NonZero::get);
    let threads = if args.threads == 0 { cores() } else { args.threads };
    let mut trainer =
        backends::open_trainer(&args.device, threads, lanes, states, images_like_mnist(&config))?;
    steps_per_second(&mut *trainer, 1.0)?;

    let arrangement = format!("{} on {}", trainer.backend(), args.device);
    let mut rounds: Box<dyn Iterator<Item = ()>> = match args.interactive {
        true => Box::new(stdin().lock().lines().map_while(Result::ok).map(drop)),
        false => Box::new((0..args.rounds).map(drop)),
    };
    rounds.try_for_each(|()| {
        let rate = f64::from(args.lanes) * steps_per_second(&mut *trainer, args.seconds)?;
        let line = json!({
            "program": "gansweep", "recipe": args.recipe, "jobs": args.lanes, "arrangement": arrangement,
            "job_steps_per_second": (rate * 100.0).round() / 100.0,
        });
        let end = if args.interactive { "\n" } else { "" };
        Ok(writeln!(stdout().lock(), "{line}{end}")?)
    })
}

fn recipe(name: &str) -> Result<Config, Failure> {
    let source = format!("recipe = \"{}\"\n", name.escape_default());
    Ok(Experiment::parse(Path::new("bench.toml"), source, &LoadOptions::default())?.config)
}

/// As many images as MNIST has, with as much ink on them, which the speed depends on.
fn images_like_mnist(config: &Config) -> TrainingImages {
    let images = strokes::generate(Split::Train);
    TrainingImages {
        dataset: Dataset::Strokes,
        count: images.count,
        bytes: Arc::new(images.pixels),
        pixels: config.data.pixels,
    }
}

/// Steps per second of every lane, over at least so many seconds.
fn steps_per_second(trainer: &mut dyn Trainer, seconds: f64) -> Result<f64, Failure> {
    let begin = Instant::now();
    let mut steps = 0;
    while begin.elapsed().as_secs_f64() < seconds {
        trainer.advance(CHUNK, false)?;
        steps += CHUNK;
    }
    Ok(f64::from(steps) / begin.elapsed().as_secs_f64())
}
