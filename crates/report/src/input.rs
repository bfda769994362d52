//! The analysis' input: the contents of a database as plain values.

use std::collections::BTreeMap;

use gansweep_compare::Analysis;
use gansweep_config::{Assignment, ImageShape, Palette, RunId, RunState};
use gansweep_protocol::{Geometry, Metric, SampleSource};
use gansweep_store::{Call, RungRow, TrialRow};
use serde_json::Value;

use crate::context::RealGrid;

/// The input of a page.
#[derive(Debug, Clone)]
pub(crate) struct ReportInput {
    pub(crate) database: String,
    pub(crate) sweeps: Vec<SweepInput>,
}

/// A sweep.
#[derive(Debug, Clone)]
pub(crate) struct SweepInput {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) recipe: String,
    pub(crate) file: String,
    /// `None` if an older version of the program, which did not record the call, started the sweep.
    pub(crate) call: Option<Call>,
    pub(crate) source: String,
    /// The swept keys as JSON.
    pub(crate) axes: Value,
    pub(crate) dataset_requested: String,
    pub(crate) dataset_effective: String,
    pub(crate) palette: Palette,
    pub(crate) program_version: String,
    pub(crate) machine: String,
    pub(crate) created_unix_ms: i64,
    pub(crate) real: Vec<RealGrid>,
    pub(crate) page_bytes: PageBytes,
    pub(crate) analysis: Analysis,
    /// What pruning has decided.
    pub(crate) rungs: Vec<RungRow>,
    /// The trials of its search, in their order; empty if it has none.
    pub(crate) trials: Vec<TrialRow>,
    pub(crate) runs: Vec<RunInput>,
}

/// How many bytes of the page a byte of a sample grid in the database takes, by the number of shades.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageBytes {
    pub(crate) thirty_two: f64,
    pub(crate) sixteen: f64,
    pub(crate) seven: f64,
}

/// A run.
#[derive(Debug, Clone)]
pub(crate) struct RunInput {
    pub(crate) id: RunId,
    pub(crate) label: String,
    pub(crate) seed: u64,
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) config_hash: String,
    pub(crate) data_fingerprint: String,
    /// The resolved config as nested objects, with the budget as `train.epochs`.
    pub(crate) config: Value,
    /// Shape of its images.
    pub(crate) image: ImageShape,
    /// Number of classes of its data; 1 if they have none.
    pub(crate) data_classes: u32,
    pub(crate) state: RunState,
    pub(crate) cause: Option<String>,
    pub(crate) step: u64,
    pub(crate) total_steps: u64,
    pub(crate) epochs: u32,
    pub(crate) seconds: f64,
    pub(crate) images_per_second: Option<f64>,
    pub(crate) attempts: Vec<AttemptInput>,
    /// The best checkpoint, if it is within the budget.
    pub(crate) best: Option<BestInput>,
    /// The last value of each metric.
    pub(crate) last: BTreeMap<Metric, f64>,
    /// Decimated points `(step, value)`, by ascending step.
    pub(crate) series: BTreeMap<Metric, Vec<(u64, f64)>>,
    /// By ascending step; at a step, that of the weights before that of their average.
    pub(crate) grids: Vec<GridInput>,
    /// What the columns of a conditional run's grids are called; empty for any other run.
    pub(crate) classes: Vec<String>,
    /// Variance between the images of the last grid, relative to that of the real images.
    pub(crate) diversity: Option<f64>,
}

impl RunInput {
    /// Rows, columns and image size of its last grid.
    pub(crate) fn geometry(&self) -> Option<Geometry> {
        self.grids.last().map(|grid| grid.geometry)
    }
}

/// The checkpoint with the best value of a quality figure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BestInput {
    pub(crate) step: u64,
    pub(crate) epoch: f64,
    pub(crate) metric: Metric,
    pub(crate) value: f64,
}

/// An attempt.
#[derive(Debug, Clone)]
pub(crate) struct AttemptInput {
    pub(crate) attempt: u32,
    pub(crate) device: String,
    pub(crate) backend: Option<String>,
    /// `(lane, lanes)`; lanes are counted from 0.
    pub(crate) lane: Option<(u32, u32)>,
    /// Host and process id of the worker.
    pub(crate) worker: Option<(String, u32)>,
    pub(crate) state: RunState,
    pub(crate) cause: Option<String>,
    pub(crate) began_unix_ms: i64,
    pub(crate) ended_unix_ms: Option<i64>,
}

/// A sample grid without its image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GridInput {
    pub(crate) step: u64,
    pub(crate) epoch: u32,
    pub(crate) source: SampleSource,
    pub(crate) geometry: Geometry,
    pub(crate) png_bytes: u64,
}
