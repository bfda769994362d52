//! Recording events.
//!
//! Events may come twice, and an older attempt's may come after a newer attempt's. These rules make
//! the database the same in every case:
//! - A run only grows. What lies before a checkpoint or an end is confirmed, and never changed. An
//!   attempt that starts from before it, because the checkpoint's file is gone, records nothing
//!   anew up to there.
//! - A newer attempt's start takes back what older attempts recorded after the step that it goes on
//!   from; what they record there later is left out.
//! - Of two values for one step, the newer attempt's stays.
//! - An attempt that has reached its end records no more, and a run that has diverged is over.

mod data;

use std::collections::{HashMap, hash_map::Entry};

use gansweep_config::{RunId, RunState};
use gansweep_protocol::{Diverged, Ended, Envelope, Event, Started};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    StoreError,
    fault::Fault,
    status::parse_state,
    store::{MetricIds, Store, attempts::open_attempt, must_last, summary::Summaries},
    value::count,
};

impl Store {
    /// Records a batch of events in one transaction: all of it or nothing, and recording it again
    /// changes nothing. [`Event::Progress`] and what finished attempts still say are left out.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`] for a run of no registered sweep; [`StoreError::Full`] and others
    /// leave the database as it was, and the same batch can be recorded later.
    pub fn record(&mut self, events: &[Envelope]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        self.set_durable(events.iter().any(|envelope| must_last(&envelope.event)))?;
        self.write(|transaction, metrics| {
            let mut batch = Batch {
                connection: transaction,
                metrics,
                runs: HashMap::new(),
                attempts: HashMap::new(),
                summaries: Summaries::default(),
            };
            for envelope in events {
                batch.apply(envelope)?;
            }
            batch.finish()
        })
    }
}

/// A run, as the batch knows it.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    run_id: i64,
    diverged: bool,
    /// The newest attempt's number.
    latest: u32,
    progress: Progress,
    stored: Progress,
}

/// How far a run is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    /// Up to the last step recorded.
    step: i64,
    /// Up to the last step that a checkpoint or an end confirms.
    confirmed_step: i64,
}

/// An attempt, as the batch knows it.
#[derive(Debug, Clone, Copy, Default)]
struct Tried {
    /// Completed or diverged.
    over: bool,
    /// What was confirmed when it began.
    kept_step: i64,
}

struct Batch<'a> {
    connection: &'a Connection,
    metrics: &'a MetricIds,
    runs: HashMap<&'a RunId, Cursor>,
    /// By run and number.
    attempts: HashMap<(i64, u32), Tried>,
    summaries: Summaries,
}

impl<'a> Batch<'a> {
    fn apply(&mut self, envelope: &'a Envelope) -> Result<(), Fault> {
        if matches!(envelope.event, Event::Progress(_)) {
            return Ok(());
        }
        let mut cursor = self.cursor(&envelope.run)?;
        if cursor.diverged {
            return Ok(());
        }
        self.know_attempt(&mut cursor, envelope)?;
        if self.tried(cursor.run_id, envelope.attempt)?.over {
            return Ok(());
        }
        match &envelope.event {
            Event::Started(started) => self.started(&mut cursor, envelope, started)?,
            Event::Points(points) => self.points(&mut cursor, envelope.attempt, points)?,
            Event::Samples(samples) => self.samples(&mut cursor, envelope, samples)?,
            Event::Checkpoint(checkpoint) => self.checkpoint(&mut cursor, envelope, checkpoint)?,
            Event::Completed(ended) => self.end(&mut cursor, envelope, &End::completed(ended))?,
            Event::Diverged(diverged) => self.end(&mut cursor, envelope, &End::diverged(diverged))?,
            Event::Interrupted(ended) => self.end(&mut cursor, envelope, &End::interrupted(ended))?,
            Event::Failed(failed) => {
                let end = End {
                    state: RunState::Failed,
                    step: failed.step,
                    cause: Some(&failed.cause),
                    seconds: None,
                };
                self.end(&mut cursor, envelope, &end)?;
            }
            Event::Progress(_) => {}
        }
        self.runs.insert(&envelope.run, cursor);
        Ok(())
    }

    fn cursor(&mut self, run: &'a RunId) -> Result<Cursor, Fault> {
        match self.runs.entry(run) {
            Entry::Occupied(entry) => Ok(*entry.get()),
            Entry::Vacant(entry) => Ok(*entry.insert(load_cursor(self.connection, run)?)),
        }
    }

