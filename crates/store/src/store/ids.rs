//! The integer keys of runs and sweeps, which stand for ids and names in all other tables.

use gansweep_config::RunId;
use rusqlite::{Connection, OptionalExtension};

use crate::{StoreError, fault::Fault, reader::unknown_sweep};

/// The key of a run; `None` if it is not recorded.
pub(super) fn known_run(connection: &Connection, run: &RunId) -> Result<Option<i64>, Fault> {
    let mut statement = connection.prepare_cached("SELECT run_id FROM runs WHERE id = ?1")?;
    Ok(statement.query_row([run.as_str()], |row| row.get(0)).optional()?)
}

/// The key of a run that must be recorded.
pub(super) fn find_run(connection: &Connection, run: &RunId) -> Result<i64, Fault> {
    Ok(known_run(connection, run)?.ok_or_else(|| StoreError::UnknownRun { id: run.to_string() })?)
}

/// The key of a sweep that must be recorded.
pub(super) fn find_sweep(connection: &Connection, name: &str) -> Result<i64, Fault> {
    let mut statement = connection.prepare_cached("SELECT sweep_id FROM sweeps WHERE name = ?1")?;
    match statement.query_row([name], |row| row.get(0)).optional()? {
        Some(id) => Ok(id),
        None => Err(unknown_sweep(connection, name)?.into()),
    }
}
