//! Loads an experiment file, makes its datasets available and expands it into a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gansweep_config::{DataIdentity, Dataset, DatasetSpec, Experiment, LoadOptions, Plan};
use gansweep_data::{DataError, DataSource, Location};
use gansweep_store::Reader;

use tracing::info;

use crate::{AppError, Observer, Progress, data};

/// An experiment file with its overrides, and where its data is searched.
#[derive(Debug, Clone)]
pub struct ExperimentRequest {
    /// The experiment file.
    pub file: PathBuf,
    /// Profile, overrides and environment variables.
    pub options: LoadOptions,
    /// Where datasets are searched and cached. The folder of the dataset `idx` comes from the experiment's
    /// `data.path`. Worker processes receive `data_dir` and `idx_dir` in the job and take the rest from
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
        DataSource { idx_dir: experiment.data_path.clone(), ..self.data.clone() }
    }
}

/// Maps each dataset of the experiment to the one that is used: itself, or the fallback.
pub(crate) type UsedDatasets = BTreeMap<Dataset, Dataset>;

/// The spec of each dataset that an experiment may train on.
pub(crate) type Specs = BTreeMap<Dataset, DatasetSpec>;

/// The specs of the runs' datasets and of the fallback. Only `idx` needs its files for this.
pub(crate) fn specs(experiment: &Experiment, source: &DataSource) -> Result<Specs, AppError> {
    let asked = experiment.datasets().into_iter().chain(experiment.fallback);
    asked.map(|dataset| Ok((dataset, source.spec(dataset)?))).collect()
}

/// Expands the experiment, with the datasets that are really used.
pub(crate) fn plan(
    experiment: &Experiment,
    specs: &Specs,
    used_datasets: &UsedDatasets,
) -> Result<Plan, AppError> {
    let identity = |asked| {
        let dataset = used_datasets.get(&asked).copied().unwrap_or(asked);
        // `specs` has all datasets of the experiment and its fallback.
        DataIdentity { dataset, spec: specs[&dataset].clone() }
    };
    Ok(Plan::new(experiment, &identity)?)
}

/// The datasets that are not available locally. Does not use the network.
pub(crate) fn missing(source: &DataSource, datasets: &BTreeSet<Dataset>) -> Result<Vec<Dataset>, AppError> {
    let mut missing = Vec::new();
    for &dataset in datasets {
        if source.locate(dataset)? == Location::Missing {
            missing.push(dataset);
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
    for dataset in experiment.datasets() {
        let used = match (data::provide(source, dataset, observer), experiment.fallback) {
            (Ok(()), _) => dataset,
            (Err(reason), Some(fallback)) if fallback != dataset && is_missing(&reason) => {
                observer.observe(Progress::FellBack { dataset, fallback, reason: &reason });
                data::provide(source, fallback, observer)?;
                fallback
            }
            (Err(error), _) => return Err(error.into()),
        };
        info!(dataset = used.name(), place = ?source.locate(used).ok(), "dataset available");
        used_datasets.insert(dataset, used);
    }
    Ok(used_datasets)
}

/// Whether a dataset is missing, as opposed to damaged. Damaged data must not be silently replaced. A dataset that
/// the cache has no place for is missing too.
fn is_missing(error: &DataError) -> bool {
    match error {
        DataError::Missing { .. } | DataError::Offline { .. } | DataError::Download { .. } => true,
        DataError::Io { action, .. } => *action == "write",
        _ => false,
    }
}

/// The folder of images that the experiment names although no run trains on the dataset `idx`: it may be meant, and the
/// dataset forgotten.
pub(crate) fn unused_data_path(experiment: &Experiment) -> Option<&Path> {
    let path = experiment.data_path.as_deref()?;
    (!experiment.datasets().contains(&Dataset::Idx)).then_some(path)
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
