//! Computes quality figures of the recorded checkpoints of a run, or of all runs of a sweep.
//!
//! Images are drawn from latents of a stream of their own, in eval mode, as bytes; what the evaluator makes of them is
//! compared with what it makes of real images. Nothing is recorded.

mod figures;
mod real;

use std::path::PathBuf;

use gansweep_compare::{Quantity, SweepComparison};
use gansweep_config::{Config, DatasetSpec};
use gansweep_data::DataSource;
use gansweep_protocol::Direction;
use gansweep_store::{DatasetRow, Reader, RunFilter, RunRow, StoreError, SweepRow};
use gansweep_train::generate;
use serde::Serialize;

pub use self::figures::{ClassFigures, Figures};
pub use self::real::EvaluatedDataset;
use self::real::RealImages;

use crate::export::{drawing_source, latest_checkpoint};
use crate::log::LoggingObserver;
use crate::{AppError, Observer, Progress, backends};

/// Seed of the latents that are drawn for figures. Equal latents for all runs, as far as their dimensions are equal.
const LATENT_SEED: u64 = 0x6576_616c_7561_7465;
/// What runs are compared by.
const OBJECTIVE: Quantity = Quantity { name: "fd", title: "Fréchet distance", unit: "" };

/// What to evaluate.
#[derive(Debug, Clone)]
pub struct EvaluateRequest {
    /// Folder of the database and the checkpoints.
    pub results: PathBuf,
    /// A sweep's name, or a run's id or the beginning of it.
    pub target: String,
    /// Where the real images are.
    pub source: DataSource,
    /// Number of images to draw from each run, and of real ones to compare with.
    pub images: usize,
    /// Draw with the weights, also where the run keeps an average of them.
    pub raw: bool,
}

/// Figures of all runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// One for each dataset that the runs train on.
    pub datasets: Vec<EvaluatedDataset>,
    /// The runs, in the order of the plan.
    pub runs: Vec<EvaluatedRun>,
    /// The comparison of the sweep's configs by their Fréchet distance; `None` for a single run.
    pub comparison: Option<SweepComparison>,
}

/// A run with its figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvaluatedRun {
    /// Its id.
    pub id: String,
    /// Its label.
    pub label: String,
    /// The data's fingerprint.
    pub fingerprint: String,
    /// The step of its checkpoint.
    pub step: Option<u64>,
    /// The figures; `None` if there are none.
    pub figures: Option<Figures>,
    /// Why there are none.
    pub problem: Option<String>,
    /// The same in a word, for counting.
    #[serde(skip)]
    cause: &'static str,
}

/// Evaluates the latest checkpoint of a run, or of each run of a sweep. A run without a usable one has no figures, and
/// keeps no other from having them.
///
/// # Errors
/// Neither a sweep nor a run of that name; real images that are not available.
pub fn evaluate(request: &EvaluateRequest, observer: &mut dyn Observer) -> Result<Evaluation, AppError> {
    let observer: &mut dyn Observer = &mut LoggingObserver(observer);
    let reader = Reader::open(&request.results)?;
    let (sweep, rows) = target(&reader, &request.target)?;
    let mut evaluation = Evaluation { datasets: Vec::new(), runs: Vec::new(), comparison: None };
    let mut found: Vec<Option<EvaluatedRun>> = vec![None; rows.len()];
    let mut fingerprints: Vec<&str> = rows.iter().map(|row| row.data_fingerprint.as_str()).collect();
    fingerprints.sort_unstable();
    fingerprints.dedup();
    // One dataset after another: the features of one take tens of megabytes.
    for fingerprint in fingerprints {
        let data = reader.dataset(fingerprint)?;
        let real = RealImages::load(&data, &request.source, request.images, observer)?;
        let figures = real.figures();
        evaluation.datasets.push(figures.dataset(&data));
        for (place, row) in rows.iter().enumerate().filter(|(_, row)| row.data_fingerprint == fingerprint) {
            observer.observe(Progress::Evaluating { label: &row.label, place, runs: rows.len() });
            let draw = Draw { reader: &reader, row, data: &data, request };
            found[place] = Some(draw.evaluated(|pixels| figures.of(pixels)));
        }
    }
    observer.observe(Progress::DataEnded);
    evaluation.runs = found.into_iter().flatten().collect();
    evaluation.comparison = sweep.map(|sweep| {
        let values =
            evaluation.runs.iter().zip(&rows).map(|(run, row)| (run.value(), run.epoch(row))).collect();
        gansweep_compare::by_figure(&sweep, OBJECTIVE, Direction::Lower, rows, values)
    });
    Ok(evaluation)
}

/// The sweep of that name and its runs, or else the run.
fn target(reader: &Reader, name: &str) -> Result<(Option<SweepRow>, Vec<RunRow>), AppError> {
    match reader.sweep(name) {
        Ok(sweep) => {
            let rows = reader.runs(&RunFilter { sweep: Some(name.to_owned()), where_sql: None })?;
            Ok((Some(sweep), gansweep_compare::distinct_runs(rows)))
        }
        Err(StoreError::UnknownSweep { known, .. }) => match reader.run(name) {
            Ok(run) => Ok((None, vec![run])),
            Err(StoreError::UnknownRun { .. }) => {
                Err(AppError::NeitherSweepNorRun { name: name.to_owned(), known })
            }
            Err(error) => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

impl EvaluatedRun {
    /// The Fréchet distance, or why there is none.
    fn value(&self) -> Result<f64, &'static str> {
        match &self.figures {
            None => Err(self.cause),
            Some(figures) if !figures.fd.is_finite() => Err("not finite"),
            Some(figures) => Ok(figures.fd),
        }
    }

    /// The epoch of its checkpoint.
    fn epoch(&self, row: &RunRow) -> Option<f64> {
        let steps_per_epoch = row.total_steps as f64 / f64::from(row.epochs);
        Some(self.step? as f64 / steps_per_epoch)
    }
}

/// A run whose images are to be drawn.
struct Draw<'a> {
    reader: &'a Reader,
    row: &'a RunRow,
    data: &'a DatasetRow,
    request: &'a EvaluateRequest,
}

impl Draw<'_> {
    fn evaluated(&self, figures: impl FnOnce(&[u8]) -> Figures) -> EvaluatedRun {
        let mut run = EvaluatedRun {
            id: self.row.id.to_string(),
            label: self.row.label.clone(),
            fingerprint: self.row.data_fingerprint.clone(),
            step: None,
            figures: None,
            problem: None,
            cause: "not evaluated",
        };
        match self.images() {
            Ok((step, pixels)) => {
                run.step = Some(step);
                run.figures = Some(figures(&pixels));
            }
            Err(error) => {
                if matches!(error, AppError::NoCheckpoint { .. }) {
                    run.cause = self.row.state.name();
                }
                run.problem = Some(error.to_string());
            }
        }
        run
    }

    /// The step of the checkpoint, and images `[images, channels, height, width]` that its generator draws.
    fn images(&self) -> Result<(u64, Vec<u8>), AppError> {
        let config: Config = self.row.typed_config()?;
        let spec: &DatasetSpec = &self.data.spec;
        let results = &self.request.results;
        let snapshot = latest_checkpoint(self.reader, self.row, &config, spec.image, results)?;
        let count = self.request.images;
        let source = drawing_source(&config, self.request.raw);
        let (state, open) = (&snapshot.state, &backends::open_on_cpu);
        let images = generate::images(open, &config, spec, state, count, LATENT_SEED, source)?;
        Ok((snapshot.state.step, images))
    }
}
