//! Merging sweeps: their descriptions, plans, trials, and what their pruners decided.

use std::cmp::Ordering;

use rusqlite::{Connection, OptionalExtension, params, params_from_iter, types::Value};

use super::rows::{Source, columns, hash_of};
use crate::fault::Fault;

/// Merges sweeps by name: the one that was started last says what the sweep is, and the plan is that of both. Returns the
/// names of sweeps whose experiments differ.
pub(super) fn merge_sweeps(from: &Source<'_>, to: &Connection) -> Result<Vec<String>, Fault> {
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

/// Merges the entries of a sweep's plan. Those of the sweep that was started later are kept: `order` compares the other
/// database's sweep with the one here. Where neither is the later one, the lesser position and the greater texts are kept.
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
    let (is_theirs_later, is_mine_later) = (order == Ordering::Greater, order == Ordering::Less);
    let mut upsert = to.prepare_cached(
        "INSERT INTO sweep_runs (sweep_id, run_id, epochs, position, label, assignments, current)
         VALUES (?1, (SELECT run_id FROM runs WHERE id = ?2), ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (sweep_id, run_id, epochs) DO UPDATE SET
             position = CASE WHEN ?8 THEN excluded.position WHEN ?9 THEN position
                 ELSE min(position, excluded.position) END,
             label = CASE WHEN ?8 THEN excluded.label WHEN ?9 THEN label ELSE max(label, excluded.label) END,
             assignments = CASE WHEN ?8 THEN excluded.assignments WHEN ?9 THEN assignments
                 ELSE max(assignments, excluded.assignments) END,
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
            is_theirs_later,
            is_mine_later
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

/// Of two decisions about a run at a rung the later one is kept; of two at the same time, the greater.
pub(super) fn merge_rungs(from: &Source<'_>, to: &Connection) -> Result<(), Fault> {
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
