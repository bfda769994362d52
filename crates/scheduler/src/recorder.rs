//! Where a sweep is recorded.

use std::collections::HashMap;

use gansweep_config::{PlannedRun, RunId, RunState};
use gansweep_protocol::Envelope;
use gansweep_store::{RunStatus, Store, StoreError, SweepRecord};

/// Where a sweep is recorded: the [`Store`], or a double of it that fails on demand.
pub trait Recorder {
    /// Records the sweep and its plan; a second time, what is new.
    fn register_sweep(&mut self, sweep: &SweepRecord, runs: &[PlannedRun]) -> Result<(), StoreError>;

    /// Ends, as interrupted, the attempts that a runner which died left running.
    fn reclaim_stale(&mut self) -> Result<Vec<(RunId, u32)>, StoreError>;

    /// Where runs stand; runs never heard of are absent.
    fn statuses(&mut self, runs: &[RunId]) -> Result<HashMap<RunId, RunStatus>, StoreError>;

    /// Begins the run's next attempt and gives its number.
    fn begin_attempt(&mut self, run: &RunId, device: &str) -> Result<u32, StoreError>;

    /// Records a batch of events: all of it or nothing.
    fn record(&mut self, events: &[Envelope]) -> Result<(), StoreError>;

    /// Ends an attempt whose worker did not; no effect on one that has ended already.
    fn end_attempt(
        &mut self,
        run: &RunId,
        attempt: u32,
        state: RunState,
        cause: &str,
    ) -> Result<(), StoreError>;
}

impl Recorder for Store {
    fn register_sweep(&mut self, sweep: &SweepRecord, runs: &[PlannedRun]) -> Result<(), StoreError> {
        Self::register_sweep(self, sweep, runs).map(|_id| ())
    }

    fn reclaim_stale(&mut self) -> Result<Vec<(RunId, u32)>, StoreError> {
        Self::reclaim_stale(self)
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

    fn end_attempt(
        &mut self,
        run: &RunId,
        attempt: u32,
        state: RunState,
        cause: &str,
    ) -> Result<(), StoreError> {
        Self::end_attempt(self, run, attempt, state, cause)
    }
}
