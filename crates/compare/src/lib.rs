//! Compares the configs of a sweep: means with intervals, tests against the best, what each axis explains. The command
//! line and the report page show the same numbers, because both take them from here.

mod axes;
mod configs;
mod error;
mod result;
pub mod sentences;
mod values;
mod variance;

use std::collections::BTreeSet;

use gansweep_protocol::{Direction, Metric};
use gansweep_statistics::{Better, Measurement};
use gansweep_store::{Reader, RunFilter, RunRow, SweepRow};

use self::axes::SweptAxis;
use self::configs::Grouped;
pub use self::error::CompareError;
pub use self::result::{
    Analysis, AxisEffects, AxisShare, Budget, ComparedConfig, ComparedRun, LevelEffect, Quantity,
    SweepComparison, Variance,
};
pub use self::values::distinct_runs;
use self::values::{MeasuredRun, Values};

/// Compares the configs of a sweep. `by` are swept keys, full or short: configs with equal values of these count as one;
/// without any, each config is for itself. Without a metric, the first recorded one that says which run is better.
///
/// # Errors
///
/// An unknown sweep, a metric that no run has, a key that is not swept, a database that cannot be read.
pub fn sweep(
    reader: &Reader,
    name: &str,
    by: &[String],
    metric: Option<Metric>,
) -> Result<SweepComparison, CompareError> {
    let row = reader.sweep(name)?;
    let rows = reader.runs(&RunFilter { sweep: Some(name.to_owned()), where_sql: None })?;
    Ok(analyse(reader, &row, rows, by, metric)?.comparison)
}

/// As [`sweep`], of runs that are read already, and with what the comparison was made of.
///
/// # Errors
///
/// See [`sweep`].
pub fn analyse(
    reader: &Reader,
    sweep: &SweepRow,
    rows: Vec<RunRow>,
    by: &[String],
    metric: Option<Metric>,
) -> Result<Analysis, CompareError> {
    let axes = axes::read(&sweep.axes, &rows);
    let by = axes::named(by, &axes, &sweep.name)?;
    let Values { runs, metric, recorded, budget, images } =
        Values::read(reader, rows, &sweep.name, &by, metric)?;
    let direction = metric.declaration().direction;
    let ranking_metrics = recorded.into_iter().filter(Metric::has_direction).collect();
    let metric = metric.into();
    let compared = Compared { sweep: &sweep.name, metric, direction, ranking_metrics, budget, images };
    Ok(compared.by_values(&runs, &axes, &by))
}

/// Compares the configs of a sweep by a quality figure of `images` images of their runs' latest checkpoints. `values` has
/// one value, or why there is none, and the epoch of the checkpoint for each row.
pub fn by_figure(
    sweep: &SweepRow,
    figure: Metric,
    images: u32,
    rows: Vec<RunRow>,
    values: Vec<(Result<f64, &'static str>, Option<f64>)>,
) -> SweepComparison {
    let axes = axes::read(&sweep.axes, &rows);
    let budget = Budget::of(&rows, false);
    // The checkpoint of each is of its own budget.
    let budget = Budget { is_own: budget.largest > budget.epochs, ..budget };
    let run = |(row, (value, measured_epoch))| MeasuredRun { row, value, measured_epoch };
    let runs: Vec<MeasuredRun> = rows.into_iter().zip(values).map(run).collect();
    let (metric, direction) = (figure.into(), figure.declaration().direction);
    let ranking_metrics = Vec::new();
    let images = Some(images);
    let compared = Compared { sweep: &sweep.name, metric, direction, ranking_metrics, budget, images };
    compared.by_values(&runs, &axes, &[]).comparison
}

/// What is compared.
struct Compared<'a> {
    sweep: &'a str,
    metric: Quantity,
    direction: Direction,
    ranking_metrics: Vec<Metric>,
    budget: Budget,
    images: Option<u32>,
}

impl Compared<'_> {
    fn by_values(self, runs: &[MeasuredRun], axes: &[SweptAxis], by: &[String]) -> Analysis {
        let Grouped { configs, measurements } = configs::group(runs, axes, by);
        let better = match self.direction {
            Direction::Lower => Some(Better::Lower),
            Direction::Higher => Some(Better::Higher),
            Direction::Neither => None,
        };
        let (variance, effects) = variance::explain(runs, axes, by).unzip();
        let comparison = SweepComparison {
            sweep: self.sweep.to_owned(),
            metric: self.metric,
            direction: self.direction,
            ranking_metrics: self.ranking_metrics,
            budget: self.budget,
            images: self.images,
            measured_epochs: values::measured_epochs(runs),
            seeds: runs.iter().map(|run| run.row.seed).collect::<BTreeSet<_>>().len(),
            datasets: runs.iter().map(|run| &run.row.data_fingerprint).collect::<BTreeSet<_>>().len(),
            configs,
            comparison: gansweep_statistics::compare(&measurements, better),
            variance,
        };
        let run = |(run, measurement): (&MeasuredRun, &Measurement)| ComparedRun {
            id: run.row.id.clone(),
            config: measurement.group,
            value: run.value.ok(),
        };
        Analysis {
            comparison,
            runs: runs.iter().zip(&measurements).map(run).collect(),
            effects: effects.unwrap_or_default(),
        }
    }
}
