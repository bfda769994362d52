//! Loads an experiment file, makes its datasets available and expands it into a plan.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use gansweep_config::{
    DataIdentity, DataRequest, Dataset, DatasetSpec, Experiment, LoadOptions, Plan, PlannedRun, RunId,
    Selection, SelectionError,
};
use gansweep_data::{DataError, DataSource, IoAction, Location};
use gansweep_store::{Reader, RunFilter};

use tracing::info;

use crate::{AppError, Observer, Progress, data};

/// An experiment file with its overrides, and where its data is searched.
#[derive(Debug, Clone)]
pub struct ExperimentRequest {
    /// The experiment file.
    pub file: PathBuf,
    /// Profile, overrides and environment variables.
    pub options: LoadOptions,
    /// Where datasets are searched and cached. The folder of the user's own images comes from the
    /// experiment's `data.path`. Worker processes receive `data_dir` and `idx_dir` in the job and take the rest from
    /// their environment, as [`DataSource::from_environment`] does.
    pub data: DataSource,
}

impl ExperimentRequest {
    /// Reads the experiment and merges its layers.
    pub fn load(&self) -> Result<Experiment, AppError> {
        Ok(Experiment::load(&self.file, &self.options)?)
    }

    /// The data source of the loaded experiment, with the folder that it may name.
    pub(crate) fn data_of(&self, experiment: &Experiment) -> DataSource {
        let Experiment { data_path, skip_damaged, .. } = experiment;
        DataSource { idx_dir: data_path.clone(), skip_damaged: *skip_damaged, ..self.data.clone() }
    }
}

/// Maps what the runs of the experiment ask for to what is used: itself, or the fallback.
pub(crate) type UsedDatasets = BTreeMap<DataRequest, DataRequest>;

/// The spec of everything that an experiment may train on.
pub(crate) type Specs = BTreeMap<DataRequest, DatasetSpec>;

/// The specs of the runs' datasets and of the fallback. Only the user's own images need their files for this.
pub(crate) fn specs(
    experiment: &Experiment,
    source: &DataSource,
    observer: &mut dyn Observer,
) -> Result<Specs, AppError> {
    let mut specs = Specs::new();
    let mut told = None;
    // The same pictures are left out in every shape.
    let observer = &mut |progress: Progress<'_>| {
        if let Progress::Data(gansweep_data::Progress::LeftOut(left_out)) = progress {
            if told.as_ref() == Some(left_out) {
                return;
            }
            told = Some(left_out.clone());
        }
        observer.observe(progress);
    };
    for asked in experiment.data_requests() {
        let spec = data::spec(source, asked, observer)?;
        if let Some(fallback) = experiment.fallback {
            let fallback = in_place_of(&spec, fallback);
            specs.insert(fallback, source.spec(fallback)?);
        }
        specs.insert(asked, spec);
    }
    Ok(specs)
}

/// The fallback for images of that spec: in their shape, if it has a choice and can have it.
pub(crate) fn in_place_of(spec: &DatasetSpec, fallback: Dataset) -> DataRequest {
    match fallback.can_have(spec.image) {
        true => DataRequest::of_shape(fallback, spec.image),
        false => fallback.into(),
    }
}

/// Expands the experiment, with the datasets that are really used.
pub(crate) fn plan(
    experiment: &Experiment,
    specs: &Specs,
    used_datasets: &UsedDatasets,
) -> Result<Plan, AppError> {
    Ok(Plan::new(experiment, &|asked| identity(specs, used_datasets, asked))?)
}

/// What runs that ask for some images really train on.
pub(crate) fn identity(specs: &Specs, used_datasets: &UsedDatasets, asked: DataRequest) -> DataIdentity {
    let used = used_datasets.get(&asked).copied().unwrap_or(asked);
    // `specs` has all that the runs ask for, and the fallback of each.
    DataIdentity { dataset: used.dataset, spec: specs[&used].clone() }
}

/// The entries of a plan that satisfy all conditions; `None` without conditions.
pub(crate) fn select(plan: &Plan, conditions: &[String]) -> Result<Option<Vec<PlannedRun>>, SelectionError> {
    if conditions.is_empty() {
        return Ok(None);
    }
    let selection = Selection::new(conditions, plan)?;
    Ok(Some(plan.runs.iter().filter(|run| selection.has(run)).cloned().collect()))
}

