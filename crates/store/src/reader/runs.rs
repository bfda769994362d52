//! Runs: listings with a filter, and lookup by id prefix.

use gansweep_config::Assignment;
use rusqlite::{Connection, Row, ToSql};

use super::{Reader, filter, sweeps::is_sweep, unsigned};
use crate::{
    RunFilter, RunRow, StoreError,
    fault::{Fault, message},
    status::{parse_run, parse_state},
    value::{parse_json, seed_from_sql},
};

/// The most matching ids that an error names.
const NAMED_MATCHES: u32 = 10;

impl Reader {
    /// Runs that match a filter, one row per entry of a plan, ordered by sweep and position.
    ///
    /// # Errors
    /// [`StoreError::UnknownSweep`]; [`StoreError::Filter`] for an expression that SQLite rejects.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRow>, StoreError> {
        let mut conditions = vec!["1".to_owned()];
        let mut parameters: Vec<&dyn ToSql> = Vec::new();
        if let Some(name) = &filter.sweep {
            self.require_sweep(name)?;
            conditions.push("sweep = ?1".to_owned());
            parameters.push(name);
        }
        if let Some(fragment) = &filter.where_sql {
            if let Err(detail) = filter::check(fragment) {
                return self.refused(fragment, detail);
            }
            // On lines of its own, so that a comment in it ends with it.
            conditions.push(format!("(\n{fragment}\n)"));
        }
        let listing = list(&self.connection, &conditions.join(" AND "), &parameters);
        match (listing, &filter.where_sql) {
            (Err(Fault::Sqlite(error)), Some(fragment)) if is_about_the_statement(&error) => {
                self.refused(fragment, message(&error))
            }
            (listing, _) => listing.map_err(|fault| fault.at(&self.path)),
        }
    }

    fn refused<T>(&self, fragment: &str, detail: String) -> Result<T, StoreError> {
        let columns = self.read(overview_columns)?;
        Err(StoreError::Filter { fragment: fragment.to_owned(), detail, columns })
    }

    /// The run whose id has that prefix, with the largest budget that a plan asks for.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`], [`StoreError::AmbiguousRun`], [`StoreError::SweepForRun`].
    pub fn run(&self, id_prefix: &str) -> Result<RunRow, StoreError> {
        self.read(|connection| {
            let mut ids = ids_beginning(connection, id_prefix)?;
            if ids.len() > 1 {
                ids.truncate(NAMED_MATCHES as usize);
                return Err(StoreError::AmbiguousRun { prefix: id_prefix.to_owned(), matches: ids }.into());
            }
            let runs = list(connection, "id = ?1", &[&ids.first()])?;
            // Of equal budgets the first.
            let run = runs.into_iter().rev().max_by_key(|run| run.epochs);
            match run {
                Some(run) => Ok(run),
                None if is_sweep(connection, id_prefix)? => {
                    Err(StoreError::SweepForRun { name: id_prefix.to_owned() }.into())
                }
                None => Err(StoreError::UnknownRun { id: id_prefix.to_owned() }.into()),
            }
        })
    }
}

/// Ids with that prefix, at most one more than an error names.
fn ids_beginning(connection: &Connection, prefix: &str) -> Result<Vec<String>, Fault> {
    // Excludes the wildcards of GLOB.
    if !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Vec::new());
    }
    let mut statement =
        connection.prepare_cached("SELECT id FROM runs WHERE id GLOB ?1 || '*' ORDER BY id LIMIT ?2")?;
    let ids = statement.query_map((prefix.to_ascii_lowercase(), NAMED_MATCHES + 1), |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Whether an error comes from the user's expression, not from the file.
fn is_about_the_statement(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    match error {
        Error::SqlInputError { .. }
        | Error::InvalidParameterCount(..)
        | Error::MultipleStatement
        | Error::NulError(_) => true,
        Error::SqliteFailure(code, _) => code.code == rusqlite::ErrorCode::Unknown,
        _ => false,
    }
}

fn overview_columns(connection: &Connection) -> Result<Vec<String>, Fault> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info('run_overview')")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn list(connection: &Connection, condition: &str, parameters: &[&dyn ToSql]) -> Result<Vec<RunRow>, Fault> {
    let mut statement = connection.prepare(&format!(
        "SELECT v.sweep, v.position, v.id, v.label, v.swept, v.config_hash, v.config, v.seed,
             v.data_fingerprint, v.state, v.cause, v.attempts, v.device, v.backend, v.lane, v.lanes,
             v.epochs, v.total_steps, v.step, v.seconds, v.images_per_second, v.fd,
             r.created_ms, r.started_ms, r.ended_ms
         FROM (SELECT * FROM run_overview WHERE {condition}) v JOIN runs r ON r.id = v.id
         ORDER BY v.sweep IS NULL, v.sweep, v.position, v.id"
    ))?;
    let mut rows = statement.query(parameters)?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push(run(row)?);
    }
    Ok(runs)
}

fn run(row: &Row<'_>) -> Result<RunRow, Fault> {
    let id = parse_run(&row.get::<_, String>(2)?)?;
    Ok(RunRow {
        sweep: row.get(0)?,
        position: row.get(1)?,
        label: row.get(3)?,
        assignments: assignments(&row.get::<_, String>(4)?)?,
        config_hash: parse_json("a config's hash", &format!("\"{}\"", row.get::<_, String>(5)?))?,
        config: parse_json(&format!("the config of run {id}"), &row.get::<_, String>(6)?)?,
        seed: seed_from_sql(row.get(7)?),
        data_fingerprint: row.get(8)?,
        state: parse_state(&row.get::<_, String>(9)?)?,
        cause: row.get(10)?,
        attempts: row.get(11)?,
        device: row.get(12)?,
        backend: row.get(13)?,
        lane: row.get(14)?,
        lanes: row.get(15)?,
        epochs: row.get(16)?,
        total_steps: unsigned(row, 17)?,
        step: unsigned(row, 18)?,
        seconds: row.get(19)?,
        images_per_second: row.get(20)?,
        fd: row.get(21)?,
        created_unix_ms: row.get(22)?,
        started_unix_ms: row.get(23)?,
        ended_unix_ms: row.get(24)?,
        id,
    })
}

fn assignments(swept: &str) -> Result<Vec<Assignment>, StoreError> {
    let swept: serde_json::Map<String, serde_json::Value> = parse_json("a run's swept keys", swept)?;
    Ok(swept.into_iter().map(|(key, value)| Assignment { key, value }).collect())
}
