//! Computes quality figures of the recorded checkpoints of a run, or of all runs of a sweep.
//!
//! Images are drawn from latents of a stream of their own, in eval mode, as bytes; what the evaluator makes of them is
//! compared with what it makes of real images. The figures are recorded with the run, unless a sweep holds the results
//! folder.

mod afterwards;
mod figures;
mod real;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use gansweep_base::host;
use gansweep_compare::SweepComparison;
use gansweep_config::{Config, DataRequest, DatasetSpec, RunId, RunState};
use gansweep_data::{DataError, DataSource};
use gansweep_protocol::{Metric, SampleSource};
use gansweep_store::{
    DatasetRow, EvaluationRow, Reader, ResultsLock, RunFilter, RunRow, Store, StoreError, SweepRow,
};
use gansweep_train::classes_in_turn;
use gansweep_train::generate;
use serde::Serialize;

pub(crate) use self::afterwards::{TrainedSweep, WithFigures};
use self::figures::Extent;
pub use self::figures::{ClassFigures, ConditionalFigures, Figures};
pub use self::real::{CURVE_IMAGES, EvaluatedDataset};
pub(crate) use self::real::{Counts, RealImages, evaluator_of, images, select};
use self::real::{RealFigures, RunFigures};
use crate::checkpoint::{WhichCheckpoint, read_checkpoint};
use crate::export::drawing_source;
use crate::log::LoggingObserver;
use crate::recorded::SweepOrRun;
use crate::recorded_images::RecordedImages;
use crate::{AppError, Observer, Progress, backends, check, data, recorded};

/// What runs are compared by.
const OBJECTIVE: Metric = Metric::Fd;

/// What to evaluate.
#[derive(Debug, Clone)]
pub struct EvaluateRequest {
    /// Folder of the database and the checkpoints.
    pub results: PathBuf,
    /// A sweep's name, or a run's id or the beginning of it.
    pub target: String,
    /// Where the real images are. Without a folder of the user's own images, that of the sweep's experiment is used.
    pub source: DataSource,
    /// Number of images to draw from each run, and of real ones to compare with.
    pub images: usize,
    /// Draw with the weights, also where the run keeps an average of them.
    pub raw: bool,
    /// Which checkpoint of each run draws.
    pub checkpoint: WhichCheckpoint,
}

/// Figures of all runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// One for each dataset that the runs train on.
    pub datasets: Vec<EvaluatedDataset>,
    /// The runs, in the order of the plan.
    pub runs: Vec<EvaluatedRun>,
    /// The number of images of the figures that are metrics of the runs, where fewer were asked for.
    #[serde(skip)]
    pub fewer_than: Option<usize>,
    /// Whether the figures are in the database: a page shows them when it is written anew.
    #[serde(skip)]
    pub is_recorded: bool,
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
    /// Which weights of the generator drew its images.
    pub source: Option<SampleSource>,
    /// The epoch of its checkpoint.
    pub epoch: Option<f64>,
    /// The epochs that the sweep asks for.
    pub epochs: u32,
    /// The figures; `None` if there are none.
    pub figures: Option<Figures>,
    /// Why there are none.
    pub problem: Option<String>,
    /// The same in a word, for counting.
    #[serde(skip)]
    cause: &'static str,
}

/// Evaluates a checkpoint of a run, or of each run of a sweep. A run without a usable one has no figures, and
/// keeps no other from having them.
///
/// # Errors
/// Neither a sweep nor a run of that name; real images that are not available.
pub fn evaluate(request: &EvaluateRequest, observer: &mut dyn Observer) -> Result<Evaluation, AppError> {
    let observer: &mut dyn Observer = &mut LoggingObserver(observer);
    let reader = Reader::open(&request.results)?;
    let (sweep, rows) = target(&reader, &request.target)?;
    let sweep_of_rows = rows.first().and_then(|row| row.sweep.as_deref());
    let images = RecordedImages::of(&reader, sweep_of_rows, &request.source)?;
    let asked_for = match sweep_of_rows {
        Some(name) => reader.sweep(name)?.record.evaluate_images as usize,
        None => CURVE_IMAGES,
    };
    let mut recorder = Recorder::open(&request.results, observer);
    let mut evaluation = Evaluation {
        datasets: Vec::new(),
        runs: Vec::new(),
        fewer_than: None,
        is_recorded: false,
        comparison: None,
    };
    let mut found: Vec<Option<EvaluatedRun>> = vec![None; rows.len()];
    let mut places: BTreeMap<(&str, usize), Vec<usize>> = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        let curve = recorded_curve_images(&reader, row)?.unwrap_or(asked_for);
        places.entry((&row.data_fingerprint, curve)).or_default().push(place);
    }
    // One dataset after another: the features of one take tens of megabytes.
    for ((fingerprint, curve), places) in places {
        let data = reader.dataset(fingerprint)?;
        images.check(&data, observer)?;
        let counts = Counts { all: request.images, curve, nearest: true };
        if request.images < curve && recorder.is_open() {
            evaluation.fewer_than = Some(curve);
        }
        let real = RealImages::load(&data, &images.source, counts, observer)
            .map_err(|error| images.explained(error))?;
        let figures = real.figures();
        if evaluation.datasets.last().is_none_or(|last| last.fingerprint != fingerprint) {
            evaluation.datasets.push(figures.dataset(&data));
        }
        for place in places {
            let row = &rows[place];
            observer.observe(Progress::Evaluating { label: &row.label, place, runs: rows.len() });
            let draw = Draw { reader: &reader, row, data: &data, request };
            let (run, rows) = draw.evaluated(&figures, evaluation.datasets.last());
            recorder.record(row, &rows, observer);
            found[place] = Some(run);
        }
    }
    observer.observe(Progress::DataEnded);
    evaluation.is_recorded = recorder.is_open();
    evaluation.runs = found.into_iter().flatten().collect();
    let is_best = request.checkpoint == WhichCheckpoint::Best;
    let compare = |sweep: SweepRow| {
        let values = evaluation
            .runs
            .iter()
            .zip(&rows)
            .map(|(run, row)| (run.value(row, is_best), run.epoch))
            .collect();
        gansweep_compare::by_figure(
            &reader,
            &sweep,
            OBJECTIVE,
            (request.images as u32, is_best),
            rows,
            values,
        )
    };
    evaluation.comparison = sweep.map(compare).transpose()?;
    Ok(evaluation)
}

