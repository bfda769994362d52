//! Figures of the completed runs of a sweep that no worker has evaluated: the lanes of a group on a GPU would wait for the CPU,
//! the nodes of a cluster may not see the evaluator, and runs may have been completed before figures were asked for.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use gansweep_config::RunState;
use gansweep_data::DataSource;
use gansweep_evaluator::Evaluator;
use gansweep_store::{DatasetRow, EvaluationRow, Reader, RunFilter, RunRow, Store, StoreError};
use gansweep_train::Drawn;

use super::real::RealFigures;
use super::{Counts, Draw, EvaluateRequest, RealImages, recorded_curve_images};
use crate::checkpoint::WhichCheckpoint;
use crate::{AppError, Observer, Progress};

/// What to do with runs that have figures, but not those asked for: of earlier steps, of another number of images, by another
/// evaluator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WithFigures {
    /// They are evaluated.
    Complete,
    /// They are left as they are: their workers have evaluated them as their sweep asked then.
    Leave,
}

/// A sweep whose completed runs are to be evaluated.
pub(crate) struct TrainedSweep<'a> {
    pub(crate) results: &'a Path,
    pub(crate) name: &'a str,
    pub(crate) source: &'a DataSource,
    /// The number of images of a run.
    pub(crate) images: u32,
    /// What to do with runs that have other figures.
    pub(crate) with_figures: WithFigures,
    /// The database. Its folder is locked by the caller.
    pub(crate) store: &'a mut Store,
    /// Whether to leave the runs that are left for the next time.
    pub(crate) is_stopped: &'a dyn Fn() -> bool,
}

impl TrainedSweep<'_> {
    /// Evaluates the last images of each completed run that has no figures of them. What is done is recorded run by run, so that
    /// the next call goes on from there. A run whose images cannot be drawn is told, and keeps no other from its figures. Returns
    /// false if runs are left because it was stopped.
    pub(crate) fn evaluate(self, observer: &mut dyn Observer) -> Result<bool, AppError> {
        let reader = Reader::open(self.results)?;
        let open = self.open_runs(&reader)?;
        let request = EvaluateRequest {
            results: self.results.to_owned(),
            target: self.name.to_owned(),
            source: self.source.clone(),
            images: self.images as usize,
            raw: false,
            checkpoint: WhichCheckpoint::Last,
        };
        let counts = Counts { all: request.images, curve: request.images, nearest: false };
        let runs = open.values().map(Vec::len).sum();
        let mut place = 0;
        for (fingerprint, rows) in &open {
            if (self.is_stopped)() {
                return Ok(false);
            }
            let data = reader.dataset(fingerprint)?;
            let real = RealImages::load(&data, self.source, counts, observer)?;
            let figures = real.figures();
            for row in rows {
                if (self.is_stopped)() {
                    return Ok(false);
                }
                observer.observe(Progress::Evaluating { label: &row.label, place, runs });
                place += 1;
                let draw = Draw { reader: &reader, row, data: &data, request: &request };
                match rows_of(&draw, &figures) {
                    Ok(rows) => self.store.record_evaluations(&row.id, &rows).map(|_| ())?,
                    Err(error) => {
                        observer.observe(Progress::NotEvaluated { label: &row.label, error: &error });
                    }
                }
            }
        }
        if runs > 0 {
            observer.observe(Progress::DataEnded);
        }
        Ok(true)
    }

    /// The completed runs whose last checkpoint has no figures by the evaluator, by the fingerprints of their data.
    fn open_runs(&self, reader: &Reader) -> Result<BTreeMap<String, Vec<RunRow>>, AppError> {
        let filter = RunFilter { sweep: Some(self.name.to_owned()), where_sql: None };
        let rows = match reader.runs(&filter) {
            // It has not been recorded yet.
            Err(StoreError::UnknownSweep { .. }) => Vec::new(),
            rows => gansweep_compare::distinct_runs(rows?),
        };
        let mut open: BTreeMap<String, Vec<RunRow>> = BTreeMap::new();
        let mut evaluators = HashMap::new();
        for row in rows.into_iter().filter(|row| row.state == RunState::Completed) {
            // Without a checkpoint there is nothing to draw with: its user has deleted the weights.
            let Some(last) = reader.checkpoint(&row.id)? else { continue };
            if self.with_figures == WithFigures::Leave && recorded_curve_images(reader, &row)?.is_some() {
                continue;
            }
            let evaluator = match evaluators.entry(row.data_fingerprint.clone()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.evaluator(&reader.dataset(&row.data_fingerprint)?)),
            };
            // Runs that another evaluator has looked at would not compare with those that are open.
            let is_of_last = |found: &EvaluationRow| {
                found.is_curve
                    && found.images == self.images
                    && found.step == last.step
                    && evaluator.as_ref().is_none_or(|evaluator| found.evaluator == *evaluator)
            };
            if !reader.evaluations(&row.id, last.step)?.iter().any(is_of_last) {
                open.entry(row.data_fingerprint.clone()).or_default().push(row);
            }
        }
        Ok(open)
    }

    /// The digest of the dataset's evaluator, if it is in the cache.
    fn evaluator(&self, data: &DatasetRow) -> Option<String> {
        let path = Evaluator::cache_path(&self.source.cache_dir, &data.spec.fingerprint);
        Evaluator::read(&path, data.spec.image).ok().flatten().map(|evaluator| evaluator.digest())
    }
}

/// The figures of a run's last images, as a worker would have recorded them.
fn rows_of(draw: &Draw<'_>, real: &RealFigures<'_>) -> Result<Vec<EvaluationRow>, AppError> {
    let (drawn, pixels) = draw.images()?;
    let images = Drawn { pixels: &pixels, classes: drawn.classes.as_deref(), ends_budget: true };
    let row = |found: gansweep_train::ImageFigures| EvaluationRow {
        step: drawn.step,
        source: drawn.source,
        images: found.images,
        evaluator: found.evaluator,
        is_curve: found.is_curve && drawn.is_curve,
        figures: found.figures,
        classes: found.classes,
        by_class: found.by_class,
    };
    Ok(real.of_drawn(&images).into_iter().map(row).collect())
}
