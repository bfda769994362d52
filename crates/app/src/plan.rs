//! The use case that only looks ahead: what a sweep would run.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use gansweep_config::{Dataset, DatasetSpec, Experiment, Plan, PlannedRun, RunId, RunState};
use gansweep_data::DataSource;
use gansweep_nn::cost;
use gansweep_scheduler::{PlannedGroup, Slot, form_groups};
use gansweep_store::{Reader, RunStatus, StoreError};
use serde::Serialize;

use crate::experiment::{self, ExperimentRequest, Specs, Substitutes};
use crate::slots::{self, ExecutionRequest};
use crate::{AppError, Programs, devices};

/// What to train, where, and where it is recorded.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// The experiment.
    pub experiment: ExperimentRequest,
    /// The devices, and how densely they are used.
    pub execution: ExecutionRequest,
    /// Folder of the database, the checkpoints and the reports.
    pub results: PathBuf,
    /// The programs that workers and device probes are started from.
    pub programs: Programs,
}

/// Everything that is known of a sweep before anything is done.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The experiment, its layers merged.
    pub experiment: Experiment,
    /// Its runs, on the data that they would train on.
    pub plan: Plan,
    /// The datasets that its runs ask for.
    pub data: Vec<DataPreview>,
    /// The plan's runs, each once, with the largest budget that the plan asks for.
    pub runs: Vec<PlannedRun>,
    /// Where each run that the database knows stands.
    pub statuses: HashMap<RunId, RunStatus>,
    /// Groups that would be formed of the runs that are not over.
    pub groups: Vec<GroupPreview>,
    /// Workers at the same time.
    pub workers: usize,
    /// Floating-point operations of what is left to train.
    pub training_flops: f64,
}

/// A dataset and how the sweep would come by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataPreview {
    /// The dataset that the experiment asks for.
    pub dataset: Dataset,
    /// Of the data that would be trained on, of a stand-in if there is one.
    pub spec: DatasetSpec,
    /// How the sweep would come by it.
    pub way: DataWay,
}

/// How a sweep would come by a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataWay {
    /// It is on this machine.
    AtHand,
    /// It would be downloaded, and replaced by the fallback if that fails.
    Download {
        /// As the experiment names it.
        fallback: Option<Dataset>,
    },
    /// It is not at hand and may not be downloaded: this one would stand in for it.
    ReplacedBy(Dataset),
}

/// A group to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupPreview {
    /// Where it would train.
    pub device: String,
    /// Runs that it would train together.
    pub lanes: usize,
    /// Of the device's memory, by estimate; none on a processor.
    pub memory_bytes: Option<u64>,
}

/// Looks ahead. Downloads nothing and writes nothing: a dataset that is not at hand is taken to arrive.
pub fn preview(request: &PlanRequest) -> Result<Preview, AppError> {
    let experiment = request.experiment.load()?;
    let places = slots::choose(&request.execution, &experiment.execution, &request.programs)?;
    let source = request.experiment.data_of(&experiment);
    let specs = experiment::specs(&experiment, &source)?;
    let (substitutes, data) = foresee_data(&experiment, &specs, &source)?;
    let plan = experiment::plan(&experiment, &specs, &substitutes)?;
    let runs = plan.longest();
    let statuses = recorded_statuses(&request.results, &runs)?;
    let open: Vec<_> = runs.iter().filter(|run| !is_over(&statuses, run)).cloned().collect();
    let slots = places.slots();
    let steps = steps_done(&open, &statuses);
    let groups = group_previews(&open, &steps, &slots);
    let flops =
        |(run, done): (&PlannedRun, &u64)| step_flops(run) * run.total_steps().saturating_sub(*done) as f64;
    let training_flops = open.iter().zip(&steps).map(flops).sum();
    Ok(Preview { experiment, plan, data, runs, statuses, groups, workers: slots.len(), training_flops })
}

