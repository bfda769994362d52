//! Recording events.
//!
//! Events may come twice, and an older attempt's may come after a newer attempt's. Three rules make
//! the database the same in every case:
//! - What is finished is never changed.
//! - A newer attempt's start takes back what older attempts recorded after the step that it goes on
//!   from; what they record there later is left out.
//! - Of two values for one step, the newer attempt's stays.

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
    /// changes nothing. [`Event::Progress`] and events on finished runs are left out.
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
    finished: bool,
    /// The newest attempt's number.
    latest: u32,
    step: i64,
    stored_step: i64,
}

struct Batch<'a> {
    connection: &'a Connection,
    metrics: &'a MetricIds,
    runs: HashMap<&'a RunId, Cursor>,
    summaries: Summaries,
}

impl<'a> Batch<'a> {
    fn apply(&mut self, envelope: &'a Envelope) -> Result<(), Fault> {
        if matches!(envelope.event, Event::Progress(_)) {
            return Ok(());
        }
        let mut cursor = self.cursor(&envelope.run)?;
        if cursor.finished {
            return Ok(());
        }
        self.know_attempt(&mut cursor, envelope)?;
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
            open_attempt(self.connection, cursor.run_id, attempt, "unknown", envelope.at_unix_ms)?;
            cursor.latest = attempt;
        }
        Ok(())
    }

    /// Whether a newer attempt went on from before that step.
    fn is_taken_back(&self, cursor: &Cursor, attempt: u32, step: i64) -> Result<bool, Fault> {
        if attempt >= cursor.latest {
            return Ok(false);
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM attempts WHERE run_id = ?1 AND attempt > ?2 AND from_step < ?3)",
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
        if self.take_back(cursor.run_id, envelope.attempt, from_step)? {
            self.summaries.invalidate(cursor.run_id, self.metrics);
        }
        if envelope.attempt == cursor.latest {
            cursor.step = from_step;
        }
        Ok(())
    }

    /// Removes what older attempts recorded after the step; `true` if there were points.
    fn take_back(&self, run_id: i64, attempt: u32, from_step: i64) -> Result<bool, Fault> {
        let mut removed = 0;
        for table in ["samples", "checkpoints", "points"] {
            let sql = format!("DELETE FROM {table} WHERE run_id = ?1 AND attempt < ?2 AND step > ?3");
            removed = self.connection.prepare_cached(&sql)?.execute(params![run_id, attempt, from_step])?;
        }
        Ok(removed > 0)
    }

    fn end(&self, cursor: &mut Cursor, envelope: &Envelope, end: &End<'_>) -> Result<(), Fault> {
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
        cursor.finished = end.state.is_final();
        Ok(())
    }

    fn finish(self) -> Result<(), Fault> {
        self.summaries.write(self.connection, self.metrics)?;
        let mut update = self.connection.prepare_cached("UPDATE runs SET step = ?2 WHERE run_id = ?1")?;
        for cursor in self.runs.values().filter(|cursor| cursor.step != cursor.stored_step) {
            update.execute([cursor.run_id, cursor.step])?;
        }
        Ok(())
    }
}

impl Cursor {
    fn advance(&mut self, step: i64) {
        self.step = self.step.max(step);
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
    let mut statement =
        connection.prepare_cached("SELECT run_id, state, attempts, step FROM runs WHERE id = ?1")?;
    let row = statement
        .query_row([run.as_str()], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get::<_, i64>(3)?))
        })
        .optional()?;
    let (run_id, state, latest, step) = row.ok_or_else(|| StoreError::UnknownRun { id: run.to_string() })?;
    Ok(Cursor { run_id, finished: parse_state(&state)?.is_final(), latest, step, stored_step: step })
}
