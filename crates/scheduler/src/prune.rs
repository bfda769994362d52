//! Pruners: which runs end, or wait, before their last step.

use gansweep_config::{PlannedRun, RunId, RunState};
use gansweep_protocol::Metric;

/// Decides, from what runs record, which of them go on.
pub trait Pruner {
    /// Takes the values that a run has recorded at the end of an epoch, and decides about it or about
    /// any other run. An epoch may come more than once: with further metrics, or again after a crash.
    fn observe(&mut self, report: &EpochReport<'_>) -> Vec<Decision>;

    /// Whether a run that an earlier sweep left paused or pruned goes on in this one.
    fn admits(&mut self, run: &PlannedRun, state: RunState) -> bool;

    /// Decides once more when every run is over or paused. The sweep ends if this resumes none.
    fn on_idle(&mut self) -> Vec<Decision>;
}

/// What a run has recorded at the end of an epoch.
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

/// A decision about a run; one about a run that is over changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The run ends here, with its checkpoint; a later sweep may let it go on.
    Stop {
        /// Which.
        run: RunId,
        /// Why; recorded with the run.
        cause: String,
    },
    /// The run waits at its checkpoint until it is resumed.
    Pause {
        /// Which.
        run: RunId,
        /// Why; recorded with the run.
        cause: String,
    },
    /// A paused run goes on from its checkpoint.
    Resume {
        /// Which.
        run: RunId,
    },
}

/// Lets every run go on to its last step.
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
