//! Values for unit tests.

use std::path::Path;

use crate::{Config, Experiment, LoadOptions};

/// The config of an empty experiment file.
pub(crate) fn config() -> Config {
    Experiment::parse(Path::new("empty.toml"), String::new(), &LoadOptions::default()).unwrap().config
}
