//! Recording events.
//!
//! An event may come twice, and an older attempt's may come after a newer attempt's. These rules make
//! the database the same in every case:
//! - Each attempt has a watermark, the `seq` of its next event, which is advanced in the same
//!   transaction as the event's rows. What is below has been recorded; what is above would leave a
//!   gap and is refused. The event that ends an attempt puts the watermark beyond every `seq`.
//! - A run only grows. What lies before a checkpoint or an end is confirmed. An attempt that the
//!   runner has begun here and that starts from before it, because the checkpoint's file is gone,
//!   records nothing anew up to there; nor does an attempt change what it has itself confirmed. A run
//!   that has diverged has no new attempts.
//! - A newer attempt's start takes back what older attempts recorded after the step that it goes on
//!   from; what they record there later is left out.
//! - Of two values for one step, the newer attempt's stays.
//! - What a run as a whole is, its newest attempt says.

mod attempt;
mod data;

use std::collections::{HashMap, hash_map::Entry};

use gansweep_config::{RunId, RunState};
use gansweep_protocol::{Envelope, Event};
use rusqlite::Connection;

use self::attempt::AttemptCursor;
use crate::{
    StoreError,
    fault::Fault,
    status::parse_state,
    store::{MetricIds, Store, summary::Summaries},
};

impl Store {
    /// Records a batch of events in one transaction, all of it or nothing, and gives how many were
    /// new. Events that are recorded already are passed over, as are those of a new attempt at a run
    /// that is finished, unless it goes on from the run's end.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`] for a run of no registered sweep; [`StoreError::MissingEvents`]
    /// for events behind a gap; [`StoreError::Full`] and others leave the database as it was, and
    /// the same batch can be recorded later.
    pub fn record(&mut self, events: &[Envelope]) -> Result<usize, StoreError> {
        if events.is_empty() {
            return Ok(0);
        }
        self.set_durable(events.iter().any(|envelope| envelope.event.must_be_durable()))?;
        self.write(|transaction, metrics| {
            let mut batch = Batch::new(transaction, metrics);
            let mut new = 0;
            for envelope in events {
                new += usize::from(batch.apply(envelope)?);
            }
            batch.finish()?;
            Ok(new)
        })
    }
}

/// A run, as the batch knows it.
#[derive(Debug, Clone, Copy)]
struct RunCursor {
    run_id: i64,
    state: RunState,
    /// The newest attempt's number.
    latest: u32,
    step: i64,
    /// What is recorded up to that step stays as it is.
    confirmed_step: i64,
}

impl RunCursor {
    fn confirm(&mut self, step: i64) {
        self.confirmed_step = self.confirmed_step.max(step);
    }

    /// Whether records of that step may no longer change.
    const fn is_confirmed(&self, step: i64) -> bool {
        self.confirmed_step > 0 && step <= self.confirmed_step
    }
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

    /// Records an event; `false` if it is to be passed over.
    fn apply(&mut self, envelope: &'a Envelope) -> Result<bool, Fault> {
        let mut run = self.run(&envelope.run)?;
        let Some(mut attempt) = self.next_of(&mut run, envelope)? else { return Ok(false) };
        match &envelope.event {
            Event::Started(started) => self.started(&mut run, &mut attempt, envelope, started)?,
            Event::Points(points) => self.points(&run, &attempt, envelope, points)?,
            Event::Samples(samples) => self.samples(&run, &attempt, envelope, samples)?,
            Event::Checkpoint(checkpoint) => self.checkpoint(&mut run, envelope, checkpoint)?,
            Event::Completed(_)
            | Event::Diverged(_)
            | Event::Interrupted(_)
            | Event::Paused(_)
            | Event::Pruned(_)
            | Event::Failed(_) => self.ended(&mut run, &mut attempt, envelope)?,
        }
        attempt.pass(&envelope.event)?;
        self.attempts.insert((run.run_id, envelope.attempt), attempt);
        self.runs.insert(&envelope.run, run);
        Ok(true)
    }

    fn run(&mut self, run: &'a RunId) -> Result<RunCursor, Fault> {
        match self.runs.entry(run) {
            Entry::Occupied(entry) => Ok(*entry.get()),
            Entry::Vacant(entry) => Ok(*entry.insert(load_run(self.connection, run)?)),
        }
    }

    /// Writes what the batch has kept back: summaries, watermarks, steps.
    fn finish(self) -> Result<(), Fault> {
        self.summaries.write(self.connection, self.metrics)?;
        for ((run_id, attempt), cursor) in &self.attempts {
            cursor.write(self.connection, *run_id, *attempt)?;
        }
        // An attempt that has not begun has no step of its own.
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

fn load_run(connection: &Connection, run: &RunId) -> Result<RunCursor, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT run_id, state, attempts, step, confirmed_step FROM runs WHERE id = ?1")?;
    let mut rows = statement.query([run.as_str()])?;
    let Some(row) = rows.next()? else { return Err(StoreError::UnknownRun { id: run.to_string() }.into()) };
    let state = parse_state(&row.get::<_, String>(1)?)?;
    let (run_id, latest) = (row.get(0)?, row.get(2)?);
    Ok(RunCursor { run_id, state, latest, step: row.get(3)?, confirmed_step: row.get(4)? })
}
