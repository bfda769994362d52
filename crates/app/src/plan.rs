//! Previews a sweep: what it would train.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use gansweep_base::host;
use gansweep_config::{Dataset, DatasetSpec, Experiment, Plan, PlannedRun, Prune, RunId, RunState};
use gansweep_data::DataSource;
use gansweep_evaluator::Evaluator;
use gansweep_protocol::Metric;
use gansweep_scheduler::{EpochBounds, epoch_bounds};
use gansweep_store::{Reader, RunStatus, StoreError};

pub use crate::classes::SortedPart;
use crate::experiment::{self, ExperimentRequest, Specs, UsedDatasets};
pub use crate::recorded_speed::Likeness;
use crate::recorded_speed::RecordedSpeeds;
use crate::schedule::Schedule;
use crate::slots::{self, ExecutionRequest};
use crate::work_left::WorkLeft;
pub use crate::work_left::{GroupPreview, TimeEstimate, TrainingTime};
use crate::{AppError, Observer, Programs, classes, search};

/// The last runs whose speed says how long others take.
const TIMED_RUNS: usize = 500;

/// What to train, where, and where it is recorded.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// The experiment.
    pub experiment: ExperimentRequest,
    /// Devices and number of workers.
    pub execution: ExecutionRequest,
    /// Folder of the database, the checkpoints and the reports.
    pub results: PathBuf,
    /// The programs to start workers and device probes with.
    pub programs: Programs,
    /// Conditions that a run must satisfy to be trained now, as [`gansweep_config::Selection`] reads them. Empty for
    /// every run.
    pub only: Vec<String>,
}

/// The preview of a sweep.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The experiment with its layers merged.
    pub experiment: Experiment,
    /// The plan, with the datasets that would be used; of its runs, those that are selected.
    pub plan: Plan,
    /// Number of the plan's entries that are not selected.
    pub unselected: usize,
    /// Trials that a search would propose after those in the plan.
    pub to_propose: usize,
    /// The experiment's datasets.
    pub data: Vec<DataPreview>,
    /// The distinct runs of the plan, each with its largest budget.
    pub runs: Vec<PlannedRun>,
    /// The status of each run that is in the database.
    pub statuses: HashMap<RunId, RunStatus>,
    /// The groups of the runs that are left to train.
    pub groups: Vec<GroupPreview>,
    /// Number of concurrent workers.
    pub workers: usize,
    /// Floating-point operations that are left to train.
    pub training_flops: f64,
    /// How long they take.
    pub training_time: TimeEstimate,
    /// How many epochs are trained in all; `None` without pruning.
    pub pruning: Option<EpochBounds>,
    /// When the images of the runs are evaluated while they train.
    pub schedule: Schedule,
    /// The classifiers that figures need and that are not in the cache: they are trained before the first run.
    pub classifiers: Vec<ClassifierPreview>,
    /// Another experiment file that last recorded a sweep under the same name, and whose sweep this would become.
    pub other_file: Option<String>,
    /// Number of runs of the sweep's last plan that are not in this one.
    pub runs_left: usize,
    /// The first images of files that seem to be sorted by class, of which runs would see few classes.
    pub sorted_parts: Vec<SortedPart>,
    /// The folder of images that the experiment names although no run trains on images of the user's own.
    pub unused_data_path: Option<PathBuf>,
}

/// A dataset of the experiment, and whether it is available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataPreview {
    /// The dataset in the experiment file.
    pub dataset: Dataset,
    /// The spec of the dataset that would be used: the fallback's if it replaces this one.
    pub spec: DatasetSpec,
    /// Whether it is available.
    pub availability: DataAvailability,
}

/// How a sweep would obtain a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataAvailability {
    /// It is available locally.
    Local,
    /// It would be downloaded; if that fails, the fallback would be used.
    Download {
        /// The experiment's fallback.
        fallback: Option<Dataset>,
    },
    /// It is missing and downloads are disabled: this dataset would be used instead.
    ReplacedBy(Dataset),
}

/// A classifier that is to be trained.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifierPreview {
    /// The dataset whose classes it learns.
    pub dataset: Dataset,
    /// Floating-point operations of its training.
    pub flops: f64,
}

