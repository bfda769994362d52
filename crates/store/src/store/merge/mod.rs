//! Merging the database of another results folder.
//!
//! Runs are the same where their ids are. Of two records of a run the longer one is taken, whole; of equally long ones the one
//! that comes first in an order of their contents. Only quality figures, which are added afterwards, are those of both. So the
//! result does not depend on which database is merged into which, and merging twice changes nothing.

mod comparison;
mod evaluations;

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use gansweep_config::{RunId, RunState};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};

use self::comparison::{common_step, compare, conflict};
use self::evaluations::{Evaluations, Precedence};
use crate::{
    MergePlan, Merged, Reader, RunFiles, StoreError,
    checksums::RowHash,
    fault::Fault,
    status::{files, parse_run},
    store::{MetricIds, Store, metric_ids},
};

/// Tables whose rows belong to a run, without `runs` itself and the plans.
const OF_RUN: [&str; 7] =
    ["attempts", "points", "summaries", "samples", "checkpoints", "best_checkpoints", "evaluations"];

impl Store {
    /// What merging another database would take from it. The caller brings the files of checkpoints.
    pub fn plan_merge(&self, other: &Reader) -> Result<MergePlan, StoreError> {
        let mut plan = MergePlan::default();
        let work = |plan: &mut MergePlan| -> Result<(), Fault> {
            for (id, theirs) in runs(other.connection())? {
                let mine = find(&self.connection, &id)?;
                let Some(mine) = mine else {
                    plan.taken.push(files(other.connection(), &id, theirs)?);
                    continue;
                };
                let (mine, theirs) = ((&self.connection, mine), (other.connection(), theirs));
                let order = compare(mine, theirs)?;
                match order {
                    Ordering::Less => plan.taken.push(files(other.connection(), &id, theirs.1)?),
                    Ordering::Equal => plan.equal += 1,
                    Ordering::Greater => plan.kept += 1,
                }
                if let Some(conflict) = conflict(&id, mine, theirs)? {
                    // Figures of the other weights are not those of this run.
                    plan.conflicts.push(conflict);
                } else if joined(mine, theirs, order)? != taken_figures(mine, theirs, order)? {
                    plan.evaluated.push(id);
                }
            }
            Ok(())
        };
        work(&mut plan).map_err(|fault| fault.at(other.path()))?;
        Ok(plan)
    }

    /// Merges another database as planned. `brought` has the checkpoints in this results folder; a run that lacks one is
    /// recorded without it. Both databases must be as they were when the plan was made.
    ///
    /// # Errors
    /// Nothing is changed then.
    pub fn merge(
        &mut self,
        other: &Reader,
        plan: &MergePlan,
        brought: &BTreeMap<RunId, RunFiles>,
    ) -> Result<Merged, StoreError> {
        self.set_durable(true)?;
        let theirs = metric_ids(other.connection()).map_err(|fault| fault.at(other.path()))?;
        self.write(|transaction, metrics| {
            let from = Source { connection: other.connection(), metrics: translation(&theirs, metrics) };
            copy_all(&from, transaction, "datasets", "data_fingerprint = ?1", &["data_fingerprint"])?;
            // While both records of the runs are there.
            let evaluations = plan
                .evaluated
                .iter()
                .map(|id| Ok((id, joined_of(transaction, other.connection(), id)?)))
                .collect::<Result<Vec<_>, Fault>>()?;
            let replaced = plan
                .taken
                .iter()
                .map(|files| take(&from, transaction, &files.run, brought.get(&files.run)))
                .collect::<Result<Vec<_>, Fault>>()?;
            for (id, evaluations) in evaluations {
                evaluations.write(transaction, metrics, found(transaction, id)?)?;
            }
            let images = "data_fingerprint = ?1 AND rows = ?2 AND cols = ?3";
            copy_all(&from, transaction, "real_images", images, &["data_fingerprint", "rows", "cols"])?;
            let sweeps = merge_sweeps(&from, transaction)?;
            merge_tags(&from, transaction)?;
            merge_rungs(&from, transaction)?;
            Ok(Merged { sweeps, replaced: replaced.into_iter().flatten().collect() })
        })
    }
}

