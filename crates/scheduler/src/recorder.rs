//! Recording: the interface to the database, and batches of events.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use gansweep_config::{PlannedRun, RunId, RunState};
use gansweep_protocol::{Checkpoint, Envelope, Event, Metric};
use gansweep_store::{RunStatus, RungRow, Store, StoreError, SweepRecord, TrialRow};
use tracing::{error, trace};

use crate::{ProposedTrials, RunnerError};

/// Records a sweep: the [`Store`], or a test double that fails on demand.
pub trait Recorder {
    /// Records the sweep and its first runs; on a repeated call, what is new. Ends with [`StoreError::Cancelled`] when
    /// `cancelled` returns true.
    fn register_sweep(
        &mut self,
        sweep: &SweepRecord,
        runs: &[PlannedRun],
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), StoreError>;

    /// Appends runs to the sweep of that name.
    fn add_runs(&mut self, sweep: &str, runs: &[PlannedRun]) -> Result<(), StoreError>;

    /// Replaces the trials of the sweep of that name.
    fn replace_trials(&mut self, sweep: &str, trials: &[TrialRow]) -> Result<(), StoreError>;

    /// Appends trials and their runs to the sweep of that name: all or none.
    fn add_trials(&mut self, sweep: &str, trials: &ProposedTrials) -> Result<(), StoreError>;

    /// Marks attempts that a dead runner left active as interrupted, except those of `alive`, and returns them.
    fn reclaim_stale(&mut self, alive: &HashSet<RunId>) -> Result<Vec<(RunId, u32)>, StoreError>;

    /// The number of a run's latest attempt and the number of its first event that is not recorded.
    fn next_event(&mut self, run: &RunId) -> Result<Option<(u32, u64)>, StoreError>;

    /// The runs' statuses; runs that were never recorded are absent.
    fn statuses(&mut self, runs: &[RunId]) -> Result<HashMap<RunId, RunStatus>, StoreError>;

    /// Begins the run's next attempt and returns its number.
    fn begin_attempt(&mut self, run: &RunId, device: &str) -> Result<u32, StoreError>;

    /// Records a batch of events, all or none.
    fn record(&mut self, events: &[Envelope]) -> Result<(), StoreError>;

    /// Ends an attempt whose worker reported no end; no effect on one that has ended.
    fn end_attempt(
        &mut self,
        run: &RunId,
        attempt: u32,
        state: RunState,
        cause: &str,
    ) -> Result<(), StoreError>;

    /// Reopens a completed run that is trained again for its checkpoint.
    fn reopen(&mut self, run: &RunId, forget_checkpoint: bool) -> Result<(), StoreError>;

    /// Checks that what is recorded can be found where it is expected.
    fn check_place(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Sets the state of a run that has no worker.
    fn set_state(&mut self, run: &RunId, state: RunState, cause: &str) -> Result<(), StoreError>;

    /// The recorded values of a metric of these runs, by step.
    fn values(
        &mut self,
        runs: &[RunId],
        metric: Metric,
    ) -> Result<HashMap<RunId, Vec<(u64, f64)>>, StoreError>;

    /// What the pruner of that sweep has decided before.
    fn rungs(&mut self, sweep: &str) -> Result<Vec<RungRow>, StoreError>;

    /// Records decisions of the pruner of that sweep.
    fn record_rungs(&mut self, sweep: &str, rows: &[RungRow]) -> Result<(), StoreError>;
}

impl Recorder for Store {
    fn register_sweep(
        &mut self,
        sweep: &SweepRecord,
        runs: &[PlannedRun],
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), StoreError> {
        self.register_sweep_unless(sweep, runs, cancelled).map(|_id| ())
    }

    fn add_runs(&mut self, sweep: &str, runs: &[PlannedRun]) -> Result<(), StoreError> {
        Self::add_runs(self, sweep, runs)
    }

    fn replace_trials(&mut self, sweep: &str, trials: &[TrialRow]) -> Result<(), StoreError> {
        Self::replace_trials(self, sweep, trials)
    }

    fn add_trials(&mut self, sweep: &str, proposed: &ProposedTrials) -> Result<(), StoreError> {
        Self::add_trials(self, sweep, &proposed.trials, &proposed.runs)
    }

    fn reclaim_stale(&mut self, alive: &HashSet<RunId>) -> Result<Vec<(RunId, u32)>, StoreError> {
        self.reclaim_stale_except(alive)
    }

    fn next_event(&mut self, run: &RunId) -> Result<Option<(u32, u64)>, StoreError> {
        Self::next_event(self, run)
    }

