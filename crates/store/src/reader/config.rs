//! Configs by key, and differences between runs.

use std::collections::BTreeMap;

use gansweep_config::RunId;
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;

use super::Reader;
use crate::{
    ConfigValue, KeyDifference, StoreError,
    fault::Fault,
    value::{config_value, seed_from_sql},
};

impl Reader {
    /// All keys of the run's config, sorted.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`].
    pub fn config_values(&self, run: &RunId) -> Result<Vec<ConfigValue>, StoreError> {
        self.read(|connection| {
            let (config_id, ..) = identity(connection, run)?;
            values(connection, config_id)
        })
    }

    /// The keys in which the runs differ, sorted: config keys, `seed` and `data_fingerprint`. Empty for fewer
    /// than two runs.
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

/// All that identifies the run: config, seed and data.
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
