//! Statuses of runs, read by the writer and by readers.

use std::collections::HashMap;

use gansweep_config::{RunId, RunState};
use gansweep_protocol::{BestCheckpoint, Checkpoint, Metric, Resume};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::{RunFiles, RunStatus, StoreError, fault::Fault};

/// The status of each of these runs that the database knows.
pub(crate) fn of(connection: &Connection, runs: &[RunId]) -> Result<HashMap<RunId, RunStatus>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT r.state, r.attempts, r.step, r.confirmed_step,
             c.step, c.path, c.bytes, c.sha256, c.written_for, r.run_id
         FROM runs r LEFT JOIN checkpoints c USING (run_id) WHERE r.id = ?1",
    )?;
    let mut statuses = HashMap::with_capacity(runs.len());
    for run in runs {
        let mut rows = statement.query([run.as_str()])?;
        if let Some(row) = rows.next()? {
            statuses.insert(run.clone(), status(connection, row)?);
        }
    }
    Ok(statuses)
}

fn status(connection: &Connection, row: &Row<'_>) -> Result<RunStatus, Fault> {
    let state: String = row.get(0)?;
    let resume = match row.get::<_, Option<i64>>(4)? {
        Some(step) => Some(Resume {
            checkpoint: Checkpoint {
                step: step.cast_unsigned(),
                path: row.get(5)?,
                bytes: row.get::<_, i64>(6)?.cast_unsigned(),
                sha256: row.get(7)?,
                best: best_checkpoint(connection, row.get(9)?)?.map(Box::new),
            },
            written_for: row.get::<_, Option<String>>(8)?.map(|id| parse_run(&id)).transpose()?,
        }),
        None => None,
    };
    let (step, confirmed_step): (i64, i64) = (row.get(2)?, row.get(3)?);
    Ok(RunStatus {
        state: parse_state(&state)?,
        attempts: row.get(1)?,
        resume,
        step: step.cast_unsigned(),
        confirmed_step: confirmed_step.cast_unsigned(),
    })
}

/// The files of a run's checkpoints.
pub(crate) fn files(connection: &Connection, run: &RunId, run_id: i64) -> Result<RunFiles, Fault> {
    let path = |table: &str| {
        let sql = format!("SELECT path FROM {table} WHERE run_id = ?1");
        connection.prepare_cached(&sql)?.query_row([run_id], |row| row.get(0)).optional()
    };
    Ok(RunFiles { run: run.clone(), checkpoint: path("checkpoints")?, best: path("best_checkpoints")? })
}

/// The best checkpoint of a run.
pub(crate) fn best_checkpoint(connection: &Connection, run_id: i64) -> Result<Option<BestCheckpoint>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT b.step, b.path, b.bytes, b.sha256, m.name, b.value, b.images, b.evaluator
         FROM best_checkpoints b JOIN metrics m USING (metric_id) WHERE b.run_id = ?1",
    )?;
    let mut rows = statement.query([run_id])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let metric: String = row.get(4)?;
    Ok(Some(BestCheckpoint {
        step: row.get::<_, i64>(0)?.cast_unsigned(),
        path: row.get(1)?,
        bytes: row.get::<_, i64>(2)?.cast_unsigned(),
        sha256: row.get(3)?,
        metric: Metric::from_name(&metric).ok_or_else(|| StoreError::Content {
            what: "the metric of a best checkpoint".to_owned(),
            detail: format!("`{metric}` is none that this program knows"),
        })?,
        value: row.get(5)?,
        images: row.get(6)?,
        evaluator: row.get(7)?,
    }))
}

/// Parses a stored run id.
pub(crate) fn parse_run(id: &str) -> Result<RunId, StoreError> {
    RunId::parse(id).ok_or_else(|| StoreError::Content {
        what: "a run's id".to_owned(),
        detail: format!("`{id}` is not 16 hexadecimal digits"),
    })
}

/// Parses a stored state.
pub(crate) fn parse_state(name: &str) -> Result<RunState, StoreError> {
    RunState::from_name(name).ok_or_else(|| StoreError::Content {
        what: "a run's state".to_owned(),
        detail: format!("`{name}` is none that this program knows"),
    })
}
