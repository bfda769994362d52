//! `gansweep generate`: generates images from a trained run.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gansweep_app::checkpoint::WhichCheckpoint;
use gansweep_app::generate::{GenerateRequest, Generated, Output, generate};

use super::weights;
use crate::arguments::{EachImageFormat, ResultsArgs, check_ending};
use crate::failure::Failure;
use crate::progress::Display;
use crate::{messages, output, signals};

/// How images are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GeneratedFormat {
    /// One PNG with all images; at most 10,000.
    Grid,
    /// A folder with a PNG of each image.
    Folder,
    /// A NumPy file with all images as one array `[N, height, width, channels]`.
    Npz,
}

/// The most images of a grid.
const MAX_GRID: u32 = 10_000;

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The run's id, or the start of it.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Number of images.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) count: u32,
    /// Class of all images, by its number or name; only of conditional models [default: all classes in turn].
    #[arg(long, value_name = "CLASS")]
    pub(crate) class: Option<String>,
    /// Output format [default: npz if --out ends in .npz, folder if it is a folder or ends in a slash, otherwise grid].
    #[arg(long, value_enum)]
    pub(crate) format: Option<GeneratedFormat>,
    /// Images per row of a grid [default: one for each class in turn, else the square root of the count].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) cols: Option<u32>,
    /// Go from one image to another in each row of the grid, over latents that lie between theirs.
    #[arg(long)]
    pub(crate) interpolate: bool,
    /// Seed; the same seed gives the same images.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Draw with the generator's weights, also where the run keeps a moving average of them.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Draw with the run's best checkpoint (`record.best`) instead of the last one.
    #[arg(long)]
    pub(crate) best: bool,
    /// Output file or folder [default: generated-RUN.png, generated-RUN or generated-RUN.npz].
    #[arg(long, short, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Runs the command.
pub(crate) fn run(args: &GenerateArgs) -> Result<(), Failure> {
    let output = output(args)?;
    let stop = signals::stop_flag_or_end().map_err(Failure::Signals)?;
    let mut display = Display::new(false);
    let Generated { path, epoch, source } = generate(
        &GenerateRequest {
            results: args.results.results.clone(),
            run: args.run.clone(),
            count: args.count,
            class: args.class.clone(),
            seed: args.seed,
            raw: args.raw,
            checkpoint: WhichCheckpoint::best_if(args.best),
            output,
            out: args.out.clone(),
        },
        &stop,
        &mut display,
    )?;
    display.finish();
    messages::print(&format!(
        "drawn with {} {}",
        weights::of_generator(source),
        weights::after(epoch, args.best)
    ));
    Ok(output::print_path("", &path)?)
}

/// What is written: what was asked for, or what the output's name says.
fn output(args: &GenerateArgs) -> Result<Output, Failure> {
    let out = args.out.as_deref();
    let each = match args.format {
        Some(GeneratedFormat::Grid) => None,
        Some(GeneratedFormat::Folder) => Some(EachImageFormat::Folder),
        Some(GeneratedFormat::Npz) => Some(EachImageFormat::Npz),
        None => out.and_then(EachImageFormat::of_name),
    };
    if let Some(each) = each {
        let of_grid = [("--cols", args.cols.is_some()), ("--interpolate", args.interpolate)];
        if let Some((option, _)) = of_grid.into_iter().find(|(_, is_given)| *is_given) {
            return Err(Failure::Usage(format!("{option} is for --format grid; omit it")));
        }
        return Ok(Output::Each(each.checked(out)?));
    }
    let endings =
        "images are written as one PNG, with --format folder as one each, and with --format npz as an array";
    // An output that ends in .npz is none by now, unless a grid was asked for.
    let known: &[&str] = if args.format.is_some() { &["png"] } else { &["png", "npz"] };
    check_ending(out, endings, known)?;
    if args.interpolate && (args.count < 2 || args.cols == Some(1)) {
        return Err(Failure::Usage(
            "--interpolate goes from one image to another: ask for two or more in a row".to_owned(),
        ));
    }
    if args.count > MAX_GRID {
        return Err(Failure::Usage(format!(
            "a grid has at most {MAX_GRID} images; write {} with --format folder or --format npz",
            args.count
        )));
    }
    Ok(Output::Grid { cols: args.cols, between: args.interpolate })
}
