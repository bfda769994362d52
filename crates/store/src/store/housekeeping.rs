//! Removal of runs and sweeps, new names, tags, and space that nothing needs any more.

use std::collections::{BTreeMap, BTreeSet};

use gansweep_config::RunId;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    Removal, RunFiles, StoreError,
    fault::Fault,
    status::{self, parse_run},
    store::{
        Store,
        ids::{find_run, find_sweep},
    },
    tables,
};

impl Store {
    /// What the removal of these sweeps and runs would take away. Runs that other sweeps have had in their plans stay,
    /// unless they are named themselves.
    ///
    /// # Errors
    /// [`StoreError::UnknownSweep`], [`StoreError::UnknownRun`].
    pub fn removal(&self, sweeps: &[String], runs: &[RunId]) -> Result<Removal, StoreError> {
        let found = Doomed::find(&self.connection, sweeps, runs)
            .and_then(|doomed| doomed.describe(&self.connection, sweeps));
        found.map_err(|fault| fault.at(&self.path))
    }

    /// Removes sweeps and runs with all that is recorded of them, and configs and data that no run has any more. Files
    /// are left to the caller: they are deleted after this, so that no record names a file that is gone.
    ///
    /// # Errors
    /// As [`Store::removal`].
    pub fn remove(&mut self, sweeps: &[String], runs: &[RunId]) -> Result<Removal, StoreError> {
        self.set_durable(true)?;
        self.write(|transaction, _| {
            let doomed = Doomed::find(transaction, sweeps, runs)?;
            let removal = doomed.describe(transaction, sweeps)?;
            for run_id in doomed.runs.keys() {
                for table in tables::of_run() {
                    let sql = format!("DELETE FROM {table} WHERE run_id = ?1");
                    transaction.prepare_cached(&sql)?.execute([run_id])?;
                }
            }
            for sweep_id in &doomed.sweeps {
                transaction.execute("DELETE FROM sweep_runs WHERE sweep_id = ?1", [sweep_id])?;
                transaction.execute("DELETE FROM trials WHERE sweep_id = ?1", [sweep_id])?;
                transaction.execute("DELETE FROM rungs WHERE sweep_id = ?1", [sweep_id])?;
                transaction.execute("DELETE FROM sweeps WHERE sweep_id = ?1", [sweep_id])?;
            }
            remove_unused(transaction)?;
            Ok(removal)
        })
    }

    /// Removes configs and data that no run has.
    pub fn remove_unused(&mut self) -> Result<usize, StoreError> {
        self.set_durable(true)?;
        self.write(|transaction, _| remove_unused(transaction))
    }

    /// Forgets these checkpoints of runs. Their files are left to the caller.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`].
    pub fn forget_checkpoints(&mut self, runs: &[RunFiles]) -> Result<(), StoreError> {
        self.set_durable(true)?;
        self.write(|transaction, _| {
            for files in runs {
                let run_id = find_run(transaction, &files.run)?;
                for (table, path) in [("checkpoints", &files.checkpoint), ("best_checkpoints", &files.best)] {
                    let sql = format!("DELETE FROM {table} WHERE run_id = ?1 AND path = ?2");
                    transaction.prepare_cached(&sql)?.execute(params![run_id, path])?;
                }
            }
            Ok(())
        })
    }

    /// Gives a sweep another name.
    ///
    /// # Errors
    /// [`StoreError::UnknownSweep`], [`StoreError::SweepExists`].
    pub fn rename_sweep(&mut self, sweep: &str, name: &str) -> Result<(), StoreError> {
        self.set_durable(true)?;
        self.write(|transaction, _| {
            let sweep_id = find_sweep(transaction, sweep)?;
            let taken = transaction
                .query_row("SELECT sweep_id FROM sweeps WHERE name = ?1", [name], |row| row.get::<_, i64>(0))
                .optional()?;
            if taken.is_some_and(|taken| taken != sweep_id) {
                return Err(StoreError::SweepExists { name: name.to_owned() }.into());
            }
            transaction
                .execute("UPDATE sweeps SET name = ?2 WHERE sweep_id = ?1", params![sweep_id, name])?;
            Ok(())
        })
    }

    /// Puts a tag on a run, or takes it off; `false` if it was there, or was not.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`].
    pub fn tag(&mut self, run: &RunId, tag: &str, on: bool) -> Result<bool, StoreError> {
        let now = (self.clock)();
        self.set_durable(true)?;
        self.write(|transaction, _| {
            let run_id = find_run(transaction, run)?;
            let changed = if on {
                let known: i64 = transaction.query_row(
                    "SELECT count(*) FROM tags WHERE run_id = ?1 AND tag = ?2",
                    params![run_id, tag],
                    |row| row.get(0),
                )?;
                if known > 0 {
                    return Ok(false);
                }
                let sql = "INSERT INTO tags (run_id, tag, created_ms) VALUES (?1, ?2, ?3)";
                transaction.execute(sql, params![run_id, tag, now])?
            } else {
                transaction
                    .execute("DELETE FROM tags WHERE run_id = ?1 AND tag = ?2", params![run_id, tag])?
            };
            Ok(changed > 0)
        })
    }