/// The other database, and the ids that its metrics have in this one.
struct Source<'a> {
    connection: &'a Connection,
    metrics: HashMap<i64, i64>,
}

fn translation(theirs: &MetricIds, mine: &MetricIds) -> HashMap<i64, i64> {
    theirs.iter().map(|(metric, id)| (*id, mine[metric])).collect()
}

fn runs(connection: &Connection) -> Result<Vec<(RunId, i64)>, Fault> {
    let mut statement = connection.prepare("SELECT id, run_id FROM runs ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.push((parse_run(&row.get::<_, String>(0)?)?, row.get(1)?));
    }
    Ok(runs)
}

fn find(connection: &Connection, id: &RunId) -> Result<Option<i64>, Fault> {
    let mut statement = connection.prepare_cached("SELECT run_id FROM runs WHERE id = ?1")?;
    Ok(statement.query_row([id.as_str()], |row| row.get(0)).optional()?)
}

fn found(connection: &Connection, id: &RunId) -> Result<i64, Fault> {
    Ok(find(connection, id)?.ok_or_else(|| StoreError::UnknownRun { id: id.to_string() })?)
}

/// The quality figures that a run has after the merge.
fn joined(
    mine: (&Connection, i64),
    theirs: (&Connection, i64),
    order: Ordering,
) -> Result<Evaluations, Fault> {
    let common = common_step(mine, theirs)?;
    let (here, there) = (Evaluations::read(mine)?, Evaluations::read(theirs)?);
    Ok(match order {
        Ordering::Less => there.joined(&here.until(common), Precedence::First),
        Ordering::Equal => here.joined(&there, Precedence::Neither),
        Ordering::Greater => here.joined(&there.until(common), Precedence::First),
    })
}

/// The quality figures of the record that is taken.
fn taken_figures(
    mine: (&Connection, i64),
    theirs: (&Connection, i64),
    order: Ordering,
) -> Result<Evaluations, Fault> {
    Evaluations::read(if order == Ordering::Less { theirs } else { mine })
}

/// [`joined`], for a run that both databases have.
fn joined_of(mine: &Connection, theirs: &Connection, id: &RunId) -> Result<Evaluations, Fault> {
    let (here, there) = ((mine, found(mine, id)?), (theirs, found(theirs, id)?));
    joined(here, there, compare(here, there)?)
}