    fn statuses(&mut self, runs: &[RunId]) -> Result<HashMap<RunId, RunStatus>, StoreError> {
        Self::statuses(self, runs)
    }

    fn begin_attempt(&mut self, run: &RunId, device: &str) -> Result<u32, StoreError> {
        Self::begin_attempt(self, run, device)
    }

    fn record(&mut self, events: &[Envelope]) -> Result<(), StoreError> {
        Self::record(self, events).map(|_new| ())
    }

    fn reopen(&mut self, run: &RunId, forget_checkpoint: bool) -> Result<(), StoreError> {
        Self::reopen(self, run, forget_checkpoint)
    }

    fn check_place(&mut self) -> Result<(), StoreError> {
        Self::check_place(self)
    }

    fn end_attempt(
        &mut self,
        run: &RunId,
        attempt: u32,
        state: RunState,
        cause: &str,
    ) -> Result<(), StoreError> {
        Self::end_attempt(self, run, attempt, state, cause)
    }

    fn set_state(&mut self, run: &RunId, state: RunState, cause: &str) -> Result<(), StoreError> {
        Self::set_state(self, run, state, cause)
    }

    fn values(
        &mut self,
        runs: &[RunId],
        metric: Metric,
    ) -> Result<HashMap<RunId, Vec<(u64, f64)>>, StoreError> {
        Self::values(self, runs, metric)
    }

    fn rungs(&mut self, sweep: &str) -> Result<Vec<RungRow>, StoreError> {
        Self::rungs(self, sweep)
    }

    fn record_rungs(&mut self, sweep: &str, rows: &[RungRow]) -> Result<(), StoreError> {
        Self::record_rungs(self, sweep, rows)
    }
}

/// Collects events and writes them to a recorder in batches, in order.
///
/// After a failure it writes nothing more: later events would come after a gap.
pub(crate) struct EventBatcher<'a> {
    recorder: &'a mut dyn Recorder,
    /// The sweep's name.
    sweep: &'a str,
    waiting: Vec<Envelope>,
    /// Decisions that rest on events that wait, or were recorded before.
    rungs: Vec<RungRow>,
    /// When the oldest of them came.
    oldest: Option<Instant>,
    /// Checkpoints written since they were last asked for.
    committed: Vec<(RunId, Checkpoint)>,
    closed: bool,
}

impl<'a> EventBatcher<'a> {
    pub(crate) fn new(recorder: &'a mut dyn Recorder, sweep: &'a str) -> Self {
        let (waiting, rungs, committed) = (Vec::new(), Vec::new(), Vec::new());
        Self { recorder, sweep, waiting, rungs, oldest: None, committed, closed: false }
    }

    /// Takes an event.
    pub(crate) fn push(&mut self, envelope: Envelope, now: Instant) {
        if !self.closed {
            self.oldest.get_or_insert(now);
            self.waiting.push(envelope);
        }
    }

    /// Takes decisions of the pruner, to be written after all events that it knew.
    pub(crate) fn push_rungs(&mut self, rungs: Vec<RungRow>, now: Instant) {
        if !self.closed && !rungs.is_empty() {
            self.oldest.get_or_insert(now);
            self.rungs.extend(rungs);
        }
    }

    /// Whether a batch is due: the oldest event has waited for `interval`, or there are `events`.
    pub(crate) fn is_due(&self, now: Instant, interval: Duration, events: usize) -> bool {
        self.waiting.len() >= events
            || self.oldest.is_some_and(|oldest| now.duration_since(oldest) >= interval)
    }

    /// Writes all waiting events in one transaction, and the decisions that rest on them in the next.
    pub(crate) fn flush(&mut self) -> Result<(), RunnerError> {
        if self.closed || self.is_empty() {
            return Ok(());
        }
        // Before anything is recorded where nobody finds it, and reported as done.
        self.check_place()?;
        if !self.waiting.is_empty() {
            trace!(events = self.waiting.len(), "recording events");
            let written = self.recorder.record(&self.waiting);
            self.close_on_failure("recording events", written)?;
        }
        let checkpoints = self.waiting.drain(..).filter_map(|envelope| match envelope.event {
            Event::Checkpoint(checkpoint) => Some((envelope.run, checkpoint)),
            _ => None,
        });
        self.committed.extend(checkpoints);
        self.oldest = None;
        self.write_rungs()
    }

    fn write_rungs(&mut self) -> Result<(), RunnerError> {
        let rungs = std::mem::take(&mut self.rungs);
        if rungs.is_empty() {
            return Ok(());
        }
        let written = self.recorder.record_rungs(self.sweep, &rungs);
        self.close_on_failure("recording decisions of the pruner", written)
    }

