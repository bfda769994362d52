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
use gansweep_store::{Reader, RunFilter, RunRow, SweepRow};

use self::axes::SweptAxis;
use self::configs::Grouped;
pub use self::result::{AxisShare, Budget, ComparedConfig, Quantity, SweepComparison, Variance};
pub(crate) use self::values::distinct_runs;
use self::values::{MeasuredRun, Values, ranks};
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

    let Values { runs, metric, recorded, budget } = Values::read(&reader, rows, &request.sweep, &by, metric)?;
    let direction = metric.declaration().direction;
    let ranking_metrics = recorded.into_iter().filter(|metric| ranks(*metric)).collect();
    let compared =
        Compared { sweep: &request.sweep, metric: metric.into(), direction, ranking_metrics, budget };
    Ok(compared.by_values(&runs, &axes, &by))
}

/// Compares the configs of a sweep by a quality figure of their runs' latest checkpoints. `values` has one value, or
/// why there is none, and the epoch of the checkpoint for each row.
pub(crate) fn by_figure(
    sweep: &SweepRow,
    figure: Metric,
    rows: Vec<RunRow>,
    values: Vec<(Result<f64, &'static str>, Option<f64>)>,
) -> SweepComparison {
    let axes = axes::read(&sweep.axes, &rows);
    let budget = Budget::of(&rows, false);
    let run = |(row, (value, measured_epoch))| MeasuredRun { row, value, measured_epoch };
    let runs: Vec<MeasuredRun> = rows.into_iter().zip(values).map(run).collect();
    let (metric, direction) = (figure.into(), figure.declaration().direction);
    let compared = Compared { sweep: &sweep.name, metric, direction, ranking_metrics: Vec::new(), budget };
    compared.by_values(&runs, &axes, &[])
}

/// What is compared.
struct Compared<'a> {
    sweep: &'a str,
    metric: Quantity,
    direction: Direction,
    ranking_metrics: Vec<Metric>,
    budget: Budget,
}

impl Compared<'_> {
    fn by_values(self, runs: &[MeasuredRun], axes: &[SweptAxis], by: &[String]) -> SweepComparison {
        let Grouped { configs, measurements } = configs::group(runs, axes, by);
        let better = match self.direction {
            Direction::Lower => Some(Better::Lower),
            Direction::Higher => Some(Better::Higher),
            Direction::Neither => None,
        };
        SweepComparison {
            sweep: self.sweep.to_owned(),
            metric: self.metric,
            direction: self.direction,
            ranking_metrics: self.ranking_metrics,
            budget: self.budget,
            measured_epochs: values::measured_epochs(runs),
            seeds: runs.iter().map(|run| run.row.seed).collect::<BTreeSet<_>>().len(),
            datasets: runs.iter().map(|run| &run.row.data_fingerprint).collect::<BTreeSet<_>>().len(),
            configs,
            comparison: gansweep_statistics::compare(&measurements, better),
            variance: variance::explain(runs, axes, by),
        }
    }
}

fn known_metric(name: &str) -> Result<Metric, AppError> {
    Metric::from_name(name).ok_or_else(|| AppError::UnknownMetric {
        name: name.to_owned(),
        known: Metric::ALL.iter().map(|metric| metric.name()).collect(),
    })
}
