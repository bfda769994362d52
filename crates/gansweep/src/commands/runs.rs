//! `gansweep runs`: lists recorded runs.

use clap::Args;
use gansweep_app::recorded;
use gansweep_store::RunFilter;

use crate::arguments::ResultsArgs;
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Only the runs of this sweep.
    #[arg(long, value_name = "NAME")]
    pub(crate) sweep: Option<String>,
    /// Only runs that satisfy this SQL expression on the columns of `run_overview`: `state = 'failed'`.
    #[arg(long = "where", value_name = "SQL", allow_hyphen_values = true)]
    pub(crate) where_sql: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Runs the command.
pub(crate) fn run(args: &RunsArgs) -> Result<(), Failure> {
    let filter = RunFilter { sweep: args.sweep.clone(), where_sql: args.where_sql.clone() };
    let runs = recorded::list_runs(&args.results.results, &filter)?;
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
