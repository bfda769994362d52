//! A run of the table, and what is asked of it.

use std::collections::{BTreeSet, HashMap};

use gansweep_config::{PlannedRun, RunId, RunState};
use gansweep_protocol::{Metric, Resume};
use gansweep_store::RunStatus;

use crate::queue::Kind;

/// A run that is asked for, once for all its budgets.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// With the largest.
    pub(super) run: PlannedRun,
    /// The others, in epochs.
    pub(super) milestones: BTreeSet<u32>,
}

/// Each run of a proposal once, in the order in which the proposal first names them.
pub(crate) fn merge_budgets(runs: Vec<PlannedRun>) -> Vec<Asked> {
    let mut places: HashMap<RunId, usize> = HashMap::with_capacity(runs.len());
    let mut merged: Vec<Asked> = Vec::with_capacity(runs.len());
    for run in runs {
        let place = *places.entry(run.id.clone()).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(asked) => asked.add(run),
            None => merged.push(Asked { run, milestones: BTreeSet::new() }),
        }
    }
    merged
}

impl Asked {
    pub(crate) const fn run(&self) -> &PlannedRun {
        &self.run
    }

    /// Takes in the same run with another budget.
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

/// Where a run stands in this invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Over before.
    Skipped(RunState),
    /// Waits for a slot, or waited when the sweep was stopped.
    Queued,
    /// Handed to a launcher; its worker has not begun.
    Pending,
    /// A worker trains it.
    Running,
    /// Waits at a checkpoint for the pruner.
    Paused,
    /// Over now.
    Over(RunState),
}

/// What the first attempt of this invocation went on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Weights,
    Checkpoint,
}

/// A run, as the table knows it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) planned: PlannedRun,
    /// The smaller budgets that are asked of the run too, in epochs.
    pub(super) milestones: BTreeSet<u32>,
    pub(super) kind: Kind,
    pub(super) phase: Phase,
    /// Last reported step.
    pub(super) step: u64,
    /// Steps that the sweep asks for; fewer once the run has ended early.
    pub(super) goal: u64,
    /// Floating-point operations of one step.
    pub(super) step_flops: f64,
    /// The checkpoint recorded last.
    pub(super) resume: Option<Resume>,
    /// Whether there was an attempt, now or before.
    pub(super) begun: bool,
    /// Whether the run was completed for a smaller budget before.
    pub(super) completed_for_less: bool,
    pub(super) first_try: Option<Start>,
    /// Attempts in a row lost to failures.
    pub(super) failures: u32,
    /// Steps in the checkpoint when the last of them was lost.
    pub(super) failed_at: u64,
    /// What the last recorded epoch gave.
    pub(super) values: Vec<(Metric, f64)>,
}

impl Entry {
    /// What is asked of a run, and what the database knows of it.
    pub(super) fn new(asked: Asked, kind: Kind, step_flops: f64, status: Option<&RunStatus>) -> Self {
        let Asked { run: planned, milestones } = asked;
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
            first_try: None,
            failures: 0,
            failed_at: 0,
            values: Vec::new(),
            planned,
        }
    }

    /// Steps in its checkpoint.
    pub(super) fn saved_step(&self) -> u64 {
        self.resume.as_ref().map_or(0, |resume| resume.checkpoint.step)
    }
}
