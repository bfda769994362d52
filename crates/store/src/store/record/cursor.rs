//! The state of runs and attempts while a batch of events is recorded.

use gansweep_config::{RunId, RunState};
use gansweep_protocol::Event;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{StoreError, fault::Fault, status::parse_state, value::count};

/// The state of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunCursor {
    pub(super) run_id: i64,
    pub(super) state: RunState,
    /// The newest attempt's number.
    pub(super) latest: u32,
    pub(super) step: i64,
    /// Records up to this step never change.
    pub(super) confirmed_step: i64,
}

impl RunCursor {
    pub(super) fn load(connection: &Connection, run: &RunId) -> Result<Self, Fault> {
        let mut statement = connection
            .prepare_cached("SELECT run_id, state, attempts, step, confirmed_step FROM runs WHERE id = ?1")?;
        let mut rows = statement.query([run.as_str()])?;
        let Some(row) = rows.next()? else {
            return Err(StoreError::UnknownRun { id: run.to_string() }.into());
        };
        let state = parse_state(&row.get::<_, String>(1)?)?;
        let (run_id, latest) = (row.get(0)?, row.get(2)?);
        Ok(Self { run_id, state, latest, step: row.get(3)?, confirmed_step: row.get(4)? })
    }

    pub(super) fn confirm(&mut self, step: i64) {
        self.confirmed_step = self.confirmed_step.max(step);
    }

    /// Whether records of that step are confirmed.
    pub(super) const fn is_confirmed(&self, step: i64) -> bool {
        self.confirmed_step > 0 && step <= self.confirmed_step
    }
}

/// Watermark of an attempt that has reported its end.
const CLOSED: i64 = i64::MAX;

/// The state of an attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct AttemptCursor {
    /// `seq` of its next event.
    pub(super) next_seq: i64,
    /// Last recorded step; `None` before its first event.
    pub(super) step: Option<i64>,
    pub(super) started: bool,
    /// Confirmed step of the run when the attempt began.
    pub(super) kept_step: i64,
}

impl AttemptCursor {
    /// An attempt without records.
    pub(super) const UNKNOWN: Self = Self { next_seq: 0, step: None, started: false, kept_step: 0 };

    pub(super) fn load(connection: &Connection, run_id: i64, attempt: u32) -> Result<Option<Self>, Fault> {
        let mut statement = connection.prepare_cached(
            "SELECT next_seq, step, started_ms IS NOT NULL, kept_step FROM attempts WHERE run_id = ?1 AND attempt = ?2",
        )?;
        let cursor = statement.query_row(params![run_id, attempt], |row| {
            Ok(Self {
                next_seq: row.get(0)?,
                step: row.get(1)?,
                started: row.get(2)?,
                kept_step: row.get(3)?,
            })
        });
        Ok(cursor.optional()?)
    }

    /// Advances the watermark after an event has been recorded.
    pub(super) fn pass(&mut self, event: &Event) -> Result<(), Fault> {
        self.next_seq = if event.ends_attempt() { CLOSED } else { self.next_seq + 1 };
        let step = event.step().map(|step| count("step", step)).transpose()?;
        self.step = self.step.max(step);
        Ok(())
    }

    /// Whether that step was confirmed before the attempt began.
    pub(super) const fn repeats(&self, step: i64) -> bool {
        self.kept_step > 0 && step <= self.kept_step
    }

    pub(super) fn write(&self, connection: &Connection, run_id: i64, attempt: u32) -> Result<(), Fault> {
        connection
            .prepare_cached(
                "UPDATE attempts SET next_seq = ?3, step = ?4 WHERE run_id = ?1 AND attempt = ?2",
            )?
            .execute(params![run_id, attempt, self.next_seq, self.step])?;
        Ok(())
    }
}