/// Previews a sweep. Downloads nothing, and writes nothing but prepared pictures in the cache; missing datasets are
/// assumed to be downloadable.
pub fn preview(request: &PlanRequest, observer: &mut dyn Observer) -> Result<Preview, AppError> {
    let experiment = request.experiment.load()?;
    search::check(&experiment, !request.only.is_empty())?;
    let devices = slots::choose(&request.execution, &experiment.execution, &request.programs)?;
    let source = request.experiment.data_of(&experiment);
    let specs = experiment::specs(&experiment, &source, observer)?;
    let (used_datasets, data) = preview_data(&experiment, &specs, &source)?;
    let mut plan = experiment::plan(&experiment, &specs, &used_datasets)?;
    let database = database(&request.results)?;
    let to_propose = plan_trials(&experiment, &mut plan, &specs, &used_datasets, database.as_ref())?;
    let other_file = experiment::other_file(&experiment, &request.results);
    let runs_left = experiment::runs_left(&experiment, &plan, &request.results);
    let planned = plan.runs.len();
    if let Some(selected) = experiment::select(&plan, &request.only)? {
        plan.runs = selected;
    }
    let unselected = planned - plan.runs.len();
    devices.check_support(&plan)?;
    classes::check_local(&plan.runs, &source)?;
    let sorted_parts = classes::sorted_parts(&plan.runs, &source)?;
    let runs = plan.longest();
    let (statuses, speeds) = recorded(database.as_ref(), &runs)?;
    let left = WorkLeft::new(open(&runs, &statuses), &statuses, devices.slots());
    let prune = &experiment.prune;
    let pruning = match prune.is_on() {
        true => Some(epoch_bounds(prune, prune_metric(prune)?, &runs)),
        false => None,
    };
    let unused_data_path = experiment::unused_data_path(&experiment).map(Path::to_owned);
    let schedule = Schedule::new(&experiment.record, &runs, devices.without_figures());
    let classifiers = if schedule.is_on() || schedule.afterwards {
        missing_classifiers(&runs, &source)
    } else {
        Vec::new()
    };
    Ok(Preview {
        experiment,
        plan,
        unselected,
        to_propose,
        data,
        runs,
        statuses,
        groups: left.groups(),
        workers: left.workers(),
        training_flops: left.flops(),
        training_time: left.time(&speeds),
        pruning,
        schedule,
        classifiers,
        other_file,
        runs_left,
        sorted_parts,
        unused_data_path,
    })
}

/// Puts the trials that a search has proposed into the plan, if the experiment has a search. Returns how many more it would
/// propose.
fn plan_trials(
    experiment: &Experiment,
    plan: &mut Plan,
    specs: &Specs,
    used_datasets: &UsedDatasets,
    database: Option<&Reader>,
) -> Result<usize, AppError> {
    let trials = match database {
        Some(reader) if experiment.search.is_some() => reader.trials(&experiment.name)?,
        _ => Vec::new(),
    };
    let Some(search) = search::searcher(experiment, specs, used_datasets, &trials)? else { return Ok(0) };
    plan.runs = search.runs();
    Ok(search.to_propose())
}

/// The statuses of the runs that are in the database, and the speeds of the last runs on this machine.
fn recorded(
    database: Option<&Reader>,
    runs: &[PlannedRun],
) -> Result<(HashMap<RunId, RunStatus>, RecordedSpeeds), AppError> {
    let Some(reader) = database else { return Ok(Default::default()) };
    let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
    let speeds = reader.speeds(&host::name(), TIMED_RUNS)?;
    Ok((reader.statuses(&ids)?, RecordedSpeeds::of(&speeds)))
}

impl Preview {
    /// Number of runs with nothing left to train.
    pub fn done(&self) -> usize {
        self.runs.iter().filter(|run| is_over(&self.statuses, run)).count()
    }

    /// Number of completed runs that would be extended, by `(trained epochs, new epochs)`.
    pub fn extensions(&self) -> BTreeMap<(u64, u32), usize> {
        let mut extensions = BTreeMap::new();
        for run in &self.runs {
            if let Some(from) = self.extended_from(run) {
                *extensions.entry((from, run.epochs)).or_default() += 1;
            }
        }
        extensions
    }

    /// Seconds of the training with its quality figures, if runs that train on CPUs have some. On another device the share of the
    /// figures, which is one of the training on a CPU, says nothing.
    pub fn seconds_with_figures(&self) -> Option<f64> {
        let on_cpu = self.groups.iter().all(|group| group.device == "cpu");
        let has_figures = self.schedule.is_on() && on_cpu;
        self.training_time
            .seconds()
            .filter(|_| has_figures)
            .map(|seconds| seconds * (1.0 + self.schedule.share))
    }

