//! `gansweep diff`: where runs differ, and how they ended.

use std::collections::BTreeMap;
use std::io::Write;

use gansweep_config::RunId;
use gansweep_protocol::Metric;
use gansweep_store::{Reader, RunRow};

use crate::cli::DiffArgs;
use crate::failure::Failure;
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &DiffArgs) -> Result<(), Failure> {
    let reader = Reader::open(&args.results.results)?;
    let runs = args.runs.iter().map(|id| reader.run(id)).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
    let mut rows: Vec<Vec<String>> = reader
        .diff(&ids)?
        .into_iter()
        .map(|difference| {
            let cell =
                |value: &Option<serde_json::Value>| value.as_ref().map(output::value).unwrap_or_default();
            std::iter::once(difference.key).chain(difference.values.iter().map(cell)).collect()
        })
        .collect();
    if runs.iter().any(|run| run.epochs != runs[0].epochs) {
        rows.push(row("train.epochs", &runs, |run| run.epochs.to_string()));
    }
    rows.push(row("state", &runs, |run| run.state.name().to_owned()));
    rows.push(row("seconds", &runs, |run| format!("{:.1}", run.seconds)));
    rows.extend(metric_rows(&reader, &runs)?);
    let header: Vec<&str> = std::iter::once("KEY").chain(ids.iter().map(RunId::as_str)).collect();
    writeln!(std::io::stdout().lock(), "{}", output::table(&header, rows))?;
    Ok(())
}

fn row(name: &str, runs: &[RunRow], cell: impl Fn(&RunRow) -> String) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(runs.iter().map(cell)).collect()
}

/// The last value of every metric that any of the runs has.
fn metric_rows(reader: &Reader, runs: &[RunRow]) -> Result<Vec<Vec<String>>, Failure> {
    let mut last: BTreeMap<Metric, BTreeMap<usize, f64>> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate() {
        for summary in reader.summaries(&run.id, run.total_steps)? {
            last.entry(summary.metric).or_default().insert(index, summary.last);
        }
    }
    let shown = last.into_iter().filter(|(metric, _)| metric.declaration().deterministic);
    Ok(shown
        .map(|(metric, values)| {
            let cells = (0..runs.len())
                .map(|index| values.get(&index).copied().map(output::number).unwrap_or_default());
            std::iter::once(format!("last {}", metric.name())).chain(cells).collect()
        })
        .collect())
}
