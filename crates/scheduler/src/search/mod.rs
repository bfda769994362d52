//! Searchers propose the runs of a sweep.

mod adaptive;
mod trial;

use gansweep_config::{PlannedRun, RunState};
use gansweep_protocol::Metric;
use gansweep_store::TrialRow;

pub use self::adaptive::{AdaptiveSearch, BestTrial};

/// Proposes the runs of a sweep while it goes on.
pub trait Searcher {
    /// Proposes the next runs. Called at the start of the sweep, and whenever a slot is free and no run is
    /// queued; `wanted` is the number of runs that could begin now. Runs that the sweep already has are
    /// ignored.
    fn ask(&mut self, wanted: usize) -> Proposal;

    /// Takes the result of a run that is over: completed, diverged, pruned or failed; or paused, and again once it
    /// has gone on. For a run that was so before the sweep, this is called as soon as it is proposed.
    fn tell(&mut self, result: &RunResult<'_>);

    /// Whether it has proposed all of its runs, for a sweep that ends without asking again.
    fn is_done(&self) -> bool;

    /// The metric whose recorded values it needs.
    fn metric(&self) -> Option<Metric> {
        None
    }
}

/// Answer of a [`Searcher`].
#[derive(Debug, Clone, PartialEq)]
pub enum Proposal {
    /// Runs to train, in the order of the plan. A run with several budgets is listed once for each: it is
    /// trained to the largest, and recorded at the end of each other as at its own end.
    Runs(Vec<PlannedRun>),
    /// The same, with trials to record. The first proposal has all trials, those of earlier sweeps included.
    Trials(ProposedTrials),
    /// None until another run is over.
    Later,
    /// None any more.
    Done,
}

/// Trials, and the runs that they consist of.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposedTrials {
    /// For the record.
    pub trials: Vec<TrialRow>,
    /// To train, in the order of the plan.
    pub runs: Vec<PlannedRun>,
}

/// Result of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunResult<'a> {
    /// The run.
    pub run: &'a PlannedRun,
    /// Completed, diverged, pruned, failed or paused.
    pub state: RunState,
    /// Steps done.
    pub step: u64,
    /// Values of the last epoch that it recorded in this sweep; empty if there is none.
    pub values: &'a [(Metric, f64)],
    /// All recorded values of [`Searcher::metric`], by step.
    pub recorded: &'a [(u64, f64)],
}

/// Proposes all runs of a plan at once: the queue can begin with the longest only if it has all.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRuns(Option<Vec<PlannedRun>>);

impl PlannedRuns {
    /// A searcher for these runs.
    pub fn new(runs: Vec<PlannedRun>) -> Self {
        Self(Some(runs))
    }
}

impl Searcher for PlannedRuns {
    fn ask(&mut self, _wanted: usize) -> Proposal {
        self.0.take().map_or(Proposal::Done, Proposal::Runs)
    }

    fn tell(&mut self, _result: &RunResult<'_>) {}

    fn is_done(&self) -> bool {
        self.0.is_none()
    }
}
