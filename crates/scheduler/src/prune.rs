//! Pruners decide which runs stop or pause before their budget.

use gansweep_config::{PlannedRun, RunId, RunState};
use gansweep_protocol::Metric;

/// Decides from recorded values which runs continue.
pub trait Pruner {
    /// Takes the values that a run recorded at the end of an epoch, and returns decisions about this or
    /// any other run. An epoch may come more than once: with other metrics, or again after a crash.
    fn observe(&mut self, report: &EpochReport<'_>) -> Vec<Decision>;

    /// Whether a run that an earlier sweep left paused or pruned is trained in this one.
    fn admits(&mut self, run: &PlannedRun, state: RunState) -> bool;

    /// Called when every run is over or paused. The sweep ends if this resumes none.
    fn on_idle(&mut self) -> Vec<Decision>;
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

/// Trains every run to its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NeverPrune;

impl Pruner for NeverPrune {
    fn observe(&mut self, _report: &EpochReport<'_>) -> Vec<Decision> {
        Vec::new()
    }

    fn admits(&mut self, _run: &PlannedRun, _state: RunState) -> bool {
        true
    }

    fn on_idle(&mut self) -> Vec<Decision> {
        Vec::new()
    }
}
