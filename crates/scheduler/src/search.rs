//! Searchers: which runs a sweep has.

use gansweep_config::{PlannedRun, RunState};
use gansweep_protocol::Metric;

/// Proposes the runs of a sweep while it goes on.
pub trait Searcher {
    /// The next runs. Asked at the beginning of the sweep, and whenever a slot is free and no run
    /// waits for one; `wanted` is how many runs could begin at once. A run that the sweep has
    /// already is passed over.
    fn ask(&mut self, wanted: usize) -> Proposal;

    /// Takes the result of a run that is over: completed, diverged, pruned or failed. A run that was
    /// over before the sweep began is told as soon as it is proposed.
    fn tell(&mut self, result: &RunResult<'_>);
}

/// The answer of a [`Searcher`].
#[derive(Debug, Clone, PartialEq)]
pub enum Proposal {
    /// Runs to train, in the order of the plan. A run that is asked for several budgets stands in it
    /// for each: it is trained to the largest, and recorded where the others end as it is at its own
    /// end.
    Runs(Vec<PlannedRun>),
    /// None until another result is told.
    Later,
    /// None ever again.
    Done,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunResult<'a> {
    /// The run.
    pub run: &'a PlannedRun,
    /// Completed, diverged, pruned or failed.
    pub state: RunState,
    /// Steps done.
    pub step: u64,
    /// The values of its last recorded epoch in this sweep; empty if it has recorded none.
    pub values: &'a [(Metric, f64)],
}

/// Proposes all runs of a plan at once, so that the queue can begin with the longest.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRuns(Option<Vec<PlannedRun>>);

impl PlannedRuns {
    /// Of that plan.
    pub fn new(runs: Vec<PlannedRun>) -> Self {
        Self(Some(runs))
    }
}

impl Searcher for PlannedRuns {
    fn ask(&mut self, _wanted: usize) -> Proposal {
        self.0.take().map_or(Proposal::Done, Proposal::Runs)
    }

    fn tell(&mut self, _result: &RunResult<'_>) {}
}
