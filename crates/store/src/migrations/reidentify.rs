//! Gives configs and runs the hashes and ids of version 4, which do not depend on `train.epochs`,
//! and merges the runs that have become one.

use std::collections::HashMap;

use gansweep_config::{Config, ConfigHash, RunId};
use rusqlite::{Connection, Transaction, params};
use serde_json::Map;

use crate::{
    fault::Fault,
    spec,
    value::{config_value, seed_from_sql},
};

pub(super) fn reidentify(transaction: &Transaction<'_>) -> Result<(), Fault> {
    let hashes = rehash_configs(transaction)?;
    let mut longest: HashMap<RunId, Renaming> = HashMap::new();
    for run in runs(transaction, &hashes)? {
        let run = match longest.remove(&run.new) {
            None => run,
            Some(known) => merge(transaction, known, run)?,
        };
        longest.insert(run.new.clone(), run);
    }
    longest.into_values().try_for_each(|run| rename(transaction, &run))
}

/// Updates the hashes of configs, and merges configs that differ in their epochs only. Returns the hashes by
/// config id.
fn rehash_configs(connection: &Connection) -> Result<HashMap<i64, ConfigHash>, Fault> {
    let mut kept: HashMap<ConfigHash, i64> = HashMap::new();
    for config_id in configs(connection)? {
        let Some(config) = config(connection, config_id)? else { continue };
        let hash = ConfigHash::of(&config);
        if let Some(same) = kept.get(&hash) {
            connection.execute("UPDATE runs SET config_id = ?2 WHERE config_id = ?1", [config_id, *same])?;
            connection.execute("DELETE FROM config_values WHERE config_id = ?1", [config_id])?;
            connection.execute("DELETE FROM configs WHERE config_id = ?1", [config_id])?;
            continue;
        }
        connection.execute(
            "UPDATE configs SET hash = ?2, json = json_remove(json, '$.train.epochs') WHERE config_id = ?1",
            params![config_id, hash.as_str()],
        )?;
        connection.execute(
            "DELETE FROM config_values WHERE config_id = ?1 AND key = 'train.epochs'",
            [config_id],
        )?;
        kept.insert(hash, config_id);
    }
    Ok(kept.into_iter().map(|(hash, config_id)| (config_id, hash)).collect())
}

fn configs(connection: &Connection) -> Result<Vec<i64>, Fault> {
    let mut statement = connection.prepare("SELECT config_id FROM configs ORDER BY config_id")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// The canonical config. `None` if this version of the program cannot read it: then no plan of this version
/// can contain it, and it keeps its hash and its runs keep their ids.
///
/// It is read from `config_values`, where numbers are stored as bits; reading them from JSON text could
/// change the last digit.
fn config(connection: &Connection, config_id: i64) -> Result<Option<Config>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT key, type, value FROM config_values WHERE config_id = ?1")?;
    let mut rows = statement.query([config_id])?;
    let mut values = Map::new();
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        let Ok(value) = config_value(&key, &row.get::<_, String>(1)?, row.get(2)?) else { return Ok(None) };
        values.insert(key, value);
    }
    let Ok(config) = Config::from_stored_keys(&|key| values.get(key).cloned()) else { return Ok(None) };
    Ok(spec::of_config(connection, config_id)?.map(|spec| config.canonical(&spec)))
}

/// A run with its old and new id.
struct Renaming {
    run_id: i64,
    old: String,
    new: RunId,
    /// Confirmed step and last recorded step: of two runs that become one, the larger is kept.
    length: (i64, i64),
}

/// The runs of these configs.
fn runs(connection: &Connection, hashes: &HashMap<i64, ConfigHash>) -> Result<Vec<Renaming>, Fault> {
    let mut statement = connection.prepare(
        "SELECT config_id, run_id, id, seed, data_fingerprint, confirmed_step, step FROM runs ORDER BY run_id",
    )?;
    let mut rows = statement.query([])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(hash) = hashes.get(&row.get(0)?) else { continue };
        let (seed, fingerprint): (i64, String) = (row.get(3)?, row.get(4)?);
        runs.push(Renaming {
            run_id: row.get(1)?,
            old: row.get(2)?,
            new: RunId::of(hash, seed_from_sql(seed), &fingerprint),
            length: (row.get(5)?, row.get(6)?),
        });
    }
    Ok(runs)
}

/// Merges two runs into the longer one, which takes the other's places in plans. The records of the shorter
/// run are deleted: the longer one begins with the same records.
fn merge(connection: &Connection, one: Renaming, other: Renaming) -> Result<Renaming, Fault> {
    let (kept, dropped) = if other.length > one.length { (other, one) } else { (one, other) };
    let (into, from) = (kept.run_id, dropped.run_id);
    connection.execute("UPDATE OR IGNORE sweep_runs SET run_id = ?1 WHERE run_id = ?2", [into, from])?;
    connection.execute(
        "UPDATE runs SET (created_ms, started_ms) = (
             SELECT min(created_ms), min(started_ms) FROM runs WHERE run_id IN (?1, ?2))
         WHERE run_id = ?1",
        [into, from],
    )?;
    for table in ["sweep_runs", "points", "summaries", "samples", "checkpoints", "attempts", "runs"] {
        connection.execute(&format!("DELETE FROM {table} WHERE run_id = ?1"), [from])?;
    }
    Ok(kept)
}

/// Sets a run's new id. The file of its checkpoint still names the old id.
fn rename(connection: &Connection, run: &Renaming) -> Result<(), Fault> {
    connection
        .prepare_cached("UPDATE checkpoints SET written_for = ?2 WHERE run_id = ?1")?
        .execute(params![run.run_id, run.old])?;
    connection
        .prepare_cached("UPDATE runs SET id = ?2 WHERE run_id = ?1")?
        .execute(params![run.run_id, run.new.as_str()])?;
    Ok(())
}
