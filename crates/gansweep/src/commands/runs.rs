//! `gansweep runs`: lists recorded runs.

use std::cmp::Ordering;

use clap::{Args, ValueEnum};
use gansweep_app::recorded;
use gansweep_store::{RunFilter, RunRow};

use crate::arguments::ResultsArgs;
use crate::failure::Failure;
use crate::output;

/// An order of runs other than that of the plan. Runs without a value come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunOrder {
    /// Lowest Fréchet distance first.
    Fd,
    /// Longest training first.
    Seconds,
    /// Most steps first.
    Steps,
    /// By label.
    Label,
}

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Only the runs of this sweep.
    #[arg(long, value_name = "NAME")]
    pub(crate) sweep: Option<String>,
    /// Only runs that satisfy this SQL expression on the columns of `run_overview`: `state = 'failed'`.
    #[arg(long = "where", value_name = "SQL", allow_hyphen_values = true)]
    pub(crate) where_sql: Option<String>,
    /// Order [default: that of the plan].
    #[arg(long, value_enum)]
    pub(crate) sort: Option<RunOrder>,
    /// Only the first N runs.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Runs the command.
pub(crate) fn run(args: &RunsArgs) -> Result<(), Failure> {
    let filter = RunFilter { sweep: args.sweep.clone(), where_sql: args.where_sql.clone() };
    let mut runs = recorded::list_runs(&args.results.results, &filter)?;
    if let Some(order) = args.sort {
        runs.sort_by(|one, other| order.compare(one, other));
    }
    runs.truncate(args.limit.unwrap_or(usize::MAX));
    if args.json {
        return Ok(output::print_json_lines(&runs)?);
    }
    let fd = output::numbers(&runs.iter().map(|run| run.fd).collect::<Vec<_>>());
    let rows = runs.iter().zip(fd).map(|(run, fd)| {
        vec![
            run.id.to_string(),
            run.sweep.clone().unwrap_or_default(),
            run.label.clone(),
            run.state.name().to_owned(),
            format!("{}/{}", run.step, run.total_steps),
            format!("{:.1}", run.seconds),
            fd,
            run.cause.clone().unwrap_or_default(),
        ]
    });
    let header = ["RUN", "SWEEP", "LABEL", "STATE", "STEPS", "SECONDS", "FD", "CAUSE"];
    Ok(output::print(&output::table_of_filled_columns(&header, rows.collect()))?)
}

impl RunOrder {
    fn compare(self, one: &RunRow, other: &RunRow) -> Ordering {
        match self {
            Self::Fd => known_first(one.fd, other.fd),
            Self::Seconds => other.seconds.total_cmp(&one.seconds),
            Self::Steps => other.step.cmp(&one.step),
            Self::Label => one.label.cmp(&other.label),
        }
    }
}

/// The lower value first, and what has none last.
fn known_first(one: Option<f64>, other: Option<f64>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        (one, other) => other.is_some().cmp(&one.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_without_a_value_come_last() {
        let mut values = [None, Some(2.0), Some(1.0), None, Some(3.0)];
        values.sort_by(|one, other| known_first(*one, *other));
        assert_eq!(values, [Some(1.0), Some(2.0), Some(3.0), None, None]);
    }
}
