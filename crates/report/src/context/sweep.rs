//! A sweep.

use gansweep_config::{Palette, RunState};
use gansweep_protocol::Direction;
use serde::Serialize;
use serde_json::Value;

use super::{ChartGroup, Configuration, Findings, Run, Samples, Search, Setting};

/// A sweep: its settings, its axes and its runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sweep {
    /// The name in the experiment file.
    pub name: String,
    /// The description in the experiment file; may be empty.
    pub description: String,
    /// The starting recipe.
    pub recipe: String,
    /// The experiment file's path, as it was given.
    pub file: String,
    /// The experiment file's text.
    pub source: String,
    /// The dataset.
    pub dataset: DatasetUse,
    /// The palette in which images are displayed.
    pub palette: Palette,
    /// The version of the program that registered the sweep.
    pub program_version: String,
    /// The machine it was registered on.
    pub machine: String,
    /// When the sweep was first started.
    pub created: Timestamp,
    /// End of the last attempt; `None` while a run is active or if there was no attempt.
    pub ended: Option<Timestamp>,
    /// A shell command that starts the sweep again.
    pub command: String,
    /// A further experiment around the best config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextExperiment>,
    /// Devices and backends that trained the runs: `cpu (native (AVX-512))`.
    pub devices: Vec<String>,
    /// Number of runs per state; states without runs are left out.
    pub states: Vec<StateCount>,
    /// The swept axes, in the order of the experiment file.
    pub axes: Vec<Axis>,
    /// What each value of the axis `variant` stands for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
    /// The distinct seeds, ascending.
    pub seeds: Vec<u64>,
    /// The run table's metric columns.
    pub columns: Vec<Column>,
    /// The runs, in plan order.
    pub runs: Vec<Run>,
    /// The charts, by group.
    pub charts: Vec<ChartGroup>,
    /// The sample grids.
    pub samples: Samples,
    /// Shared and differing settings.
    pub configuration: Configuration,
    /// What pruning has decided, by bracket and rung.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rungs: Vec<Rung>,
    /// The trials of its search, if its configs are proposed while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// Which config is best, what matters, what failed.
    pub findings: Findings,
}

/// An experiment file for the next sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NextExperiment {
    /// Where to save it.
    pub file: String,
    /// The file's text.
    pub text: String,
    /// A shell command that trains it.
    pub command: String,
}

/// The runs that came to a rung of pruning, and what was decided about them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rung {
    /// The number of the bracket, from 1; `None` where there is only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bracket: Option<u32>,
    /// Epochs done: `3 epochs`.
    pub after: String,
    /// Runs that reached it.
    pub runs: usize,
    /// Those of them that were promoted to the next.
    pub promoted: usize,
    /// That are paused there.
    pub stays: usize,
    /// That wait for other runs.
    pub waits: usize,
    /// That were ended there.
    pub stopped: usize,
}

/// The dataset that was asked for, and the one that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatasetUse {
    /// The dataset in the experiment file.
    pub requested: String,
    /// The dataset that the runs were trained on.
    pub effective: String,
    /// Whether the fallback was used.
    pub fell_back: bool,
}

/// A time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timestamp {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub unix_ms: i64,
    /// UTC, to the second: `2026-01-31T12:00:00Z`.
    pub utc: String,
}

/// Several settings under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Variant {
    /// The name.
    pub name: String,
    /// What it sets; the rest is as in the experiment file.
    pub settings: Vec<Setting>,
}

/// The number of runs in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StateCount {
    /// The state.
    pub state: RunState,
    /// The number of runs.
    pub runs: usize,
}

/// A swept key and its values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Axis {
    /// As the experiment file writes it: `optimizer.lr`.
    pub key: String,
    /// The shortest unambiguous suffix of the key: `lr`.
    pub short: String,
    /// The distinct values: numbers ascending, others in plan order.
    pub values: Vec<AxisValue>,
    /// Whether all values are numbers; then they have an order.
    pub numeric: bool,
}

/// A value of an axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AxisValue {
    /// As recorded in the database.
    pub value: Value,
    /// As displayed: `1e-4`.
    pub text: String,
    /// Number of runs that have it.
    pub runs: usize,
}

/// A column of the run table that shows a metric's last value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Which way the metric is better, if it ranks runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub better: Option<Direction>,
    /// The metric's name in the database.
    pub metric: String,
    /// The heading.
    pub title: String,
    /// The unit; empty for a pure number.
    pub unit: String,
    /// A tooltip.
    pub help: String,
    /// Decimals of its numbers.
    pub decimals: usize,
    /// Decimals of the means over the runs of a config.
    pub mean_decimals: usize,
}