/// Replaces what is recorded of a run by what the other database has. Returns the checkpoints that it had.
fn take(
    from: &Source<'_>,
    to: &Connection,
    id: &RunId,
    brought: Option<&RunFiles>,
) -> Result<Option<RunFiles>, Fault> {
    let theirs = found(from.connection, id)?;
    let config_id = config(from.connection, to, theirs)?;
    let mine = find(to, id)?;
    let had = mine.map(|run_id| files(to, id, run_id)).transpose()?;
    if let Some(run_id) = mine {
        for table in OF_RUN {
            to.prepare_cached(&format!("DELETE FROM {table} WHERE run_id = ?1"))?.execute([run_id])?;
        }
    }
    let run_id = put_run(from.connection, to, (theirs, mine), config_id)?;
    for table in OF_RUN {
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

/// Copies the rows of a table that this database lacks. Of rows with equal keys and other contents, the greater are kept.
fn copy_all(
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

fn hash_of(values: &[Value]) -> u64 {
    let mut hash = RowHash::default();
    for value in values {
        hash.add(value.into());
    }
    hash.finish()
}

/// Merges sweeps by name: the one that was started last says what the sweep is, and the plan is that of both. Returns the
/// names of sweeps whose experiments differ.
fn merge_sweeps(from: &Source<'_>, to: &Connection) -> Result<Vec<String>, Fault> {
    let columns = columns(to, "sweeps", &["sweep_id", "created_ms"])?;
    let names = columns.join(", ");
    let select = format!("SELECT sweep_id, name, source, created_ms, updated_ms, {names} FROM sweeps");
    let mut statement = from.connection.prepare(&select)?;
    let mut rows = statement.query([])?;
    let mut differing = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(1)?;
        let values: Vec<Value> =
            (0..columns.len()).map(|column| row.get(column + 5)).collect::<Result<_, _>>()?;
        let known: Option<(i64, String, i64, Vec<Value>)> = to
            .prepare_cached(&format!(
                "SELECT sweep_id, source, updated_ms, {names} FROM sweeps WHERE name = ?1"
            ))?
            .query_row([&name], |row| {
                let values =
                    (0..columns.len()).map(|column| row.get(column + 3)).collect::<Result<_, _>>()?;
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, values))
            })
            .optional()?;
        let updated: i64 = row.get(4)?;
        let theirs = known.as_ref().map_or(Ordering::Greater, |(_, _, mine_updated, mine)| {
            (updated, hash_of(&values)).cmp(&(*mine_updated, hash_of(mine)))
        });
        let created: i64 = row.get(3)?;
        let sweep_id = match known {
            None => {
                let marks = vec!["?"; columns.len() + 1].join(", ");
                let sql = format!("INSERT INTO sweeps ({names}, created_ms) VALUES ({marks})");
                to.prepare_cached(&sql)?
                    .execute(params_from_iter(values.into_iter().chain([Value::Integer(created)])))?;
                to.last_insert_rowid()
            }
            Some((sweep_id, source, ..)) => {
                if source != row.get::<_, String>(2)? {
                    differing.push(name);
                }
                if theirs == Ordering::Greater {
                    let set: Vec<String> = columns.iter().map(|column| format!("{column} = ?")).collect();
                    let sql = format!("UPDATE sweeps SET {} WHERE sweep_id = ?", set.join(", "));
                    to.prepare_cached(&sql)?
                        .execute(params_from_iter(values.into_iter().chain([Value::Integer(sweep_id)])))?;
                }
                to.prepare_cached("UPDATE sweeps SET created_ms = min(created_ms, ?2) WHERE sweep_id = ?1")?
                    .execute([sweep_id, created])?;
                sweep_id
            }
        };
        merge_entries(from, to, (row.get(0)?, sweep_id), theirs)?;
        merge_trials(from, to, (row.get(0)?, sweep_id), theirs)?;
    }
    Ok(differing)
}

