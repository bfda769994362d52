//! `gansweep generate`: generates images from a trained run.

use std::path::PathBuf;

use clap::Args;
use gansweep_app::checkpoint::WhichCheckpoint;
use gansweep_app::generate::{GenerateRequest, generate};

use crate::arguments::{ResultsArgs, check_ending};
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The run's id, or the start of it.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Number of images.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) count: u32,
    /// Class of all images, by its number or name; only of conditional models [default: all classes in turn].
    #[arg(long, value_name = "CLASS")]
    pub(crate) class: Option<String>,
    /// Images per row [default: one for each class in turn, else the square root of the count].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) cols: Option<u32>,
    /// Seed; the same seed gives the same images.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Draw with the generator's weights, also where the run keeps a moving average of them.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Draw with the run's best checkpoint (`record.best`) instead of the last one.
    #[arg(long)]
    pub(crate) best: bool,
    /// Output file [default: generated-RUN.png].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Runs the command.
pub(crate) fn run(args: &GenerateArgs) -> Result<(), Failure> {
    check_ending(args.out.as_deref(), "images are written as PNG", &["png"])?;
    let path = generate(&GenerateRequest {
        results: args.results.results.clone(),
        run: args.run.clone(),
        count: args.count,
        class: args.class.clone(),
        cols: args.cols,
        seed: args.seed,
        raw: args.raw,
        checkpoint: WhichCheckpoint::best_if(args.best),
        out: args.out.clone(),
    })?;
    Ok(output::print_path("", &path)?)
}
