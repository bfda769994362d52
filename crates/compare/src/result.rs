//! The result of a comparison.

use std::collections::BTreeMap;

use gansweep_config::{Assignment, RunId, RunState};
use gansweep_protocol::{Direction, Metric};
use gansweep_statistics::{Comparison, Effect, Noise, Share};
use gansweep_store::RunRow;
use serde::Serialize;

/// The comparison of a sweep's configs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepComparison {
    /// The sweep's name.
    pub sweep: String,
    /// What is compared.
    pub metric: Quantity,
    /// Which way it is better.
    pub direction: Direction,
    /// Recorded metrics that say which run is better.
    pub ranking_metrics: Vec<Metric>,
    /// Over how long the runs are compared.
    pub budget: Budget,
    /// Number of generated images that each value is of, for a quality figure. Figures of other numbers do not compare.
    pub images: Option<u32>,
    /// Values of the metric are the last ones up to the budget; these are the epochs of the first and the last.
    pub measured_epochs: Option<(f64, f64)>,
    /// Seeds of all runs.
    pub seeds: usize,
    /// Number of different training data sets.
    pub datasets: usize,
    /// Variants whose runs train on the fallback in place of the dataset that they set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replaced_data: Vec<ReplacedData>,
    /// What a value of the comparison is of.
    pub unit: Unit,
    /// Why configs are not tested against each other, if they are not.
    pub untested: Option<Untested>,
    /// Whether a search proposed configs by the results of earlier ones.
    pub is_proposed: bool,
    /// Whether runs are compared at several budgets each, so that their values share training.
    pub is_nested: bool,
    /// What is compared, in the order of the plan; [`GroupResult::group`](gansweep_statistics::GroupResult::group)
    /// is a place in this list.
    pub configs: Vec<ComparedConfig>,
    /// The results, the best first.
    pub comparison: Comparison,
    /// What explains the variance; `None` without an axis, or without a difference.
    pub variance: Option<Variance>,
}

/// A variant whose runs train on the fallback in place of the dataset that it sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplacedData {
    /// The variant's name.
    pub variant: String,
    /// The dataset that it sets.
    pub asked: String,
    /// The dataset that its runs train on.
    pub used: String,
}

/// What one value of a comparison is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A run.
    Run,
    /// The mean of all runs of a group with the same drawn values.
    Draw,
}

/// Why configs are not tested against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Untested {
    /// A search proposed them. Those with equal values of some keys are alike in others too, since it goes where results were
    /// good.
    Proposed,
    /// They are compared by a quality figure and train on different data, of which each has an evaluator of its own.
    OtherData,
}

/// A comparison, and what it was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// The comparison.
    pub comparison: SweepComparison,
    /// The compared runs. One that the sweep asks for with several budgets is here once, unless budgets are compared.
    pub runs: Vec<ComparedRun>,
    /// What the values of each axis do, in the order of [`Variance::axes`]; empty where there is no [`Variance`].
    pub effects: Vec<AxisEffects>,
}

/// A run in a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedRun {
    /// Its id.
    pub id: RunId,
    /// Its place in [`SweepComparison::configs`].
    pub config: usize,
    /// What it is compared by; `None` if it has no value.
    pub value: Option<f64>,
}

/// What the values of an axis do.
#[derive(Debug, Clone, PartialEq)]
pub struct AxisEffects {
    /// Its keys: several if they are zipped.
    pub keys: Vec<String>,
    /// Their short names, joined.
    pub short: String,
    /// Its values, or bins of them: numbers ascending, others in the order of the plan.
    pub levels: Vec<LevelEffect>,
}

impl AxisEffects {
    /// Leaves out the intervals, as [`Variance::leave_out_intervals`] does.
    pub(crate) fn leave_out_intervals(&mut self) {
        for effect in self.levels.iter_mut().filter_map(|level| level.effect.as_mut()) {
            effect.interval = None;
        }
    }
}