    /// Whether writing has failed, so that nothing is written any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.rungs.is_empty()
    }

    /// Checks that the database is still at its path.
    pub(crate) fn check_place(&mut self) -> Result<(), RunnerError> {
        if self.closed {
            return Ok(());
        }
        let checked = self.recorder.check_place();
        self.close_on_failure("looking for the database", checked)
    }

    /// Checkpoints written since the last call, oldest first.
    pub(crate) fn take_committed(&mut self) -> Vec<(RunId, Checkpoint)> {
        std::mem::take(&mut self.committed)
    }

    /// Adds runs to the sweep, and returns their statuses.
    pub(crate) fn add_runs(&mut self, runs: &[PlannedRun]) -> Result<HashMap<RunId, RunStatus>, RunnerError> {
        let added = self.recorder.add_runs(self.sweep, runs);
        self.close_on_failure("registering runs", added)?;
        let statuses = self.recorder.statuses(&ids_of(runs));
        self.close_on_failure("reading where runs stand", statuses)
    }

    /// Adds trials and their runs to the sweep, and returns the runs' statuses.
    pub(crate) fn add_trials(
        &mut self,
        sweep: &str,
        proposed: &ProposedTrials,
    ) -> Result<HashMap<RunId, RunStatus>, RunnerError> {
        let added = self.recorder.add_trials(sweep, proposed);
        self.close_on_failure("registering trials", added)?;
        let statuses = self.recorder.statuses(&ids_of(&proposed.runs));
        self.close_on_failure("reading where runs stand", statuses)
    }

    /// The recorded values of a metric of these runs, by step.
    pub(crate) fn values(
        &mut self,
        runs: &[RunId],
        metric: Metric,
    ) -> Result<HashMap<RunId, Vec<(u64, f64)>>, RunnerError> {
        let values = self.recorder.values(runs, metric);
        self.close_on_failure("reading values of runs", values)
    }

    /// What the pruner of the sweep has decided before.
    pub(crate) fn restored_rungs(&mut self) -> Result<Vec<RungRow>, RunnerError> {
        let rungs = self.recorder.rungs(self.sweep);
        self.close_on_failure("reading decisions of the pruner", rungs)
    }

    /// Begins an attempt and returns its number.
    pub(crate) fn begin(&mut self, run: &RunId, device: &str) -> Result<u32, RunnerError> {
        self.flush()?;
        let begun = self.recorder.begin_attempt(run, device);
        self.close_on_failure("beginning an attempt", begun)
    }

    /// The number of a run's latest attempt and the number of its first event that is not recorded.
    pub(crate) fn next_event(&mut self, run: &RunId) -> Result<Option<(u32, u64)>, RunnerError> {
        let next = self.recorder.next_event(run);
        self.close_on_failure("reading what is recorded of an attempt", next)
    }

    /// Ends an attempt that reported no end, after writing its events.
    pub(crate) fn end(
        &mut self,
        run: &RunId,
        attempt: u32,
        state: RunState,
        cause: &str,
    ) -> Result<(), RunnerError> {
        if self.closed {
            return Ok(());
        }
        self.flush()?;
        let ended = self.recorder.end_attempt(run, attempt, state, cause);
        self.close_on_failure("recording the end of an attempt", ended)
    }

    /// Sets the state of a run that has no worker.
    pub(crate) fn set_state(&mut self, run: &RunId, state: RunState, cause: &str) -> Result<(), RunnerError> {
        self.flush()?;
        let set = self.recorder.set_state(run, state, cause);
        self.close_on_failure("recording a run's state", set)
    }

    /// Reopens a completed run that is trained again for its checkpoint.
    pub(crate) fn reopen(&mut self, run: &RunId, forget_checkpoint: bool) -> Result<(), RunnerError> {
        self.flush()?;
        let reopened = self.recorder.reopen(run, forget_checkpoint);
        self.close_on_failure("reopening a run", reopened)
    }

    fn close_on_failure<T>(
        &mut self,
        doing: &'static str,
        result: Result<T, StoreError>,
    ) -> Result<T, RunnerError> {
        result.map_err(|source| {
            error!(doing, %source, lost = self.waiting.len(), "the database failed");
            self.closed = true;
            self.waiting.clear();
            self.rungs.clear();
            RunnerError::Database { doing, source }
        })
    }
}

/// The ids of runs, in order.
pub(crate) fn ids_of(runs: &[PlannedRun]) -> Vec<RunId> {
    runs.iter().map(|run| run.id.clone()).collect()
}
