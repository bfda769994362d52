//! The schema: identification of a file, migration, and the tables that mirror declarations.

use std::path::Path;

use gansweep_config::RunState;
use gansweep_protocol::{ChartGroup, Metric};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::{StoreError, checksums, fault::Fault, migrations::Migration, value::Kind};

/// `gans` in ASCII: `PRAGMA application_id` of this program's files.
pub(crate) const APPLICATION_ID: i64 = 0x6761_6e73;

/// The version after the last of these migrations.
pub(crate) fn last_version(migrations: &[Migration]) -> i64 {
    i64::try_from(migrations.len()).unwrap_or(i64::MAX)
}

/// The schema state of a database file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SchemaState {
    /// An empty file.
    Empty,
    /// A file of this program, with a schema version that it knows.
    Version(i64),
}

/// Reads the schema state; an error for a file of another program or of a newer version.
pub(crate) fn read_state(connection: &Connection, path: &Path, known: i64) -> Result<SchemaState, Fault> {
    let application_id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application_id == 0 && found == 0 && tables == 0 {
        return Ok(SchemaState::Empty);
    }
    let path = path.to_owned();
    if application_id != APPLICATION_ID {
        return Err(StoreError::Foreign { path, application_id }.into());
    }
    if found > known {
        return Err(StoreError::Newer { path, found, known }.into());
    }
    // The first migration sets the version in the transaction that creates the tables.
    if found < 1 {
        return Err(StoreError::BadVersion { path, found }.into());
    }
    Ok(SchemaState::Version(found))
}

/// The version since when checksums are as they are now.
const ROW_CHECKSUMS_SINCE: usize = 7;

/// Applies the missing migrations, each in a transaction of its own. Rows that something else than this program had changed
/// before are still found to be so after it.
pub(crate) fn migrate(
    connection: &mut Connection,
    path: &Path,
    migrations: &[Migration],
) -> Result<(), Fault> {
    let from = match read_state(connection, path, last_version(migrations))? {
        SchemaState::Empty => 0,
        SchemaState::Version(version) => version,
    };
    let from = usize::try_from(from).unwrap_or(0);
    let changed = match (ROW_CHECKSUMS_SINCE..migrations.len()).contains(&from) {
        true => checksums::changed(&*connection.transaction()?)?,
        false => Vec::new(),
    };
    for (version, migration) in (1_i64..).zip(migrations).skip(from) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have applied it in the meantime.
        let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found >= version {
            continue;
        }
        migration.apply(&transaction)?;
        // Rows have changed, and perhaps their columns.
        if version == last_version(migrations) && checksums::are_kept(&transaction)? {
            checksums::seal_all(&transaction)?;
            checksums::break_seals(&transaction, &changed)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Fills the tables that mirror the program's declarations. Only rows that differ are written.
pub(crate) fn write_declarations(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    write_states(&transaction)?;
    write_metrics(&transaction)?;
    for kind in Kind::ALL {
        transaction.execute(
            "INSERT OR IGNORE INTO value_kinds VALUES (?1, ?2)",
            params![kind as i64, kind.name()],
        )?;
    }
    checksums::seal_declared(&transaction)?;
    transaction.commit()?;
    Ok(())
}

fn write_states(transaction: &Transaction<'_>) -> Result<(), Fault> {
    let mut statement = transaction.prepare(
        "INSERT INTO states (state, final, help) VALUES (?1, ?2, ?3)
         ON CONFLICT (state) DO UPDATE SET final = excluded.final, help = excluded.help
         WHERE (final, help) IS NOT (excluded.final, excluded.help)",
    )?;
    for state in RunState::ALL {
        statement.execute(params![state.name(), state.is_final(), state_help(state)])?;
    }
    Ok(())
}

const fn state_help(state: RunState) -> &'static str {
    match state {
        RunState::Queued => "planned, not begun",
        RunState::Pending => "handed to a worker, not begun",
        RunState::Running => "a worker trains it",
        RunState::Paused => "ended at a checkpoint by the sweep's pruner, which may let it go on",
        RunState::Completed => "trained as far as was asked for",
        RunState::Pruned => "ended before its last step by the sweep's pruner",
        RunState::Diverged => "a loss became NaN or infinite",
        RunState::Failed => "every attempt ended in an error",
        RunState::Interrupted => "stopped before its end, resumable",
    }
}

fn write_metrics(transaction: &Transaction<'_>) -> Result<(), Fault> {
    let mut statement = transaction.prepare(
        "INSERT INTO metrics
             (name, title, unit, direction, deterministic, help, position, chart_group, cadence, low, high)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (name) DO UPDATE SET title = excluded.title, unit = excluded.unit,
             direction = excluded.direction, deterministic = excluded.deterministic,
             help = excluded.help, position = excluded.position, chart_group = excluded.chart_group,
             cadence = excluded.cadence, low = excluded.low, high = excluded.high
         WHERE (title, unit, direction, deterministic, help, position, chart_group, cadence, low, high) IS NOT
             (excluded.title, excluded.unit, excluded.direction, excluded.deterministic, excluded.help,
              excluded.position, excluded.chart_group, excluded.cadence, excluded.low, excluded.high)",
    )?;
    for (position, metric) in (0_i64..).zip(Metric::ALL) {
        let d = metric.declaration();
        statement.execute(params![
            d.name,
            d.title,
            d.unit,
            d.direction.name(),
            d.deterministic,
            d.help,
            position,
            d.group.map(ChartGroup::title),
            d.cadence.name(),
            d.range.map(|range| range.0),
            d.range.map(|range| range.1),
        ])?;
    }
    Ok(())
}
