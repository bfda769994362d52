//! What a worker tells the runner: the only way from training to the database.

use serde::{Deserialize, Serialize};

use gansweep_config::RunId;

use crate::Metric;

/// One event with its origin. `(run, attempt, seq)` is unique, so that importing a stream a second
/// time changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The run it speaks of.
    pub run: RunId,
    /// Which attempt at the run, from 1.
    pub attempt: u32,
    /// Counts this attempt's events from 0.
    pub seq: u64,
    /// Milliseconds since 1970-01-01T00:00:00Z by the worker's clock.
    pub at_unix_ms: i64,
    /// What happened.
    pub event: Event,
}

/// What happened to one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A lane has its weights (fresh, or from a checkpoint) and is about to train.
    Started(Started),
    /// Values at one step.
    Points(Points),
    /// Images from the sweep's fixed latents.
    Samples(Samples),
    /// A checkpoint lies on the disk, complete.
    Checkpoint(Checkpoint),
    /// For display only, never recorded.
    Progress(Progress),
    /// The run reached its last step.
    Completed(Ended),
    /// A loss became NaN or infinite; the run ends here.
    Diverged(Diverged),
    /// The run stopped on request, after its last checkpoint.
    Interrupted(Ended),
    /// The attempt ended in an error.
    Failed(Failed),
}

/// A lane is about to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// The device: `cpu`, `vulkan:0`, ...
    pub device: String,
    /// What computes there: `native x86-64-v4`, `burn-wgpu`, ...
    pub backend: String,
    /// The lane's place in its group.
    pub lane: u32,
    /// How many lanes the group has.
    pub lanes: u32,
    /// The worker's process id.
    pub pid: u32,
    /// The worker's machine.
    pub host: String,
    /// Steps already done, from a checkpoint; 0 for a fresh start.
    pub from_step: u64,
}

/// Values at one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Points {
    /// Steps done when they were taken.
    pub step: u64,
    /// May hold NaN and infinities.
    pub values: Vec<(Metric, f64)>,
}

/// Images from the sweep's fixed latents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// Steps done when they were drawn.
    pub step: u64,
    /// Epochs done when they were drawn.
    pub epoch: u32,
    /// Where each image lies in the PNG.
    pub geometry: Geometry,
    /// One 8-bit grey PNG of the whole grid.
    #[serde(with = "serde_bytes")]
    pub png: Vec<u8>,
}

/// The layout of a grid of images without gaps, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry {
    /// Images in a column.
    pub rows: u32,
    /// Images in a row.
    pub cols: u32,
    /// Height of one image in pixels.
    pub height: u32,
    /// Width of one image in pixels.
    pub width: u32,
}

/// A checkpoint lies on the disk, complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Steps done.
    pub step: u64,
    /// The file, relative to the results folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

/// For display only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Steps in the whole run.
    pub total_steps: u64,
    /// The epoch being trained, from 1.
    pub epoch: u32,
    /// Epochs in the whole run.
    pub epochs: u32,
    /// Latest discriminator loss known; NaN before the first.
    pub d_loss: f64,
    /// Latest generator loss known; NaN before the first.
    pub g_loss: f64,
    /// Real images per second of this lane.
    pub images_per_second: f64,
}

/// The attempt is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Steps done.
    pub step: u64,
    /// Seconds of training, over all attempts.
    pub seconds: f64,
}

/// A loss became NaN or infinite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diverged {
    /// The step (counted from 1) whose losses were not finite.
    pub step: u64,
    /// Which loss, and what it was.
    pub cause: String,
    /// Seconds of training, over all attempts.
    pub seconds: f64,
}

/// The attempt ended in an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// Steps done, as far as is known.
    pub step: u64,
    /// What went wrong, in words for the user.
    pub cause: String,
}
