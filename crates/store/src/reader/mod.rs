//! Queries. Another process may write meanwhile.

mod attempts;
mod config;
mod datasets;
mod decimate;
mod device_time;
mod evaluations;
mod filter;
mod functions;
mod images;
mod query;
mod runs;
mod series;
mod sizes;
mod speeds;
mod sweeps;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use gansweep_config::{Dataset, RunId};
use gansweep_protocol::Geometry;
use rusqlite::{Connection, Row};

pub(crate) use self::sweeps::unknown_sweep;
use crate::{RunStatus, StoreError, connection::open_reader, fault::Fault, status};

/// A read-only connection. Any number may be open, also while a [`Store`](crate::Store) writes; they do not
/// wait for each other.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
}

/// A read transaction: until it is dropped, its [`Reader`] sees the database unchanged.
#[derive(Debug)]
#[must_use = "the reader sees changes again as soon as this is dropped"]
pub struct Snapshot<'a> {
    /// `None` inside another snapshot, which stays open.
    connection: Option<&'a Connection>,
}

impl Reader {
    /// Opens the database in a results folder, or a database file. The folder may be read-only.
    ///
    /// # Errors
    /// [`StoreError::NoDatabase`] if there is none; [`StoreError::NotADatabase`],
    /// [`StoreError::Foreign`], [`StoreError::Newer`] and [`StoreError::Older`] for a file that
    /// this program does not read; [`StoreError::UnmergedLog`] in a read-only folder that a
    /// writer was killed in.
    pub fn open(folder_or_file: &Path) -> Result<Self, StoreError> {
        let (connection, path) = open_reader(folder_or_file)?;
        let added = functions::add(&connection).map_err(Fault::from);
        added.map_err(|fault| fault.at(&path))?;
        Ok(Self { connection, path })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a snapshot: all queries see the present state until it is dropped.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, StoreError> {
        self.read(|connection| {
            if !connection.is_autocommit() {
                return Ok(Snapshot { connection: None });
            }
            connection.execute_batch("BEGIN")?;
            let snapshot = Snapshot { connection: Some(connection) };
            // A read transaction begins with its first read.
            connection.query_row("SELECT count(*) FROM sweeps", [], |_| Ok(()))?;
            Ok(snapshot)
        })
    }

    /// A number that is another one after each commit of another connection, in this or in another process.
    /// Only comparable between calls on the same reader.
    pub fn data_version(&self) -> Result<i64, StoreError> {
        self.read(|connection| {
            Ok(connection.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0))?)
        })
    }

    /// Statuses of runs; unknown runs are absent.
    pub fn statuses(&self, ids: &[RunId]) -> Result<HashMap<RunId, RunStatus>, StoreError> {
        self.read(|connection| status::of(connection, ids))
    }

    /// Whether runs are recorded as pending or running: a program trains them, or did until it died.
    pub fn has_active_runs(&self) -> Result<bool, StoreError> {
        self.read(|connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM runs WHERE state IN ('pending', 'running'))";
            Ok(connection.query_row(sql, [], |row| row.get(0))?)
        })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn read<'a, T>(&'a self, work: impl FnOnce(&'a Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        work(&self.connection).map_err(|fault| fault.at(&self.path))
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection {
            // A failure to end a read transaction loses nothing.
            let _ = connection.execute_batch("COMMIT");
        }
    }
}

/// A count or step; the schema's checks exclude negative values.
fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

fn optional_unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned))
}

/// A step as an upper bound in a query; steps beyond SQLite's range are capped.
fn signed(step: u64) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}

/// Reads four columns from `first` on: rows, cols, height, width.
fn geometry(row: &Row<'_>, first: usize) -> rusqlite::Result<Geometry> {
    Ok(Geometry {
        rows: row.get(first)?,
        cols: row.get(first + 1)?,
        height: row.get(first + 2)?,
        width: row.get(first + 3)?,
    })
}

fn dataset(name: &str) -> Result<Dataset, StoreError> {
    Dataset::from_name(name).ok_or_else(|| StoreError::Content {
        what: "a dataset's name".to_owned(),
        detail: format!("`{name}` is none that this program knows"),
    })
}