    /// Number of those runs that begin anew, because their checkpoints have been deleted.
    pub fn extensions_without_checkpoint(&self) -> usize {
        let has_none = |run: &&PlannedRun| {
            let status = self.statuses.get(&run.id);
            self.extended_from(run).is_some() && status.is_some_and(|status| status.resume.is_none())
        };
        self.runs.iter().filter(has_none).count()
    }

    /// The epochs that a run is trained for already, if it is completed and would be extended.
    pub fn extended_from(&self, run: &PlannedRun) -> Option<u64> {
        let status = self.statuses.get(&run.id)?;
        let is_extended = status.state == RunState::Completed && !is_over(&self.statuses, run);
        is_extended.then(|| status.confirmed_step / u64::from(run.config.steps_per_epoch(&run.spec)))
    }

    /// The state of a run with respect to the plan's budget; `None` for a run that is not in the database.
    pub fn state(&self, run: &PlannedRun) -> Option<RunState> {
        self.statuses.get(&run.id).map(|status| status.state_after(run.total_steps()))
    }
}

fn missing_classifiers(runs: &[PlannedRun], source: &DataSource) -> Vec<ClassifierPreview> {
    let datasets: BTreeMap<&str, &PlannedRun> =
        runs.iter().map(|run| (run.spec.fingerprint.as_str(), run)).collect();
    let is_missing = |run: &&PlannedRun| {
        run.spec.classes > 1 && !Evaluator::cache_path(&source.cache_dir, &run.spec.fingerprint).is_file()
    };
    let classifier = |run: &PlannedRun| {
        let DatasetSpec { image, classes, train_images, .. } = &run.spec;
        let flops = Evaluator::training_flops(*image, *classes as usize, *train_images as usize);
        ClassifierPreview { dataset: run.config.data.dataset, flops }
    };
    datasets.into_values().filter(is_missing).map(classifier).collect()
}

/// The database in the results folder, if there is one yet.
fn database(results: &Path) -> Result<Option<Reader>, AppError> {
    match Reader::open(results) {
        Ok(reader) => Ok(Some(reader)),
        Err(StoreError::NoDatabase { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The metric that pruning compares runs by.
pub(crate) fn prune_metric(prune: &Prune) -> Result<Metric, AppError> {
    Metric::from_name(&prune.metric).ok_or_else(|| AppError::UnknownMetric {
        name: prune.metric.clone(),
        known: Metric::figures().map(Metric::name).collect(),
    })
}

/// The runs that have something left to train.
fn open(runs: &[PlannedRun], statuses: &HashMap<RunId, RunStatus>) -> Vec<PlannedRun> {
    runs.iter().filter(|run| !is_over(statuses, run)).cloned().collect()
}

/// Whether the run has nothing left to train.
fn is_over(statuses: &HashMap<RunId, RunStatus>, run: &PlannedRun) -> bool {
    statuses.get(&run.id).is_some_and(|status| status.state_after(run.total_steps()).is_final())
}

/// The datasets that the runs would use, and how they would be obtained.
fn preview_data(
    experiment: &Experiment,
    specs: &Specs,
    source: &DataSource,
) -> Result<(UsedDatasets, Vec<DataPreview>), AppError> {
    let requests = experiment.data_requests();
    let missing = experiment::missing(source, &requests)?;
    let availability = |asked| match (missing.contains(asked), experiment.fallback) {
        (false, _) => DataAvailability::Local,
        (true, Some(fallback)) if source.offline => DataAvailability::ReplacedBy(fallback),
        (true, fallback) => DataAvailability::Download { fallback },
    };
    let mut used_datasets = UsedDatasets::new();
    let data = requests.iter().map(|asked| {
        let availability = availability(asked);
        let used = match availability {
            DataAvailability::ReplacedBy(fallback) => experiment::in_place_of(&specs[asked], fallback),
            DataAvailability::Local | DataAvailability::Download { .. } => *asked,
        };
        used_datasets.insert(*asked, used);
        // `specs` has all that the runs ask for, and the fallback of each.
        DataPreview { dataset: asked.dataset, spec: specs[&used].clone(), availability }
    });
    let data = data.collect();
    Ok((used_datasets, data))
}
