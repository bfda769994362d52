//! Events: what a worker reports of its runs. Everything in the database about training comes from them.

use serde::{Deserialize, Serialize};

use gansweep_config::RunId;

use crate::Metric;

/// An event with its origin. `(run, attempt, seq)` is unique and `seq` has no gaps, so that a reader that
/// keeps the next `seq` of each attempt notices repeated and missing events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The run that the event is about.
    pub run: RunId,
    /// The attempt at the run, from 1.
    pub attempt: u32,
    /// The number of the event within the attempt, from 0, without gaps.
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
    /// The run has its weights (new, or from a checkpoint) and starts to train.
    Started(Started),
    /// The metrics at one step.
    Points(Points),
    /// A sample grid.
    Samples(Samples),
    /// Quality figures of generated images.
    Evaluated(Evaluated),
    /// A checkpoint file was written completely.
    Checkpoint(Checkpoint),
    /// The run reached its last step.
    Completed(Ended),
    /// A loss became NaN or infinite; the run ends here.
    Diverged(Diverged),
    /// The worker was told to stop; the run can go on from its last checkpoint.
    Interrupted(Ended),
    /// The run was told to pause; it can go on from its last checkpoint.
    Paused(Halted),
    /// The run was told to end before its last step.
    Pruned(Halted),
    /// The attempt ended in an error.
    Failed(Failed),
    /// The run has trained for as long as it may. It has failed, and can go on from its last checkpoint.
    TimedOut(Halted),
}

impl Event {
    /// Whether this is the last event of its attempt.
    pub const fn ends_attempt(&self) -> bool {
        match self {
            Self::Started(_)
            | Self::Points(_)
            | Self::Samples(_)
            | Self::Evaluated(_)
            | Self::Checkpoint(_) => false,
            Self::Completed(_)
            | Self::Diverged(_)
            | Self::Interrupted(_)
            | Self::Paused(_)
            | Self::Pruned(_)
            | Self::Failed(_)
            | Self::TimedOut(_) => true,
        }
    }

    /// Whether the event must survive a loss of power once it is recorded. A checkpoint must, because the
    /// previous file is deleted afterwards. Points may be lost, because the run then goes on from a checkpoint
    /// before them and records them again.
    pub const fn must_be_durable(&self) -> bool {
        matches!(self, Self::Checkpoint(_)) || self.ends_attempt()
    }

    /// The number of completed steps at the event; `None` for a failure.
    pub fn step(&self) -> Option<u64> {
        match self {
            Self::Started(started) => Some(started.from_step()),
            Self::Points(points) => Some(points.step),
            Self::Samples(samples) => Some(samples.step),
            Self::Evaluated(evaluated) => Some(evaluated.step),
            Self::Checkpoint(checkpoint) => Some(checkpoint.step),
            Self::Completed(ended) | Self::Interrupted(ended) => Some(ended.step),
            Self::Paused(halted) | Self::Pruned(halted) | Self::TimedOut(halted) => Some(halted.step),
            Self::Diverged(diverged) => Some(diverged.step),
            Self::Failed(_) => None,
        }
    }
}

/// The run starts to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// The device: `cpu`, `vulkan:0`, ...
    pub device: String,
    /// The backend: `native (AVX-512)`, `burn-wgpu`, ...
    pub backend: String,
    /// The run's lane in its group, from 0.
    pub lane: u32,
    /// The number of lanes in the group.
    pub lanes: u32,
    /// The worker's process id.
    pub pid: u32,
    /// The worker's machine.
    pub host: String,
    /// The checkpoint that the attempt starts from; `None` for new weights.
    pub checkpoint: Option<Checkpoint>,
}

impl Started {
    /// The number of steps that were completed before: those of the checkpoint.
    pub fn from_step(&self) -> u64 {
        self.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.step)
    }
}

/// The metrics at one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Points {
    /// The number of completed steps.
    pub step: u64,
    /// Each metric and its value, which may be NaN or infinite.
    pub values: Vec<(Metric, f64)>,
}

