//! The schema's versions.

mod reidentify;

use rusqlite::Transaction;

use crate::fault::Fault;

/// Takes a database from one version to the next, in a transaction of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    sql: &'static str,
    /// What SQL alone cannot do, after it.
    then: Option<Work>,
}

type Work = fn(&Transaction<'_>) -> Result<(), Fault>;

/// Each takes a database from the version before it (from nothing, the first) to its own, which is
/// its place in this list, counted from 1. Migrations are appended, never changed: databases
/// written by every one of them exist.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration::sql(include_str!("0001_initial.sql")),
    Migration::sql(include_str!("0002_metric_declarations.sql")),
    Migration::sql(include_str!("0003_datasets.sql")),
    Migration { sql: include_str!("0004_budgets.sql"), then: Some(reidentify::reidentify) },
    Migration::sql(include_str!("0005_watermarks.sql")),
];

impl Migration {
    /// One that SQL does alone.
    pub(crate) const fn sql(sql: &'static str) -> Self {
        Self { sql, then: None }
    }

    pub(crate) fn apply(&self, transaction: &Transaction<'_>) -> Result<(), Fault> {
        transaction.execute_batch(self.sql)?;
        self.then.map_or(Ok(()), |then| then(transaction))
    }
}
