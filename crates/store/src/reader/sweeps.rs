//! Sweeps.

use std::fs;
use std::path::Path;

use gansweep_config::{Record, RunState};
use rusqlite::{Connection, Row};

use super::{Reader, dataset, unsigned};
use crate::{
    Call, DEFAULT_RESULTS, RungRow, StoreError, SweepId, SweepRow, TrialRow, fault::Fault, rungs,
    status::parse_state, trials, value::parse_json,
};

const COLUMNS: &str = "sweep_id, name, file, source, description, recipe, axes, dataset_requested, dataset,
    record, program_version, machine, created_ms, updated_ms, call";

impl Reader {
    /// The trials of a sweep in their order; none if the sweep is not recorded or has no search.
    pub fn trials(&self, sweep: &str) -> Result<Vec<TrialRow>, StoreError> {
        self.read(|connection| trials::read(connection, sweep))
    }

    /// All sweeps, the most recently started last.
    pub fn sweeps(&self) -> Result<Vec<SweepRow>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM sweeps ORDER BY updated_ms, sweep_id");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([])?;
            let mut sweeps = Vec::new();
            while let Some(row) = rows.next()? {
                sweeps.push(sweep(connection, row)?);
            }
            Ok(sweeps)
        })
    }

    /// What pruning has decided about the runs of a sweep, by run and rung.
    pub fn rungs(&self, sweep: &str) -> Result<Vec<RungRow>, StoreError> {
        self.read(|connection| rungs::of(connection, sweep))
    }

    /// The sweep of that name.
    ///
    /// # Errors
    /// [`StoreError::UnknownSweep`], which lists the existing names.
    pub fn sweep(&self, name: &str) -> Result<SweepRow, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM sweeps WHERE name = ?1");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([name])?;
            match rows.next()? {
                Some(row) => sweep(connection, row),
                None => Err(unknown_sweep(connection, name)?.into()),
            }
        })
    }

    /// Checks that a sweep of that name exists.
    ///
    /// # Errors
    /// [`StoreError::UnknownSweep`], which lists the existing names.
    pub fn require_sweep(&self, name: &str) -> Result<(), StoreError> {
        self.read(|connection| {
            if is_sweep(connection, name)? {
                return Ok(());
            }
            Err(unknown_sweep(connection, name)?.into())
        })
    }

    /// The command that starts the sweep of that name again, see [`Call::command`], in the folder of this database: it may be
    /// a copy, or have been moved. Unlike [`Reader::sweep`], it counts no runs.
    ///
    /// # Errors
    /// [`StoreError::UnknownSweep`], which lists the existing names.
    pub fn sweep_command(&self, name: &str) -> Result<String, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT file, call FROM sweeps WHERE name = ?1")?;
            let mut rows = statement.query([name])?;
            let Some(row) = rows.next()? else { return Err(unknown_sweep(connection, name)?.into()) };
            let file: String = row.get(0)?;
            let mut call = call(name, row.get(1)?)?.unwrap_or_default();
            let recorded = if call.results.is_empty() { DEFAULT_RESULTS } else { &call.results };
            let folder = self.path.parent().unwrap_or(Path::new("."));
            if !is_same_folder(Path::new(recorded), folder) {
                call.results = folder.display().to_string();
            }
            Ok(call.command(&file))
        })
    }
}

fn is_same_folder(one: &Path, other: &Path) -> bool {
    // The path of a database in the current folder has an empty parent.
    let place =
        |path: &Path| fs::canonicalize(if path.as_os_str().is_empty() { Path::new(".") } else { path });
    matches!((place(one), place(other)), (Ok(one), Ok(other)) if one == other)
}

pub(super) fn is_sweep(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM sweeps WHERE name = ?1)")?;
    statement.query_row([name], |row| row.get(0))
}

/// The error that no sweep has that name, with the names there are.
pub(crate) fn unknown_sweep(connection: &Connection, name: &str) -> Result<StoreError, Fault> {
    let mut statement = connection.prepare("SELECT name FROM sweeps ORDER BY name")?;
    let known = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(StoreError::UnknownSweep { name: name.to_owned(), known })
}

fn sweep(connection: &Connection, row: &Row<'_>) -> Result<SweepRow, Fault> {
    let id = row.get(0)?;
    let name: String = row.get(1)?;
    let states = states(connection, id)?;
    Ok(SweepRow {
        id: SweepId(id),
        file: row.get(2)?,
        source_toml: row.get(3)?,
        description: row.get(4)?,
        recipe: row.get(5)?,
        axes: parse_json(&format!("the axes of sweep {name}"), &row.get::<_, String>(6)?)?,
        dataset_requested: dataset(&row.get::<_, String>(7)?)?,
        dataset: dataset(&row.get::<_, String>(8)?)?,
        record: record(&name, &row.get::<_, String>(9)?)?,
        program_version: row.get(10)?,
        machine: row.get(11)?,
        created_unix_ms: row.get(12)?,
        updated_unix_ms: row.get(13)?,
        call: call(&name, row.get(14)?)?,
        runs: states.iter().map(|(_, runs)| runs).sum(),
        states,
        name,
    })
}

fn record(sweep: &str, text: &str) -> Result<Record, StoreError> {
    let what = format!("the record settings of sweep {sweep}");
    Record::from_stored(&parse_json(&what, text)?)
        .map_err(|error| StoreError::Content { what, detail: error.to_string() })
}

fn call(sweep: &str, text: Option<String>) -> Result<Option<Call>, StoreError> {
    text.map(|text| parse_json(&format!("the call of sweep {sweep}"), &text)).transpose()
}

fn states(connection: &Connection, sweep_id: i64) -> Result<Vec<(RunState, u64)>, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT state, count(*) FROM entries WHERE sweep_id = ?1 GROUP BY state")?;
    let mut rows = statement.query([sweep_id])?;
    let mut states = RunState::ALL.map(|state| (state, 0));
    while let Some(row) = rows.next()? {
        let found = parse_state(&row.get::<_, String>(0)?)?;
        for (_, runs) in states.iter_mut().filter(|(state, _)| *state == found) {
            *runs = unsigned(row, 1)?;
        }
    }
    Ok(states.to_vec())
}
