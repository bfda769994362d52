//! `gansweep animate`: a run's sample grids over its epochs as one animation.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gansweep_app::animate::{AnimateRequest, Format, animate};

use crate::arguments::{ResultsArgs, check_ending};
use crate::failure::Failure;
use crate::output;

/// The file format of an animation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnimationFormat {
    /// Shown everywhere.
    Gif,
    /// Lossless, and smaller.
    Webp,
}

#[derive(Debug, Args)]
pub(crate) struct AnimateArgs {
    /// The run's id, or the start of it.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// File format [default: that of the output file's name, or else gif]
    #[arg(long, value_enum)]
    pub(crate) format: Option<AnimationFormat>,
    /// How long each recorded epoch is shown; the last one five times as long.
    #[arg(long, value_name = "MS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(20..=30_000))]
    pub(crate) frame_ms: u32,
    /// Pixels of the animation per pixel of an image [default: for 280 pixels or more]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) scale: Option<u32>,
    /// Samples of the generator's weights, also where the run keeps a moving average of them.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Output file [default: animation-RUN.gif or .webp]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Runs the command.
pub(crate) fn run(args: &AnimateArgs) -> Result<(), Failure> {
    let out = args.out.as_deref();
    let format = match args.format {
        None => {
            check_ending(out, "an animation is a GIF or a WebP", &["gif", "webp"])?;
            None
        }
        Some(AnimationFormat::Gif) => {
            check_ending(out, "--format gif writes a GIF", &["gif"])?;
            Some(Format::Gif)
        }
        Some(AnimationFormat::Webp) => {
            check_ending(out, "--format webp writes a WebP", &["webp"])?;
            Some(Format::WebP)
        }
    };
    let path = animate(&AnimateRequest {
        results: args.results.results.clone(),
        run: args.run.clone(),
        raw: args.raw,
        format,
        frame_ms: args.frame_ms,
        scale: args.scale,
        out: args.out.clone(),
    })?;
    Ok(output::print_path("", &path)?)
}
