//! Exports: CSV and JSON lines of whole entities or of any query.
use std::io::Write;
use crate::{Reader, StoreError};
/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    /// One row per sweep.
    Sweeps,
    /// One row per run and sweep: `run_overview`.
    Runs,
    /// One row per value: `points_named`.
    Points,
    /// One row per run and metric: `summaries_named`.
    Summaries,
    /// One row per attempt: `attempts_named`.
    Attempts,
}
impl Entity {
    /// The SQL statement that gives it, of all sweeps or of one.
    pub fn sql(self, sweep: Option<&str>) -> String { let _ = sweep; unimplemented!() }
}
/// Writes the rows of an SQL statement as CSV with a header (RFC 4180).
pub fn csv(_reader: &Reader, _sql: &str, _output: &mut dyn Write) -> Result<(), StoreError> { unimplemented!() }
/// Writes the rows of an SQL statement as JSON lines: one object per row.
pub fn jsonl(_reader: &Reader, _sql: &str, _output: &mut dyn Write) -> Result<(), StoreError> { unimplemented!() }
