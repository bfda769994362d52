//! Points and their summaries.

use gansweep_config::RunId;
use gansweep_protocol::Metric;
use rusqlite::{Connection, Row, params};

use super::{Reader, decimate::decimate, signed, unsigned};
use crate::{
    Point, StoreError, SummaryRow,
    fault::Fault,
    summary::{self, Series, Summary},
    value::join,
};

/// The summaries of a run, with the metric of each.
fn summaries_sql() -> String {
    format!(
        "SELECT s.run_id, s.metric_id, m.name, {} FROM summaries s JOIN metrics m USING (metric_id)
         WHERE s.run_id = (SELECT run_id FROM runs WHERE id = ?1)",
        summary::COLUMNS
    )
}

impl Reader {
    /// The points of one metric by step up to `until_step` (`u64::MAX` for all), decimated to at most
    /// `max_points` (`usize::MAX` for all, at least five).
    ///
    /// Decimation keeps the first and the last point, and of each stretch between them the smallest, the
    /// largest and the first that is not finite. Empty if the run has no such points.
    pub fn points(
        &self,
        run: &RunId,
        metric: Metric,
        until_step: u64,
        max_points: usize,
    ) -> Result<Vec<Point>, StoreError> {
        let points = self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT step, value, kind FROM points
                 WHERE run_id = (SELECT run_id FROM runs WHERE id = ?1)
                   AND metric_id = (SELECT metric_id FROM metrics WHERE name = ?2) AND step <= ?3
                 ORDER BY step",
            )?;
            let point =
                |row: &Row<'_>| Ok(Point { step: unsigned(row, 0)?, value: join(row.get(1)?, row.get(2)?) });
            let points =
                statement.query_map(params![run.as_str(), metric.name(), signed(until_step)], point)?;
            Ok(points.collect::<Result<Vec<_>, _>>()?)
        })?;
        Ok(decimate(points, max_points))
    }

    /// One row per metric with points up to `until_step` (`u64::MAX` for all), in the order of [`Metric::ALL`].
    pub fn summaries(&self, run: &RunId, until_step: u64) -> Result<Vec<SummaryRow>, StoreError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached(&format!("{} ORDER BY m.position", summaries_sql()))?;
            let mut rows = statement.query([run.as_str()])?;
            let mut summaries = Vec::new();
            while let Some(row) = rows.next()? {
                // A later version of the program may have added a metric.
                let Some(metric) = Metric::from_name(&row.get::<_, String>(2)?) else { continue };
                summaries.extend(summary(connection, row, metric, until_step)?);
            }
            Ok(summaries)
        })
    }

    /// The summary of the points of one metric up to `until_step` (`u64::MAX` for all); `None` if the run has no such
    /// points.
    pub fn summary(
        &self,
        run: &RunId,
        metric: Metric,
        until_step: u64,
    ) -> Result<Option<SummaryRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!("{} AND m.name = ?2", summaries_sql()))?;
            let mut rows = statement.query([run.as_str(), metric.name()])?;
            match rows.next()? {
                Some(row) => summary(connection, row, metric, until_step),
                None => Ok(None),
            }
        })
    }
}

/// Summarises the points up to a step. The stored summary covers all points, so that points are read only where some come
/// after the step.
fn summary(
    connection: &Connection,
    row: &Row<'_>,
    metric: Metric,
    until_step: u64,
) -> Result<Option<SummaryRow>, Fault> {
    let (stored, until_step) = (Summary::read(row, 3)?, signed(until_step));
    let summary = if stored.last_step > until_step {
        let direction = metric.declaration().direction;
        let series = Series { run_id: row.get(0)?, metric_id: row.get(1)?, direction };
        series.compute(connection, until_step)?
    } else {
        Some(stored)
    };
    Ok(summary.map(|summary| summary.row(metric)))
}
