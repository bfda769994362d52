//! What a worker reports of its runs: the only way from training to the database.

use serde::{Deserialize, Serialize};

use gansweep_config::RunId;

use crate::Metric;

/// One event with its origin. `(run, attempt, seq)` is unique and `seq` has no gaps: a reader that
/// remembers the next `seq` of each attempt can tell a repeated event from a new one and from a
/// missing one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The run it speaks of.
    pub run: RunId,
    /// Which attempt at the run, from 1.
    pub attempt: u32,
    /// Counts this attempt's events from 0, without gaps.
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
    /// The run reached its last step.
    Completed(Ended),
    /// A loss became NaN or infinite; the run ends here.
    Diverged(Diverged),
    /// The whole worker was asked to stop; the run can go on from its last checkpoint.
    Interrupted(Ended),
    /// This run was asked to pause; it can go on from its last checkpoint.
    Paused(Halted),
    /// This run was asked to end before its last step.
    Pruned(Halted),
    /// The attempt ended in an error.
    Failed(Failed),
}

impl Event {
    /// Whether it is the last event of its attempt.
    pub const fn ends_attempt(&self) -> bool {
        match self {
            Self::Started(_) | Self::Points(_) | Self::Samples(_) | Self::Checkpoint(_) => false,
            Self::Completed(_)
            | Self::Diverged(_)
            | Self::Interrupted(_)
            | Self::Paused(_)
            | Self::Pruned(_)
            | Self::Failed(_) => true,
        }
    }

    /// Whether it must survive a loss of power once it is recorded. A checkpoint must, because the
    /// file before it is deleted afterwards; points may be lost with the last seconds, since their
    /// run goes on from before them.
    pub const fn must_be_durable(&self) -> bool {
        matches!(self, Self::Checkpoint(_)) || self.ends_attempt()
    }

    /// Steps done when it happened; `None` where the event does not say.
    pub fn step(&self) -> Option<u64> {
        match self {
            Self::Started(started) => Some(started.from_step()),
            Self::Points(points) => Some(points.step),
            Self::Samples(samples) => Some(samples.step),
            Self::Checkpoint(checkpoint) => Some(checkpoint.step),
            Self::Completed(ended) | Self::Interrupted(ended) => Some(ended.step),
            Self::Paused(halted) | Self::Pruned(halted) => Some(halted.step),
            Self::Diverged(diverged) => Some(diverged.step),
            Self::Failed(_) => None,
        }
    }
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
    /// The checkpoint that the attempt goes on from; `None` for a fresh start.
    pub checkpoint: Option<Checkpoint>,
}

impl Started {
    /// Steps already done: those of the checkpoint.
    pub fn from_step(&self) -> u64 {
        self.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.step)
    }
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

/// A checkpoint on the disk, complete: what a run can go on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// The attempt is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Steps done.
    pub step: u64,
    /// Seconds of training, over all attempts.
    pub seconds: f64,
}

/// The run was asked to end or to pause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Halted {
    /// Steps done.
    pub step: u64,
    /// The reason that the command gave.
    pub cause: String,
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
