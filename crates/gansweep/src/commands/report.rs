//! `gansweep report`: writes the report page.

use std::path::PathBuf;

use clap::Args;
use gansweep_app::report::{self, ReportRequest};

use crate::arguments::{ResultsArgs, check_ending, check_folder};
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Sweeps to show; all sweeps by default.
    #[arg(value_name = "SWEEP")]
    pub(crate) named: Vec<String>,
    /// Same as SWEEP. May be repeated.
    #[arg(long = "sweep", value_name = "NAME")]
    pub(crate) sweeps: Vec<String>,
    /// Output file.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Metric to rank configs by. A sweep that has not recorded it, and every sweep without this option, is ranked by the metric of
    /// its search, or by its first recorded metric of which lower or higher is better.
    #[arg(long, value_name = "METRIC")]
    pub(crate) objective: Option<String>,
    /// Maximum size of a sweep's sample grids in the page; of larger sweeps epochs are left out, and the page says
    /// how many [default: 36]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(..1 << 40))]
    pub(crate) max_image_mb: Option<u64>,
    /// Write a folder, with the sample grids as files that the page loads as they come into view; `--out` names it.
    #[arg(long)]
    pub(crate) split: bool,
    /// Write a page without sample grids.
    #[arg(long, conflicts_with = "max_image_mb")]
    pub(crate) no_images: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Runs the command.
pub(crate) fn run(args: &ReportArgs) -> Result<(), Failure> {
    const ENDINGS: [&str; 3] = ["html", "htm", "xhtml"];
    let out = args.out.as_deref();
    match args.split {
        true => check_folder(out, "--split writes a folder", &ENDINGS)?,
        false => check_ending(out, "the page is written as HTML", &ENDINGS)?,
    }
    let page = report::make(&ReportRequest {
        results: args.results.results.clone(),
        sweeps: sweeps(args),
        out: args.out.clone(),
        objective: args.objective.clone(),
        split: args.split,
        max_image_bytes: if args.no_images { Some(0) } else { args.max_image_mb.map(|size| size << 20) },
    })?;
    Ok(output::print_path("", &std::path::absolute(&page).unwrap_or(page))?)
}

/// The sweeps that are named in either way, each once: the page would show one twice.
fn sweeps(args: &ReportArgs) -> Vec<String> {
    let mut sweeps: Vec<String> = Vec::new();
    for name in args.named.iter().chain(&args.sweeps) {
        if !sweeps.contains(name) {
            sweeps.push(name.clone());
        }
    }
    sweeps
}
