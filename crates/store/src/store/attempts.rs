//! The begin of attempts, and the end of attempts whose worker reports none.

use std::collections::HashSet;

use gansweep_config::{RunId, RunState};
use rusqlite::{Connection, params};

use crate::{
    StoreError,
    fault::Fault,
    status::{parse_run, parse_state},
    store::Store,
};

/// Cause of an attempt that a dead program left active.
const LOST: &str = "the program ended without notice";
/// Cause of a completed run that is trained again.
const REOPENED: &str = "trained again for its checkpoint";
/// Cause of an attempt that was active when the next one began.
const SUPERSEDED: &str = "the next attempt began";

impl Store {
    /// Marks attempts that a dead program left pending or running as interrupted, and returns them. The caller
    /// must hold the lock, which proves that none of them is alive. They ended when they last recorded something with a time,
    /// not now: the program may have died days ago, and the time in between is no time of a device.
    pub fn reclaim_stale(&mut self) -> Result<Vec<(RunId, u32)>, StoreError> {
        self.reclaim_stale_except(&HashSet::new())
    }

    /// The same without the runs whose workers go on without the program.
    pub fn reclaim_stale_except(&mut self, alive: &HashSet<RunId>) -> Result<Vec<(RunId, u32)>, StoreError> {
        self.write(|transaction, _| {
            let mut stale = active_attempts(transaction)?;
            stale.retain(|(_, run, _)| !alive.contains(run));
            for (run_id, _, attempt) in &stale {
                let at_ms = last_recorded_ms(transaction, *run_id, *attempt)?;
                close(transaction, *run_id, *attempt, RunState::Interrupted, LOST, at_ms)?;
            }
            for (run_id, run) in active_runs(transaction)? {
                if !alive.contains(&run) {
                    transaction
                        .prepare_cached(
                            "UPDATE runs SET state = 'interrupted', cause = ?2,
                                 ended_ms = (SELECT max(ended_ms) FROM attempts WHERE attempts.run_id = ?1)
                             WHERE run_id = ?1",
                        )?
                        .execute(params![run_id, LOST])?;
                }
            }
            Ok(stale.into_iter().map(|(_, run, attempt)| (run, attempt)).collect())
        })
    }

    /// The number of a run's latest attempt and the number of the first of its events that is not recorded; of an
    /// attempt that has reported its end, a number beyond all events. `None` for a run without attempts.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`].
    pub fn next_event(&self, run: &RunId) -> Result<Option<(u32, u64)>, StoreError> {
        next_event(&self.connection, run).map_err(|fault| fault.at(&self.path))
    }

    /// Begins the run's next attempt as pending, and returns its number, from 1. An attempt that is still
    /// active is marked as interrupted.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`]; [`StoreError::Finished`] for a run that has diverged or reached the largest
    /// budget of all plans.
    pub fn begin_attempt(&mut self, run: &RunId, device: &str) -> Result<u32, StoreError> {
        let now = (self.clock)();
        self.write(|transaction, _| {
            let found = find(transaction, run)?;
            if found.is_over(transaction)? {
                let state = found.state.name();
                return Err(StoreError::Finished { id: run.to_string(), state }.into());
            }
            let Found { run_id, attempts, confirmed_step, .. } = found;
            if attempts > 0 {
                close(transaction, run_id, attempts, RunState::Interrupted, SUPERSEDED, Some(now))?;
            }
            let attempt = attempts + 1;
            insert_newest(transaction, run_id, attempt, device, RunState::Pending, confirmed_step, now)?;
            Ok(attempt)
        })
    }

    /// Ends an attempt whose worker has just died without reporting an end. No effect on an attempt that has ended: the
    /// worker's own report takes precedence.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`].
    pub fn end_attempt(
        &mut self,
        run: &RunId,
        attempt: u32,
        state: RunState,
        cause: &str,
    ) -> Result<(), StoreError> {
        let now = (self.clock)();
        self.end(run, attempt, (state, cause), Some(now))
    }

    /// The same for a worker that died some time ago: its attempt ended when it last recorded something with a time.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`].
    pub fn end_past_attempt(
        &mut self,
        run: &RunId,
        attempt: u32,
        state: RunState,
        cause: &str,
    ) -> Result<(), StoreError> {
        self.end(run, attempt, (state, cause), None)
    }

