//! The value of each run.

use std::collections::HashMap;

use gansweep_config::{RunId, RunState};
use gansweep_protocol::{Cadence, Metric};
use gansweep_store::{Reader, RunRow, StoreError, SummaryRow};

use super::axes::EPOCHS;
use super::result::Budget;
use crate::CompareError;

/// Why a run has no value whose figures are older than those of others.
pub(super) const EARLIER: &str = "with figures of earlier epochs alone";

/// The runs of a sweep and what they are compared by.
pub(super) struct Values {
    pub(super) runs: Vec<MeasuredRun>,
    pub(super) metric: Metric,
    /// The metrics that some run has a value of, in the order of tables.
    pub(super) recorded: Vec<Metric>,
    pub(super) budget: Budget,
    /// See [`SweepComparison::images`](super::SweepComparison::images).
    pub(super) images: Option<u32>,
}

/// A run and its value.
pub(super) struct MeasuredRun {
    pub(super) row: RunRow,
    /// The value, or why there is none.
    pub(super) value: Result<f64, &'static str>,
    /// When it was measured, in epochs.
    pub(super) measured_epoch: Option<f64>,
}

impl MeasuredRun {
    /// The value; NaN if there is none.
    pub(super) fn number(&self) -> f64 {
        self.value.unwrap_or(f64::NAN)
    }
}

impl Values {
    /// Reads the last values up to the common budget.
    pub(super) fn read(
        reader: &Reader,
        rows: Vec<RunRow>,
        sweep: &str,
        by: &[String],
        wanted: Option<Metric>,
    ) -> Result<Self, CompareError> {
        let budget = Budget::of(&rows, by.iter().any(|key| key == EPOCHS));
        let runs = if budget.is_own { rows } else { distinct_runs(rows) };
        let mut histories = Vec::with_capacity(runs.len());
        for row in runs {
            histories.push(History::read(reader, row, budget)?);
        }
        let has = |metric: &Metric| histories.iter().any(|history| history.summary(*metric).is_some());
        let recorded: Vec<Metric> = Metric::ALL.into_iter().filter(has).collect();
        let searched = reader.trials(sweep)?.first().and_then(|trial| Metric::from_name(&trial.metric));
        let metric = choose(sweep, wanted, searched, &recorded, budget)?;
        let comparable = comparable(reader, metric, &histories)?;
        let measured = |history: History| {
            let is_comparable = comparable.as_ref().is_none_or(|images| images.contains_key(&history.row.id));
            history.measured(metric, is_comparable)
        };
        let mut runs: Vec<MeasuredRun> = histories.into_iter().map(measured).collect();
        if metric.is_figure() && !budget.is_own {
            leave_out_earlier(&mut runs);
        }
        // Sets of runs on different data may have different numbers.
        let mut images = comparable.iter().flat_map(HashMap::values).copied();
        let first = images.next();
        let images = first.filter(|first| images.all(|other| other == *first));
        Ok(Self { runs, metric, recorded, budget, images })
    }
}

/// Leaves out the values of figures that were last computed after an earlier epoch than those of other runs: figures are seldom
/// computed, and a run without those of its last epochs has only what it once was. A run that was paused by pruning and
/// trained on without figures is such a one.
fn leave_out_earlier(runs: &mut [MeasuredRun]) {
    let measured = runs.iter().filter(|run| run.value.is_ok()).filter_map(|run| run.measured_epoch);
    let latest = measured.fold(f64::NEG_INFINITY, f64::max);
    for run in runs {
        // Epochs are computed from steps.
        let is_earlier = run.measured_epoch.is_some_and(|epoch| epoch < latest - 1e-6);
        if run.value.is_ok() && is_earlier {
            (run.value, run.measured_epoch) = (Err(EARLIER), None);
        }
    }
}

/// The epochs of the first and the last value.
pub(super) fn measured_epochs(runs: &[MeasuredRun]) -> Option<(f64, f64)> {
    let epochs = || runs.iter().filter_map(|run| run.measured_epoch);
    Some((epochs().reduce(f64::min)?, epochs().reduce(f64::max)?))
}

