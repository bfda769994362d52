//! Values for unit tests.

use std::path::Path;

use crate::{Config, Experiment, LoadOptions, Record};

/// The config of an empty experiment file.
pub(crate) fn config() -> Config {
    empty().config
}

/// What an empty experiment file records.
pub(crate) fn record() -> Record {
    empty().record
}

fn empty() -> Experiment {
    Experiment::parse(Path::new("empty.toml"), String::new(), &LoadOptions::default()).unwrap()
}
