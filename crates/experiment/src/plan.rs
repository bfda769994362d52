//! A plan: the runs of an experiment, in order.

use serde::Serialize;

use crate::{Dataset, Experiment, Faults, PlannedRun};

/// The data that runs on a dataset really train on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataIdentity {
    /// The dataset itself, or the one to fall back on.
    pub dataset: Dataset,
    /// Of its bytes.
    pub fingerprint: String,
}

/// The runs of an experiment, in order, and how they came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The runs, each once.
    pub runs: Vec<PlannedRun>,
    /// What is swept, in the order of the runs' assignments.
    pub axes: Vec<AxisSummary>,
    /// The seeds of every config.
    pub seeds: Vec<u64>,
    /// Runs left out because an earlier one has the same config and seed.
    pub duplicates: usize,
    /// Runs left out by `[[sweep.exclude]]`.
    pub excluded: usize,
}

/// One axis, for display.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AxisSummary {
    /// As the experiment file writes it: `optimizer.lr`.
    pub key: String,
    /// Its values, in order.
    pub values: Vec<serde_json::Value>,
    /// How it combines with the others.
    pub kind: AxisKind,
}

/// How an axis combines with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AxisKind {
    /// Each value with each value of the others.
    Grid,
    /// In step with the other zipped axes.
    Zip,
    /// Drawn, in step with the other drawn axes.
    Random,
}

impl Plan {
    /// Expands an experiment. `data` says, for each dataset, what the runs on it really train on.
    pub fn new(experiment: &Experiment, data: &dyn Fn(Dataset) -> DataIdentity) -> Result<Self, Faults> {
        todo!("{experiment:?} {:?}", data(experiment.config.data.dataset))
    }
}
