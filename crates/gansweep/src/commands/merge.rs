//! `gansweep merge`: takes the results of other machines.

use std::path::PathBuf;

use clap::Args;
use gansweep_app::AppError;
use gansweep_app::merge::{MergeOutcome, merge};
use gansweep_base::text;
use gansweep_store::StoreError;

use crate::arguments::ResultsArgs;
use crate::failure::Failure;
use crate::{messages, output};

#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// Databases, or results folders, whose checkpoints are copied too. They are only read.
    #[arg(value_name = "DATABASE|FOLDER", required = true)]
    pub(crate) others: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Conflicts and missing checkpoints that are named one by one; there may be one for each run.
const NAMED: usize = 20;

/// Runs the command.
pub(crate) fn run(args: &MergeArgs) -> Result<(), Failure> {
    let outcomes = merge(&args.results.results, &args.others).map_err(of_others)?;
    if outcomes.is_empty() {
        messages::warning(&"nothing to take over: what is named is the results folder itself");
    }
    for outcome in outcomes {
        for line in warnings(&outcome) {
            messages::warning(&line);
        }
        messages::flush();
        let MergeOutcome { from, taken, equal, kept, evaluated, .. } = outcome;
        let taken = text::count(taken, "run");
        let mut line = format!("{}: {taken} taken, {equal} the same, {kept} kept as here", from.display());
        if evaluated > 0 {
            let runs = text::count(evaluated, "run");
            line.push_str(&format!("; {runs} with quality figures of both"));
        }
        output::print(&line)?;
    }
    Ok(())
}

/// An error of a merge. A missing database is one to take from, since that of the results folder is made if it is missing.
fn of_others(error: AppError) -> Failure {
    match error {
        AppError::Store(StoreError::NoDatabase { path }) => Failure::Usage(format!(
            "no database at {}; name the results folder of another machine, or a copy of its results.sqlite",
            path.display()
        )),
        error => error.into(),
    }
}

fn warnings(outcome: &MergeOutcome) -> Vec<String> {
    let conflicts = outcome.conflicts.iter().map(|it| {
        format!(
            "run {} has {} {} here and {} in {} at step {}: the longer record is kept",
            it.run,
            it.metric.name(),
            text::exact(it.here),
            text::exact(it.there),
            outcome.from.display(),
            it.step
        )
    });
    let missing = outcome.without_checkpoint.iter().map(|(run, reason)| {
        format!("run {run} is taken without its checkpoint, so that it cannot go on: {reason}")
    });
    let here = outcome.resumable_here.iter().map(|(run, reason)| {
        format!(
            "run {run} is longer in {}, but cannot go on there, so the record here is kept: {reason}",
            outcome.from.display()
        )
    });
    let sweeps = outcome.sweeps.iter().map(|name| {
        format!(
            "sweep {name} has another experiment file in {}: its runs are those of both",
            outcome.from.display()
        )
    });
    let mut lines = named(conflicts.collect(), "conflict");
    lines.extend(named(missing.collect(), "missing checkpoint"));
    lines.extend(named(here.collect(), "missing checkpoint"));
    lines.extend(sweeps);
    lines
}

fn named(mut lines: Vec<String>, what: &str) -> Vec<String> {
    let more = lines.len().saturating_sub(NAMED);
    lines.truncate(NAMED);
    if more > 0 {
        lines.push(format!("and {} more", text::count(more, what)));
    }
    lines
}