/// A sample grid: images from the sweep's fixed latents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// The number of completed steps.
    pub step: u64,
    /// The number of completed epochs.
    pub epoch: u32,
    /// The weights that drew it. Absent for raw weights, as in the events of workers that knew no others.
    #[serde(default, skip_serializing_if = "SampleSource::is_raw")]
    pub source: SampleSource,
    /// The layout of the images in the PNG.
    pub geometry: Geometry,
    /// The whole grid as an 8-bit PNG, grey or RGB.
    #[serde(with = "serde_bytes")]
    pub png: Vec<u8>,
}

/// Quality figures of images that were drawn after a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// The number of completed steps.
    pub step: u64,
    /// The weights that drew the images.
    pub source: SampleSource,
    /// The number of images.
    pub images: u32,
    /// The digest of the classifier whose features the figures are of.
    pub evaluator: String,
    /// Whether the figures are points of the run. Those of the weights are not, where their average draws images.
    pub is_curve: bool,
    /// Each figure and its value, which may be NaN.
    pub figures: Vec<(Metric, f64)>,
    /// The number of images of each class, where the classifier knows classes.
    pub classes: Option<Vec<u64>>,
    /// The figures of each class, where each image was drawn for one. Earlier versions wrote none.
    #[serde(default)]
    pub by_class: Option<Vec<ClassFigures>>,
}

/// Quality figures of the images that were drawn for one class. NaN for what cannot be computed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassFigures {
    /// The Fréchet distance to real training images of the class.
    pub fd: f64,
    /// Share of the images that the classifier takes for the class.
    pub accuracy: f64,
}

/// Which of a generator's weights draw images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleSource {
    /// Those that the optimiser updates.
    #[default]
    Raw,
    /// Their exponential moving average.
    Ema,
}

impl SampleSource {
    /// Both, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Raw, Self::Ema];

    /// The name in the database and on the page.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Ema => "ema",
        }
    }

    /// The source of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }

    /// By reference, as serde calls it.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    const fn is_raw(&self) -> bool {
        matches!(self, Self::Raw)
    }
}

/// The layout of a grid of images, row by row and without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry {
    /// The number of rows of images.
    pub rows: u32,
    /// The number of images in a row.
    pub cols: u32,
    /// Height of one image in pixels.
    pub height: u32,
    /// Width of one image in pixels.
    pub width: u32,
}

/// A complete checkpoint file, from which a run can go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The number of completed steps.
    pub step: u64,
    /// The file, relative to the results folder.
    pub path: String,
    /// The length of the file.
    pub bytes: u64,
    /// The SHA-256 of the content, in hexadecimal.
    pub sha256: String,
    /// The run's best checkpoint so far, if one is kept. A run that goes on from this checkpoint knows by it which
    /// figures are better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<Box<BestCheckpoint>>,
}

impl Checkpoint {
    /// Its file and that of the best checkpoint, which may be the same.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.path.as_str()).chain(self.best.iter().map(|best| best.path.as_str()))
    }
}

/// The checkpoint of a run with the best value of a figure. Only figures of the same metric, number of images and
/// classifier compare with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BestCheckpoint {
    /// The number of completed steps.
    pub step: u64,
    /// The file, relative to the results folder.
    pub path: String,
    /// The length of the file.
    pub bytes: u64,
    /// The SHA-256 of the content, in hexadecimal.
    pub sha256: String,
    /// The figure.
    pub metric: Metric,
    /// Its value, which is finite.
    pub value: f64,
    /// The number of images that the value is of.
    pub images: u32,
    /// The digest of the classifier whose features the value is of.
    pub evaluator: String,
}

/// The attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// The number of completed steps.
    pub step: u64,
    /// Seconds of training over all attempts.
    pub seconds: f64,
}

/// The run ended or paused at a checkpoint, before its last step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Halted {
    /// The number of completed steps.
    pub step: u64,
    /// Why, in words.
    pub cause: String,
    /// Seconds of training over all attempts.
    pub seconds: f64,
}

/// A loss became NaN or infinite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diverged {
    /// The step, from 1, whose losses were not finite.
    pub step: u64,
    /// The loss that was not finite, and its value.
    pub cause: String,
    /// Seconds of training over all attempts.
    pub seconds: f64,
}

/// The attempt ended in an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// The number of completed steps, as far as it is known.
    pub step: u64,
    /// The error message.
    pub cause: String,
}
