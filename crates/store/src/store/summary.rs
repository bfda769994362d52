//! The summary row of each run and metric, kept in step with the points.
//!
//! A point after the last is added to the row. Anything else (a value recorded again, points taken
//! back before a resume) makes the row be computed anew from the points, so that no history of
//! recording can leave it different from what the points say.

use std::collections::{HashMap, hash_map::Entry};

use gansweep_protocol::{Direction, Metric};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    fault::Fault,
    store::MetricIds,
    value::{Kind, join, split},
};

/// The summaries that one batch of events touches.
#[derive(Debug, Default)]
pub(super) struct Summaries {
    open: HashMap<(i64, Metric), State>,
}

#[derive(Debug)]
enum State {
    /// All points so far came one after the other.
    Current(Summary),
    /// To be computed from the points.
    Stale,
}

/// One row; counts of zero before the first point.
#[derive(Debug, Default, Clone)]
struct Summary {
    count: i64,
    finite: i64,
    last_step: i64,
    last: f64,
    min: Option<f64>,
    max: Option<f64>,
    best: Option<(f64, i64)>,
}

impl Summaries {
    /// Takes note of a point that was written.
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
                let stored = load(connection, run_id, metric_id)?;
                entry.insert(State::Current(stored.unwrap_or_default()))
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

    /// Forgets what is known of a run some of whose points were taken back.
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
                State::Stale => compute(connection, run_id, metric_id, metric.declaration().direction)?,
            };
            match summary {
                Some(summary) => put(connection, run_id, metric_id, &summary)?,
                None => remove(connection, run_id, metric_id)?,
            }
        }
        Ok(())
    }
}

impl Summary {
    fn append(&mut self, step: i64, value: f64, direction: Direction) {
        self.count += 1;
        self.last_step = step;
        self.last = value;
        if !value.is_finite() {
            return;
        }
        self.finite += 1;
        self.min = Some(self.min.map_or(value, |min| min.min(value)));
        self.max = Some(self.max.map_or(value, |max| max.max(value)));
        let better = match direction {
            Direction::Lower => self.best.is_none_or(|(best, _)| value < best),
            Direction::Higher => self.best.is_none_or(|(best, _)| value > best),
            Direction::Neither => false,
        };
        if better {
            self.best = Some((value, step));
        }
    }
}

fn load(connection: &Connection, run_id: i64, metric_id: i64) -> Result<Option<Summary>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT count, finite, last_step, last_value, last_kind, min, max, best, best_step
         FROM summaries WHERE run_id = ?1 AND metric_id = ?2",
    )?;
    let summary = statement.query_row([run_id, metric_id], |row| {
        let best: Option<f64> = row.get(7)?;
        let best_step: Option<i64> = row.get(8)?;
        Ok(Summary {
            count: row.get(0)?,
            finite: row.get(1)?,
            last_step: row.get(2)?,
            last: join(row.get(3)?, row.get(4)?),
            min: row.get(5)?,
            max: row.get(6)?,
            best: best.zip(best_step),
        })
    });
    Ok(summary.optional()?)
}

/// The row as the points give it; `None` without points.
fn compute(
    connection: &Connection,
    run_id: i64,
    metric_id: i64,
    direction: Direction,
) -> Result<Option<Summary>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT step, value, kind FROM points WHERE run_id = ?1 AND metric_id = ?2 ORDER BY step",
    )?;
    let mut rows = statement.query([run_id, metric_id])?;
    let mut summary = Summary::default();
    while let Some(row) = rows.next()? {
        summary.append(row.get(0)?, join(row.get(1)?, row.get(2)?), direction);
    }
    Ok((summary.count > 0).then_some(summary))
}

fn put(connection: &Connection, run_id: i64, metric_id: i64, summary: &Summary) -> Result<(), Fault> {
    let (last, kind): (_, Kind) = split(summary.last);
    let mut statement = connection.prepare_cached(
        "INSERT INTO summaries (run_id, metric_id, count, finite, last_step, last_value, last_kind,
             min, max, best, best_step)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (run_id, metric_id) DO UPDATE SET
             count = excluded.count, finite = excluded.finite, last_step = excluded.last_step,
             last_value = excluded.last_value, last_kind = excluded.last_kind, min = excluded.min,
             max = excluded.max, best = excluded.best, best_step = excluded.best_step",
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
        summary.best.map(|(_, step)| step)
    ])?;
    Ok(())
}

fn remove(connection: &Connection, run_id: i64, metric_id: i64) -> Result<(), Fault> {
    let mut statement =
        connection.prepare_cached("DELETE FROM summaries WHERE run_id = ?1 AND metric_id = ?2")?;
    statement.execute([run_id, metric_id])?;
    Ok(())
}
