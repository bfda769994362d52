//! What a sweep records, and where it trains: settings that change no run's mathematics.

use serde::{Deserialize, Serialize};

/// What is recorded of every run of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Points are written every so many steps, and at the end of each recorded epoch.
    pub every_steps: u32,
    /// Sample grids and epoch means are written every so many epochs, and after the last.
    pub every_epochs: u32,
    /// Rows of a sample grid.
    pub grid_rows: u32,
    /// Columns of a sample grid.
    pub grid_cols: u32,
    /// How layers that behave differently in training draw the grid.
    pub sample_mode: SampleMode,
    /// Seed of the sweep's fixed latents.
    pub latent_seed: u64,
    /// How the report shows images.
    pub palette: Palette,
    /// A checkpoint is written at the first recorded epoch's end after so many seconds, and at
    /// the end of a run. 0 stands for every epoch.
    pub checkpoint_seconds: f64,
}

/// How layers that behave differently in training draw the sample grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SampleMode {
    /// `BatchNorm` uses its running statistics, Dropout is off.
    Eval,
    /// `BatchNorm` uses the grid's own statistics (and leaves the running ones alone), Dropout is
    /// off.
    BatchStatistics,
}

/// How the report shows images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Palette {
    /// White strokes on black, as stored.
    Gray,
    /// Black strokes on white.
    GrayR,
}

/// Where and how densely a sweep trains; every value can be overridden on the command line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    /// Devices that take groups from one queue.
    pub devices: Vec<String>,
    /// Workers at the same time on each device; 0 lets the program choose.
    pub jobs: u32,
    /// The most lanes in a group; 0 lets the planner choose, 1 trains every run alone.
    pub fuse: u32,
    /// A worker that sends nothing for so many seconds is taken for hung and replaced.
    pub hang_seconds: f64,
}