    fn end(
        &mut self,
        run: &RunId,
        attempt: u32,
        (state, cause): (RunState, &str),
        at_ms: Option<i64>,
    ) -> Result<(), StoreError> {
        self.write(|transaction, _| {
            let found = find(transaction, run)?;
            let run_id = found.run_id;
            let at_ms = match at_ms {
                Some(at_ms) => Some(at_ms),
                None => last_recorded_ms(transaction, run_id, attempt)?,
            };
            let ended = close(transaction, run_id, attempt, state, cause, at_ms)?;
            if ended && attempt == found.attempts && !found.state.is_final() {
                transaction
                    .prepare_cached(
                        "UPDATE runs SET state = ?2, cause = ?3, ended_ms = ?4 WHERE run_id = ?1",
                    )?
                    .execute(params![run_id, state.name(), cause, at_ms])?;
            }
            Ok(())
        })
    }
}

impl Store {
    /// Reopens a completed run, so that it can be trained again for its checkpoint; forgets the recorded checkpoints if it
    /// cannot be resumed from the last one, or the best one is lost. What is confirmed stays, so that plans still count the run as completed. No effect on a
    /// run that is not completed.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`].
    pub fn reopen(&mut self, run: &RunId, forget_checkpoint: bool) -> Result<(), StoreError> {
        self.write(|transaction, _| {
            let run_id = find(transaction, run)?.run_id;
            transaction.execute(
                "UPDATE runs SET state = 'interrupted', cause = ?2 WHERE run_id = ?1 AND state = 'completed'",
                params![run_id, REOPENED],
            )?;
            if forget_checkpoint {
                for table in ["checkpoints", "best_checkpoints"] {
                    transaction.execute(&format!("DELETE FROM {table} WHERE run_id = ?1"), [run_id])?;
                }
            }
            Ok(())
        })
    }

    /// Sets the state of a run that has no worker, for example to pruned. No effect on a run that is active,
    /// has diverged, or has reached the largest budget of all plans.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`].
    pub fn set_state(&mut self, run: &RunId, state: RunState, cause: &str) -> Result<(), StoreError> {
        let now = (self.clock)();
        self.write(|transaction, _| {
            let found = find(transaction, run)?;
            if !found.state.is_active() && !found.is_over(transaction)? {
                transaction
                    .prepare_cached(
                        "UPDATE runs SET state = ?2, cause = ?3, ended_ms = ?4 WHERE run_id = ?1",
                    )?
                    .execute(params![found.run_id, state.name(), cause, now])?;
            }
            Ok(())
        })
    }
}

/// [`Store::next_event`], in one statement, which needs no transaction to see one state.
fn next_event(connection: &Connection, run: &RunId) -> Result<Option<(u32, u64)>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT a.attempt, a.next_seq FROM runs r LEFT JOIN attempts a USING (run_id)
         WHERE r.id = ?1 ORDER BY a.attempt DESC LIMIT 1",
    )?;
    let mut rows = statement.query([run.as_str()])?;
    let Some(row) = rows.next()? else { return Err(StoreError::UnknownRun { id: run.to_string() }.into()) };
    let (attempt, next_seq): (Option<u32>, Option<i64>) = (row.get(0)?, row.get(1)?);
    Ok(attempt.zip(next_seq.map(i64::cast_unsigned)))
}

/// Inserts the run's newest attempt and sets the run's state. If the attempt starts before `kept_step`, it
/// records nothing up to that step.
fn insert_newest(
    connection: &Connection,
    run_id: i64,
    attempt: u32,
    device: &str,
    state: RunState,
    kept_step: i64,
    at_ms: i64,
) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO attempts (run_id, attempt, state, device, kept_step, began_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![run_id, attempt, state.name(), device, kept_step, at_ms])?;
    connection
        .prepare_cached(
            "UPDATE runs SET state = ?2, cause = NULL, attempts = ?3, seconds = NULL,
                 started_ms = min(coalesce(started_ms, ?4), ?4), ended_ms = NULL
             WHERE run_id = ?1",
        )?
        .execute(params![run_id, state.name(), attempt, at_ms])?;
    Ok(())
}

/// Inserts an attempt that is known only from its first event, and ends the attempts that it supersedes. Their
/// end times are unknown, since they reported no end.
pub(super) fn insert_reported(
    connection: &Connection,
    run_id: i64,
    (attempt, latest): (u32, u32),
    at_ms: i64,
) -> Result<(), Fault> {
    if attempt > latest {
        // `kept_step` is known only for attempts that were begun in this database.
        insert_newest(connection, run_id, attempt, "unknown", RunState::Running, 0, at_ms)?;
    } else {
        connection
            .prepare_cached(
                "INSERT INTO attempts (run_id, attempt, state, device, began_ms)
                 VALUES (?1, ?2, 'running', 'unknown', ?3)",
            )?
            .execute(params![run_id, attempt, at_ms])?;
        connection
            .prepare_cached(
                "UPDATE runs SET started_ms = min(coalesce(started_ms, ?2), ?2) WHERE run_id = ?1",
            )?
            .execute(params![run_id, at_ms])?;
    }
    connection
        .prepare_cached(
            "UPDATE attempts SET state = 'interrupted', cause = ?3
             WHERE run_id = ?1 AND attempt < ?2 AND state IN ('pending', 'running')",
        )?
        .execute(params![run_id, attempt.max(latest), SUPERSEDED])?;
    Ok(())
}

