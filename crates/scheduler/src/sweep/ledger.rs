//! What is written to the database, in batches and in order.

use std::time::{Duration, Instant};

use gansweep_config::{RunId, RunState};
use gansweep_protocol::{Checkpoint, Envelope, Event};
use gansweep_store::StoreError;

use crate::{Recorder, RunnerError};

/// A recorder with events that wait to be written.
///
/// After a failure nothing is written any more: whatever came later would stand behind a gap.
pub(super) struct Ledger<'a> {
    recorder: &'a mut dyn Recorder,
    waiting: Vec<Envelope>,
    /// When the first of them came.
    oldest: Option<Instant>,
    /// Checkpoints written since they were last asked for.
    committed: Vec<(RunId, Checkpoint)>,
    closed: bool,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(recorder: &'a mut dyn Recorder) -> Self {
        Self { recorder, waiting: Vec::new(), oldest: None, committed: Vec::new(), closed: false }
    }

    /// Takes an event.
    pub(super) fn push(&mut self, envelope: Envelope, now: Instant) {
        if !self.closed {
            self.oldest.get_or_insert(now);
            self.waiting.push(envelope);
        }
    }

    /// Whether the events have waited long enough, or are enough.
    pub(super) fn is_due(&self, now: Instant, interval: Duration, events: usize) -> bool {
        self.waiting.len() >= events
            || self.oldest.is_some_and(|oldest| now.duration_since(oldest) >= interval)
    }

    /// Writes all that waits, in one transaction.
    pub(super) fn flush(&mut self) -> Result<(), RunnerError> {
        if self.closed || self.waiting.is_empty() {
            return Ok(());
        }
        let written = self.recorder.record(&self.waiting);
        self.settled("recording events", written)?;
        let checkpoints = self.waiting.drain(..).filter_map(|envelope| match envelope.event {
            Event::Checkpoint(checkpoint) => Some((envelope.run, checkpoint)),
            _ => None,
        });
        self.committed.extend(checkpoints);
        self.oldest = None;
        Ok(())
    }

    /// Checkpoints written since the last call, oldest first.
    pub(super) fn take_committed(&mut self) -> Vec<(RunId, Checkpoint)> {
        std::mem::take(&mut self.committed)
    }

    /// Begins an attempt and gives its number.
    pub(super) fn begin(&mut self, run: &RunId, device: &str) -> Result<u32, RunnerError> {
        self.flush()?;
        let begun = self.recorder.begin_attempt(run, device);
        self.settled("beginning an attempt", begun)
    }

    /// Ends an attempt that did not end itself, after all that it had told.
    pub(super) fn end(
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
        self.settled("recording the end of an attempt", ended)
    }

    /// Closes the ledger on a failure.
    fn settled<T>(&mut self, doing: &'static str, result: Result<T, StoreError>) -> Result<T, RunnerError> {
        result.map_err(|source| {
            self.closed = true;
            self.waiting.clear();
            RunnerError::Database { doing, source }
        })
    }
}