/// Evaluates the real test images of a dataset alone: the accuracy of its evaluator, and the figures that no generator is
/// expected to beat.
///
/// # Errors
/// Images that are not available, or not in that shape; a dataset without test images.
pub fn evaluate_dataset(
    asked: DataRequest,
    source: &DataSource,
    images: usize,
    observer: &mut dyn Observer,
) -> Result<Evaluation, AppError> {
    let observer: &mut dyn Observer = &mut LoggingObserver(observer);
    let dataset = asked.dataset;
    let spec = data::spec(source, asked, observer)?;
    if !asked.agrees_with(spec.image) {
        return Err(DataError::OtherShape { dataset, shape: spec.image }.into());
    }
    // To train the evaluator may take minutes.
    if spec.test_images == 0 {
        return Err(AppError::NoTestImages { dataset: dataset.name() });
    }
    let data = DatasetRow { dataset, spec };
    // Otherwise they would be compared with more training images than they are.
    let all = images.min(data.spec.test_images as usize);
    let counts = Counts { all, curve: CURVE_IMAGES, nearest: true };
    let real = RealImages::load(&data, source, counts, observer)?;
    let datasets = vec![real.figures().dataset(&data)];
    Ok(Evaluation { datasets, runs: Vec::new(), fewer_than: None, is_recorded: false, comparison: None })
}

/// The number of images of the figures that are the run's points; `None` if it has none.
fn recorded_curve_images(reader: &Reader, row: &RunRow) -> Result<Option<usize>, StoreError> {
    let evaluations = reader.evaluations(&row.id, u64::MAX)?;
    Ok(evaluations.iter().rfind(|found| found.is_curve).map(|found| found.images as usize))
}

/// The sweep of that name and its runs, each with its largest budget, or else the run.
fn target(reader: &Reader, name: &str) -> Result<(Option<SweepRow>, Vec<RunRow>), AppError> {
    Ok(match recorded::find(reader, name)? {
        SweepOrRun::Sweep(sweep) => {
            let rows = reader.runs(&RunFilter { sweep: Some(name.to_owned()), where_sql: None })?;
            (Some(sweep), longest(rows))
        }
        SweepOrRun::Run(run) => (None, vec![run]),
    })
}

/// Each run once, with its largest budget: its checkpoint is of that one.
fn longest(rows: Vec<RunRow>) -> Vec<RunRow> {
    let mut largest: HashMap<RunId, u32> = HashMap::new();
    for row in &rows {
        let epochs = largest.entry(row.id.clone()).or_default();
        *epochs = row.epochs.max(*epochs);
    }
    rows.into_iter().filter(|row| largest.get(&row.id) == Some(&row.epochs)).collect()
}