impl Preview {
    /// Runs that are over: there is nothing left to train of them.
    pub fn done(&self) -> usize {
        self.runs.iter().filter(|run| is_over(&self.statuses, run)).count()
    }

    /// How many runs were completed for a smaller budget and go on, by the epochs that they have and
    /// those that they get.
    pub fn extensions(&self) -> BTreeMap<(u64, u32), usize> {
        let mut extensions = BTreeMap::new();
        for run in self.runs.iter().filter(|run| !is_over(&self.statuses, run)) {
            let Some(status) = self.statuses.get(&run.id) else { continue };
            if status.state == RunState::Completed {
                let from = status.confirmed_step / u64::from(run.config.steps_per_epoch(&run.spec));
                *extensions.entry((from, run.epochs)).or_default() += 1;
            }
        }
        extensions
    }

    /// Where the database has a run of the plan, on its way to the plan's budget; `None` for a new run.
    pub fn state(&self, run: &PlannedRun) -> Option<RunState> {
        self.statuses.get(&run.id).map(|status| status.state_after(run.total_steps()))
    }
}

fn recorded_statuses(results: &Path, runs: &[PlannedRun]) -> Result<HashMap<RunId, RunStatus>, AppError> {
    let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
    match Reader::open(results) {
        Ok(reader) => Ok(reader.statuses(&ids)?),
        Err(StoreError::NoDatabase { .. }) => Ok(HashMap::new()),
        Err(error) => Err(error.into()),
    }
}

/// Floating-point operations of one step of a run.
pub(crate) fn step_flops(run: &PlannedRun) -> f64 {
    cost::step_flops(&run.config, run.spec.image)
}

fn group_previews(open: &[PlannedRun], steps: &[u64], slots: &[Slot]) -> Vec<GroupPreview> {
    let groups = form_groups(open, steps, slots, step_flops).into_iter();
    groups
        .map(|PlannedGroup { slot, runs }| {
            let (device, lanes) = (slots[slot].device.clone(), runs.len());
            let first = runs.first().map(|&run| &open[run]);
            let memory_bytes =
                first.and_then(|run| devices::group_memory_bytes(&device, &run.config, &run.spec, lanes));
            GroupPreview { device, lanes, memory_bytes }
        })
        .collect()
}

/// Whether nothing is left to train of a run.
fn is_over(statuses: &HashMap<RunId, RunStatus>, run: &PlannedRun) -> bool {
    statuses.get(&run.id).is_some_and(|status| status.state_after(run.total_steps()).is_final())
}

/// Steps in the checkpoints that the runs would go on from.
fn steps_done(runs: &[PlannedRun], statuses: &HashMap<RunId, RunStatus>) -> Vec<u64> {
    let resume = |run: &PlannedRun| statuses.get(&run.id)?.resume.as_ref();
    runs.iter().map(|run| resume(run).map_or(0, |resume| resume.checkpoint.step)).collect()
}

/// What the runs will train on, and how it is come by.
fn foresee_data(
    experiment: &Experiment,
    specs: &Specs,
    source: &DataSource,
) -> Result<(Substitutes, Vec<DataPreview>), AppError> {
    let datasets = experiment.datasets();
    let missing = experiment::missing(source, &datasets)?;
    let way = |dataset| match (missing.contains(&dataset), experiment.fallback) {
        (false, _) => DataWay::AtHand,
        (true, Some(fallback)) if source.offline => DataWay::ReplacedBy(fallback),
        (true, fallback) => DataWay::Download { fallback },
    };
    let mut substitutes = Substitutes::new();
    let data = datasets.into_iter().map(|dataset| {
        let way = way(dataset);
        let trained_on = match way {
            DataWay::ReplacedBy(fallback) => fallback,
            DataWay::AtHand | DataWay::Download { .. } => dataset,
        };
        substitutes.insert(dataset, trained_on);
        // `specs` has what the runs ask for, and what they fall back on.
        DataPreview { dataset, spec: specs[&trained_on].clone(), way }
    });
    let data = data.collect();
    Ok((substitutes, data))
}
