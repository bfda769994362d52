//! Pruners decide which runs stop or pause before their budget.

mod cost;
mod halving;
mod median;
mod units;

use gansweep_config::{PlannedRun, Prune, PruneMethod, RunId, RunState};
use gansweep_protocol::Metric;
use gansweep_store::RungRow;

pub use self::cost::{EpochBounds, epoch_bounds};
pub use self::halving::RungPruner;
pub use self::median::MedianPruner;

/// Decides from recorded values which runs continue.
pub trait Pruner {
    /// The metric whose recorded values it wants to know of added runs; `None` for none.
    fn metric(&self) -> Option<Metric> {
        None
    }

    /// Takes what earlier invocations of the sweep decided. Called once, before any run is added.
    fn restore(&mut self, _rungs: Vec<RungRow>) {}

    /// Takes runs that were added to the sweep.
    fn add(&mut self, _runs: &[AddedRun<'_>]) {}

    /// Whether an added run that has begun before is trained now. Called once for each, after `add`.
    fn admits(&mut self, run: &PlannedRun, state: RunState) -> bool;

    /// The epoch at whose end a run pauses by itself when it goes on from `step`; `None` if it goes on to its budget.
    fn pauses_at(&self, _run: &RunId, _step: u64) -> Option<u32> {
        None
    }

    /// The epochs at whose ends a run may pause; the run is recorded there.
    fn rungs(&self, _run: &RunId) -> Vec<u32> {
        Vec::new()
    }

    /// Takes the values that a run recorded at the end of an epoch, and returns decisions about this or
    /// any other run. An epoch may come more than once: with other metrics, or again after a crash.
    fn observe(&mut self, report: &EpochReport<'_>) -> Vec<Decision>;

    /// Takes the end of a run in this invocation, or its pause.
    fn ended(&mut self, _run: &RunId, _state: RunState, _step: u64) {}

    /// Called when a slot is free and a run has ended or paused since the last call. `all_proposed` says that the sweep
    /// gets no more runs.
    fn on_free_slot(&mut self, _all_proposed: bool) -> Vec<Decision> {
        Vec::new()
    }

    /// Called when every run is over or paused. The sweep ends if this resumes none.
    fn on_idle(&mut self) -> Vec<Decision>;

    /// What has been decided since the last call. It is recorded before any run that it lets go on.
    fn take_rungs(&mut self) -> Vec<RungRow> {
        Vec::new()
    }
}

/// A run that was added to the sweep, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AddedRun<'a> {
    /// The run, with its largest budget.
    pub run: &'a PlannedRun,
    /// Its state with respect to this budget.
    pub state: RunState,
    /// The step that it goes on from; 0 without a checkpoint.
    pub step: u64,
    /// The step up to which it is recorded for good.
    pub confirmed_step: u64,
    /// Recorded values of the pruner's metric, by step.
    pub values: &'a [(u64, f64)],
}

/// Values that a run recorded at the end of an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochReport<'a> {
    /// The run.
    pub run: &'a PlannedRun,
    /// Epochs done.
    pub epoch: u32,
    /// Steps done.
    pub step: u64,
    /// The values, as recorded.
    pub values: &'a [(Metric, f64)],
}

/// A decision about a run. It has no effect on a run that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The run stops at a checkpoint; a later sweep may train it further.
    Stop {
        /// The run.
        run: RunId,
        /// Why; recorded with the run.
        cause: String,
    },
    /// The run waits at its checkpoint until it is resumed.
    Pause {
        /// The run.
        run: RunId,
        /// Why; recorded with the run.
        cause: String,
    },
    /// A paused run resumes from its checkpoint.
    Resume {
        /// The run.
        run: RunId,
    },
}

/// The pruner that an experiment asks for. `metric` is the one that `prune` names.
pub fn pruner_of(prune: &Prune, metric: Metric) -> Box<dyn Pruner> {
    match prune.method {
        PruneMethod::None => Box::new(NeverPrune),
        PruneMethod::Median => Box::new(MedianPruner::new(prune.clone(), metric)),
        PruneMethod::SuccessiveHalving | PruneMethod::Asha | PruneMethod::Hyperband => {
            Box::new(RungPruner::new(prune.clone(), metric))
        }
    }
}

/// Trains every run to its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NeverPrune;

impl Pruner for NeverPrune {
    fn admits(&mut self, _run: &PlannedRun, _state: RunState) -> bool {
        true
    }

    fn observe(&mut self, _report: &EpochReport<'_>) -> Vec<Decision> {
        Vec::new()
    }

    fn on_idle(&mut self) -> Vec<Decision> {
        Vec::new()
    }
}
