//! The state of every run of the sweep.
//!
//! The table grows while the sweep runs. Operations at a tick or an event take constant time in the number
//! of runs: totals are updated with each change.

mod entry;
mod totals;

use std::collections::HashMap;

use gansweep_config::{GroupKey, PlannedRun, RunId, RunState};
use gansweep_protocol::{Checkpoint, Metric, Resume};
use gansweep_store::RunStatus;

use self::entry::{Entry, Start};
pub(crate) use self::entry::{Phase, RequestedRun, merge_budgets};
use self::totals::Totals;
use crate::queue::{Candidate, Kind, kind_of};
use crate::{RunName, StepFlops, Summary, SweepProgress};

/// The runs of a sweep, numbered in the order in which they were added.
#[derive(Debug)]
pub(crate) struct RunTable {
    step_flops: StepFlops,
    entries: Vec<Entry>,
    places: HashMap<RunId, usize>,
    kinds: HashMap<GroupKey, Kind>,
    totals: Totals,
}

impl RunTable {
    /// An empty table.
    pub(crate) fn new(step_flops: StepFlops) -> Self {
        Self {
            step_flops,
            entries: Vec::new(),
            places: HashMap::new(),
            kinds: HashMap::new(),
            totals: Totals::default(),
        }
    }

    /// Adds a run with its status in the database, and returns its number; `None` if the table has it.
    pub(crate) fn add(&mut self, requested: RequestedRun, status: Option<&RunStatus>) -> Option<usize> {
        let run = self.entries.len();
        if self.places.contains_key(&requested.run.id) {
            return None;
        }
        let kind = kind_of(&mut self.kinds, &requested.run);
        self.places.insert(requested.run.id.clone(), run);
        let step_flops = (self.step_flops)(&requested.run);
        let entry = Entry::new(requested, kind, step_flops, status);
        self.totals.add(&entry);
        self.entries.push(entry);
        Some(run)
    }

    /// Number of kinds; kinds are numbered from 0.
    pub(crate) fn kinds(&self) -> usize {
        self.kinds.len()
    }

    pub(crate) fn kind(&self, run: usize) -> Kind {
        self.entries[run].kind
    }

    pub(crate) fn place(&self, id: &RunId) -> Option<usize> {
        self.places.get(id).copied()
    }

    pub(crate) fn planned(&self, run: usize) -> &PlannedRun {
        &self.entries[run].planned
    }

    pub(crate) fn name(&self, run: usize) -> RunName {
        let PlannedRun { id, label, .. } = &self.entries[run].planned;
        RunName { id: id.clone(), label: label.clone() }
    }

    pub(crate) fn names(&self, runs: impl IntoIterator<Item = usize>) -> Vec<RunName> {
        runs.into_iter().map(|run| self.name(run)).collect()
    }

    pub(crate) fn phase(&self, run: usize) -> Phase {
        self.entries[run].phase
    }

    /// The run as an element of the queue.
    pub(crate) fn candidate(&self, run: usize) -> Candidate {
        let Entry { planned, kind, step, goal, step_flops, .. } = &self.entries[run];
        let flops = step_flops * goal.saturating_sub(*step) as f64;
        Candidate::new(run, *kind, planned, *step, flops)
    }

    pub(crate) fn checkpoint(&self, run: usize) -> Option<&Checkpoint> {
        self.entries[run].resume.as_ref().map(|resume| &resume.checkpoint)
    }

    /// What the run's next attempt resumes from.
    pub(crate) fn resume(&self, run: usize) -> Option<&Resume> {
        self.entries[run].resume.as_ref()
    }

    /// Whether the run is completed for a smaller budget and has to begin anew for its own.
    pub(crate) fn is_extended_without_checkpoint(&self, run: usize) -> bool {
        let entry = &self.entries[run];
        entry.completed_for_less && entry.resume.is_none()
    }

    /// The smaller budgets that the run is shown or compared at, in epochs, ascending.
    pub(crate) fn milestones(&self, run: usize) -> Vec<u32> {
        self.entries[run].milestones.iter().copied().collect()
    }

    /// Sets the steps that a waiting run is known to do: up to that step, or its budget for `None`.
    pub(crate) fn limit_goal(&mut self, run: usize, steps: Option<u64>) {
        self.change(run, |entry| {
            if entry.phase == Phase::Queued {
                entry.goal = steps.unwrap_or_else(|| entry.planned.total_steps());
            }
        });
    }

    pub(crate) fn step(&self, run: usize) -> u64 {
        self.entries[run].step
    }

    pub(crate) fn goal(&self, run: usize) -> u64 {
        self.entries[run].goal
    }