/// Ends an active attempt; `false` if it is not active.
fn close(
    connection: &Connection,
    run_id: i64,
    attempt: u32,
    state: RunState,
    cause: &str,
    at_ms: Option<i64>,
) -> Result<bool, Fault> {
    let changed = connection
        .prepare_cached(
            "UPDATE attempts SET state = ?3, cause = ?4, ended_ms = ?5,
                 step = coalesce(step, (SELECT step FROM runs WHERE runs.run_id = attempts.run_id))
             WHERE run_id = ?1 AND attempt = ?2 AND state IN ('pending', 'running')",
        )?
        .execute(params![run_id, attempt, state.name(), cause, at_ms])?;
    Ok(changed == 1)
}

/// When an attempt last recorded something with a time: its start, a sample grid or a checkpoint. Evaluations have a time, too, but
/// may have been made long after the attempt. `None` without such an attempt.
fn last_recorded_ms(connection: &Connection, run_id: i64, attempt: u32) -> Result<Option<i64>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT max(at_ms) FROM (
             SELECT max(began_ms, coalesce(started_ms, began_ms)) AS at_ms FROM attempts WHERE run_id = ?1 AND attempt = ?2
             UNION ALL SELECT at_ms FROM samples WHERE run_id = ?1 AND attempt = ?2
             UNION ALL SELECT at_ms FROM checkpoints WHERE run_id = ?1 AND attempt = ?2
             UNION ALL SELECT at_ms FROM best_checkpoints WHERE run_id = ?1 AND attempt = ?2)",
    )?;
    Ok(statement.query_row(params![run_id, attempt], |row| row.get(0))?)
}

/// The row of a run.
pub(super) struct Found {
    pub(super) run_id: i64,
    pub(super) state: RunState,
    attempts: u32,
    confirmed_step: i64,
}

impl Found {
    /// Whether it has diverged or reached the largest budget of all plans.
    pub(super) fn is_over(&self, connection: &Connection) -> Result<bool, Fault> {
        match self.state {
            RunState::Diverged => Ok(true),
            RunState::Completed => Ok(!is_asked_for_more(connection, self.run_id)?),
            _ => Ok(false),
        }
    }
}

/// Whether a plan asks for more steps of a run than are confirmed.
fn is_asked_for_more(connection: &Connection, run_id: i64) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM entries WHERE run_id = ?1 AND state <> 'completed' AND sweep_id IS NOT NULL)",
    )?;
    Ok(statement.query_row([run_id], |row| row.get(0))?)
}

pub(super) fn find(connection: &Connection, run: &RunId) -> Result<Found, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT run_id, state, attempts, confirmed_step FROM runs WHERE id = ?1")?;
    let mut rows = statement.query([run.as_str()])?;
    let Some(row) = rows.next()? else { return Err(StoreError::UnknownRun { id: run.to_string() }.into()) };
    let state = parse_state(&row.get::<_, String>(1)?)?;
    Ok(Found { run_id: row.get(0)?, state, attempts: row.get(2)?, confirmed_step: row.get(3)? })
}

fn active_runs(connection: &Connection) -> Result<Vec<(i64, RunId)>, Fault> {
    let mut statement = connection
        .prepare("SELECT run_id, id FROM runs WHERE state IN ('pending', 'running') ORDER BY run_id")?;
    let mut rows = statement.query([])?;
    let mut active = Vec::new();
    while let Some(row) = rows.next()? {
        active.push((row.get(0)?, parse_run(&row.get::<_, String>(1)?)?));
    }
    Ok(active)
}

fn active_attempts(connection: &Connection) -> Result<Vec<(i64, RunId, u32)>, Fault> {
    let mut statement = connection.prepare(
        "SELECT a.run_id, r.id, a.attempt FROM attempts a JOIN runs r USING (run_id)
         WHERE a.state IN ('pending', 'running') ORDER BY a.run_id, a.attempt",
    )?;
    let mut rows = statement.query([])?;
    let mut active = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(1)?;
        active.push((row.get(0)?, parse_run(&id)?, row.get(2)?));
    }
    Ok(active)
}
