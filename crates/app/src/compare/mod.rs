//! Compares the configs of a sweep: means with intervals, tests against the best, what each axis explains.

mod axes;
mod configs;
mod result;
mod values;
mod variance;

use std::collections::BTreeSet;
use std::path::PathBuf;

use gansweep_protocol::{Direction, Metric};
use gansweep_statistics::Better;
use gansweep_store::{Reader, RunFilter};

pub use self::result::{AxisShare, Budget, ComparedConfig, SweepComparison, Variance};
use self::values::{Values, ranks};
use crate::AppError;

/// Which sweep to compare, and how.
#[derive(Debug, Clone)]
pub struct CompareRequest {
    /// Folder of the database.
    pub results: PathBuf,
    /// The sweep's name.
    pub sweep: String,
    /// Swept keys, full or short: configs with equal values of these count as one. Without any, each config is
    /// for itself.
    pub by: Vec<String>,
    /// Name of the metric; without it, the first recorded one that says which run is better.
    pub metric: Option<String>,
}

/// Compares the configs of a sweep.
///
/// # Errors
/// An unknown sweep or metric, a metric that no run has, a key that is not swept.
pub fn sweep(request: &CompareRequest) -> Result<SweepComparison, AppError> {
    let metric = request.metric.as_deref().map(known_metric).transpose()?;
    let reader = Reader::open(&request.results)?;
    let row = reader.sweep(&request.sweep)?;
    let rows = reader.runs(&RunFilter { sweep: Some(request.sweep.clone()), where_sql: None })?;
    let axes = axes::read(&row.axes, &rows);
    let by = axes::named(&request.by, &axes, &request.sweep)?;

    let values = Values::read(&reader, rows, &request.sweep, &by, metric)?;
    let grouped = configs::group(&values.runs, &axes, &by);
    let better = match values.metric.declaration().direction {
        Direction::Lower => Some(Better::Lower),
        Direction::Higher => Some(Better::Higher),
        Direction::Neither => None,
    };
    Ok(SweepComparison {
        sweep: request.sweep.clone(),
        metric: values.metric,
        direction: values.metric.declaration().direction,
        ranking_metrics: values.recorded.iter().copied().filter(|metric| ranks(*metric)).collect(),
        budget: values.budget,
        measured_epochs: values.measured_epochs(),
        seeds: values.runs.iter().map(|run| run.row.seed).collect::<BTreeSet<_>>().len(),
        datasets: values.runs.iter().map(|run| &run.row.data_fingerprint).collect::<BTreeSet<_>>().len(),
        comparison: gansweep_statistics::compare(&grouped.measurements, better),
        variance: variance::explain(&values.runs, &axes, &by),
        configs: grouped.configs,
    })
}

fn known_metric(name: &str) -> Result<Metric, AppError> {
    Metric::from_name(name).ok_or_else(|| AppError::UnknownMetric {
        name: name.to_owned(),
        known: Metric::ALL.iter().map(|metric| metric.name()).collect(),
    })
}