/// Merges the entries of a sweep's plan. `order` says which of the two sweeps was started later, and has the say: -1 for the
/// one here. Where neither was, the entries have an order of their own.
fn merge_entries(
    from: &Source<'_>,
    to: &Connection,
    (theirs, sweep_id): (i64, i64),
    order: Ordering,
) -> Result<(), Fault> {
    let mut statement = from.connection.prepare_cached(
        "SELECT r.id, m.epochs, m.position, m.label, m.assignments, m.current
         FROM sweep_runs m JOIN runs r USING (run_id) WHERE m.sweep_id = ?1",
    )?;
    let mut rows = statement.query([theirs])?;
    let mut upsert = to.prepare_cached(
        "INSERT INTO sweep_runs (sweep_id, run_id, epochs, position, label, assignments, current)
         VALUES (?1, (SELECT run_id FROM runs WHERE id = ?2), ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (sweep_id, run_id, epochs) DO UPDATE SET
             position = CASE ?8 WHEN 1 THEN excluded.position WHEN 0 THEN min(position, excluded.position) ELSE position END,
             label = CASE ?8 WHEN 1 THEN excluded.label WHEN 0 THEN max(label, excluded.label) ELSE label END,
             assignments = CASE ?8 WHEN 1 THEN excluded.assignments
                 WHEN 0 THEN max(assignments, excluded.assignments) ELSE assignments END,
             current = max(current, excluded.current)",
    )?;
    while let Some(row) = rows.next()? {
        upsert.execute(params![
            sweep_id,
            row.get::<_, String>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, i64>(2)?,
            row.get::<_, String>(3)?,
            row.get::<_, String>(4)?,
            row.get::<_, i64>(5)?,
            order as i64
        ])?;
    }
    Ok(())
}

/// Trials are those of the sweep that was started later; where neither was, of two with one number the one whose record is
/// the greater text.
fn merge_trials(
    from: &Source<'_>,
    to: &Connection,
    (theirs, sweep_id): (i64, i64),
    order: Ordering,
) -> Result<(), Fault> {
    if order == Ordering::Less {
        return Ok(());
    }
    if order == Ordering::Greater {
        to.prepare_cached("DELETE FROM trials WHERE sweep_id = ?1")?.execute([sweep_id])?;
    }
    let columns = columns(to, "trials", &["sweep_id"])?;
    let names = columns.join(", ");
    let mut statement =
        from.connection.prepare_cached(&format!("SELECT {names} FROM trials WHERE sweep_id = ?1"))?;
    let set: Vec<String> = columns.iter().map(|column| format!("{column} = excluded.{column}")).collect();
    let marks = vec!["?"; columns.len() + 1].join(", ");
    let mut upsert = to.prepare_cached(&format!(
        "INSERT INTO trials ({names}, sweep_id) VALUES ({marks}) ON CONFLICT (sweep_id, trial) DO UPDATE SET {}
         WHERE (excluded.assignments, excluded.config_hash, excluded.open, excluded.proposed_ms)
             > (trials.assignments, trials.config_hash, trials.open, trials.proposed_ms)",
        set.join(", ")
    ))?;
    let mut rows = statement.query([theirs])?;
    while let Some(row) = rows.next()? {
        let values: Vec<Value> =
            (0..columns.len()).map(|column| row.get(column)).collect::<Result<_, _>>()?;
        upsert.execute(params_from_iter(values.into_iter().chain([Value::Integer(sweep_id)])))?;
    }
    Ok(())
}

/// Runs have the tags that they have in either.
fn merge_tags(from: &Source<'_>, to: &Connection) -> Result<(), Fault> {
    let mut statement =
        from.connection.prepare("SELECT r.id, t.tag, t.created_ms FROM tags t JOIN runs r USING (run_id)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        to.prepare_cached(
            "INSERT INTO tags (run_id, tag, created_ms) VALUES ((SELECT run_id FROM runs WHERE id = ?1), ?2, ?3)
             ON CONFLICT (run_id, tag) DO UPDATE SET created_ms = min(created_ms, excluded.created_ms)",
        )?
        .execute(params![row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?])?;
    }
    Ok(())
}

/// Of two decisions about a run at a rung the later one is kept; of two at the same time, the greater.
fn merge_rungs(from: &Source<'_>, to: &Connection) -> Result<(), Fault> {
    let mut statement = from.connection.prepare(
        "SELECT s.name, r.id, g.epochs, g.bracket, g.value, g.kind, g.decision, g.reason, g.at_ms
         FROM rungs g JOIN runs r USING (run_id) JOIN sweeps s USING (sweep_id)",
    )?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let values: Vec<Value> = (0..columns).map(|column| row.get(column)).collect::<Result<_, _>>()?;
        to.prepare_cached(
            "INSERT INTO rungs (sweep_id, run_id, epochs, bracket, value, kind, decision, reason, at_ms)
             VALUES ((SELECT sweep_id FROM sweeps WHERE name = ?1), (SELECT run_id FROM runs WHERE id = ?2),
                 ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (sweep_id, run_id, epochs) DO UPDATE SET
                 bracket = excluded.bracket, value = excluded.value, kind = excluded.kind,
                 decision = excluded.decision, reason = excluded.reason, at_ms = excluded.at_ms
             WHERE (excluded.at_ms, excluded.decision, excluded.reason, excluded.bracket, coalesce(excluded.kind, -1),
                    coalesce(excluded.value, 0.0))
                 > (at_ms, decision, reason, bracket, coalesce(kind, -1), coalesce(value, 0.0))",
        )?
        .execute(params_from_iter(values))?;
    }
    Ok(())
}

/// The columns of a table, without some.
fn columns(connection: &Connection, table: &str, without: &[&str]) -> Result<Vec<String>, Fault> {
    let mut statement = connection.prepare_cached("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
    let names = statement.query_map([table], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    Ok(names.into_iter().filter(|name| !without.contains(&name.as_str())).collect())
}
