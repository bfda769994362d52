//! Rows of the other database, column by column.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params_from_iter, types::Value};

use crate::{checksums::RowHash, fault::Fault, store::MetricIds};

/// The other database, and the ids that its metrics have in this one.
pub(super) struct Source<'a> {
    pub(super) connection: &'a Connection,
    pub(super) metrics: HashMap<i64, i64>,
}

impl<'a> Source<'a> {
    pub(super) fn new(connection: &'a Connection, theirs: &MetricIds, mine: &MetricIds) -> Self {
        let metrics = theirs.iter().map(|(metric, id)| (*id, mine[metric])).collect();
        Self { connection, metrics }
    }
}

/// Copies the rows of a table that this database lacks. Of rows with equal keys and other contents, the greater are kept.
pub(super) fn copy_all(
    from: &Source<'_>,
    to: &Connection,
    table: &str,
    condition: &str,
    key: &[&str],
) -> Result<(), Fault> {
    let columns = columns(to, table, &["real_images_id"])?;
    let names = columns.join(", ");
    let place = |name: &&str| columns.iter().position(|column| column == name);
    let key: Vec<usize> = key.iter().filter_map(place).collect();
    let read = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|column| row.get(column)).collect();
    let mut select = from.connection.prepare(&format!("SELECT {names} FROM {table}"))?;
    let theirs = select.query_map([], read)?.collect::<Result<Vec<Vec<Value>>, _>>()?;
    for values in theirs {
        let of_key = || key.iter().map(|place| values[*place].clone());
        let known: Option<Vec<Value>> = to
            .prepare_cached(&format!("SELECT {names} FROM {table} WHERE {condition}"))?
            .query_row(params_from_iter(of_key()), read)
            .optional()?;
        match known {
            Some(known) if hash_of(&known) >= hash_of(&values) => continue,
            Some(_) => {
                let delete = format!("DELETE FROM {table} WHERE {condition}");
                to.prepare_cached(&delete)?.execute(params_from_iter(of_key()))?;
            }
            None => {}
        }
        let marks = vec!["?"; columns.len()].join(", ");
        let insert = format!("INSERT INTO {table} ({names}) VALUES ({marks})");
        to.prepare_cached(&insert)?.execute(params_from_iter(values))?;
    }
    Ok(())
}

pub(super) fn hash_of(values: &[Value]) -> u64 {
    let mut hash = RowHash::default();
    for value in values {
        hash.add(value.into());
    }
    hash.finish()
}

/// The columns of a table, without some.
pub(super) fn columns(connection: &Connection, table: &str, without: &[&str]) -> Result<Vec<String>, Fault> {
    let mut statement = connection.prepare_cached("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
    let names = statement.query_map([table], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    Ok(names.into_iter().filter(|name| !without.contains(&name.as_str())).collect())
}
