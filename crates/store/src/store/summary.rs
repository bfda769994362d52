//! Updates of `summaries` while points are recorded.
//!
//! A point after the last is added to the row. After any other change (a value recorded again, points deleted
//! before a resume) the row is computed from the points again, so that it always agrees with them.

use std::collections::{HashMap, hash_map::Entry};

use gansweep_protocol::Metric;
use rusqlite::{Connection, params};

use crate::{
    fault::Fault,
    store::MetricIds,
    summary::{Series, Summary},
    value::{Kind, split},
};

/// The summaries that one batch of events changes.
#[derive(Debug, Default)]
pub(super) struct Summaries {
    open: HashMap<(i64, Metric), State>,
}

#[derive(Debug)]
enum State {
    /// All points came in the order of their steps.
    Current(Summary),
    /// To be computed from the points again.
    Stale,
}

impl Summaries {
    /// Adds a point that was written.
    pub(super) fn add(
        &mut self,
        connection: &Connection,
        (run_id, metric, metric_id): (i64, Metric, i64),
        step: i64,
        value: f64,
    ) -> Result<(), Fault> {
        let state = match self.open.entry((run_id, metric)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let stored = series(run_id, metric, metric_id).stored(connection)?;
                // A row of an older version has no checksum to add to.
                entry.insert(match stored {
                    Some(Summary { checksum: None, .. }) => State::Stale,
                    stored => State::Current(stored.unwrap_or_default()),
                })
            }
        };
        match state {
            State::Current(summary) if summary.count == 0 || step > summary.last_step => {
                summary.append(step, value, metric.declaration().direction);
            }
            _ => *state = State::Stale,
        }
        Ok(())
    }

    /// Marks all summaries of a run as stale, after some of its points were deleted.
    pub(super) fn invalidate(&mut self, run_id: i64, metrics: &MetricIds) {
        for &metric in metrics.keys() {
            self.open.insert((run_id, metric), State::Stale);
        }
    }

    /// Writes the rows.
    pub(super) fn write(self, connection: &Connection, metrics: &MetricIds) -> Result<(), Fault> {
        for ((run_id, metric), state) in self.open {
            let metric_id = metrics[&metric];
            let summary = match state {
                State::Current(summary) => Some(summary),
                State::Stale => series(run_id, metric, metric_id).compute(connection, i64::MAX)?,
            };
            match summary {
                Some(summary) => put(connection, run_id, metric_id, &summary)?,
                None => remove(connection, run_id, metric_id)?,
            }
        }
        Ok(())
    }
}

const fn series(run_id: i64, metric: Metric, metric_id: i64) -> Series {
    Series { run_id, metric_id, direction: metric.declaration().direction }
}

fn put(connection: &Connection, run_id: i64, metric_id: i64, summary: &Summary) -> Result<(), Fault> {
    let (last, kind): (_, Kind) = split(summary.last);
    let mut statement = connection.prepare_cached(
        "INSERT INTO summaries (run_id, metric_id, count, finite, last_step, last_value, last_kind,
             min, max, best, best_step, checksum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (run_id, metric_id) DO UPDATE SET
             count = excluded.count, finite = excluded.finite, last_step = excluded.last_step,
             last_value = excluded.last_value, last_kind = excluded.last_kind, min = excluded.min,
             max = excluded.max, best = excluded.best, best_step = excluded.best_step,
             checksum = excluded.checksum",
    )?;
    statement.execute(params![
        run_id,
        metric_id,
        summary.count,
        summary.finite,
        summary.last_step,
        last,
        kind as i64,
        summary.min,
        summary.max,
        summary.best.map(|(value, _)| value),
        summary.best.map(|(_, step)| step),
        summary.checksum
    ])?;
    Ok(())
}

fn remove(connection: &Connection, run_id: i64, metric_id: i64) -> Result<(), Fault> {
    let mut statement =
        connection.prepare_cached("DELETE FROM summaries WHERE run_id = ?1 AND metric_id = ?2")?;
    statement.execute([run_id, metric_id])?;
    Ok(())
}
