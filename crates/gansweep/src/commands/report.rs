//! `gansweep report`: writes the report page.

use std::io::Write;

use gansweep_app::report::{self, ReportRequest};

use crate::cli::ReportArgs;
use crate::failure::Failure;

/// Runs the command.
pub(crate) fn run(args: &ReportArgs) -> Result<(), Failure> {
    let page = report::make(&ReportRequest {
        results: args.results.results.clone(),
        sweeps: args.sweeps.clone(),
        out: args.out.clone(),
    })?;
    writeln!(std::io::stdout().lock(), "{}", std::path::absolute(&page).unwrap_or(page).display())?;
    Ok(())
}
