//! Checksums of all rows, which show a row that something else than this program has changed.
//!
//! The table `checksums` has a number for each table and owner of rows: a run, a config, a sweep, or 0 for the tables
//! that belong to none of them. It is the exclusive or of a hash of each row, so that a row is added and removed by the
//! same operation, in any order, without a look at the others.
//!
//! Temporary triggers call a function for each row that is inserted, changed or deleted. They exist on the writer's
//! connection only: what another program writes is noticed because it is not counted, and no other program meets a
//! trigger with a function that it does not have.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Null, ValueRef};
use rusqlite::{Connection, OptionalExtension, params};

use crate::fault::Fault;
use crate::tables::{DECLARED, StoredTable, TABLES};

/// The SQL function that the triggers call.
const FUNCTION: &str = "gansweep_row_changed";

/// The changes of checksums in a transaction, by index in [`TABLES`] and owner.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes(Arc<Mutex<HashMap<(usize, i64), u64>>>);

impl Changes {
    /// Collects the changes of all rows that this connection makes from now on.
    pub(crate) fn watch(connection: &Connection) -> Result<Self, Fault> {
        let changes = Self::default();
        let collected = changes.clone();
        // Not `SQLITE_DETERMINISTIC`: SQLite might call it once for equal rows.
        connection.create_scalar_function(FUNCTION, -1, FunctionFlags::SQLITE_UTF8, move |arguments| {
            let (table, owner): (i64, i64) = (arguments.get(0)?, arguments.get(1)?);
            let mut hash = RowHash::default();
            for column in 2..arguments.len() {
                hash.add(arguments.get_raw(column));
            }
            let table = usize::try_from(table).unwrap_or(usize::MAX);
            *collected.lock().entry((table, owner)).or_default() ^= hash.finish();
            Ok(Null)
        })?;
        // Triggers must not fail for want of space: a full disk has errors of its own.
        connection.pragma_update(None, "temp_store", "memory")?;
        for (index, table) in TABLES.iter().enumerate() {
            connection.execute_batch(&triggers(connection, index, *table)?)?;
        }
        Ok(changes)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(usize, i64), u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what was collected: the transaction was rolled back.
    pub(crate) fn forget(&self) {
        self.lock().clear();
    }

    /// Writes what was collected, in the transaction that it belongs to.
    pub(crate) fn write(&self, connection: &Connection) -> Result<(), Fault> {
        let changes = std::mem::take(&mut *self.lock());
        for ((index, owner), change) in changes {
            if let Some(table) = TABLES.get(index) {
                let stored = get(connection, table.name, owner)?.unwrap_or(0);
                put(connection, table.name, owner, stored ^ change)?;
            }
        }
        Ok(())
    }
}

/// The owner of a table's rows in SQL; `row` is `NEW.`, `OLD.` or empty.
fn owner_sql(table: StoredTable, row: &str) -> String {
    table.owner.map_or_else(|| "0".to_owned(), |column| format!("{row}{column}"))
}

/// The triggers of a table.
fn triggers(connection: &Connection, index: usize, table: StoredTable) -> Result<String, Fault> {
    let (name, columns) = (table.name, columns(connection, table.name)?);
    let call = |row: &str| {
        let values: Vec<String> = columns.iter().map(|column| format!("{row}\"{column}\"")).collect();
        format!("SELECT {FUNCTION}({index}, {}, {});", owner_sql(table, row), values.join(", "))
    };
    let (old, new) = (call("OLD."), call("NEW."));
    let trigger = |event: &str, calls: &str| {
        format!(
            "CREATE TEMP TRIGGER checksum_{event}_{name} AFTER {event} ON main.{name} BEGIN {calls} END;\n"
        )
    };
    Ok([trigger("INSERT", &new), trigger("DELETE", &old), trigger("UPDATE", &format!("{old} {new}"))]
        .concat())
}

fn columns(connection: &Connection, table: &str) -> Result<Vec<String>, Fault> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
    Ok(statement.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Computes the checksums of a table from its rows, by owner.
pub(crate) fn compute(connection: &Connection, table: StoredTable) -> Result<HashMap<i64, u64>, Fault> {
    let columns = columns(connection, table.name)?;
    let quoted: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let sql = format!("SELECT {}, {} FROM {}", owner_sql(table, ""), quoted.join(", "), table.name);
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut sums: HashMap<i64, u64> = HashMap::new();
    while let Some(row) = rows.next()? {
        let mut hash = RowHash::default();
        for column in 1..=columns.len() {
            hash.add(row.get_ref(column)?);
        }
        *sums.entry(row.get(0)?).or_default() ^= hash.finish();
    }
    sums.retain(|_, sum| *sum != 0);
    Ok(sums)
}

/// The stored checksums of a table, by owner.
pub(crate) fn stored(connection: &Connection, table: &str) -> Result<HashMap<i64, u64>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT owner, checksum FROM checksums WHERE table_name = ?1")?;
    let sums =
        statement.query_map([table], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
    Ok(sums.collect::<Result<_, _>>()?)
}

/// Names in `checksums` that are no table's.
pub(crate) fn unknown_tables(connection: &Connection) -> Result<Vec<String>, Fault> {
    let mut statement = connection.prepare("SELECT DISTINCT CAST(table_name AS BLOB) FROM checksums")?;
    let names = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?.collect::<Result<Vec<_>, _>>()?;
    let names = names.iter().map(|name| String::from_utf8_lossy(name).into_owned());
    Ok(names.filter(|name| !TABLES.iter().any(|table| table.name == name)).collect())
}

/// Computes the checksums of these tables anew, which takes their rows for what they should be.
pub(crate) fn seal(connection: &Connection, tables: &[StoredTable]) -> Result<(), Fault> {
    for table in tables {
        connection.execute("DELETE FROM checksums WHERE table_name = ?1", [table.name])?;
        for (owner, sum) in compute(connection, *table)? {
            put(connection, table.name, owner, sum)?;
        }
    }
    Ok(())
}

/// Computes all checksums anew, and removes those of no table.
pub(crate) fn seal_all(connection: &Connection) -> Result<(), Fault> {
    connection.execute("DELETE FROM checksums", [])?;
    seal(connection, &TABLES)
}

/// The tables and owners of rows that are not those that were written. Tables that a later version made are left out.
pub(crate) fn changed(connection: &Connection) -> Result<Vec<(&'static str, i64)>, Fault> {
    let mut found = Vec::new();
    for table in TABLES {
        if columns(connection, table.name)?.is_empty() {
            continue;
        }
        found.extend(changed_owners(connection, table)?.into_iter().map(|owner| (table.name, owner)));
    }
    Ok(found)
}

/// The owners of rows of a table that are not those that were written.
pub(crate) fn changed_owners(connection: &Connection, table: StoredTable) -> Result<Vec<i64>, Fault> {
    let (stored, computed) = (stored(connection, table.name)?, compute(connection, table)?);
    let owners: BTreeSet<i64> = stored.keys().chain(computed.keys()).copied().collect();
    Ok(owners.into_iter().filter(|owner| stored.get(owner) != computed.get(owner)).collect())
}

/// Makes the checksums of these rows wrong.
pub(crate) fn break_seals(connection: &Connection, rows: &[(&str, i64)]) -> Result<(), Fault> {
    for (table, owner) in rows {
        let sum = get(connection, table, *owner)?.unwrap_or(0);
        // Not zero, which has no row.
        put(connection, table, *owner, if sum == 1 { 2 } else { sum ^ 1 })?;
    }
    Ok(())
}

/// Computes the checksums of the tables that mirror the program's declarations.
pub(crate) fn seal_declared(connection: &Connection) -> Result<(), Fault> {
    let declared: Vec<StoredTable> =
        TABLES.iter().filter(|table| DECLARED.contains(&table.name)).copied().collect();
    seal(connection, &declared)
}

/// Whether the database has a table of checksums: a migration before it cannot fill one.
pub(crate) fn are_kept(connection: &Connection) -> Result<bool, Fault> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'checksums'";
    Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))? > 0)
}