    pub(crate) fn values(&self, run: usize) -> &[(Metric, f64)] {
        &self.entries[run].values
    }

    pub(crate) fn set_values(&mut self, run: usize, values: &[(Metric, f64)]) {
        self.entries[run].values = values.to_vec();
    }

    /// The recorded checkpoint is unusable: the run starts from the beginning.
    pub(crate) fn forget_checkpoint(&mut self, run: usize) {
        self.change(run, |entry| (entry.resume, entry.step, entry.failed_at) = (None, 0, 0));
    }

    /// The best checkpoint is unusable: the run has none until it draws better images. Returns its path.
    pub(crate) fn forget_best(&mut self, run: usize) -> Option<String> {
        let resume = self.entries[run].resume.as_mut()?;
        resume.checkpoint.best.take().map(|best| best.path)
    }

    /// Sets the newly recorded checkpoint, and returns the one before it.
    pub(crate) fn renew_checkpoint(&mut self, run: usize, newer: Checkpoint) -> Option<Checkpoint> {
        self.entries[run].resume.replace(newer.into()).map(|older| older.checkpoint)
    }

    /// The run is launched, to resume from its checkpoint.
    pub(crate) fn launch(&mut self, run: usize) {
        self.change(run, |entry| {
            entry.step = entry.saved_step();
            if entry.first_attempt.is_none() {
                let start = if entry.resume.is_some() { Start::Checkpoint } else { Start::Fresh };
                (entry.first_attempt, entry.failed_at) = (Some(start), entry.step);
            }
            (entry.begun, entry.phase) = (true, Phase::Pending);
        });
    }

    /// Its worker has started to train it.
    pub(crate) fn start(&mut self, run: usize) {
        self.change(run, |entry| entry.phase = Phase::Running);
    }

    /// Its worker reports that `step` is done.
    pub(crate) fn reach(&mut self, run: usize, step: u64) {
        self.change(run, |entry| entry.step = step.min(entry.goal));
    }

    /// The run returns to the queue, at its last checkpoint.
    pub(crate) fn requeue(&mut self, run: usize) {
        self.change(run, |entry| {
            entry.step = entry.saved_step();
            entry.phase = Phase::Queued;
        });
    }

    /// The run is paused at its checkpoint.
    pub(crate) fn pause(&mut self, run: usize) {
        self.change(run, |entry| {
            entry.phase = Phase::Paused;
            // Whether it does more is not known.
            entry.goal = entry.step;
        });
    }

    /// A completed run is to be trained again for its checkpoint: from the recorded one, or from the beginning, to the end of what
    /// is recorded of it.
    pub(crate) fn reopen(&mut self, run: usize, forget_checkpoint: bool, recorded_epochs: u32) {
        self.change(run, |entry| {
            if forget_checkpoint {
                entry.resume = None;
            }
            if recorded_epochs > entry.planned.epochs {
                entry.milestones.insert(entry.planned.epochs);
                entry.planned.epochs = recorded_epochs;
            }
            entry.completed_for_less = false;
            (entry.step, entry.goal) = (entry.saved_step(), entry.planned.total_steps());
            entry.phase = Phase::Queued;
        });
    }

    /// The run stays pruned as an earlier invocation left it, or waits for the pruner.
    pub(crate) fn keep_halted(&mut self, run: usize, state: RunState) {
        self.change(run, |entry| {
            entry.goal = entry.step;
            entry.phase = if state == RunState::Pruned { Phase::Skipped(state) } else { Phase::Paused };
        });
    }

    /// The run is over in this invocation.
    pub(crate) fn end(&mut self, run: usize, state: RunState) {
        self.change(run, |entry| {
            if matches!(state, RunState::Diverged | RunState::Failed | RunState::Pruned) {
                entry.goal = entry.step;
            }
            entry.phase = Phase::Over(state);
        });
    }

    /// Whether a checkpoint was recorded since the last failed attempt, or since the first attempt began.
    pub(crate) fn has_advanced(&self, run: usize) -> bool {
        let entry = &self.entries[run];
        entry.resume.as_ref().is_some_and(|resume| resume.checkpoint.step > entry.failed_at)
    }

    /// Counts a failed attempt; returns the number of failures in a row without a new checkpoint.
    pub(crate) fn count_failure(&mut self, run: usize) -> u32 {
        let advanced = self.has_advanced(run);
        let entry = &mut self.entries[run];
        entry.failures = if advanced { 1 } else { entry.failures + 1 };
        entry.failed_at = entry.saved_step();
        entry.failures
    }

