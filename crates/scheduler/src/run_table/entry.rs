//! An entry of the run table.

use std::collections::{BTreeSet, HashMap};

use gansweep_config::{PlannedRun, RunId, RunState};
use gansweep_protocol::{Metric, Resume};
use gansweep_store::RunStatus;

use crate::queue::Kind;

/// A run that is asked for, with all of its budgets.
#[derive(Debug, Clone)]
pub(crate) struct RequestedRun {
    /// With the largest budget.
    pub(super) run: PlannedRun,
    /// The smaller budgets that it is shown or compared at, in epochs.
    pub(super) milestones: BTreeSet<u32>,
}

/// Merges the entries of each run, in the order in which the runs are first named.
///
/// Where budgets differ, runs are compared at the smallest of all, so that this is a milestone of every longer run.
pub(crate) fn merge_budgets(runs: Vec<PlannedRun>) -> Vec<RequestedRun> {
    let mut places: HashMap<RunId, usize> = HashMap::with_capacity(runs.len());
    let mut merged: Vec<RequestedRun> = Vec::with_capacity(runs.len());
    for run in runs {
        let place = *places.entry(run.id.clone()).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(requested) => requested.add(run),
            None => merged.push(RequestedRun { run, milestones: BTreeSet::new() }),
        }
    }
    let smallest = merged.iter().map(RequestedRun::smallest_budget).min().unwrap_or(0);
    for requested in merged.iter_mut().filter(|requested| requested.run.epochs > smallest) {
        requested.milestones.insert(smallest);
    }
    merged
}

impl RequestedRun {
    pub(crate) const fn run(&self) -> &PlannedRun {
        &self.run
    }

    fn smallest_budget(&self) -> u32 {
        self.milestones.first().copied().unwrap_or(self.run.epochs)
    }

    /// Adds another budget of the same run.
    fn add(&mut self, other: PlannedRun) {
        let smaller = self.run.epochs.min(other.epochs);
        if other.epochs > self.run.epochs {
            self.run = other;
        }
        if smaller < self.run.epochs {
            self.milestones.insert(smaller);
        }
    }
}

/// State of a run in this invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Over before the sweep.
    Skipped(RunState),
    /// In the queue, or was when the sweep was stopped.
    Queued,
    /// Launched; its worker has not started to train it.
    Pending,
    /// A worker trains it.
    Running,
    /// Stopped at a checkpoint by the pruner, which may resume it.
    Paused,
    /// Over.
    Over(RunState),
}

/// How the first attempt of this invocation began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Fresh,
    Checkpoint,
}

/// A run and its state.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) planned: PlannedRun,
    /// The smaller budgets that it is shown or compared at, in epochs.
    pub(super) milestones: BTreeSet<u32>,
    pub(super) kind: Kind,
    pub(super) phase: Phase,
    /// Last reported step.
    pub(super) step: u64,
    /// Steps to do: the budget, or fewer once the run has ended early.
    pub(super) goal: u64,
    /// Floating-point operations of one step.
    pub(super) step_flops: f64,
    /// The last recorded checkpoint.
    pub(super) resume: Option<Resume>,
    /// Whether there has been an attempt, now or before.
    pub(super) begun: bool,
    /// Whether the run was completed for a smaller budget before.
    pub(super) completed_for_less: bool,
    pub(super) first_attempt: Option<Start>,
    /// Failed attempts in a row.
    pub(super) failures: u32,
    /// Step of the checkpoint when the last of them failed.
    pub(super) failed_at: u64,
    /// Values of the last recorded epoch.
    pub(super) values: Vec<(Metric, f64)>,
}

impl Entry {
    /// A run that is asked for, with its status in the database.
    pub(super) fn new(
        requested: RequestedRun,
        kind: Kind,
        step_flops: f64,
        status: Option<&RunStatus>,
    ) -> Self {
        let RequestedRun { run: planned, milestones } = requested;
        let total = planned.total_steps();
        let over = status.map(|status| status.state_after(total)).filter(|state| state.is_final());
        let resume = status.and_then(|status| status.resume.clone());
        let step = match (over, status) {
            (Some(_), Some(status)) => status.step.min(total),
            _ => resume.as_ref().map_or(0, |resume| resume.checkpoint.step),
        };
        Self {
            milestones,
            kind,
            phase: over.map_or(Phase::Queued, Phase::Skipped),
            step,
            goal: if over == Some(RunState::Diverged) { step } else { total },
            step_flops,
            resume,
            begun: status.is_some_and(|status| status.attempts > 0),
            completed_for_less: status.is_some_and(|status| status.state == RunState::Completed),
            first_attempt: None,
            failures: 0,
            failed_at: 0,
            values: Vec::new(),
            planned,
        }
    }

    /// Step of its checkpoint; 0 without one.
    pub(super) fn saved_step(&self) -> u64 {
        self.resume.as_ref().map_or(0, |resume| resume.checkpoint.step)
    }
}
