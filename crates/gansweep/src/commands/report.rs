//! `gansweep report`: writes the report page.

use gansweep_app::report::{self, ReportRequest};

use crate::cli::ReportArgs;
use crate::failure::Failure;
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &ReportArgs) -> Result<(), Failure> {
    let page = report::make(&ReportRequest {
        results: args.results.results.clone(),
        sweeps: args.sweeps.clone(),
        out: args.out.clone(),
        objective: args.objective.clone(),
        split: args.split,
        max_image_bytes: if args.no_images { Some(0) } else { args.max_image_mb.map(|size| size << 20) },
    })?;
    Ok(output::print_path("", &std::path::absolute(&page).unwrap_or(page))?)
}