    /// Failed attempts in a row so far.
    pub(crate) fn failures(&self, run: usize) -> u32 {
        self.entries[run].failures
    }

    /// Whether every run is over or paused.
    pub(crate) fn is_idle(&self) -> bool {
        let Totals { over, failed, paused, .. } = self.totals;
        over + failed + paused == self.entries.len()
    }

    /// Progress of the sweep, without its times.
    pub(crate) fn progress(&self) -> SweepProgress {
        self.totals.progress(self.entries.len())
    }

    /// Floating-point operations of all runs: done, and left.
    pub(crate) fn flops(&self) -> (f64, f64) {
        let Totals { flops_done, flops_total, .. } = self.totals;
        (flops_done, (flops_total - flops_done).max(0.0))
    }

    /// Counts runs by how they ended.
    pub(crate) fn summary(&self, leaves_workers: bool) -> Summary {
        let mut summary = Summary { total: self.entries.len(), ..Summary::default() };
        for entry in &self.entries {
            match entry.first_attempt {
                Some(_) if entry.completed_for_less => summary.extended += 1,
                Some(Start::Checkpoint) => summary.resumed += 1,
                Some(Start::Fresh) | None => {}
            }
            let count = match entry.phase {
                Phase::Skipped(state) => {
                    summary.skipped_diverged += usize::from(state == RunState::Diverged);
                    &mut summary.skipped
                }
                Phase::Over(RunState::Completed) => &mut summary.completed,
                Phase::Over(RunState::Pruned) => &mut summary.pruned,
                Phase::Over(RunState::Diverged) => &mut summary.diverged,
                Phase::Over(RunState::Failed) => &mut summary.failed,
                Phase::Paused => &mut summary.paused,
                Phase::Pending | Phase::Running if leaves_workers => &mut summary.left,
                _ if entry.begun => &mut summary.interrupted,
                _ => &mut summary.queued,
            };
            *count += 1;
        }
        summary
    }

    /// Changes an entry and updates the totals.
    fn change(&mut self, run: usize, change: impl FnOnce(&mut Entry)) {
        let entry = &mut self.entries[run];
        self.totals.remove(entry);
        change(entry);
        self.totals.add(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::plan;

    /// Totals counted from all entries.
    fn counted(table: &RunTable) -> Totals {
        let mut totals = Totals::default();
        table.entries.iter().for_each(|entry| totals.add(entry));
        totals
    }

    #[test]
    fn totals_kept_up_to_date_are_those_of_a_walk_over_all_runs() {
        let mut table = RunTable::new(|_| 1e9);
        for run in merge_budgets(plan("[sweep]\nseeds = 40", 3).unwrap()) {
            table.add(run, None);
        }
        // A linear congruential generator: the same changes every time.
        let mut seed = 7_u64;
        let mut draw = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..2000 {
            let run = draw(40) as usize;
            match draw(8) {
                0 => table.launch(run),
                1 => table.start(run),
                2 => table.reach(run, draw(20)),
                3 => table.requeue(run),
                4 => table.pause(run),
                5 => table.forget_checkpoint(run),
                6 => table.end(run, RunState::ALL[2 + draw(7) as usize]),
                _ => {
                    let (path, sha256) = (String::new(), String::new());
                    table.renew_checkpoint(
                        run,
                        Checkpoint { step: draw(12), path, bytes: 0, sha256, best: None },
                    );
                }
            }
        }
        let (kept, counted) = (&table.totals, counted(&table));
        assert_eq!(
            (kept.over, kept.diverged, kept.pruned, kept.failed, kept.pending, kept.running, kept.paused),
            (
                counted.over,
                counted.diverged,
                counted.pruned,
                counted.failed,
                counted.pending,
                counted.running,
                counted.paused
            )
        );
        assert_eq!((kept.steps_done, kept.steps_total), (counted.steps_done, counted.steps_total));
        assert!((kept.flops_done - counted.flops_done).abs() <= 1e-9 * counted.flops_total);
        assert!((kept.flops_total - counted.flops_total).abs() <= 1e-9 * counted.flops_total);
    }

    #[test]
    fn a_run_is_in_the_table_once() {
        let mut table = RunTable::new(|_| 1e9);
        let runs = merge_budgets(plan("[sweep]\nseeds = 2", 1).unwrap());
        assert_eq!(table.add(runs[0].clone(), None), Some(0));
        assert_eq!(table.add(runs[1].clone(), None), Some(1));
        assert_eq!(table.add(runs[0].clone(), None), None);
        assert_eq!((table.entries.len(), table.kinds(), table.place(&runs[1].run().id)), (2, 1, Some(1)));
    }
}
