//! Recording of events.
//!
//! An event may come twice, and events of an older attempt may come after those of a newer one. These rules
//! make the database the same in every case:
//! - Each attempt has a watermark, the `seq` of its next event, which is advanced in the same transaction as
//!   the event's rows. Events below it are recorded already; an event above it is refused, since one is
//!   missing, or left for later where it comes from a segment. The event that ends an attempt sets the watermark to the largest number.
//! - A run only grows. Records up to a checkpoint or an end are confirmed and never change. An attempt that
//!   starts before the confirmed step, because the checkpoint's file is lost, records nothing up to that
//!   step. A run that has diverged has no new attempts.
//! - The start of a newer attempt deletes what older attempts recorded after the step that it resumes from;
//!   later events of theirs beyond that step are ignored.
//! - Of two values for one step, that of the newer attempt is kept.
//! - The newest attempt determines the state of the run.

mod attempt;
mod cursor;
mod data;

use std::collections::{HashMap, hash_map::Entry};

use gansweep_config::RunId;
use gansweep_protocol::{Envelope, Event};
use rusqlite::Connection;

use self::cursor::{AttemptCursor, RunCursor};
use crate::{
    StoreError,
    fault::Fault,
    store::{MetricIds, Store, summary::Summaries},
};

impl Store {
    /// Records a batch of events in one transaction and returns the number of new events. Ignored are events
    /// that are recorded already, and those of a new attempt at a finished run unless it resumes from the
    /// run's end.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`] for a run of no registered sweep; [`StoreError::MissingEvents`]
    /// if an event before them is missing. After any error the database is unchanged, and the same batch can be
    /// recorded later.
    pub fn record(&mut self, events: &[Envelope]) -> Result<usize, StoreError> {
        self.record_batch(events, false).map(|recorded| recorded.new)
    }

    /// As [`Store::record`], but events for which one before them is missing are left out.
    pub(super) fn record_possible(&mut self, events: &[Envelope]) -> Result<Recorded, StoreError> {
        self.record_batch(events, true)
    }

    fn record_batch(&mut self, events: &[Envelope], may_wait: bool) -> Result<Recorded, StoreError> {
        if events.is_empty() {
            return Ok(Recorded::default());
        }
        self.set_durable(events.iter().any(|envelope| envelope.event.must_be_durable()))?;
        self.write(|transaction, metrics| {
            let mut batch = Batch::new(transaction, metrics);
            let mut recorded = Recorded::default();
            for envelope in events {
                match batch.apply(envelope) {
                    Ok(new) => recorded.new += usize::from(new),
                    // Nothing of the event is written by then.
                    Err(Fault::Store(StoreError::MissingEvents { .. })) if may_wait => recorded.waiting += 1,
                    Err(fault) => return Err(fault),
                }
            }
            batch.finish()?;
            Ok(recorded)
        })
    }
}

/// What became of a batch of events.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Recorded {
    pub(super) new: usize,
    /// Events for which one before them is missing.
    pub(super) waiting: usize,
}

struct Batch<'a> {
    connection: &'a Connection,
    metrics: &'a MetricIds,
    runs: HashMap<&'a RunId, RunCursor>,
    attempts: HashMap<(i64, u32), AttemptCursor>,
    summaries: Summaries,
}

impl<'a> Batch<'a> {
    fn new(connection: &'a Connection, metrics: &'a MetricIds) -> Self {
        let (runs, attempts) = (HashMap::new(), HashMap::new());
        Self { connection, metrics, runs, attempts, summaries: Summaries::default() }
    }

    /// Records an event; `false` if it is ignored.
    fn apply(&mut self, envelope: &'a Envelope) -> Result<bool, Fault> {
        let mut run = self.run(&envelope.run)?;
        let Some(mut cursor) = self.next_of(&mut run, envelope)? else { return Ok(false) };
        match &envelope.event {
            Event::Started(started) => self.started(&mut run, &mut cursor, envelope, started)?,
            Event::Points(points) => self.points(&run, &cursor, envelope, points)?,
            Event::Samples(samples) => self.samples(&run, &cursor, envelope, samples)?,
            Event::Evaluated(evaluated) => self.evaluated(&run, &cursor, envelope, evaluated)?,
            Event::Checkpoint(checkpoint) => self.checkpoint(&mut run, envelope, checkpoint)?,
            Event::Completed(_)
            | Event::Diverged(_)
            | Event::Interrupted(_)
            | Event::Paused(_)
            | Event::Pruned(_)
            | Event::Failed(_)
            | Event::TimedOut(_) => self.ended(&mut run, &mut cursor, envelope)?,
        }
        cursor.pass(&envelope.event)?;
        if let Some(step) = cursor.step.filter(|_| envelope.attempt == run.latest) {
            run.step = step.max(cursor.kept_step);
        }
        self.attempts.insert((run.run_id, envelope.attempt), cursor);
        self.runs.insert(&envelope.run, run);
        Ok(true)
    }

    fn run(&mut self, run: &'a RunId) -> Result<RunCursor, Fault> {
        match self.runs.entry(run) {
            Entry::Occupied(entry) => Ok(*entry.get()),
            Entry::Vacant(entry) => Ok(*entry.insert(RunCursor::load(self.connection, run)?)),
        }
    }

    /// Writes what was collected during the batch: summaries, watermarks, steps.
    fn finish(self) -> Result<(), Fault> {
        self.summaries.write(self.connection, self.metrics)?;
        for ((run_id, number), cursor) in &self.attempts {
            cursor.write(self.connection, *run_id, *number)?;
        }
        // An attempt without events has no step.
        let mut update = self.connection.prepare_cached(
            "UPDATE runs SET confirmed_step = ?2, step = coalesce((
                 SELECT max(step, kept_step) FROM attempts WHERE run_id = ?1 AND step IS NOT NULL ORDER BY attempt DESC LIMIT 1
             ), step) WHERE run_id = ?1",
        )?;
        for run in self.runs.values() {
            update.execute([run.run_id, run.confirmed_step])?;
        }
        Ok(())
    }
}
