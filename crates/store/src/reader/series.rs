//! Points and their summaries.

use gansweep_config::RunId;
use gansweep_protocol::Metric;

use super::{Reader, decimate::decimate, optional_unsigned, unsigned};
use crate::{Point, StoreError, SummaryRow, value::join};

impl Reader {
    /// One series by step, thinned out to at most `max_points` (`usize::MAX` for all, never fewer
    /// than five).
    ///
    /// What a curve must show is kept: the first and the last point, and of each stretch between
    /// them the smallest, the largest and the first that is not finite. Empty if the run has no
    /// such points.
    pub fn points(&self, run: &RunId, metric: Metric, max_points: usize) -> Result<Vec<Point>, StoreError> {
        let points = self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT step, value, kind FROM points
                 WHERE run_id = (SELECT run_id FROM runs WHERE id = ?1)
                   AND metric_id = (SELECT metric_id FROM metrics WHERE name = ?2)
                 ORDER BY step",
            )?;
            let point = |row: &rusqlite::Row<'_>| {
                Ok(Point { step: unsigned(row, 0)?, value: join(row.get(1)?, row.get(2)?) })
            };
            let points = statement.query_map([run.as_str(), metric.name()], point)?;
            Ok(points.collect::<Result<Vec<_>, _>>()?)
        })?;
        Ok(decimate(points, max_points))
    }

    /// One row per metric that the run has points of, in the order of [`Metric::ALL`].
    pub fn summaries(&self, run: &RunId) -> Result<Vec<SummaryRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT m.name, s.count, s.finite, s.last_value, s.last_kind, s.last_step, s.best, s.best_step,
                     s.min, s.max
                 FROM summaries s JOIN metrics m USING (metric_id)
                 WHERE s.run_id = (SELECT run_id FROM runs WHERE id = ?1) ORDER BY m.position",
            )?;
            let mut rows = statement.query([run.as_str()])?;
            let mut summaries = Vec::new();
            while let Some(row) = rows.next()? {
                // A metric that a later version of the program added is not this one's to show.
                let Some(metric) = Metric::from_name(&row.get::<_, String>(0)?) else { continue };
                summaries.push(SummaryRow {
                    metric,
                    count: unsigned(row, 1)?,
                    finite: unsigned(row, 2)?,
                    last: join(row.get(3)?, row.get(4)?),
                    last_step: unsigned(row, 5)?,
                    best: row.get(6)?,
                    best_step: optional_unsigned(row, 7)?,
                    min: row.get(8)?,
                    max: row.get(9)?,
                });
            }
            Ok(summaries)
        })
    }
}