    /// Adds the attempt's row where the runner has not.
    fn know_attempt(&self, cursor: &mut Cursor, envelope: &Envelope) -> Result<(), Fault> {
        let attempt = envelope.attempt;
        if attempt > cursor.latest {
            // What it was to keep is known only of an attempt that the runner has begun here.
            open_attempt(self.connection, cursor.run_id, attempt, "unknown", 0, envelope.at_unix_ms)?;
            cursor.latest = attempt;
        }
        Ok(())
    }

    fn tried(&mut self, run_id: i64, attempt: u32) -> Result<Tried, Fault> {
        match self.attempts.entry((run_id, attempt)) {
            Entry::Occupied(entry) => Ok(*entry.get()),
            Entry::Vacant(entry) => Ok(*entry.insert(load_tried(self.connection, run_id, attempt)?)),
        }
    }

    /// Whether an attempt comes by a step that was confirmed before it began.
    fn is_repeated(&mut self, cursor: &Cursor, attempt: u32, step: i64) -> Result<bool, Fault> {
        let kept_step = self.tried(cursor.run_id, attempt)?.kept_step;
        Ok(kept_step > 0 && step <= kept_step)
    }

    /// Whether a newer attempt went on from before that step, and records it itself.
    fn is_taken_back(&self, cursor: &Cursor, attempt: u32, step: i64) -> Result<bool, Fault> {
        if attempt >= cursor.latest {
            return Ok(false);
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM attempts
                 WHERE run_id = ?1 AND attempt > ?2 AND max(from_step, kept_step) < ?3)",
        )?;
        Ok(statement.query_row(params![cursor.run_id, attempt, step], |row| row.get(0))?)
    }

    fn started(&mut self, cursor: &mut Cursor, envelope: &Envelope, started: &Started) -> Result<(), Fault> {
        let from_step = count("step", started.from_step)?;
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO attempts (run_id, attempt, state, device, backend, lane, lanes, pid, host, from_step,
                 began_ms, started_ms)
             VALUES (?1, ?2, 'interrupted', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)
             ON CONFLICT (run_id, attempt) DO UPDATE SET
                 device = excluded.device, backend = excluded.backend, lane = excluded.lane,
                 lanes = excluded.lanes, pid = excluded.pid, host = excluded.host,
                 from_step = excluded.from_step, started_ms = excluded.started_ms
             WHERE started_ms IS NULL",
        )?;
        let news = statement.execute(params![
            cursor.run_id,
            envelope.attempt,
            started.device,
            started.backend,
            started.lane,
            started.lanes,
            started.pid,
            started.host,
            from_step,
            envelope.at_unix_ms
        ])?;
        if news == 0 {
            return Ok(());
        }
        let kept_step = from_step.max(self.tried(cursor.run_id, envelope.attempt)?.kept_step);
        if self.take_back(cursor.run_id, envelope.attempt, from_step, kept_step)? {
            self.summaries.invalidate(cursor.run_id, self.metrics);
        }
        if envelope.attempt == cursor.latest {
            // Less was confirmed when the attempt began than has come to be known since.
            let confirmed_step = cursor.progress.confirmed_step.min(kept_step);
            cursor.progress = Progress { step: kept_step, confirmed_step };
        }
        Ok(())
    }

    /// Removes what older attempts recorded after the step to keep, and a checkpoint that lies after
    /// the step that is gone on from; `true` if there were points.
    fn take_back(&self, run_id: i64, attempt: u32, from_step: i64, kept_step: i64) -> Result<bool, Fault> {
        let mut removed = 0;
        for (table, step) in [("checkpoints", from_step), ("samples", kept_step), ("points", kept_step)] {
            let sql = format!("DELETE FROM {table} WHERE run_id = ?1 AND attempt < ?2 AND step > ?3");
            removed = self.connection.prepare_cached(&sql)?.execute(params![run_id, attempt, step])?;
        }
        Ok(removed > 0)
    }

    fn end(&mut self, cursor: &mut Cursor, envelope: &Envelope, end: &End<'_>) -> Result<(), Fault> {
        let step = count("step", end.step)?;
        let latest = envelope.attempt == cursor.latest;
        // A run that reached its end has reached it, even if the runner gave its worker up before
        // the event arrived.
        let reached = latest && end.state.is_final();
        let ended = self
            .connection
            .prepare_cached(
                "UPDATE attempts SET state = ?3, cause = ?4, step = ?5, ended_ms = ?6
                 WHERE run_id = ?1 AND attempt = ?2 AND (state = 'running' OR ?7)",
            )?
            .execute(params![
                cursor.run_id,
                envelope.attempt,
                end.state.name(),
                end.cause,
                step,
                envelope.at_unix_ms,
                reached
            ])?;
        if ended > 0 && end.state.is_final() {
            self.attempts.remove(&(cursor.run_id, envelope.attempt));
        }
        if ended == 0 || !latest {
            return Ok(());
        }
        self.connection
            .prepare_cached(
                "UPDATE runs SET state = ?2, cause = ?3, ended_ms = ?4, seconds = coalesce(?5, seconds)
                 WHERE run_id = ?1",
            )?
            .execute(params![cursor.run_id, end.state.name(), end.cause, envelope.at_unix_ms, end.seconds])?;
        cursor.advance(step);
        match end.state {
            RunState::Completed => cursor.confirm(step),
            // Of the last step there is only what says that it failed.
            RunState::Diverged => cursor.confirm(step - 1),
            _ => {}
        }
        cursor.diverged = end.state == RunState::Diverged;
        Ok(())
    }

    fn finish(self) -> Result<(), Fault> {
        self.summaries.write(self.connection, self.metrics)?;
        let mut update = self
            .connection
            .prepare_cached("UPDATE runs SET step = ?2, confirmed_step = ?3 WHERE run_id = ?1")?;
        for cursor in self.runs.values().filter(|cursor| cursor.progress != cursor.stored) {
            update.execute([cursor.run_id, cursor.progress.step, cursor.progress.confirmed_step])?;
        }
        Ok(())
    }
}

