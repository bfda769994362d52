//! Points, sample grids and checkpoints.

use gansweep_protocol::{BestCheckpoint, Checkpoint, Envelope, Evaluated, Points, Samples};
use rusqlite::params;

use super::{
    Batch,
    cursor::{AttemptCursor, RunCursor},
};
use crate::{
    EvaluationRow,
    fault::Fault,
    store::evaluations,
    value::{count, split},
};

impl Batch<'_> {
    pub(super) fn points(
        &mut self,
        run: &RunCursor,
        cursor: &AttemptCursor,
        envelope: &Envelope,
        points: &Points,
    ) -> Result<(), Fault> {
        let (step, attempt) = (count("step", points.step)?, envelope.attempt);
        if cursor.repeats(step) || self.is_superseded(run, attempt, step)? {
            return Ok(());
        }
        let open = !run.is_confirmed(step);
        let mut upsert = self.connection.prepare_cached(
            "INSERT INTO points (run_id, metric_id, step, value, kind, attempt) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (run_id, metric_id, step) DO UPDATE SET
                 value = excluded.value, kind = excluded.kind, attempt = excluded.attempt
             WHERE excluded.attempt > attempt
                 OR (excluded.attempt = attempt AND ?7 AND (excluded.value, excluded.kind) IS NOT (value, kind))",
        )?;
        for &(metric, value) in &points.values {
            let metric_id = self.metrics[&metric];
            let (real, kind) = split(value);
            let written =
                upsert.execute(params![run.run_id, metric_id, step, real, kind as i64, attempt, open])?;
            if written > 0 {
                self.summaries.add(self.connection, (run.run_id, metric, metric_id), step, value)?;
            }
        }
        Ok(())
    }

    pub(super) fn samples(
        &self,
        run: &RunCursor,
        cursor: &AttemptCursor,
        envelope: &Envelope,
        samples: &Samples,
    ) -> Result<(), Fault> {
        let step = count("step", samples.step)?;
        if cursor.repeats(step) || self.is_superseded(run, envelope.attempt, step)? {
            return Ok(());
        }
        let g = samples.geometry;
        let mut upsert = self.connection.prepare_cached(
            "INSERT INTO samples (run_id, step, source, epoch, rows, cols, height, width, attempt, at_ms, png)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (run_id, step, source) DO UPDATE SET
                 epoch = excluded.epoch, rows = excluded.rows, cols = excluded.cols,
                 height = excluded.height, width = excluded.width, attempt = excluded.attempt,
                 at_ms = excluded.at_ms, png = excluded.png
             WHERE excluded.attempt > attempt OR (excluded.attempt = attempt AND ?12)",
        )?;
        upsert.execute(params![
            run.run_id,
            step,
            samples.source.name(),
            samples.epoch,
            g.rows,
            g.cols,
            g.height,
            g.width,
            envelope.attempt,
            envelope.at_unix_ms,
            samples.png,
            !run.is_confirmed(step)
        ])?;
        Ok(())
    }

    pub(super) fn evaluated(
        &mut self,
        run: &RunCursor,
        cursor: &AttemptCursor,
        envelope: &Envelope,
        evaluated: &Evaluated,
    ) -> Result<(), Fault> {
        let step = count("step", evaluated.step)?;
        if cursor.repeats(step) || self.is_superseded(run, envelope.attempt, step)? {
            return Ok(());
        }
        let Evaluated { step, source, images, evaluator, is_curve, figures, classes, by_class } =
            evaluated.clone();
        let row = EvaluationRow { step, source, images, evaluator, is_curve, figures, classes, by_class };
        let writer = evaluations::Writer {
            connection: self.connection,
            metrics: self.metrics,
            run_id: run.run_id,
            attempt: envelope.attempt,
            now: envelope.at_unix_ms,
        };
        writer.write(&row, &mut self.summaries)?;
        Ok(())
    }

    /// A checkpoint, and the best one that it names: they change together, so that a run that goes on from the one knows
    /// the other.
    pub(super) fn checkpoint(
        &self,
        run: &mut RunCursor,
        envelope: &Envelope,
        checkpoint: &Checkpoint,
    ) -> Result<(), Fault> {
        let step = count("step", checkpoint.step)?;
        if self.is_superseded(run, envelope.attempt, step)? {
            return Ok(());
        }
        let mut upsert = self.connection.prepare_cached(
            "INSERT INTO checkpoints (run_id, step, path, bytes, sha256, attempt, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (run_id) DO UPDATE SET
                 step = excluded.step, path = excluded.path, bytes = excluded.bytes,
                 sha256 = excluded.sha256, attempt = excluded.attempt, at_ms = excluded.at_ms,
                 written_for = iif(excluded.path = path, written_for, NULL)
             WHERE (excluded.attempt, excluded.step) >= (attempt, step)",
        )?;
        let written = upsert.execute(params![
            run.run_id,
            step,
            checkpoint.path,
            count("the checkpoint's length", checkpoint.bytes)?,
            checkpoint.sha256,
            envelope.attempt,
            envelope.at_unix_ms
        ])?;
        if written > 0 {
            self.best_checkpoint(run.run_id, envelope, checkpoint.best.as_deref())?;
        }
        run.confirm(step);
        Ok(())
    }

    fn best_checkpoint(
        &self,
        run_id: i64,
        envelope: &Envelope,
        best: Option<&BestCheckpoint>,
    ) -> Result<(), Fault> {
        let Some(best) = best else {
            let sql = "DELETE FROM best_checkpoints WHERE run_id = ?1";
            self.connection.prepare_cached(sql)?.execute([run_id])?;
            return Ok(());
        };
        let mut upsert = self.connection.prepare_cached(
            "INSERT INTO best_checkpoints
                 (run_id, step, path, bytes, sha256, metric_id, value, images, evaluator, attempt, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (run_id) DO UPDATE SET
                 step = excluded.step, path = excluded.path, bytes = excluded.bytes,
                 sha256 = excluded.sha256, metric_id = excluded.metric_id, value = excluded.value,
                 images = excluded.images, evaluator = excluded.evaluator, attempt = excluded.attempt,
                 at_ms = iif(excluded.path = path, at_ms, excluded.at_ms)",
        )?;
        upsert.execute(params![
            run_id,
            count("step", best.step)?,
            best.path,
            count("the checkpoint's length", best.bytes)?,
            best.sha256,
            self.metrics[&best.metric],
            best.value,
            best.images,
            best.evaluator,
            envelope.attempt,
            envelope.at_unix_ms
        ])?;
        Ok(())
    }
}
