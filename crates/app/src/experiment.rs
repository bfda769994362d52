//! From an experiment file to its plan: layers, data, expansion.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use gansweep_config::{DataIdentity, Dataset, Experiment, LoadOptions, Plan};
use gansweep_data::{DataError, DataSource, Location, spec};

use crate::{AppError, Observer, Progress, data};

/// An experiment file, what is set on top of it, and where its data is looked for.
#[derive(Debug, Clone)]
pub struct ExperimentRequest {
    /// The experiment file.
    pub file: PathBuf,
    /// Profile, overrides and environment variables.
    pub options: LoadOptions,
    /// Where datasets are looked for and kept. Worker processes are told of the data folder alone;
    /// for the rest they look into their environment, as [`DataSource::from_environment`] does.
    pub data: DataSource,
}

impl ExperimentRequest {
    /// Reads the experiment with all of its layers.
    pub fn load(&self) -> Result<Experiment, AppError> {
        Ok(Experiment::load(&self.file, &self.options)?)
    }
}

/// Which dataset stands in for which: the same one, but for those that fell back.
pub(crate) type Substitutes = BTreeMap<Dataset, Dataset>;

/// The datasets that the experiment's runs ask for.
pub(crate) fn datasets(experiment: &Experiment) -> Result<Vec<Dataset>, AppError> {
    let asked = RefCell::new(BTreeSet::new());
    Plan::new(experiment, &|dataset| {
        asked.borrow_mut().insert(dataset);
        DataIdentity { dataset, spec: spec(dataset) }
    })?;
    Ok(asked.into_inner().into_iter().collect())
}

/// The runs, on the data that they will really train on.
pub(crate) fn plan(experiment: &Experiment, substitutes: &Substitutes) -> Result<Plan, AppError> {
    let identity = |asked| {
        let dataset = substitutes.get(&asked).copied().unwrap_or(asked);
        DataIdentity { dataset, spec: spec(dataset) }
    };
    Ok(Plan::new(experiment, &identity)?)
}

/// Which datasets are at hand, without asking the network.
pub(crate) fn missing(source: &DataSource, datasets: &[Dataset]) -> Result<Vec<Dataset>, AppError> {
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
    source: &DataSource,
    observer: &mut dyn Observer,
) -> Result<Substitutes, AppError> {
    let mut substitutes = Substitutes::new();
    for dataset in datasets(experiment)? {
        let substitute = match (data::provide(source, dataset, observer), experiment.fallback) {
            (Ok(()), _) => dataset,
            (Err(reason), Some(fallback)) if fallback != dataset && is_missing(&reason) => {
                observer.observe(Progress::FellBack { dataset, fallback, reason: &reason });
                data::provide(source, fallback, observer)?;
                fallback
            }
            (Err(error), _) => return Err(error.into()),
        };
        substitutes.insert(dataset, substitute);
    }
    Ok(substitutes)
}

/// Whether a dataset is simply not to be had here, as opposed to damaged.
fn is_missing(error: &DataError) -> bool {
    matches!(error, DataError::Missing { .. } | DataError::Offline(_) | DataError::Download { .. })
}
