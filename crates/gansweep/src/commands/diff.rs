//! `gansweep diff`: compares settings and results of runs.

use clap::Args;
use gansweep_app::recorded::{self, Comparison};
use gansweep_base::text;
use gansweep_store::{KeyDifference, RunRow};
use serde_json::Value;

use crate::arguments::ResultsArgs;
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// Ids of two or more runs, or the starts of them.
    #[arg(value_name = "RUN", num_args = 2.., required = true)]
    pub(crate) runs: Vec<String>,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Runs the command.
pub(crate) fn run(args: &DiffArgs) -> Result<(), Failure> {
    let Comparison { runs, differences, last_values } =
        recorded::compare_runs(&args.results.results, &args.runs)?;
    let number = |number: &Option<f64>| number.map(text::measured).unwrap_or_default();
    let mut rows = vec![row("label".to_owned(), &runs, |run: &RunRow| run.label.clone())];
    for KeyDifference { key, values } in &differences {
        let values: Vec<Option<&Value>> = values.iter().map(Option::as_ref).collect();
        rows.extend(output::setting(key, output::value_rows(key, &values)));
    }
    if runs.iter().any(|run| run.epochs != runs[0].epochs) {
        rows.push(row("train.epochs".to_owned(), &runs, |run: &RunRow| run.epochs.to_string()));
    }
    rows.push(row("state".to_owned(), &runs, |run: &RunRow| run.state.name().to_owned()));
    rows.push(row("seconds".to_owned(), &runs, |run: &RunRow| format!("{:.1}", run.seconds)));
    rows.extend(last_values.iter().map(|it| row(format!("last {}", it.metric.name()), &it.values, number)));
    let header: Vec<&str> = std::iter::once("KEY").chain(runs.iter().map(|run| run.id.as_str())).collect();
    Ok(output::print(&output::table(&header, rows))?)
}

/// A row: its name and one cell per run.
fn row<T>(name: String, items: &[T], cell: impl Fn(&T) -> String) -> Vec<String> {
    std::iter::once(name).chain(items.iter().map(cell)).collect()
}
