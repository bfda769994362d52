//! Attempts and checkpoints.

use gansweep_config::RunId;
use gansweep_protocol::BestCheckpoint;
use rusqlite::{OptionalExtension, Row};

use super::{Reader, optional_unsigned, unsigned};
use crate::{
    AttemptRow, CheckpointRow, StoreError,
    fault::Fault,
    status::{best_checkpoint, parse_run, parse_state},
};

impl Reader {
    /// The run's attempts in order.
    pub fn attempts(&self, run: &RunId) -> Result<Vec<AttemptRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT attempt, state, cause, device, backend, lane, lanes, pid, host, from_step, step,
                     began_ms, started_ms, ended_ms
                 FROM attempts WHERE run_id = (SELECT run_id FROM runs WHERE id = ?1) ORDER BY attempt",
            )?;
            let mut rows = statement.query([run.as_str()])?;
            let mut attempts = Vec::new();
            while let Some(row) = rows.next()? {
                attempts.push(attempt(row)?);
            }
            Ok(attempts)
        })
    }

    /// The run's latest checkpoint.
    pub fn checkpoint(&self, run: &RunId) -> Result<Option<CheckpointRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT step, path, bytes, sha256, attempt, at_ms, written_for FROM checkpoints
                 WHERE run_id = (SELECT run_id FROM runs WHERE id = ?1)",
            )?;
            let mut rows = statement.query([run.as_str()])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            Ok(Some(CheckpointRow {
                step: unsigned(row, 0)?,
                path: row.get(1)?,
                bytes: unsigned(row, 2)?,
                sha256: row.get(3)?,
                written_for: row.get::<_, Option<String>>(6)?.map(|id| parse_run(&id)).transpose()?,
                attempt: row.get(4)?,
                at_unix_ms: row.get(5)?,
            }))
        })
    }
}

impl Reader {
    /// The checkpoint of the run with the best value of a figure, if the run keeps one.
    pub fn best_checkpoint(&self, run: &RunId) -> Result<Option<BestCheckpoint>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT run_id FROM runs WHERE id = ?1")?;
            let run_id = statement.query_row([run.as_str()], |row| row.get(0)).optional()?;
            run_id.map_or(Ok(None), |run_id| best_checkpoint(connection, run_id))
        })
    }
}

fn attempt(row: &Row<'_>) -> Result<AttemptRow, Fault> {
    Ok(AttemptRow {
        attempt: row.get(0)?,
        state: parse_state(&row.get::<_, String>(1)?)?,
        cause: row.get(2)?,
        device: row.get(3)?,
        backend: row.get(4)?,
        lane: row.get(5)?,
        lanes: row.get(6)?,
        pid: row.get(7)?,
        host: row.get(8)?,
        from_step: optional_unsigned(row, 9)?,
        step: optional_unsigned(row, 10)?,
        began_unix_ms: row.get(11)?,
        started_unix_ms: row.get(12)?,
        ended_unix_ms: row.get(13)?,
    })
}
