//! Compares the configs of a sweep: means with intervals, tests against the best, what each axis explains. The command
//! line and the report page show the same numbers, because both take them from here.

mod axes;
mod configs;
mod error;
mod replaced;
mod result;
pub mod sentences;
mod values;
mod variance;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use gansweep_protocol::{Direction, Metric};
use gansweep_statistics::Better;
use gansweep_store::{Reader, RunFilter, RunRow, SweepRow, TrialSource};

use self::axes::SweptAxis;
pub use self::axes::{assigned, swept_keys};
use self::configs::Grouped;
pub use self::error::CompareError;
pub use self::result::{
    Analysis, AxisEffects, AxisShare, Budget, ComparedConfig, ComparedRun, LevelEffect, Quantity,
    ReplacedData, SweepComparison, Unit, Untested, Variance,
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
    let rows = axes::with_budgets(rows);
    let axes = axes::read(&sweep.axes, &rows);
    let by = axes::named(by, &axes, &sweep.name)?;
    let is_proposed = is_proposed(reader, &sweep.name)?;
    let Values { runs, metric, recorded, budget, images } =
        Values::read(reader, rows, &sweep.name, &by, metric)?;
    let direction = metric.declaration().direction;
    let ranking_metrics = recorded.into_iter().filter(Metric::has_direction).collect();
    let compared = Compared {
        sweep,
        metric: metric.into(),
        direction,
        ranking_metrics,
        budget,
        images,
        is_figure: metric.is_figure(),
        is_proposed,
    };
    Ok(compared.by_values(&runs, &axes, &by))
}

/// Whether a search has proposed configs of the sweep by the results of others.
fn is_proposed(reader: &Reader, sweep: &str) -> Result<bool, CompareError> {
    Ok(reader.trials(sweep)?.iter().any(|trial| trial.source == TrialSource::Model))
}

/// Compares the configs of a sweep by a quality figure of `images` images of their runs' latest checkpoints. `values` has
/// one value, or why there is none, and the epoch of the checkpoint for each row. `is_best` says that these are the runs' best
/// checkpoints instead.
///
/// # Errors
///
/// A database that cannot be read.
pub fn by_figure(
    reader: &Reader,
    sweep: &SweepRow,
    figure: Metric,
    (images, is_best): (u32, bool),
    rows: Vec<RunRow>,
    values: Vec<(Result<f64, &'static str>, Option<f64>)>,
) -> Result<SweepComparison, CompareError> {
    let axes = axes::read(&sweep.axes, &rows);
    let budget = Budget::of(&rows, false);
    // The checkpoint of each is of its own budget.
    let budget = Budget { is_own: budget.largest > budget.epochs, is_best, ..budget };
    let run = |(row, (value, measured_epoch))| MeasuredRun { row, value, measured_epoch };
    let runs: Vec<MeasuredRun> = rows.into_iter().zip(values).map(run).collect();
    let compared = Compared {
        sweep,
        metric: figure.into(),
        direction: figure.declaration().direction,
        ranking_metrics: Vec::new(),
        budget,
        images: Some(images),
        is_figure: true,
        is_proposed: is_proposed(reader, &sweep.name)?,
    };
    Ok(compared.by_values(&runs, &axes, &[]).comparison)
}

/// What is compared.
struct Compared<'a> {
    sweep: &'a SweepRow,
    metric: Quantity,
    direction: Direction,
    ranking_metrics: Vec<Metric>,
    budget: Budget,
    images: Option<u32>,
    is_figure: bool,
    is_proposed: bool,
}

impl Compared<'_> {
    fn by_values(self, runs: &[MeasuredRun], axes: &[SweptAxis], by: &[String]) -> Analysis {
        let Grouped { configs, config_of_runs, unit, measurements } = configs::group(runs, axes, by);
        let better = match self.direction {
            Direction::Lower => Some(Better::Lower),
            Direction::Higher => Some(Better::Higher),
            Direction::Neither => None,
        };
        let mut comparison = gansweep_statistics::compare(&measurements, better);
        let untested = self.untested(runs, &config_of_runs, by);
        if untested.is_some() {
            comparison.leave_untested();
        }
        // Values of different evaluators differ with the data, whatever the keys do.
        let is_of_other_data = untested == Some(Untested::OtherData);
        let mut explained = if is_of_other_data { None } else { variance::explain(runs, axes, by) };
        // Each run with several budgets has several values, which are no independent ones.
        let is_nested = runs.iter().map(|run| &run.row.id).collect::<HashSet<_>>().len() < runs.len();
        if let Some((variance, effects)) = explained.as_mut().filter(|_| self.is_proposed || is_nested) {
            variance.leave_out_intervals();
            effects.iter_mut().for_each(AxisEffects::leave_out_intervals);
        }
        let (variance, effects) = explained.unzip();
        let comparison = SweepComparison {
            sweep: self.sweep.name.clone(),
            metric: self.metric,
            direction: self.direction,
            ranking_metrics: self.ranking_metrics,
            budget: self.budget,
            images: self.images,
            measured_epochs: values::measured_epochs(runs),
            seeds: runs.iter().map(|run| run.row.seed).collect::<BTreeSet<_>>().len(),
            datasets: runs.iter().map(|run| &run.row.data_fingerprint).collect::<BTreeSet<_>>().len(),
            replaced_data: replaced::replaced(&self.sweep.axes, runs),
            unit,
            untested,
            is_proposed: self.is_proposed,
            is_nested,
            configs,
            comparison,
            variance,
        };
        let run = |(run, config): (&MeasuredRun, usize)| ComparedRun {
            id: run.row.id.clone(),
            config,
            value: run.value.ok(),
        };
        Analysis {
            comparison,
            runs: runs.iter().zip(config_of_runs).map(run).collect(),
            effects: effects.unwrap_or_default(),
        }
    }

    /// Why the groups cannot be tested against each other.
    fn untested(&self, runs: &[MeasuredRun], groups: &[usize], by: &[String]) -> Option<Untested> {
        let mut data: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        for (run, group) in runs.iter().zip(groups).filter(|(run, _)| run.value.is_ok()) {
            data.entry(*group).or_default().insert(&run.row.data_fingerprint);
        }
        let mut data = data.into_values();
        let first = data.next();
        // Each dataset has an evaluator of its own.
        let is_of_other_data = self.is_figure && data.any(|other| Some(other) != first);
        let is_proposed = self.is_proposed && !by.is_empty();
        if is_of_other_data { Some(Untested::OtherData) } else { is_proposed.then_some(Untested::Proposed) }
    }
}
