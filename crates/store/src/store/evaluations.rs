//! Recording of quality figures.
//!
//! Figures compare only where evaluator and number of images are equal. So the points of a run are those of its *curve*:
//! evaluations with one evaluator, one number of images and one source. A curve that begins anew, with another evaluator for
//! example, takes the place of the old one; evaluations of both stay in their table.

use gansweep_config::RunId;
use gansweep_protocol::{ClassFigures, Metric};
use rusqlite::{Connection, params};
use serde_json::{Map, Number, Value};

use super::ids::find_run;
use super::summary::Summaries;
use super::{MetricIds, Store};
use crate::{
    EvaluationRow,
    fault::Fault,
    value::{count, split},
};

impl Store {
    /// Records figures of a run. Of two evaluations of the same images by the same evaluator, the later one is kept.
    /// Returns the number of older evaluations that are no longer part of the run's curve.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`](crate::StoreError::UnknownRun).
    pub fn record_evaluations(
        &mut self,
        run: &RunId,
        evaluations: &[EvaluationRow],
    ) -> Result<usize, crate::StoreError> {
        let now = (self.clock)();
        self.write(|transaction, metrics| {
            let run_id = find_run(transaction, run)?;
            let attempt: u32 = transaction
                .prepare_cached("SELECT max(attempts, 1) FROM runs WHERE run_id = ?1")?
                .query_row([run_id], |row| row.get(0))?;
            let mut summaries = Summaries::default();
            let writer = Writer { connection: transaction, metrics, run_id, attempt, now };
            let mut replaced = 0;
            for evaluation in evaluations {
                replaced += writer.write(evaluation, &mut summaries)?;
            }
            summaries.write(transaction, metrics)?;
            Ok(replaced)
        })
    }
}

/// Writes the evaluations of a run.
pub(super) struct Writer<'a> {
    pub(super) connection: &'a Connection,
    pub(super) metrics: &'a MetricIds,
    pub(super) run_id: i64,
    /// What the points are recorded under, so that a later attempt that starts before them takes them back.
    pub(super) attempt: u32,
    pub(super) now: i64,
}

impl Writer<'_> {
    /// Writes an evaluation, and its points if it belongs to the curve; returns how many evaluations left the curve.
    pub(super) fn write(&self, row: &EvaluationRow, summaries: &mut Summaries) -> Result<usize, Fault> {
        let step = count("step", row.step)?;
        let replaced = if row.is_curve { self.end_other_curve(row, summaries)? } else { 0 };
        let mut upsert = self.connection.prepare_cached(
            "INSERT INTO evaluations
                 (run_id, step, source, images, evaluator, is_curve, figures, classes, attempt, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (run_id, step, source, images, evaluator) DO UPDATE SET
                 is_curve = max(is_curve, excluded.is_curve), figures = excluded.figures,
                 classes = excluded.classes, attempt = excluded.attempt, at_ms = excluded.at_ms",
        )?;
        upsert.execute(params![
            self.run_id,
            step,
            row.source.name(),
            row.images,
            row.evaluator,
            row.is_curve,
            figures_json(row),
            row.classes.as_ref().map(|classes| Value::from(classes.clone()).to_string()),
            self.attempt,
            self.now
        ])?;
        if row.is_curve {
            self.put_points(step, row, summaries)?;
        }
        Ok(replaced)
    }

    /// Ends a curve of another evaluator, number of images or source.
    fn end_other_curve(&self, row: &EvaluationRow, summaries: &mut Summaries) -> Result<usize, Fault> {
        let mut update = self.connection.prepare_cached(
            "UPDATE evaluations SET is_curve = 0
             WHERE run_id = ?1 AND is_curve = 1 AND (evaluator, images, source) <> (?2, ?3, ?4)",
        )?;
        let ended = update.execute(params![self.run_id, row.evaluator, row.images, row.source.name()])?;
        if ended > 0 {
            let mut delete =
                self.connection.prepare_cached("DELETE FROM points WHERE run_id = ?1 AND metric_id = ?2")?;
            for metric in Metric::figures() {
                delete.execute(params![self.run_id, self.metrics[&metric]])?;
            }
            summaries.invalidate(self.run_id, self.metrics);
        }
        Ok(ended)
    }

    fn put_points(&self, step: i64, row: &EvaluationRow, summaries: &mut Summaries) -> Result<(), Fault> {
        let mut upsert = self.connection.prepare_cached(
            "INSERT INTO points (run_id, metric_id, step, value, kind, attempt) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (run_id, metric_id, step) DO UPDATE SET
                 value = excluded.value, kind = excluded.kind, attempt = excluded.attempt",
        )?;
        for (metric, value) in &row.figures {
            let metric_id = self.metrics[metric];
            let (real, kind) = split(*value);
            upsert.execute(params![self.run_id, metric_id, step, real, kind as i64, self.attempt])?;
            summaries.add(self.connection, (self.run_id, *metric, metric_id), step, *value)?;
        }
        Ok(())
    }
}

/// An object of values by the names of metrics; `null` for one that is not finite. A value of a class has the class behind the
/// name of the metric that is about all classes, so that the view of evaluations and its exports show both.
fn figures_json(row: &EvaluationRow) -> String {
    let value = |value| Number::from_f64(value).map_or(Value::Null, Value::Number);
    let figures = row.figures.iter().map(|(metric, number)| (metric.name().to_owned(), value(*number)));
    let of_classes =
        row.by_class.iter().flatten().enumerate().flat_map(|(class, ClassFigures { fd, accuracy })| {
            [(Metric::ClassFd, fd), (Metric::ClassAccuracy, accuracy)]
                .map(|(metric, number)| (EvaluationRow::class_key(metric, class), value(*number)))
        });
    Value::Object(figures.chain(of_classes).collect::<Map<String, Value>>()).to_string()
}
