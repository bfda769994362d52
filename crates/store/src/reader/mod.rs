//! Reading, while another process may be writing.
use std::{collections::HashMap, path::{Path, PathBuf}};
use gansweep_experiment::{Metric, RunId};
use rusqlite::Connection;
use crate::*;
/// A read-only view of a database; any number may be open, also while a [`Store`] writes.
#[derive(Debug)]
#[expect(dead_code, reason = "skeleton")]
pub struct Reader { connection: Connection, path: PathBuf }
/// While it lives, its [`Reader`] sees the database as it was when this was taken.
#[derive(Debug)]
#[expect(dead_code, reason = "skeleton")]
pub struct Snapshot<'a> { reader: &'a Reader }
#[expect(unused_variables, clippy::unused_self, reason = "skeleton")]
impl Reader {
    /// Opens the database in a results folder, or a database file.
    pub fn open(path: &Path) -> Result<Self, StoreError> { unimplemented!() }
    /// The database file.
    pub fn path(&self) -> &Path { &self.path }
    /// Holds the present state of the database for all queries until the snapshot is dropped.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, StoreError> { unimplemented!() }
    /// Every sweep, the latest started last.
    pub fn sweeps(&self) -> Result<Vec<SweepRow>, StoreError> { unimplemented!() }
    /// The sweep of that name.
    pub fn sweep(&self, name: &str) -> Result<SweepRow, StoreError> { unimplemented!() }
    /// The runs that a filter lets through, by sweep and position.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRow>, StoreError> { unimplemented!() }
    /// The one run whose id begins so.
    pub fn run(&self, id_prefix: &str) -> Result<RunRow, StoreError> { unimplemented!() }
    /// Where runs stand; runs that the database does not know are absent.
    pub fn statuses(&self, runs: &[RunId]) -> Result<HashMap<RunId, RunStatus>, StoreError> { unimplemented!() }
    /// One series, by step, of at most `max_points` (`usize::MAX` for all).
    pub fn points(&self, run: &RunId, metric: Metric, max_points: usize) -> Result<Vec<Point>, StoreError> { unimplemented!() }
    /// One row per metric that the run has, in the order of [`Metric::ALL`].
    pub fn summaries(&self, run: &RunId) -> Result<Vec<SummaryRow>, StoreError> { unimplemented!() }
    /// The run's sample grids without their images, by step.
    pub fn samples_index(&self, run: &RunId) -> Result<Vec<SampleInfo>, StoreError> { unimplemented!() }
    /// The run's sample grid at that step.
    pub fn sample(&self, run: &RunId, step: u64) -> Result<Option<SampleImage>, StoreError> { unimplemented!() }
    /// The run's attempts, the first first.
    pub fn attempts(&self, run: &RunId) -> Result<Vec<AttemptRow>, StoreError> { unimplemented!() }
    /// The grids of real images of the data of that fingerprint, largest last.
    pub fn real_images(&self, data_fingerprint: &str) -> Result<Vec<RealImages>, StoreError> { unimplemented!() }
    /// The run's latest checkpoint.
    pub fn checkpoint(&self, run: &RunId) -> Result<Option<CheckpointRow>, StoreError> { unimplemented!() }
    /// Every key of the run's config, by key.
    pub fn config_values(&self, run: &RunId) -> Result<Vec<ConfigValue>, StoreError> { unimplemented!() }
    /// The keys in which the runs differ.
    pub fn diff(&self, runs: &[RunId]) -> Result<Vec<KeyDifference>, StoreError> { unimplemented!() }
    /// All rows of one SQL statement that only reads.
    pub fn query(&self, sql: &str) -> Result<Table, StoreError> { unimplemented!() }
    /// Feeds the rows of one SQL statement that only reads to a sink, one at a time.
    pub fn stream(&self, sql: &str, sink: &mut dyn RowSink) -> Result<(), StoreError> { unimplemented!() }
}
