//! `gansweep check`: searches a results folder for damage.

use clap::Args;
use gansweep_app::check::{accept_rows, check};
use gansweep_base::text;

use crate::arguments::ResultsArgs;
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Accept the rows of the database as they are, and compute their checksums anew: after an edit by hand, or damage that no copy
    /// can repair.
    #[arg(long)]
    pub(crate) accept: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Exit code if something is damaged.
const DAMAGED: u8 = 1;

/// Runs the command; returns its exit code.
pub(crate) fn run(args: &CheckArgs) -> Result<u8, Failure> {
    let results = &args.results.results;
    let result = if args.accept { accept_rows(results)? } else { check(results)? };
    let mut lines: Vec<String> = result.damage.iter().map(ToString::to_string).collect();
    let found = match result.damage.len() {
        0 => "no damage".to_owned(),
        count => format!("{count} damaged"),
    };
    let (runs, checkpoints) =
        (text::count(result.runs, "run"), text::count(result.checkpoints, "checkpoint file"));
    lines.push(format!("{}: {runs}, {checkpoints}: {found}", result.database.display()));
    output::unless_closed(output::print(&lines.join("\n")))?;
    Ok(if result.damage.is_empty() { 0 } else { DAMAGED })
}
