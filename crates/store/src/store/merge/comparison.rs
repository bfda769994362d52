//! Compares two records of one run: which one the merge keeps, the last step that both confirm, and the first point in which
//! they differ.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use gansweep_config::RunId;
use gansweep_protocol::Metric;
use rusqlite::{Connection, params};

use super::evaluations::figure_names;
use crate::{Conflict, checksums::RowHash, fault::Fault};

/// Compares two records of a run: the greater one is taken.
pub(super) fn compare(mine: (&Connection, i64), theirs: (&Connection, i64)) -> Result<Ordering, Fault> {
    let by_length = length(mine)?.cmp(&length(theirs)?);
    if by_length != Ordering::Equal {
        return Ok(by_length);
    }
    Ok(content(mine)?.cmp(&content(theirs)?))
}

/// Confirmed step, last step, attempts, and the step of the checkpoint.
fn length((connection, run_id): (&Connection, i64)) -> Result<[i64; 4], Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT confirmed_step, step, attempts,
             coalesce((SELECT c.step FROM checkpoints c WHERE c.run_id = runs.run_id), -1)
         FROM runs WHERE run_id = ?1",
    )?;
    let length =
        statement.query_row([run_id], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]));
    Ok(length?)
}

/// A hash of what is recorded of a run, without its quality figures, the numbers that differ between databases and the path of
/// its checkpoint.
fn content((connection, run_id): (&Connection, i64)) -> Result<u64, Fault> {
    let points = format!(
        "SELECT m.name, p.step, p.value, p.kind, p.attempt FROM points p JOIN metrics m USING (metric_id)
         WHERE p.run_id = ?1 AND m.name NOT IN ({})",
        figure_names()
    );
    let mut sum = 0;
    for sql in [
        "SELECT iif(state IN ('pending', 'running'), 'interrupted', state), seconds, started_ms FROM runs WHERE run_id = ?1",
        "SELECT attempt, device, backend, lane, lanes, pid, host, from_step, step, began_ms, kept_step, next_seq
         FROM attempts WHERE run_id = ?1",
        points.as_str(),
        "SELECT step, source, epoch, rows, cols, height, width, attempt, at_ms, png FROM samples WHERE run_id = ?1",
        "SELECT step, bytes, sha256, attempt FROM checkpoints WHERE run_id = ?1",
        "SELECT b.step, b.bytes, b.sha256, m.name, b.value, b.images, b.evaluator, b.attempt
         FROM best_checkpoints b JOIN metrics m USING (metric_id) WHERE b.run_id = ?1",
    ] {
        let mut statement = connection.prepare_cached(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query([run_id])?;
        while let Some(row) = rows.next()? {
            let mut hash = RowHash::default();
            for column in 0..columns {
                hash.add(row.get_ref(column)?);
            }
            sum ^= hash.finish();
        }
    }
    Ok(sum)
}

/// The first point that both have confirmed and that is not the same, of a metric that the run's config determines.
pub(super) fn conflict(
    id: &RunId,
    mine: (&Connection, i64),
    theirs: (&Connection, i64),
) -> Result<Option<Conflict>, Fault> {
    let until = common_step(mine, theirs)?;
    // Figures depend on the evaluator besides.
    let is_determined = |metric: &Metric| metric.declaration().deterministic && !metric.is_figure();
    for metric in Metric::ALL.into_iter().filter(is_determined) {
        let (one, other) = (points(mine, metric, until)?, points(theirs, metric, until)?);
        for (step, value) in &one {
            if let Some(found) = other.get(step).filter(|found| *found != value) {
                let real =
                    |value: &(Option<u64>, i64)| crate::value::join(value.0.map(f64::from_bits), value.1);
                let (here, there) = (real(value), real(found));
                return Ok(Some(Conflict {
                    run: id.clone(),
                    metric,
                    step: step.cast_unsigned(),
                    here,
                    there,
                }));
            }
        }
    }
    Ok(None)
}

type Points = BTreeMap<i64, (Option<u64>, i64)>;

fn points((connection, run_id): (&Connection, i64), metric: Metric, until: i64) -> Result<Points, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT step, value, kind FROM points
         WHERE run_id = ?1 AND metric_id = (SELECT metric_id FROM metrics WHERE name = ?2) AND step <= ?3",
    )?;
    let point = |row: &rusqlite::Row<'_>| {
        Ok((row.get(0)?, (row.get::<_, Option<f64>>(1)?.map(f64::to_bits), row.get(2)?)))
    };
    Ok(statement.query_map(params![run_id, metric.name(), until], point)?.collect::<Result<_, _>>()?)
}

/// The step up to which the figures of one of two records of a run are also those of the other: both are the same run, trained
/// to different lengths.
pub(super) fn common_step(mine: (&Connection, i64), theirs: (&Connection, i64)) -> Result<i64, Fault> {
    Ok(length(mine)?[0].min(length(theirs)?[0]))
}
