//! Shared and differing settings.

use serde::Serialize;

use super::{Number, Standing};

/// Shared and differing settings of a sweep's runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Configuration {
    /// The distinct configs, without seeds, in plan order.
    pub configs: Vec<ConfigRuns>,
    /// Keys whose value is not the same in all runs.
    pub differing: Vec<Differing>,
    /// Keys with the same value in all runs, by section.
    pub shared: Vec<Section>,
}

/// A config and the runs that have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigRuns {
    /// The swept keys that differ between configs and their values, those with the most values first: `lr=1e-4 hidden=128`;
    /// empty where nothing is swept.
    pub label: String,
    /// Indices of its runs.
    pub runs: Vec<usize>,
    /// Number of its runs that failed or diverged.
    pub failures: usize,
    /// Number of its runs with signs of collapse.
    pub collapsed: usize,
    /// How it did by the sweep's objective; `None` if no run has a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
    /// For each metric column of the run table, its values over the runs that did not fail or diverge.
    pub results: Vec<Option<Spread>>,
}

/// A metric over the runs of a config.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: Number,
    /// The sample standard deviation; `None` for one run.
    pub deviation: Option<Number>,
    /// Number of runs with a finite value.
    pub runs: usize,
    /// As displayed: `1.06 ± 0.02`.
    pub text: String,
}

/// Keys whose values differ between runs in the same way, and so share a table row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// The keys.
    pub keys: Vec<String>,
    /// The distinct values.
    pub values: Vec<ValueRuns>,
    /// For each config, the index of its value.
    pub by_config: Vec<usize>,
    /// Of lists of layers, the layers, those that several lists have in common in one row; empty for other values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerRow>,
}

/// A row of lists of layers that are shown beside each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerRow {
    /// The layer, as displayed.
    pub text: String,
    /// For each value of the key, whether it has the layer there.
    pub is_in: Vec<bool>,
}

/// A value and the runs that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueRuns {
    /// As displayed.
    pub text: String,
    /// The name of a list of layers in the sweep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Indices of the runs that have it.
    pub runs: Vec<usize>,
}

/// Keys of one section: `model`, `optimizer`, ...
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// The section's name.
    pub name: String,
    /// Its keys.
    pub settings: Vec<Setting>,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The key within its section: `generator.hidden`.
    pub key: String,
    /// As displayed.
    pub text: String,
}
