//! What the runs' configs share, and where they differ.

use serde::Serialize;

/// What the runs' configs share, and where they differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Configuration {
    /// The distinct configs (seeds left out), in the order of the plan.
    pub configs: Vec<ConfigUse>,
    /// Keys whose value is not the same in all runs.
    pub differing: Vec<Differing>,
    /// All other keys.
    pub shared: Vec<Section>,
}

/// A config and its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigUse {
    /// The swept keys and their values: `lr=1e-4 hidden=128`; empty where nothing is swept.
    pub label: String,
    /// Its runs, by index.
    pub runs: Vec<usize>,
}

/// Keys that take the same several values in the same runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Differing {
    /// The keys; more than one where they walk together.
    pub keys: Vec<String>,
    /// Their values.
    pub values: Vec<ValueUse>,
    /// For each config, which of the values it has.
    pub by_config: Vec<usize>,
}

/// A value and who has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueUse {
    /// For people.
    pub text: String,
    /// The runs that have it, by index.
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
    /// For people.
    pub text: String,
}
