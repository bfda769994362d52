//! The one writer.
use std::{collections::HashMap, path::{Path, PathBuf}};
use gansweep_experiment::{Envelope, PlannedRun, RunId, RunState};
use rusqlite::Connection;
use crate::{RealImages, RunStatus, StoreError, SweepId, SweepRecord};
/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Clock = fn() -> i64;
/// The one writer of a database. Hold a [`ResultsLock`](crate::ResultsLock) on its folder.
#[derive(Debug)]
#[expect(dead_code, reason = "skeleton")]
pub struct Store { connection: Connection, path: PathBuf, clock: Clock }
#[expect(unused_variables, clippy::unused_self, reason = "skeleton")]
impl Store {
    /// Opens (or creates) `results.sqlite` in the folder and brings it up to date.
    pub fn open(results_dir: &Path) -> Result<Self, StoreError> { unimplemented!() }
    /// Like [`Store::open`], with a clock of the caller's.
    pub fn open_with_clock(results_dir: &Path, clock: Clock) -> Result<Self, StoreError> { unimplemented!() }
    /// The database file.
    pub fn path(&self) -> &Path { &self.path }
    /// Records a sweep and its plan; a second time, what is new.
    pub fn register_sweep(&mut self, sweep: &SweepRecord, runs: &[PlannedRun]) -> Result<SweepId, StoreError> { unimplemented!() }
    /// Where runs stand; runs that the database does not know are absent.
    pub fn statuses(&self, runs: &[RunId]) -> Result<HashMap<RunId, RunStatus>, StoreError> { unimplemented!() }
    /// Ends, as interrupted, the attempts that a program which died left running.
    pub fn reclaim_stale(&mut self) -> Result<Vec<(RunId, u32)>, StoreError> { unimplemented!() }
    /// Begins the run's next attempt and gives its number.
    pub fn begin_attempt(&mut self, run: &RunId, device: &str) -> Result<u32, StoreError> { unimplemented!() }
    /// Records a batch of events in one transaction: all of it or nothing.
    pub fn record(&mut self, events: &[Envelope]) -> Result<(), StoreError> { unimplemented!() }
    /// Ends an attempt whose worker died without a word; no effect on one that has ended already.
    pub fn end_attempt(&mut self, run: &RunId, attempt: u32, state: RunState, cause: &str) -> Result<(), StoreError> { unimplemented!() }
    /// Records a grid of real images; a second time, replaces it.
    pub fn put_real_images(&mut self, images: &RealImages) -> Result<(), StoreError> { unimplemented!() }
}
