//! The schema's versions.

mod reidentify;

use rusqlite::Transaction;

use crate::fault::Fault;

/// Migrates a database from one version to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    sql: &'static str,
    /// What SQL alone cannot do; runs after it.
    then: Option<Work>,
}

type Work = fn(&Transaction<'_>) -> Result<(), Fault>;

/// The migration at index `i` creates version `i + 1`. Migrations are appended, never changed: databases of
/// every version exist.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration::sql(include_str!("0001_initial.sql")),
    Migration::sql(include_str!("0002_metric_declarations.sql")),
    Migration::sql(include_str!("0003_datasets.sql")),
    Migration { sql: include_str!("0004_budgets.sql"), then: Some(reidentify::reidentify) },
    Migration::sql(include_str!("0005_watermarks.sql")),
    Migration::sql(include_str!("0006_checksums.sql")),
    Migration::sql(include_str!("0007_row_checksums.sql")),
    Migration::sql(include_str!("0008_sample_sources.sql")),
    Migration::sql(include_str!("0009_tags.sql")),
    Migration::sql(include_str!("0010_evaluations.sql")),
    Migration::sql(include_str!("0011_best_checkpoints.sql")),
    Migration::sql(include_str!("0012_trials.sql")),
    Migration::sql(include_str!("0013_class_names.sql")),
    Migration::sql(include_str!("0014_rungs.sql")),
    Migration::sql(include_str!("0015_quality_in_overview.sql")),
];

impl Migration {
    /// A migration of SQL alone.
    pub(crate) const fn sql(sql: &'static str) -> Self {
        Self { sql, then: None }
    }

    pub(crate) fn apply(&self, transaction: &Transaction<'_>) -> Result<(), Fault> {
        transaction.execute_batch(self.sql)?;
        self.then.map_or(Ok(()), |then| then(transaction))
    }
}
