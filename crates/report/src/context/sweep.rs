//! One sweep: what was swept, on what, with what outcome.

use gansweep_config::{Palette, RunState};
use serde::Serialize;
use serde_json::Value;

use super::{ChartGroup, Configuration, Run, Samples};

/// One sweep: what was swept, on what, with what outcome.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sweep {
    /// The name in the experiment file.
    pub name: String,
    /// The description in the experiment file; may be empty.
    pub description: String,
    /// The recipe everything else overrides.
    pub recipe: String,
    /// The experiment file's path, as it was given.
    pub file: String,
    /// The experiment file's text.
    pub source: String,
    /// What was trained on.
    pub dataset: DatasetUse,
    /// How images are shown.
    pub palette: Palette,
    /// The version of the program that registered the sweep.
    pub program_version: String,
    /// The machine it was registered on.
    pub machine: String,
    /// When the sweep was first started.
    pub created: Moment,
    /// When the last attempt ended; none while a run is running and before the first attempt.
    pub ended: Option<Moment>,
    /// A command that runs it again.
    pub command: String,
    /// What trained the runs: `cpu (native x86-64-v4)`.
    pub devices: Vec<String>,
    /// Runs by state; states without a run are left out.
    pub states: Vec<StateCount>,
    /// What was swept, in the order of the experiment file.
    pub axes: Vec<Axis>,
    /// The distinct seeds, ascending.
    pub seeds: Vec<u64>,
    /// The run table's metrics.
    pub columns: Vec<Column>,
    /// The runs, in the order of the plan.
    pub runs: Vec<Run>,
    /// The charts, by group.
    pub charts: Vec<ChartGroup>,
    /// The sample grids.
    pub samples: Samples,
    /// The configs.
    pub configuration: Configuration,
}

/// What was trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatasetUse {
    /// The dataset the experiment asks for.
    pub requested: String,
    /// The dataset the runs saw.
    pub effective: String,
    /// Whether these differ.
    pub fell_back: bool,
}

/// A moment, twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub unix_ms: i64,
    /// The same in UTC, to the second: `2026-01-31T12:00:00Z`.
    pub utc: String,
}

/// How many runs are in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StateCount {
    /// The state.
    pub state: RunState,
    /// How many runs.
    pub runs: usize,
}

/// One swept key and its values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// As the experiment file writes it: `optimizer.lr`.
    pub key: String,
    /// As short as the other axes allow: `lr`.
    pub short: String,
    /// The distinct values: numbers ascending, everything else in the order of the plan.
    pub values: Vec<AxisValue>,
    /// Whether the values are numbers, so that their order means something.
    pub numeric: bool,
}

/// A value of an axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AxisValue {
    /// As recorded.
    pub value: Value,
    /// For people: `1e-4`.
    pub text: String,
    /// How many runs have it.
    pub runs: usize,
}

/// A column of the run table that shows a metric's last value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// The metric's name in the database.
    pub metric: String,
    /// The heading.
    pub title: String,
    /// The unit; empty for a pure number.
    pub unit: String,
    /// One sentence.
    pub help: String,
}
