//! What the analysis starts from: a database's content in plain, owned values.

use std::collections::BTreeMap;

use gansweep_config::{Assignment, Palette, RunId, RunState};
use gansweep_protocol::{Geometry, Metric};
use gansweep_store::Call;
use serde_json::Value;

use crate::context::RealGrid;

/// Everything that was read.
#[derive(Debug, Clone)]
pub(crate) struct ReportInput {
    pub(crate) database: String,
    pub(crate) sweeps: Vec<SweepInput>,
}

/// One sweep as read.
#[derive(Debug, Clone)]
pub(crate) struct SweepInput {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) recipe: String,
    pub(crate) file: String,
    /// `None` where a version that did not record it started the sweep.
    pub(crate) call: Option<Call>,
    pub(crate) source: String,
    pub(crate) dataset_requested: String,
    pub(crate) dataset_effective: String,
    pub(crate) palette: Palette,
    pub(crate) program_version: String,
    pub(crate) machine: String,
    pub(crate) created_unix_ms: i64,
    pub(crate) real: Vec<RealGrid>,
    pub(crate) runs: Vec<RunInput>,
}

/// One run as read; runs come in the order of the plan.
#[derive(Debug, Clone)]
pub(crate) struct RunInput {
    pub(crate) id: RunId,
    pub(crate) label: String,
    pub(crate) seed: u64,
    pub(crate) assignments: Vec<Assignment>,
    /// The resolved config as nested objects, the budget as `train.epochs` among them.
    pub(crate) config: Value,
    pub(crate) state: RunState,
    pub(crate) cause: Option<String>,
    pub(crate) step: u64,
    pub(crate) total_steps: u64,
    pub(crate) epochs: u32,
    pub(crate) seconds: f64,
    pub(crate) images_per_second: Option<f64>,
    pub(crate) attempts: Vec<AttemptInput>,
    /// Last values.
    pub(crate) last: BTreeMap<Metric, f64>,
    /// `(step, value)`, ascending by step, decimated.
    pub(crate) series: BTreeMap<Metric, Vec<(u64, f64)>>,
    /// Ascending by step.
    pub(crate) grids: Vec<GridInput>,
}

/// One try at a run as read.
#[derive(Debug, Clone)]
pub(crate) struct AttemptInput {
    pub(crate) attempt: u32,
    pub(crate) device: String,
    pub(crate) backend: Option<String>,
    /// `(lane, lanes)`, the lane counted from 0.
    pub(crate) lane: Option<(u32, u32)>,
    /// The process that trained it: host and process id.
    pub(crate) worker: Option<(String, u32)>,
    pub(crate) state: RunState,
    pub(crate) cause: Option<String>,
    pub(crate) began_unix_ms: i64,
    pub(crate) ended_unix_ms: Option<i64>,
}

/// One sample grid as read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GridInput {
    pub(crate) step: u64,
    pub(crate) epoch: u32,
    pub(crate) geometry: Geometry,
    pub(crate) png_bytes: u64,
}
