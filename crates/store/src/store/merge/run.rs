//! Takes the record of a run from the other database.

use gansweep_config::{RunId, RunState};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};

use super::rows::{Source, columns};
use crate::{
    RunFiles,
    fault::Fault,
    status::files,
    store::ids::{find_run, known_run},
    tables,
};

/// Replaces what is recorded of a run by what the other database has. Returns the checkpoints that it had.
pub(super) fn take_run(
    from: &Source<'_>,
    to: &Connection,
    id: &RunId,
    brought: Option<&RunFiles>,
) -> Result<Option<RunFiles>, Fault> {
    let theirs = find_run(from.connection, id)?;
    let config_id = config(from.connection, to, theirs)?;
    let mine = known_run(to, id)?;
    let had = mine.map(|run_id| files(to, id, run_id)).transpose()?;
    if let Some(run_id) = mine {
        for table in tables::of_record() {
            to.prepare_cached(&format!("DELETE FROM {table} WHERE run_id = ?1"))?.execute([run_id])?;
        }
    }
    let run_id = put_run(from.connection, to, (theirs, mine), config_id)?;
    for table in tables::of_record() {
        copy_of_run(from, to, table, (theirs, run_id))?;
    }
    for table in ["runs", "attempts"] {
        let sql = format!(
            "UPDATE {table} SET state = ?2, cause = 'it was active when its database was merged'
             WHERE run_id = ?1 AND state IN ('pending', 'running')"
        );
        to.prepare_cached(&sql)?.execute(params![run_id, RunState::Interrupted.name()])?;
    }
    let path = |of: fn(&RunFiles) -> &Option<String>| brought.and_then(|files| of(files).as_ref());
    for (table, path) in
        [("checkpoints", path(|it| &it.checkpoint)), ("best_checkpoints", path(|it| &it.best))]
    {
        match path {
            Some(path) => to
                .prepare_cached(&format!("UPDATE {table} SET path = ?2 WHERE run_id = ?1"))?
                .execute(params![run_id, path])?,
            None => {
                to.prepare_cached(&format!("DELETE FROM {table} WHERE run_id = ?1"))?.execute([run_id])?
            }
        };
    }
    Ok(had.filter(|files| files.paths().next().is_some()))
}

/// Puts the row of a run, in place of the present one if there is one.
fn put_run(
    from: &Connection,
    to: &Connection,
    (theirs, mine): (i64, Option<i64>),
    config_id: i64,
) -> Result<i64, Fault> {
    let columns = columns(to, "runs", &["run_id", "config_id"])?;
    let names = columns.join(", ");
    let values: Vec<Value> = from
        .prepare_cached(&format!("SELECT {names} FROM runs WHERE run_id = ?1"))?
        .query_row([theirs], |row| (0..columns.len()).map(|column| row.get(column)).collect())?;
    let values = values.into_iter().chain([Value::Integer(config_id)]);
    if let Some(run_id) = mine {
        let set: Vec<String> = columns.iter().map(|column| format!("{column} = ?")).collect();
        let sql = format!("UPDATE runs SET {}, config_id = ? WHERE run_id = ?", set.join(", "));
        to.prepare_cached(&sql)?.execute(params_from_iter(values.chain([Value::Integer(run_id)])))?;
        return Ok(run_id);
    }
    let marks = vec!["?"; columns.len() + 1].join(", ");
    let sql = format!("INSERT INTO runs ({names}, config_id) VALUES ({marks})");
    to.prepare_cached(&sql)?.execute(params_from_iter(values))?;
    Ok(to.last_insert_rowid())
}

/// The config of a run of the other database, which is copied if this one does not have it.
fn config(from: &Connection, to: &Connection, run_id: i64) -> Result<i64, Fault> {
    let (config_id, hash, json): (i64, String, String) = from
        .prepare_cached(
            "SELECT config_id, hash, json FROM configs JOIN runs USING (config_id) WHERE run_id = ?1",
        )?
        .query_row([run_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let known = to
        .prepare_cached("SELECT config_id FROM configs WHERE hash = ?1")?
        .query_row([&hash], |row| row.get(0))
        .optional()?;
    if let Some(known) = known {
        return Ok(known);
    }
    to.prepare_cached("INSERT INTO configs (hash, json) VALUES (?1, ?2)")?.execute([&hash, &json])?;
    let new = to.last_insert_rowid();
    let mut statement =
        from.prepare_cached("SELECT key, type, value FROM config_values WHERE config_id = ?1")?;
    let mut rows = statement.query([config_id])?;
    while let Some(row) = rows.next()? {
        to.prepare_cached("INSERT INTO config_values (config_id, key, type, value) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![
                new,
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, Value>(2)?
            ])?;
    }
    Ok(new)
}

/// Copies a table's rows of a run.
fn copy_of_run(
    from: &Source<'_>,
    to: &Connection,
    table: &str,
    (theirs, run_id): (i64, i64),
) -> Result<(), Fault> {
    let columns = columns(to, table, &["run_id", "sample_id"])?;
    let names = columns.join(", ");
    let marks = vec!["?"; columns.len() + 1].join(", ");
    let metric = columns.iter().position(|column| column == "metric_id");
    let mut insert = to.prepare_cached(&format!("INSERT INTO {table} ({names}, run_id) VALUES ({marks})"))?;
    let mut select =
        from.connection.prepare_cached(&format!("SELECT {names} FROM {table} WHERE run_id = ?1"))?;
    let mut rows = select.query([theirs])?;
    while let Some(row) = rows.next()? {
        let mut values: Vec<Value> =
            (0..columns.len()).map(|column| row.get(column)).collect::<Result<_, _>>()?;
        if let Some(metric) = metric {
            let id: i64 = row.get(metric)?;
            // A metric that no version knows has no summary here either.
            let Some(mine) = from.metrics.get(&id) else { continue };
            values[metric] = Value::Integer(*mine);
        }
        values.push(Value::Integer(run_id));
        insert.execute(params_from_iter(values))?;
    }
    Ok(())
}
