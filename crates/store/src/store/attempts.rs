//! Attempts: their begin, and their end where the worker itself reports none.

use gansweep_config::{RunId, RunState};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    StoreError,
    fault::Fault,
    status::{parse_run, parse_state},
    store::Store,
};

/// Why an attempt ended that nobody ended.
const LOST: &str = "the program ended without notice";
/// Why an attempt ended whose run has a newer one.
const SUPERSEDED: &str = "the next attempt began";

impl Store {
    /// Ends, as interrupted, the attempts that a program which died left pending or running, and
    /// gives them. Only the lock's holder knows that none of them can be alive.
    pub fn reclaim_stale(&mut self) -> Result<Vec<(RunId, u32)>, StoreError> {
        let now = (self.clock)();
        self.write(|transaction, _| {
            let stale = active_attempts(transaction)?;
            for (run_id, _, attempt) in &stale {
                close(transaction, *run_id, *attempt, RunState::Interrupted, LOST, now)?;
            }
            transaction.execute(
                "UPDATE runs SET state = 'interrupted', cause = ?1, ended_ms = ?2
                 WHERE state IN ('pending', 'running')",
                params![LOST, now],
            )?;
            Ok(stale.into_iter().map(|(_, run, attempt)| (run, attempt)).collect())
        })
    }

    /// Begins the run's next attempt, as pending, and gives its number, from 1. An attempt that was
    /// still active is ended as interrupted.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`]; [`StoreError::Finished`] for a completed or diverged run.
    pub fn begin_attempt(&mut self, run: &RunId, device: &str) -> Result<u32, StoreError> {
        let now = (self.clock)();
        self.write(|transaction, _| {
            let (run_id, state, attempts) = find(transaction, run)?;
            if state.is_final() {
                return Err(StoreError::Finished { id: run.to_string(), state: state.name() }.into());
            }
            if attempts > 0 {
                close(transaction, run_id, attempts, RunState::Interrupted, SUPERSEDED, now)?;
            }
            let attempt = attempts + 1;
            insert_newest(transaction, run_id, attempt, device, RunState::Pending, now)?;
            Ok(attempt)
        })
    }

    /// Ends an attempt whose worker died without reporting an end. No effect on an attempt that has
    /// ended already: what the worker itself reported stands.
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
        self.write(|transaction, _| {
            let (run_id, run_state, latest) = find(transaction, run)?;
            let ended = close(transaction, run_id, attempt, state, cause, now)?;
            if ended && attempt == latest && !run_state.is_final() {
                transaction
                    .prepare_cached(
                        "UPDATE runs SET state = ?2, cause = ?3, ended_ms = ?4 WHERE run_id = ?1",
                    )?
                    .execute(params![run_id, state.name(), cause, now])?;
            }
            Ok(())
        })
    }
}

impl Store {
    /// Gives a run that no worker has another state, such as pruned. No effect on a run that is
    /// active or final.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`].
    pub fn set_state(&mut self, run: &RunId, state: RunState, cause: &str) -> Result<(), StoreError> {
        let now = (self.clock)();
        self.write(|transaction, _| {
            let (run_id, present, _) = find(transaction, run)?;
            if !present.is_final() && !present.is_active() {
                transaction
                    .prepare_cached(
                        "UPDATE runs SET state = ?2, cause = ?3, ended_ms = ?4 WHERE run_id = ?1",
                    )?
                    .execute(params![run_id, state.name(), cause, now])?;
            }
            Ok(())
        })
    }
}

/// Adds the row of a run's newest attempt, and gives the run its state.
fn insert_newest(
    connection: &Connection,
    run_id: i64,
    attempt: u32,
    device: &str,
    state: RunState,
    at_ms: i64,
) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO attempts (run_id, attempt, state, device, began_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![run_id, attempt, state.name(), device, at_ms])?;
    connection
        .prepare_cached(
            "UPDATE runs SET state = ?2, cause = NULL, attempts = ?3, seconds = NULL,
                 started_ms = min(coalesce(started_ms, ?4), ?4), ended_ms = NULL
             WHERE run_id = ?1",
        )?
        .execute(params![run_id, state.name(), attempt, at_ms])?;
    Ok(())
}

/// Adds the row of an attempt that is known from its first event only, and ends the attempts that
/// it supersedes. When those ended is not known: they have reported no end.
pub(super) fn insert_reported(
    connection: &Connection,
    run_id: i64,
    (attempt, latest): (u32, u32),
    at_ms: i64,
) -> Result<(), Fault> {
    if attempt > latest {
        insert_newest(connection, run_id, attempt, "unknown", RunState::Running, at_ms)?;
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

/// Ends an attempt that is active; `false` if it is not.
fn close(
    connection: &Connection,
    run_id: i64,
    attempt: u32,
    state: RunState,
    cause: &str,
    at_ms: i64,
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

fn find(connection: &Connection, run: &RunId) -> Result<(i64, RunState, u32), Fault> {
    let mut statement =
        connection.prepare_cached("SELECT run_id, state, attempts FROM runs WHERE id = ?1")?;
    let row = statement
        .query_row([run.as_str()], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?)))
        .optional()?;
    let (run_id, state, attempts) = row.ok_or_else(|| StoreError::UnknownRun { id: run.to_string() })?;
    Ok((run_id, parse_state(&state)?, attempts))
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
