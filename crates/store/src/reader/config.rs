//! Configs key by key, and the keys in which runs differ.

use std::collections::BTreeMap;

use gansweep_config::RunId;
use rusqlite::{Connection, OptionalExtension, types::Value as SqlValue};
use serde_json::Value;

use super::{Reader, json};
use crate::{ConfigValue, KeyDifference, StoreError, fault::Fault, value::seed_from_sql};

impl Reader {
    /// Every key of the run's config, by key.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`].
    pub fn config_values(&self, run: &RunId) -> Result<Vec<ConfigValue>, StoreError> {
        self.read(|connection| {
            let (config_id, ..) = identity(connection, run)?;
            values(connection, config_id)
        })
    }

    /// The keys in which the runs differ, by key; `seed` and `data_fingerprint` beside those of the
    /// configs. Fewer than two runs do not differ.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`].
    pub fn diff(&self, runs: &[RunId]) -> Result<Vec<KeyDifference>, StoreError> {
        let mut table: BTreeMap<String, Vec<Option<Value>>> = BTreeMap::new();
        for (index, run) in runs.iter().enumerate() {
            for ConfigValue { key, value } in self.read(|connection| identified_values(connection, run))? {
                table.entry(key).or_insert_with(|| vec![None; runs.len()])[index] = Some(value);
            }
        }
        let differs = |values: &[Option<Value>]| values.windows(2).any(|pair| pair[0] != pair[1]);
        let rows = table.into_iter().filter(|(_, values)| differs(values));
        Ok(rows.map(|(key, values)| KeyDifference { key, values }).collect())
    }
}

/// What makes the run: its config, its seed, its data.
fn identified_values(connection: &Connection, run: &RunId) -> Result<Vec<ConfigValue>, Fault> {
    let (config_id, seed, fingerprint) = identity(connection, run)?;
    let mut values = values(connection, config_id)?;
    values.push(ConfigValue { key: "seed".to_owned(), value: seed.into() });
    values.push(ConfigValue { key: "data_fingerprint".to_owned(), value: fingerprint.into() });
    Ok(values)
}

fn identity(connection: &Connection, run: &RunId) -> Result<(i64, u64, String), Fault> {
    let mut statement =
        connection.prepare_cached("SELECT config_id, seed, data_fingerprint FROM runs WHERE id = ?1")?;
    let row = statement
        .query_row([run.as_str()], |row| Ok((row.get(0)?, seed_from_sql(row.get(1)?), row.get(2)?)))
        .optional()?;
    row.ok_or_else(|| StoreError::UnknownRun { id: run.to_string() }.into())
}

fn values(connection: &Connection, config_id: i64) -> Result<Vec<ConfigValue>, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT key, type, value FROM config_values WHERE config_id = ?1 ORDER BY key")?;
    let mut rows = statement.query([config_id])?;
    let mut values = Vec::new();
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        let value = config_value(&key, &row.get::<_, String>(1)?, row.get(2)?)?;
        values.push(ConfigValue { key, value });
    }
    Ok(values)
}

/// A row of `config_values` as JSON.
pub(crate) fn config_value(key: &str, kind: &str, cell: SqlValue) -> Result<Value, StoreError> {
    match (kind, cell) {
        ("boolean", SqlValue::Integer(truth)) => Ok(Value::Bool(truth != 0)),
        ("integer", SqlValue::Integer(integer)) => Ok(integer.into()),
        ("real", SqlValue::Real(real)) => Ok(real.into()),
        ("text", SqlValue::Text(text)) => Ok(text.into()),
        ("list", SqlValue::Text(list)) => json(&format!("the list at {key}"), &list),
        (kind, cell) => Err(StoreError::Content {
            what: format!("the value of {key}"),
            detail: format!("it should be of type {kind}, and is {:?}", cell.data_type()),
        }),
    }
}
