//! Sweeps.

use gansweep_config::RunState;
use rusqlite::{Connection, Row};

use super::{Reader, dataset, json};
use crate::{StoreError, SweepId, SweepRow, fault::Fault};

const COLUMNS: &str = "sweep_id, name, file, source, description, recipe, axes, dataset_requested, dataset,
    record, program_version, machine, created_ms, updated_ms";

impl Reader {
    /// Every sweep, the one started last at the end.
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

    /// The sweep of that name.
    ///
    /// # Errors
    /// [`StoreError::UnknownSweep`], which names those there are.
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
}

pub(super) fn unknown_sweep(connection: &Connection, name: &str) -> Result<StoreError, Fault> {
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
        axes: json(&format!("the axes of sweep {name}"), &row.get::<_, String>(6)?)?,
        dataset_requested: dataset(&row.get::<_, String>(7)?)?,
        dataset: dataset(&row.get::<_, String>(8)?)?,
        record: json(&format!("the record settings of sweep {name}"), &row.get::<_, String>(9)?)?,
        program_version: row.get(10)?,
        machine: row.get(11)?,
        created_unix_ms: row.get(12)?,
        updated_unix_ms: row.get(13)?,
        runs: states.iter().map(|(_, runs)| runs).sum(),
        states,
        name,
    })
}

fn states(connection: &Connection, sweep_id: i64) -> Result<Vec<(RunState, u64)>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FROM sweep_runs m JOIN runs r USING (run_id)
         WHERE m.sweep_id = ?1 AND m.current = 1 AND r.state = ?2",
    )?;
    let mut count = |state: RunState| -> Result<_, Fault> {
        let runs: i64 = statement.query_row((sweep_id, state.name()), |row| row.get(0))?;
        Ok((state, runs.cast_unsigned()))
    };
    RunState::ALL.into_iter().map(&mut count).collect()
}
