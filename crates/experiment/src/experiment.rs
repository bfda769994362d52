//! An experiment: one TOML file with everything that its layers say, checked.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{Config, Dataset, Execution, Faults, Layer, Record};

/// What besides the file decides an experiment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoadOptions {
    /// The file's profile to apply.
    pub profile: Option<String>,
    /// `KEY=VALUE` from the command line; of two on one key the later wins.
    pub sets: Vec<String>,
    /// Environment variables, of which those that spell keys (`GANSWEEP_TRAIN__EPOCHS`) apply.
    pub env: Vec<(String, String)>,
}

/// One experiment, its layers merged and every value checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Experiment {
    /// The name of its sweep in the database.
    pub name: String,
    /// What it is for, in the user's words.
    pub description: String,
    /// The file it was read from.
    pub file: PathBuf,
    /// The file's content.
    pub source: String,
    /// The recipe it starts from.
    pub recipe: String,
    /// The values of every run, but for what the sweep changes.
    pub config: Config,
    /// What to train on where the dataset is neither at hand nor to be downloaded.
    pub fallback: Option<Dataset>,
    /// What is recorded.
    pub record: Record,
    /// Where it trains.
    pub execution: Execution,
    /// Every key with its value and the layer that decided it, in the order of the documentation.
    pub resolved: Vec<ResolvedKey>,
}

/// A key, its value, and the layer that decided it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResolvedKey {
    /// As the experiment file writes it: `train.epochs`.
    pub key: String,
    /// A number, a text, a truth value or a list.
    pub value: serde_json::Value,
    /// Which layer decided it.
    pub layer: Layer,
}

impl Experiment {
    /// Reads an experiment file and merges its layers: built-in defaults, recipe, file, profile,
    /// environment, `--set`.
    pub fn load(path: &Path, options: &LoadOptions) -> Result<Self, Faults> {
        todo!("{path:?} {options:?}")
    }
}
