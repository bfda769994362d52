//! Where every run of the sweep stands.

use std::collections::HashMap;

use gansweep_config::{GroupKey, PlannedRun, RunId, RunState};
use gansweep_protocol::Checkpoint;
use gansweep_store::RunStatus;

use crate::queue::Standing;
use crate::{RunName, Summary, SweepProgress};

/// The runs of a sweep, by their places in the request.
pub(crate) struct Roster<'a> {
    planned: &'a [PlannedRun],
    places: HashMap<&'a RunId, usize>,
    entries: Vec<Entry>,
}

/// Where a run stands in this invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Over before.
    Skipped(RunState),
    /// Waits for a slot, or waited when the sweep was stopped.
    Waiting,
    /// In the hands of a worker.
    Active,
    /// Over now.
    Over(RunState),
}

#[derive(Debug)]
struct Entry {
    phase: Phase,
    /// Steps done, as far as is known.
    step: u64,
    /// Steps it takes; fewer once it has ended early.
    goal: u64,
    /// Of one step.
    work: f64,
    /// The checkpoint recorded last.
    checkpoint: Option<Checkpoint>,
    /// Whether there was an attempt, now or before.
    begun: bool,
    /// Whether the first attempt of this invocation went on from a checkpoint.
    resumed: bool,
    /// Whether this invocation has made an attempt.
    tried: bool,
    /// Attempts in a row lost to failures.
    failures: u32,
    /// Steps in the checkpoint when the last of them was lost.
    mark: u64,
}

impl<'a> Roster<'a> {
    /// The runs as the database knows them.
    pub(crate) fn new(planned: &'a [PlannedRun], statuses: &HashMap<RunId, RunStatus>) -> Self {
        let entries = planned.iter().map(|run| Entry::new(run, statuses.get(&run.id))).collect();
        let places = planned.iter().enumerate().map(|(place, run)| (&run.id, place)).collect();
        Self { planned, places, entries }
    }

    /// The run of that id.
    pub(crate) fn place(&self, id: &RunId) -> Option<usize> {
        self.places.get(id).copied()
    }

