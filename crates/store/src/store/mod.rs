//! Writing the database.

mod attempts;
mod evaluations;
mod housekeeping;
mod ids;
mod import;
mod merge;
mod record;
mod register;
mod rungs;
mod summary;
mod trials;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use gansweep_base::host;
use gansweep_config::RunId;
use gansweep_protocol::Metric;
use rusqlite::{Connection, Transaction, TransactionBehavior, config::DbConfig, params};

use crate::{
    RealImages, RunStatus, StoreError,
    checksums::{self, Changes},
    connection::{log_path, open_writer},
    fault::Fault,
    place::{Change, Place},
    status,
};

pub(crate) use self::housekeeping::freed_by_compacting;

/// Returns the time in milliseconds since 1970-01-01T00:00:00Z.
pub type Clock = fn() -> i64;

/// The writer of a database. Its owner must hold the [`ResultsLock`](crate::ResultsLock) of the folder;
/// readers need none.
///
/// Every method is one transaction.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    clock: Clock,
    metrics: MetricIds,
    /// What the transaction in progress changes in the checksums of rows.
    changes: Changes,
    /// Whether commits wait for the disk (`synchronous = full`).
    durable: bool,
    /// The database and its write-ahead log.
    places: Vec<Place>,
}

/// Ids of the metrics in this database.
pub(crate) type MetricIds = HashMap<Metric, i64>;

impl Store {
    /// Opens `results.sqlite` in the folder. Creates folder and file if they are missing, and migrates an older
    /// file.
    ///
    /// # Errors
    /// [`StoreError::NotADatabase`], [`StoreError::Foreign`] and [`StoreError::Newer`]: the file is not changed
    /// then. [`StoreError::ReadOnly`] and [`StoreError::Full`] where nothing can be written.
    pub fn open(results_dir: &Path) -> Result<Self, StoreError> {
        Self::open_with_clock(results_dir, host::unix_ms)
    }

    /// Like [`Store::open`], with another clock: with a fixed one, the same calls write the same database.
    ///
    /// # Errors
    /// See [`Store::open`].
    pub fn open_with_clock(results_dir: &Path, clock: Clock) -> Result<Self, StoreError> {
        let (connection, path) = open_writer(results_dir)?;
        let metrics = metric_ids(&connection).map_err(|fault| fault.at(&path))?;
        let changes = Changes::watch(&connection).map_err(|fault| fault.at(&path))?;
        let log = log_path(&path);
        // On a file system that cannot be asked, nothing can be compared.
        let places = [&path, &log].into_iter().filter_map(|file| Place::of(file).ok()).collect();
        Ok(Self { connection, path, clock, metrics, changes, durable: false, places })
    }

    /// Checks that the open database is still the one at its path. Where it is not, nothing more should be recorded:
    /// nobody would find it.
    ///
    /// # Errors
    /// [`StoreError::Moved`] with its present place; [`StoreError::Deleted`], after saving a copy if its folder still
    /// exists.
    pub fn check_place(&mut self) -> Result<(), StoreError> {
        let Some(change) = self.places.iter().find_map(Place::change) else { return Ok(()) };
        // On closing, SQLite deletes the log by its path, where another database's may lie by now.
        let set = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        set.map_err(|error| Fault::from(error).at(&self.path))?;
        let path = self.path.clone();
        Err(match change {
            Change::Moved(now) => StoreError::Moved { path, now },
            Change::Deleted | Change::Gone => StoreError::Deleted { path, rescued: self.rescue() },
        })
    }

    /// Copies the open database to a new file in its folder; `None` if that is not possible.
    fn rescue(&self) -> Option<PathBuf> {
        let folder = self.path.parent()?;
        let mut names = (1..1000).map(|number| folder.join(format!("rescued-{number}.sqlite")));
        let target = names.find(|path| !path.exists())?;
        self.connection.execute("VACUUM INTO ?1", [target.to_str()?]).ok()?;
        Some(target)
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Statuses of runs; unknown runs are absent.
    pub fn statuses(&self, runs: &[RunId]) -> Result<HashMap<RunId, RunStatus>, StoreError> {
        status::of(&self.connection, runs).map_err(|fault| fault.at(&self.path))
    }

    /// Takes all rows for what they should be, whoever wrote them: computes their checksums anew.
    pub fn accept_rows(&mut self) -> Result<(), StoreError> {
        self.write(|transaction, _| checksums::seal_all(transaction))
    }

    /// Records a grid of real images; replaces the one of the same data and layout.
    pub fn put_real_images(&mut self, images: &RealImages) -> Result<(), StoreError> {
        self.write(|transaction, _| {
            let g = images.geometry;
            transaction.execute(
                "INSERT INTO real_images (data_fingerprint, dataset, rows, cols, height, width, png)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (data_fingerprint, rows, cols) DO UPDATE SET
                     dataset = excluded.dataset, height = excluded.height, width = excluded.width,
                     png = excluded.png",
                params![
                    images.data_fingerprint,
                    images.dataset.name(),
                    g.rows,
                    g.cols,
                    g.height,
                    g.width,
                    images.png
                ],
            )?;
            Ok(())
        })
    }

    /// Runs `work` in a transaction, which is committed if `work` succeeds and rolled back otherwise.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>, &MetricIds) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let Self { connection, path, metrics, changes, .. } = self;
        let result = (|| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction, metrics)?;
            changes.write(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })();
        result.map_err(|fault: Fault| {
            changes.forget();
            fault.at(path)
        })
    }

    /// Sets whether commits wait for the disk.
    fn set_durable(&mut self, durable: bool) -> Result<(), StoreError> {
        if self.durable != durable {
            let level = if durable { "full" } else { "normal" };
            let set = self.connection.pragma_update(None, "synchronous", level);
            set.map_err(|error| Fault::from(error).at(&self.path))?;
            self.durable = durable;
        }
        Ok(())
    }
}

fn metric_ids(connection: &Connection) -> Result<MetricIds, Fault> {
    let mut statement = connection.prepare("SELECT metric_id FROM metrics WHERE name = ?1")?;
    let id = |metric: Metric| Ok((metric, statement.query_row([metric.name()], |row| row.get(0))?));
    Metric::ALL.into_iter().map(id).collect()
}

#[cfg(test)]
impl Store {
    /// Limits the growth of the file to that number of pages, or removes the limit.
    pub(crate) fn limit_pages(&self, more: Option<i64>) {
        let pages: i64 = self.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        let limit = more.map_or(i64::from(u32::MAX) - 1, |more| pages + more);
        self.connection.pragma_update_and_check(None, "max_page_count", limit, |_| Ok(())).unwrap();
    }

    /// Shortens the wait for other programs' transactions to 1 ms.
    pub(crate) fn set_short_busy_timeout(&self) {
        self.connection.busy_timeout(std::time::Duration::from_millis(1)).unwrap();
    }
}