/// The metric of the request, or the one that the sweep's search improves, or the first recorded one that says which run is better and is not about speed. Where
/// none does, the first in the order of tables; its mean over an epoch, since a value of a single step is mostly noise.
fn choose(
    sweep: &str,
    wanted: Option<Metric>,
    searched: Option<Metric>,
    recorded: &[Metric],
    budget: Budget,
) -> Result<Metric, CompareError> {
    if let Some(metric) = wanted {
        if recorded.contains(&metric) || recorded.is_empty() {
            return Ok(metric);
        }
        return Err(CompareError::MetricNotRecorded {
            sweep: sweep.to_owned(),
            metric: metric.name(),
            epochs: budget.epochs,
            recorded: recorded.iter().map(|metric| metric.name()).collect(),
        });
    }
    if let Some(searched) = searched.filter(|metric| metric.has_direction() && recorded.contains(metric)) {
        return Ok(searched);
    }
    let objective =
        recorded.iter().find(|metric| metric.has_direction() && metric.declaration().deterministic);
    let first = recorded.first().map(|first| match first.declaration().cadence {
        Cadence::Step(mean) if recorded.contains(&mean) => mean,
        _ => *first,
    });
    Ok(objective.copied().or(first).unwrap_or(Metric::EpochDLoss))
}

/// The runs whose figures were computed in the same way, with the number of images; `None` for a metric that is no figure.
fn comparable(
    reader: &Reader,
    metric: Metric,
    histories: &[History],
) -> Result<Option<HashMap<RunId, u32>>, StoreError> {
    if !metric.is_figure() {
        return Ok(None);
    }
    let ids: Vec<RunId> = histories.iter().map(|history| history.row.id.clone()).collect();
    reader.with_comparable_figures(&ids).map(Some)
}

/// Each run once, with its smallest budget: which of its entries is compared makes no difference.
pub fn distinct_runs(rows: Vec<RunRow>) -> Vec<RunRow> {
    let mut places: HashMap<RunId, usize> = HashMap::with_capacity(rows.len());
    let mut kept: Vec<RunRow> = Vec::with_capacity(rows.len());
    for row in rows {
        match places.get(&row.id) {
            Some(place) if kept[*place].epochs > row.epochs => kept[*place] = row,
            Some(_) => {}
            None => {
                places.insert(row.id.clone(), kept.len());
                kept.push(row);
            }
        }
    }
    kept
}

/// What is recorded of a run up to the budget.
struct History {
    row: RunRow,
    /// Empty unless the run has reached the budget.
    summaries: Vec<SummaryRow>,
    /// Why it has not.
    missing: Option<&'static str>,
}

impl History {
    fn read(reader: &Reader, row: RunRow, budget: Budget) -> Result<Self, StoreError> {
        let epochs = if budget.is_own { row.epochs } else { budget.epochs };
        let steps_per_epoch = row.steps_per_epoch();
        let target = steps_per_epoch * u64::from(epochs);
        // A run with a larger budget may have diverged after the common one, which does not matter here.
        let has_reached = match row.state {
            RunState::Completed => true,
            _ => target < row.total_steps && row.step >= target,
        };
        let summaries = if has_reached { reader.summaries(&row.id, target)? } else { Vec::new() };
        let missing = (!has_reached).then(|| row.state.name());
        Ok(Self { row, summaries, missing })
    }

    fn summary(&self, metric: Metric) -> Option<&SummaryRow> {
        self.summaries.iter().find(|summary| summary.metric == metric)
    }

    fn measured(self, metric: Metric, is_comparable: bool) -> MeasuredRun {
        let summary = self.summary(metric).copied();
        let value = match (self.missing, summary) {
            (Some(state), _) => Err(state),
            (None, None) => Err("not recorded"),
            (None, Some(_)) if !is_comparable => Err("by another evaluator, or of another number of images"),
            (None, Some(summary)) if !summary.last.is_finite() => Err("not finite"),
            (None, Some(summary)) => Ok(summary.last),
        };
        let measured_epoch = summary.map(|summary| self.row.epoch_of(summary.last_step));
        MeasuredRun { row: self.row, value, measured_epoch }
    }
}