impl Cursor {
    fn advance(&mut self, step: i64) {
        self.progress.step = self.progress.step.max(step);
    }

    /// What is recorded up to that step stays as it is.
    fn confirm(&mut self, step: i64) {
        self.progress.confirmed_step = self.progress.confirmed_step.max(step);
    }

    /// Whether records of that step may no longer change.
    const fn is_confirmed(&self, step: i64) -> bool {
        self.progress.confirmed_step > 0 && step <= self.progress.confirmed_step
    }
}

/// What every kind of end has.
struct End<'a> {
    state: RunState,
    step: u64,
    cause: Option<&'a str>,
    seconds: Option<f64>,
}

impl<'a> End<'a> {
    const fn completed(ended: &Ended) -> Self {
        Self { state: RunState::Completed, step: ended.step, cause: None, seconds: Some(ended.seconds) }
    }

    fn diverged(diverged: &'a Diverged) -> Self {
        let cause = Some(diverged.cause.as_str());
        Self { state: RunState::Diverged, step: diverged.step, cause, seconds: Some(diverged.seconds) }
    }

    const fn interrupted(ended: &Ended) -> Self {
        let cause = Some("stopped on request");
        Self { state: RunState::Interrupted, step: ended.step, cause, seconds: Some(ended.seconds) }
    }
}

fn load_cursor(connection: &Connection, run: &RunId) -> Result<Cursor, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT run_id, state, attempts, step, confirmed_step FROM runs WHERE id = ?1")?;
    let row = statement
        .query_row([run.as_str()], |row| {
            let progress = Progress { step: row.get(3)?, confirmed_step: row.get(4)? };
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, progress))
        })
        .optional()?;
    let (run_id, state, latest, progress) =
        row.ok_or_else(|| StoreError::UnknownRun { id: run.to_string() })?;
    let diverged = parse_state(&state)? == RunState::Diverged;
    Ok(Cursor { run_id, diverged, latest, progress, stored: progress })
}

/// What is known of an attempt; nothing is if it is older than the newest and has not started yet.
fn load_tried(connection: &Connection, run_id: i64, attempt: u32) -> Result<Tried, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT state, kept_step FROM attempts WHERE run_id = ?1 AND attempt = ?2")?;
    let row = statement
        .query_row(params![run_id, attempt], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))
        .optional()?;
    match row {
        Some((state, kept_step)) => Ok(Tried { over: parse_state(&state)?.is_final(), kept_step }),
        None => Ok(Tried::default()),
    }
}