fn get(connection: &Connection, table: &str, owner: i64) -> Result<Option<u64>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT checksum FROM checksums WHERE table_name = ?1 AND owner = ?2")?;
    let sum = statement.query_row(params![table, owner], |row| row.get::<_, i64>(0)).optional()?;
    Ok(sum.map(i64::cast_unsigned))
}

/// Writes a checksum. Zero, which is that of no rows, has no row.
fn put(connection: &Connection, table: &str, owner: i64, sum: u64) -> Result<(), Fault> {
    if sum == 0 {
        let mut delete =
            connection.prepare_cached("DELETE FROM checksums WHERE table_name = ?1 AND owner = ?2")?;
        delete.execute(params![table, owner])?;
        return Ok(());
    }
    let mut upsert = connection.prepare_cached(
        "INSERT INTO checksums (table_name, owner, checksum) VALUES (?1, ?2, ?3)
         ON CONFLICT (table_name, owner) DO UPDATE SET checksum = excluded.checksum",
    )?;
    upsert.execute(params![table, owner, sum.cast_signed()])?;
    Ok(())
}

/// Hash of a row: CRC-32 of its values with their types, mixed so that the exclusive or of many is no CRC. Of two rows that
/// exchange a value, plain CRCs would cancel out.
#[derive(Default)]
pub(crate) struct RowHash(crc32fast::Hasher);

impl RowHash {
    pub(crate) fn add(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.0.update(&[0]),
            ValueRef::Integer(number) => self.add_number(1, number.to_le_bytes()),
            ValueRef::Real(number) => self.add_number(2, number.to_le_bytes()),
            ValueRef::Text(bytes) => self.add_bytes(3, bytes),
            ValueRef::Blob(bytes) => self.add_bytes(4, bytes),
        }
    }

    fn add_number(&mut self, kind: u8, [a, b, c, d, e, f, g, h]: [u8; 8]) {
        self.0.update(&[kind, a, b, c, d, e, f, g, h]);
    }

    fn add_bytes(&mut self, kind: u8, bytes: &[u8]) {
        // The length, so that a character cannot move from one column to the next.
        self.add_number(kind, (bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The finaliser of `SplitMix64` (Steele et al. 2014).
    pub(crate) fn finish(self) -> u64 {
        let mut mixed = u64::from(self.0.finalize()).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
