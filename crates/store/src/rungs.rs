//! Decisions of pruners, read by the writer and by readers.

use std::collections::HashMap;

use gansweep_config::RunId;
use gansweep_protocol::Metric;
use rusqlite::{Connection, Row, params};

use crate::{RungDecision, RungRow, StoreError, fault::Fault, status::parse_run, value::join};

/// The decisions about the runs of a sweep, by run and rung.
pub(crate) fn of(connection: &Connection, sweep: &str) -> Result<Vec<RungRow>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT r.id, g.epochs, g.bracket, g.value, g.kind, g.decision, g.reason
         FROM rungs g JOIN runs r USING (run_id)
         WHERE g.sweep_id = (SELECT sweep_id FROM sweeps WHERE name = ?1) ORDER BY r.id, g.epochs",
    )?;
    let mut rows = statement.query([sweep])?;
    let mut rungs = Vec::new();
    while let Some(row) = rows.next()? {
        rungs.push(rung(row)?);
    }
    Ok(rungs)
}

/// The points of a metric of each of these runs, by step. Runs without any are absent.
pub(crate) fn values(
    connection: &Connection,
    runs: &[RunId],
    metric: Metric,
) -> Result<HashMap<RunId, Vec<(u64, f64)>>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT step, value, kind FROM points
         WHERE run_id = (SELECT run_id FROM runs WHERE id = ?1)
           AND metric_id = (SELECT metric_id FROM metrics WHERE name = ?2) ORDER BY step",
    )?;
    let point = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?.cast_unsigned(), join(row.get(1)?, row.get(2)?)));
    let mut values = HashMap::new();
    for run in runs {
        let points = statement.query_map(params![run.as_str(), metric.name()], point)?;
        let points = points.collect::<Result<Vec<_>, _>>()?;
        if !points.is_empty() {
            values.insert(run.clone(), points);
        }
    }
    Ok(values)
}

fn rung(row: &Row<'_>) -> Result<RungRow, Fault> {
    let (value, kind): (Option<f64>, Option<i64>) = (row.get(3)?, row.get(4)?);
    let decision: String = row.get(5)?;
    Ok(RungRow {
        run: parse_run(&row.get::<_, String>(0)?)?,
        epochs: row.get(1)?,
        bracket: row.get(2)?,
        value: kind.map(|kind| join(value, kind)),
        decision: RungDecision::from_name(&decision).ok_or_else(|| StoreError::Content {
            what: "a decision at a rung".to_owned(),
            detail: format!("`{decision}` is none that this program knows"),
        })?,
        reason: row.get(6)?,
    })
}
