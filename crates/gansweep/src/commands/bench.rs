//! `gansweep bench` (hidden, used by `just bench`): training speed of a recipe on a device.

use std::io::{BufRead, Write, stdin};

use clap::Args;
use gansweep_app::bench::{Bench, BenchRequest};
use serde_json::json;

use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// The recipe.
    #[arg(long, default_value = "jovian")]
    pub(crate) recipe: String,
    /// Number of runs trained at the same time.
    #[arg(long, default_value_t = 1)]
    pub(crate) lanes: u32,
    /// The device.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// CPU threads; 0 for one per core.
    #[arg(long, default_value_t = 0)]
    pub(crate) threads: usize,
    /// Seconds per measurement.
    #[arg(long, default_value_t = 4.0)]
    pub(crate) seconds: f64,
    /// Number of measurements; with `--interactive`, one per input line instead.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: u32,
    /// Start each measurement when a line arrives on stdin, so that a script can alternate programs.
    #[arg(long)]
    pub(crate) interactive: bool,
}

/// Trains `lanes` runs at the same time on images like MNIST's and prints one JSON line per round.
pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    let mut bench = Bench::start(&BenchRequest {
        recipe: args.recipe.clone(),
        lanes: args.lanes,
        device: args.device.clone(),
        threads: args.threads,
    })?;
    let mut rounds: Box<dyn Iterator<Item = ()>> = match args.interactive {
        true => Box::new(stdin().lock().lines().map_while(Result::ok).map(drop)),
        false => Box::new((0..args.rounds).map(drop)),
    };
    rounds.try_for_each(|()| {
        let rate = bench.measure(args.seconds)?;
        let line = json!({
            "program": "gansweep", "recipe": args.recipe, "jobs": args.lanes, "arrangement": bench.arrangement(),
            "job_steps_per_second": (rate * 100.0).round() / 100.0,
        });
        let end = if args.interactive { "\n" } else { "" };
        Ok(writeln!(output::stdout(), "{line}{end}")?)
    })
}