    pub(crate) fn planned(&self, run: usize) -> &'a PlannedRun {
        &self.planned[run]
    }

    /// The runs that could train together with that one, itself among them.
    pub(crate) fn alike(&self, run: usize) -> Vec<usize> {
        let key = |run: usize| GroupKey::of(&self.planned[run].config, &self.planned[run].spec);
        let wanted = key(run);
        (0..self.planned.len()).filter(|&other| key(other) == wanted).collect()
    }

    pub(crate) fn name(&self, run: usize) -> RunName {
        let PlannedRun { id, label, .. } = &self.planned[run];
        RunName { id: id.clone(), label: label.clone() }
    }

    pub(crate) fn names(&self, runs: impl IntoIterator<Item = usize>) -> Vec<RunName> {
        runs.into_iter().map(|run| self.name(run)).collect()
    }

    /// Runs that were over before, and how.
    pub(crate) fn skipped(&self) -> impl Iterator<Item = (usize, RunState)> + '_ {
        self.entries.iter().enumerate().filter_map(|(run, entry)| match entry.phase {
            Phase::Skipped(state) => Some((run, state)),
            _ => None,
        })
    }

    /// Runs that wait for a slot, in the order of the plan.
    pub(crate) fn waiting(&self) -> Vec<usize> {
        (0..self.entries.len()).filter(|&run| self.entries[run].phase == Phase::Waiting).collect()
    }

    /// Where the run would begin.
    pub(crate) fn standing(&self, run: usize) -> Standing {
        Standing::of(self.planned(run), self.entries[run].step)
    }

    /// Floating-point operations until the run's end, roughly.
    fn work_left(&self, run: usize) -> f64 {
        let entry = &self.entries[run];
        entry.goal.saturating_sub(entry.step) as f64 * entry.work
    }

    pub(crate) fn checkpoint(&self, run: usize) -> Option<&Checkpoint> {
        self.entries[run].checkpoint.as_ref()
    }

    pub(crate) fn step(&self, run: usize) -> u64 {
        self.entries[run].step
    }

    pub(crate) fn goal(&self, run: usize) -> u64 {
        self.entries[run].goal
    }

    /// The recorded checkpoint cannot be gone on from: the run starts afresh.
    pub(crate) fn forget_checkpoint(&mut self, run: usize) {
        let entry = &mut self.entries[run];
        (entry.checkpoint, entry.step, entry.mark) = (None, 0, 0);
    }

    /// A newer checkpoint has been recorded; gives back the one before it.
    pub(crate) fn renew_checkpoint(&mut self, run: usize, newer: Checkpoint) -> Option<Checkpoint> {
        self.entries[run].checkpoint.replace(newer)
    }

    /// A worker takes the run on from its checkpoint.
    pub(crate) fn begin(&mut self, run: usize) {
        let entry = &mut self.entries[run];
        entry.step = entry.checkpoint.as_ref().map_or(0, |resume| resume.step);
        if !entry.tried {
            (entry.tried, entry.resumed, entry.mark) = (true, entry.checkpoint.is_some(), entry.step);
        }
        (entry.begun, entry.phase) = (true, Phase::Active);
    }

    /// A worker tells of steps done.
    pub(crate) fn reach(&mut self, run: usize, step: u64) {
        let entry = &mut self.entries[run];
        entry.step = step.min(entry.goal);
    }

    /// The run goes back to the queue, to the checkpoint it has.
    pub(crate) fn put_back(&mut self, run: usize) {
        let entry = &mut self.entries[run];
        entry.step = entry.checkpoint.as_ref().map_or(0, |resume| resume.step);
        entry.phase = Phase::Waiting;
    }

    /// The run is over, as far as this invocation goes.
    pub(crate) fn end(&mut self, run: usize, state: RunState) {
        let entry = &mut self.entries[run];
        if matches!(state, RunState::Diverged | RunState::Failed) {
            entry.goal = entry.step;
        }
        entry.phase = Phase::Over(state);
    }

    /// Whether a checkpoint has come since the last attempt that was lost, or since the first began.
    pub(crate) fn advanced(&self, run: usize) -> bool {
        let entry = &self.entries[run];
        entry.checkpoint.as_ref().is_some_and(|resume| resume.step > entry.mark)
    }

    /// Counts an attempt lost to a failure; gives how many it has been in a row without a new
    /// checkpoint.
    pub(crate) fn charge(&mut self, run: usize) -> u32 {
        let advanced = self.advanced(run);
        let entry = &mut self.entries[run];
        entry.failures = if advanced { 1 } else { entry.failures + 1 };
        entry.mark = entry.checkpoint.as_ref().map_or(0, |resume| resume.step);
        entry.failures
    }

    /// Attempts in a row lost to failures so far.
    pub(crate) fn charges(&self, run: usize) -> u32 {
        self.entries[run].failures
    }

    /// Where the sweep stands; the times are left at zero.
    pub(crate) fn progress(&self) -> SweepProgress {
        let mut progress = SweepProgress { runs: self.entries.len(), ..SweepProgress::default() };
        let (mut work_done, mut work_total) = (0.0, 0.0);
        for entry in &self.entries {
            progress.steps_done += entry.step;
            progress.steps_total += entry.goal;
            work_done += entry.step as f64 * entry.work;
            work_total += entry.goal as f64 * entry.work;
            match entry.phase {
                Phase::Active => progress.active += 1,
                Phase::Over(RunState::Failed) => progress.failed += 1,
                Phase::Skipped(state) | Phase::Over(state) if state.is_final() => progress.done += 1,
                _ => {}
            }
            let (Phase::Skipped(state) | Phase::Over(state)) = entry.phase else { continue };
            progress.diverged += usize::from(state == RunState::Diverged);
        }
        progress.fraction = if work_total > 0.0 { work_done / work_total } else { 1.0 };
        progress
    }

    /// Floating-point operations done and left, of all runs.
    pub(crate) fn work(&self) -> (f64, f64) {
        let done = self.entries.iter().map(|entry| entry.step as f64 * entry.work).sum();
        let left = (0..self.entries.len()).map(|run| self.work_left(run)).sum();
        (done, left)
    }

    /// How the sweep ended, in numbers of runs.
    pub(crate) fn summary(&self) -> Summary {
        let mut summary = Summary { total: self.entries.len(), ..Summary::default() };
        for entry in &self.entries {
            summary.resumed += usize::from(entry.resumed);
            let count = match entry.phase {
                Phase::Skipped(state) => {
                    summary.skipped_diverged += usize::from(state == RunState::Diverged);
                    &mut summary.skipped
                }
                Phase::Over(RunState::Completed) => &mut summary.completed,
                Phase::Over(RunState::Diverged) => &mut summary.diverged,
                Phase::Over(RunState::Failed) => &mut summary.failed,
                _ if entry.begun => &mut summary.interrupted,
                _ => &mut summary.queued,
            };
            *count += 1;
        }
        summary
    }
}

impl Entry {
    fn new(run: &PlannedRun, status: Option<&RunStatus>) -> Self {
        let total = run.config.total_steps(&run.spec);
        let over = status.filter(|status| status.state.is_final());
        let checkpoint = status.and_then(|status| status.checkpoint.clone());
        let step = match over {
            Some(status) => status.step.min(total),
            None => checkpoint.as_ref().map_or(0, |resume| resume.step),
        };
        let diverged = over.is_some_and(|status| status.state == RunState::Diverged);
        Self {
            phase: over.map_or(Phase::Waiting, |status| Phase::Skipped(status.state)),
            step,
            goal: if diverged { step } else { total },
            work: run.config.flops_per_step(run.spec.image),
            checkpoint,
            begun: status.is_some_and(|status| status.attempts > 0),
            resumed: false,
            tried: false,
            failures: 0,
            mark: 0,
        }
    }
}
