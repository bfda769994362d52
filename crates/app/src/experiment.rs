//! From an experiment file to its plan: layers, data, expansion.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use gansweep_config::{DataIdentity, Dataset, DatasetSpec, Experiment, LoadOptions, Plan};
use gansweep_data::{DataError, DataSource, Location};

use tracing::info;

use crate::{AppError, Observer, Progress, data};

/// An experiment file, what is set on top of it, and where its data is looked for.
#[derive(Debug, Clone)]
pub struct ExperimentRequest {
    /// The experiment file.
    pub file: PathBuf,
    /// Profile, overrides and environment variables.
    pub options: LoadOptions,
    /// Where datasets are looked for and kept; the folder of the dataset `idx` is the experiment's
    /// `data.path`. Worker processes are told of these two folders alone;
    /// for the rest they look into their environment, as [`DataSource::from_environment`] does.
    pub data: DataSource,
}

impl ExperimentRequest {
    /// Reads the experiment with all of its layers.
    pub fn load(&self) -> Result<Experiment, AppError> {
        Ok(Experiment::load(&self.file, &self.options)?)
    }

    /// Where the data of the loaded experiment is looked for: the file may name a folder of the user's.
    pub(crate) fn data_of(&self, experiment: &Experiment) -> DataSource {
        DataSource { idx_dir: experiment.data_path.clone(), ..self.data.clone() }
    }
}

/// Which dataset stands in for which: the same one, but for those that fell back.
pub(crate) type Substitutes = BTreeMap<Dataset, Dataset>;

/// What is known of each dataset that an experiment may train on.
pub(crate) type Specs = BTreeMap<Dataset, DatasetSpec>;

/// The specs of the datasets that the runs ask for, and of the fallback. Reads the files of the user's
/// own images, and no others.
pub(crate) fn specs(experiment: &Experiment, source: &DataSource) -> Result<Specs, AppError> {
    let asked = experiment.datasets().into_iter().chain(experiment.fallback);
    asked.map(|dataset| Ok((dataset, source.spec(dataset)?))).collect()
}

/// The runs, on the data that they will really train on.
pub(crate) fn plan(
    experiment: &Experiment,
    specs: &Specs,
    substitutes: &Substitutes,
) -> Result<Plan, AppError> {
    let identity = |asked| {
        let dataset = substitutes.get(&asked).copied().unwrap_or(asked);
        // `specs` has what the runs ask for, and what they fall back on.
        DataIdentity { dataset, spec: specs[&dataset].clone() }
    };
    Ok(Plan::new(experiment, &identity)?)
}

/// Which datasets are at hand, without asking the network.
pub(crate) fn missing(source: &DataSource, datasets: &BTreeSet<Dataset>) -> Result<Vec<Dataset>, AppError> {
    let mut missing = Vec::new();
    for &dataset in datasets {
        if source.locate(dataset)? == Location::Missing {
            missing.push(dataset);
        }
    }
    Ok(missing)
}

/// Puts every dataset within reach, or its fallback in its place.
pub(crate) fn provide_data(
    experiment: &Experiment,
    specs: &Specs,
    source: &DataSource,
    observer: &mut dyn Observer,
) -> Result<Substitutes, AppError> {
    // What contradicts the data is told before anything is downloaded.
    plan(experiment, specs, &Substitutes::new())?;
    let mut substitutes = Substitutes::new();
    for dataset in experiment.datasets() {
        let substitute = match (data::provide(source, dataset, observer), experiment.fallback) {
            (Ok(()), _) => dataset,
            (Err(reason), Some(fallback)) if fallback != dataset && is_missing(&reason) => {
                observer.observe(Progress::FellBack { dataset, fallback, reason: &reason });
                data::provide(source, fallback, observer)?;
                fallback
            }
            (Err(error), _) => return Err(error.into()),
        };
        info!(dataset = substitute.name(), place = ?source.locate(substitute).ok(), "dataset at hand");
        substitutes.insert(dataset, substitute);
    }
    Ok(substitutes)
}

/// Whether a dataset is simply not to be had here, as opposed to damaged.
fn is_missing(error: &DataError) -> bool {
    matches!(error, DataError::Missing { .. } | DataError::Offline(_) | DataError::Download { .. })
}