/// A value of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelEffect {
    /// As displayed: `1e-4`; `1e-4 to 5e-4` for a bin.
    pub text: String,
    /// What it does; `None` if no run with it has a value, or if the axis changes only together with others.
    pub effect: Option<Effect>,
}

/// A config, or several with equal values of the keys that the request names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedConfig {
    /// Swept keys and values in short: `lr=1e-4 hidden=128`; empty if nothing is swept.
    pub label: String,
    /// The same in full.
    pub assignments: Vec<Assignment>,
    /// Number of configs: 1 unless the request names keys.
    pub configs: usize,
    /// Number of runs, with and without a value.
    pub runs: usize,
    /// Runs without a value, by cause: a state, `not finite` or `not recorded`.
    pub without_value: BTreeMap<String, usize>,
}

/// The states of runs that pruning has kept from the epoch at which runs are compared.
const PRUNED: [&str; 2] = [RunState::Paused.name(), RunState::Pruned.name()];

impl ComparedConfig {
    /// Runs without a value that pruning has paused or ended: they have not failed.
    pub fn paused_or_pruned(&self) -> usize {
        self.causes().filter(|(cause, _)| PRUNED.contains(cause)).map(|(_, runs)| runs).sum()
    }

    /// Runs without a value that are in that state.
    pub fn in_state(&self, state: RunState) -> usize {
        self.without_value.get(state.name()).copied().unwrap_or(0)
    }

    /// Runs without a value for another reason, by cause.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&str, usize)> {
        self.causes().filter(|(cause, _)| !PRUNED.contains(cause))
    }

    fn causes(&self) -> impl Iterator<Item = (&str, usize)> {
        self.without_value.iter().map(|(cause, runs)| (cause.as_str(), *runs))
    }
}

/// Over how long runs are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Budget {
    /// The smallest budget of a run, in epochs. All runs are compared at this one.
    pub epochs: u32,
    /// The largest.
    pub largest: u32,
    /// Whether each run is compared at its own budget instead, because the request names `train.epochs`.
    pub is_own: bool,
    /// Whether each run is compared at its best checkpoint up to the budget instead.
    pub is_best: bool,
}

impl Budget {
    /// Of these runs.
    pub(super) fn of(rows: &[RunRow], is_own: bool) -> Self {
        let epochs = || rows.iter().map(|row| row.epochs);
        Self {
            epochs: epochs().min().unwrap_or(0),
            largest: epochs().max().unwrap_or(0),
            is_own,
            is_best: false,
        }
    }
}

/// What explains the variance of the values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Variance {
    /// The axes, in the order of the plan.
    pub axes: Vec<AxisShare>,
    /// What differs between configs beyond that.
    pub interactions: f64,
    /// What differs between the seeds of one config.
    pub seed: f64,
    /// What the noise was estimated from.
    pub noise_source: Noise,
}

impl Variance {
    /// Leaves out the intervals of the shares, for values that are no independent ones of configs chosen beforehand.
    pub(crate) fn leave_out_intervals(&mut self) {
        for axis in &mut self.axes {
            axis.share.interval = None;
        }
    }
}

/// What an axis explains.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AxisShare {
    /// Its keys: several if they are zipped.
    pub keys: Vec<String>,
    /// Their short names, joined.
    pub short: String,
    /// Number of groups that the values were put into, if they were too many to be compared one by one.
    pub bins: Option<usize>,
    /// Its share of the variance.
    pub share: Share,
    /// Whether all runs that have a value have the same one of its values.
    pub is_constant: bool,
}

/// What configs are compared by: a metric, or a quality figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Quantity {
    /// The name on the command line.
    pub name: &'static str,
    /// The title in tables.
    pub title: &'static str,
    /// The unit; empty for a pure number.
    pub unit: &'static str,
}

impl From<Metric> for Quantity {
    fn from(metric: Metric) -> Self {
        let declaration = metric.declaration();
        Self { name: declaration.name, title: declaration.title, unit: declaration.unit }
    }
}