    /// Gives the space of deleted rows back to the file system, if it is a tenth of the file or more. Returns how much
    /// smaller the file is, in bytes.
    pub fn compact(&mut self) -> Result<u64, StoreError> {
        let compact = || -> Result<u64, rusqlite::Error> {
            let bytes = || {
                let pages = pragma(&self.connection, "page_count")?;
                Ok::<_, rusqlite::Error>(pages * pragma(&self.connection, "page_size")?)
            };
            if freed_by_compacting(&self.connection)? == 0 {
                return Ok(0);
            }
            let before = bytes()?;
            self.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
            // Rows are packed anew, too, which may free more than the pages that were free.
            Ok(before.saturating_sub(bytes()?))
        };
        compact().map_err(|error| Fault::from(error).at(&self.path))
    }
}

/// Bytes of the database's free pages, if they are a tenth of it or more: [`Store::compact`] gives no fewer back.
pub(crate) fn freed_by_compacting(connection: &Connection) -> Result<u64, rusqlite::Error> {
    let free = pragma(connection, "freelist_count")?;
    let is_much = free * 10 >= pragma(connection, "page_count")?;
    Ok(if is_much { free * pragma(connection, "page_size")? } else { 0 })
}

fn pragma(connection: &Connection, name: &str) -> Result<u64, rusqlite::Error> {
    connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

/// The rows that a removal takes away.
struct Doomed {
    sweeps: Vec<i64>,
    /// Ids by row.
    runs: BTreeMap<i64, RunId>,
    /// Runs of the sweeps that stay.
    shared: usize,
    /// Sweeps that lose runs and stay.
    others: BTreeSet<String>,
}

impl Doomed {
    fn find(connection: &Connection, sweeps: &[String], runs: &[RunId]) -> Result<Self, Fault> {
        let sweeps: Vec<i64> =
            sweeps.iter().map(|name| find_sweep(connection, name)).collect::<Result<_, _>>()?;
        let named: Vec<i64> = runs.iter().map(|run| find_run(connection, run)).collect::<Result<_, _>>()?;
        let mut members: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        let mut statement = connection.prepare("SELECT DISTINCT run_id, sweep_id FROM sweep_runs")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            members.entry(row.get(0)?).or_default().insert(row.get(1)?);
        }
        let mut doomed = Self { sweeps, runs: BTreeMap::new(), shared: 0, others: BTreeSet::new() };
        let is_doomed = |sweep: &i64| doomed.sweeps.contains(sweep);
        let mut ids: BTreeSet<i64> = named.iter().copied().collect();
        for (run_id, of) in &members {
            if of.iter().all(is_doomed) {
                ids.insert(*run_id);
            } else if of.iter().any(is_doomed) && !named.contains(run_id) {
                doomed.shared += 1;
            }
        }
        for run_id in &ids {
            for sweep in members.get(run_id).into_iter().flatten().filter(|sweep| !is_doomed(sweep)) {
                let name = connection
                    .prepare_cached("SELECT name FROM sweeps WHERE sweep_id = ?1")?
                    .query_row([sweep], |row| row.get(0))?;
                doomed.others.insert(name);
            }
            let id: String = connection
                .prepare_cached("SELECT id FROM runs WHERE run_id = ?1")?
                .query_row([run_id], |row| row.get(0))?;
            doomed.runs.insert(*run_id, parse_run(&id)?);
        }
        Ok(doomed)
    }

    fn describe(&self, connection: &Connection, sweeps: &[String]) -> Result<Removal, Fault> {
        let mut removal = Removal {
            sweeps: sweeps.to_vec(),
            runs: Vec::new(),
            shared: self.shared,
            others: self.others.iter().cloned().collect(),
            points: 0,
            grids: 0,
        };
        for (run_id, id) in &self.runs {
            let count = |sql: &str| -> Result<u64, Fault> {
                let count =
                    connection.prepare_cached(sql)?.query_row([run_id], |row| row.get::<_, i64>(0))?;
                Ok(count.cast_unsigned())
            };
            removal.points += count("SELECT coalesce(sum(count), 0) FROM summaries WHERE run_id = ?1")?;
            removal.grids += count("SELECT count(*) FROM samples WHERE run_id = ?1")?;
            removal.runs.push(status::files(connection, id, *run_id)?);
        }
        Ok(removal)
    }
}

/// Removes configs and data that no run has; returns the number of rows.
fn remove_unused(connection: &Connection) -> Result<usize, Fault> {
    let mut removed = 0;
    for sql in [
        "DELETE FROM config_values WHERE config_id NOT IN (SELECT config_id FROM runs)",
        "DELETE FROM configs WHERE config_id NOT IN (SELECT config_id FROM runs)",
        "DELETE FROM datasets WHERE data_fingerprint NOT IN (SELECT data_fingerprint FROM runs)",
        "DELETE FROM real_images WHERE data_fingerprint NOT IN (SELECT data_fingerprint FROM runs)",
    ] {
        removed += connection.execute(sql, [])?;
    }
    Ok(removed)
}
