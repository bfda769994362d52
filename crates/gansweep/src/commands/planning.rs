//! From an experiment file to its plan: layers, data, expansion.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use gansweep_config::{DataIdentity, Dataset, Experiment, LoadOptions, Plan};
use gansweep_data::{DataError, DataSource, Found, Location, fingerprint};

use crate::cli::ExperimentArgs;
use crate::failure::Failure;
use crate::progress::Display;

/// Which dataset stands in for which: the same one, but for those that fell back.
pub(crate) type Substitutes = BTreeMap<Dataset, Dataset>;

/// Reads the experiment with all of its layers.
pub(crate) fn load(args: &ExperimentArgs) -> Result<Experiment, Failure> {
    let options = LoadOptions {
        profile: args.profile.clone(),
        sets: args.sets.clone(),
        env: std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
    };
    Ok(Experiment::load(&args.file, &options)?)
}

/// Where the experiment's data is looked for.
pub(crate) fn source(args: &ExperimentArgs) -> DataSource {
    DataSource::from_environment(args.data_dir.clone())
}

/// The datasets that the experiment's runs ask for.
pub(crate) fn datasets(experiment: &Experiment) -> Result<Vec<Dataset>, Failure> {
    let asked = RefCell::new(BTreeSet::new());
    Plan::new(experiment, &|dataset| {
        asked.borrow_mut().insert(dataset);
        DataIdentity { dataset, fingerprint: fingerprint(dataset) }
    })?;
    Ok(asked.into_inner().into_iter().collect())
}

/// The runs, on the data that they will really train on.
pub(crate) fn plan(experiment: &Experiment, substitutes: &Substitutes) -> Result<Plan, Failure> {
    let identity = |asked| {
        let dataset = substitutes.get(&asked).copied().unwrap_or(asked);
        DataIdentity { dataset, fingerprint: fingerprint(dataset) }
    };
    Ok(Plan::new(experiment, &identity)?)
}

/// Which datasets are at hand, without asking the network.
pub(crate) fn missing(source: &DataSource, datasets: &[Dataset]) -> Result<Vec<Dataset>, Failure> {
    let mut missing = Vec::new();
    for &dataset in datasets {
        if source.locate(dataset)? == Location::Missing {
            missing.push(dataset);
        }
    }
    Ok(missing)
}

/// Puts a dataset within reach: downloads it into the cache, or draws it there, unless the user's
/// own folder has it.
pub(crate) fn provide(source: &DataSource, dataset: Dataset, display: &Display) -> Result<(), DataError> {
    if matches!(source.locate(dataset)?, Location::Found(Found::DataDir(_))) {
        return Ok(());
    }
    let fetched = source.fetch(dataset, &mut |progress| display.download(&progress));
    display.download_done();
    fetched
}

/// Whether a dataset is simply not to be had here, as opposed to damaged.
pub(crate) fn is_missing(error: &DataError) -> bool {
    matches!(error, DataError::Missing { .. } | DataError::Offline(_) | DataError::Download { .. })
}