impl EvaluatedRun {
    /// The Fréchet distance, or why there is none to compare with those of other runs.
    fn value(&self, row: &RunRow, is_best: bool) -> Result<f64, &'static str> {
        match &self.figures {
            None => Err(self.cause),
            // Its checkpoint is of an earlier epoch than theirs.
            Some(_) if row.state != RunState::Completed => Err(row.state.name()),
            // Another sweep has trained it further.
            Some(_) if !is_best && self.step.is_some_and(|step| step > row.total_steps) => {
                Err("trained further")
            }
            Some(figures) if !figures.fd.is_finite() => Err("not finite"),
            Some(figures) => Ok(figures.fd),
        }
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
    /// The run with its figures, and what is to be recorded of them.
    fn evaluated(
        &self,
        real: &RealFigures<'_>,
        dataset: Option<&EvaluatedDataset>,
    ) -> (EvaluatedRun, Vec<EvaluationRow>) {
        let mut run = EvaluatedRun {
            id: self.row.id.to_string(),
            label: self.row.label.clone(),
            fingerprint: self.row.data_fingerprint.clone(),
            step: None,
            source: None,
            epoch: None,
            epochs: self.row.epochs,
            figures: None,
            problem: None,
            cause: "not evaluated",
        };
        match self.images() {
            Ok((drawn, pixels)) => {
                let figures = real.of_run(&pixels, drawn.classes.as_deref());
                run.step = Some(drawn.step);
                run.source = Some(drawn.source);
                run.epoch = Some(self.row.epoch_of(drawn.step));
                let evaluator = dataset.map_or("", |dataset| dataset.evaluator.as_str());
                let rows = drawn.rows(&figures, evaluator, real.has_classes());
                run.figures = Some(figures.all);
                return (run, rows);
            }
            Err(error) => {
                match error {
                    AppError::NoCheckpoint { state: RunState::Completed, .. } => {
                        run.cause = "without a checkpoint";
                    }
                    AppError::NoCheckpoint { state, .. } => run.cause = state.name(),
                    AppError::NoBestCheckpoint { .. } => run.cause = "without a best checkpoint",
                    _ => {}
                }
                run.problem = Some(error.to_string());
            }
        }
        (run, Vec::new())
    }

    /// Images `[images, channels, height, width]` that the checkpoint's generator draws.
    fn images(&self) -> Result<(Drawn, Vec<u8>), AppError> {
        let config: Config = self.row.typed_config()?;
        let spec: &DatasetSpec = &self.data.spec;
        let results = &self.request.results;
        let which = self.request.checkpoint;
        let snapshot = read_checkpoint(self.reader, self.row, which, &config, spec, results)?;
        let classes = classes_in_turn(spec, self.request.images);
        let source = drawing_source(&config, self.request.raw);
        let latents = generate::latents(&config, classes.len(), generate::EVALUATION_SEED);
        let draw = generate::Draw {
            config: &config,
            spec,
            state: &snapshot.state,
            classes: &classes,
            latents: &latents,
            source,
        };
        let images = draw.images(&backends::open_on_cpu, host::threads())?;
        let is_curve = source == drawing_source(&config, false);
        let classes = config.model.conditional.then_some(classes);
        Ok((Drawn { step: snapshot.state.step, source, is_curve, classes }, images))
    }
}

/// What drew images.
struct Drawn {
    step: u64,
    source: SampleSource,
    /// Whether figures of this source are the run's points.
    is_curve: bool,
    /// The class of each image, where the model is conditional.
    classes: Option<Vec<u16>>,
}

impl Drawn {
    fn rows(&self, figures: &RunFigures, evaluator: &str, has_classes: bool) -> Vec<EvaluationRow> {
        let row = |figures: &Figures, is_curve| EvaluationRow {
            step: self.step,
            source: self.source,
            images: figures.images as u32,
            evaluator: evaluator.to_owned(),
            is_curve,
            figures: figures.values(has_classes, Extent::Whole),
            classes: figures.classes.as_ref().map(|classes| classes.histogram.counts().to_vec()),
            by_class: figures.by_class(),
        };
        let curve = figures.curve.as_ref().map(|curve| row(curve, self.is_curve));
        let is_curve = figures.curve.as_ref().is_some_and(|curve| curve.images == figures.all.images);
        let all = (!is_curve).then(|| row(&figures.all, false));
        curve.into_iter().chain(all).collect()
    }
}

/// Records figures, as long as that is possible: they are shown in any case.
struct Recorder(Option<(ResultsLock, Store)>);

impl Recorder {
    fn open(results: &Path, observer: &mut dyn Observer) -> Self {
        let opened = check::lock_now(results).and_then(|lock| Ok((lock, Store::open(results)?)));
        Self(Self::told(opened, observer))
    }

    /// Whether figures are recorded.
    const fn is_open(&self) -> bool {
        self.0.is_some()
    }

    fn record(&mut self, run: &RunRow, rows: &[EvaluationRow], observer: &mut dyn Observer) {
        if let Some((_, store)) = &mut self.0 {
            let recorded = store.record_evaluations(&run.id, rows).map_err(AppError::from);
            if Self::told(recorded, observer).is_none() {
                self.0 = None;
            }
        }
    }

    fn told<T>(result: Result<T, AppError>, observer: &mut dyn Observer) -> Option<T> {
        result.inspect_err(|error| observer.observe(Progress::FiguresNotRecorded(error))).ok()
    }
}