/// The images that are not available locally. Does not use the network.
pub(crate) fn missing(
    source: &DataSource,
    requests: &BTreeSet<DataRequest>,
) -> Result<Vec<DataRequest>, AppError> {
    let mut missing = Vec::new();
    for &asked in requests {
        if source.locate(asked)? == Location::Missing {
            missing.push(asked);
        }
    }
    Ok(missing)
}

/// Makes every dataset available, or its fallback.
pub(crate) fn provide_data(
    experiment: &Experiment,
    specs: &Specs,
    source: &DataSource,
    observer: &mut dyn Observer,
) -> Result<UsedDatasets, AppError> {
    // Report contradictions between experiment and data before downloading anything.
    plan(experiment, specs, &UsedDatasets::new())?;
    let mut used_datasets = UsedDatasets::new();
    for asked in experiment.data_requests() {
        let dataset = asked.dataset;
        let used = match (data::provide(source, asked, observer), experiment.fallback) {
            (Ok(()), _) => asked,
            (Err(reason), Some(fallback)) if fallback != dataset && is_missing(&reason) => {
                observer.observe(Progress::FellBack { dataset, fallback, reason: &reason });
                let fallback = in_place_of(&specs[&asked], fallback);
                data::provide(source, fallback, observer)?;
                fallback
            }
            (Err(error), _) => return Err(error.into()),
        };
        let (dataset, place) = (used.dataset.name(), source.locate(used).ok());
        info!(dataset, side = used.side, channels = used.channels, ?place, "dataset available");
        used_datasets.insert(asked, used);
    }
    Ok(used_datasets)
}

/// Whether a dataset is missing, as opposed to damaged. Damaged data must not be silently replaced. A dataset that
/// the cache has no place for is missing too.
fn is_missing(error: &DataError) -> bool {
    match error {
        DataError::Missing { .. } | DataError::Offline { .. } | DataError::Download { .. } => true,
        DataError::Io { action, .. } => *action == IoAction::Write,
        _ => false,
    }
}

/// The folder of images that the experiment names although no run trains on images of the user's own: they may be meant,
/// and the dataset forgotten.
pub(crate) fn unused_data_path(experiment: &Experiment) -> Option<&Path> {
    let path = experiment.data_path.as_deref()?;
    let is_used = experiment.data_requests().iter().any(|asked| asked.dataset.is_own());
    (!is_used).then_some(path)
}

/// Another experiment file that last recorded a sweep under the name of this experiment. `None` if this file did,
/// as far as paths and contents tell: a file may be moved, or named from another folder.
pub(crate) fn other_file(experiment: &Experiment, results: &Path) -> Option<String> {
    let recorded = Reader::open(results).ok()?.sweep(&experiment.name).ok()?;
    let same_path = || {
        let absolute = |path: &Path| std::fs::canonicalize(path).ok();
        let (before, now) = (absolute(Path::new(&recorded.file)), absolute(&experiment.file));
        recorded.file == experiment.file.display().to_string() || before.is_some() && before == now
    };
    (recorded.source_toml != experiment.source && !same_path()).then_some(recorded.file)
}

/// Number of runs of the sweep's last plan that are not in this one: they leave the sweep, and its page.
pub(crate) fn runs_left(experiment: &Experiment, plan: &Plan, results: &Path) -> usize {
    // The runs of a search are those of its trials, which its plan does not have.
    if experiment.search.is_some() {
        return 0;
    }
    let Ok(reader) = Reader::open(results) else { return 0 };
    let filter = RunFilter { sweep: Some(experiment.name.clone()), where_sql: None };
    let planned: HashSet<&RunId> = plan.runs.iter().map(|run| &run.id).collect();
    // Without a database or a sweep there is no earlier plan, and what is damaged is told when it is written.
    let recorded = reader.runs(&filter).unwrap_or_default();
    let left = recorded.iter().map(|run| &run.id).filter(|id| !planned.contains(id));
    left.collect::<HashSet<_>>().len()
}
