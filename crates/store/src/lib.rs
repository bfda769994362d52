//! The gansweep database: one SQLite file per results folder, one writer, any number of readers.
//!
//! Only this crate contains SQL. [`Store`] writes what the runner passes to it, [`Reader`] reads, also while
//! a store writes, and [`export`] writes query results as CSV and JSON lines. `docs/database.md` describes
//! every table, view and column.

mod call;
mod check;
mod checksums;
mod connection;
mod error;
pub mod export;
mod fault;
mod lock;
mod migrations;
mod place;
mod reader;
mod rows;
mod rungs;
mod schema;
mod spec;
mod status;
mod store;
mod summary;
mod table;
mod tables;
mod trials;
mod value;

#[cfg(test)]
mod tests;

pub use call::{Call, DEFAULT_RESULTS};
pub use check::{Damage, DamageKind};
pub use error::StoreError;
pub use lock::ResultsLock;
pub use reader::{Reader, Snapshot};
pub use rows::*;
pub use store::{Clock, Store};
pub use table::{Cell, RowSink, Table};
