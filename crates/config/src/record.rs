//! What a sweep records, and where it trains: settings that do not change what a run computes.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::schema::AUTO;

/// What is recorded of every run of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The number of steps between points; there is a point at the end of each recorded epoch too.
    pub every_steps: u32,
    /// The number of epochs between recorded epochs, whose ends get a sample grid and epoch means. The last
    /// epoch is always recorded.
    pub every_epochs: u32,
    /// The number of rows of a sample grid.
    pub grid_rows: u32,
    /// The number of columns of a sample grid.
    pub grid_cols: u32,
    /// How `BatchNorm` and Dropout behave while the grid is drawn.
    pub sample_mode: SampleMode,
    /// The seed of the fixed latents of all grids.
    pub latent_seed: u64,
    /// How the report shows grey images.
    pub palette: Palette,
    /// The shortest time between checkpoints, in seconds. They are written at the ends of recorded epochs
    /// and of the run; 0 for every recorded epoch.
    pub checkpoint_seconds: f64,
    /// The number of epochs between evaluations of the generated images, which take place at the ends of recorded
    /// epochs and of the run.
    pub evaluate_epochs: EvaluateEpochs,
    /// The number of images of an evaluation, whose figures are points of the run.
    pub evaluate_images: u32,
    /// The number of images of a further evaluation at the end of the run.
    pub final_images: u32,
    /// The figure by which a run's best checkpoint is chosen, one of [`Record::BEST`].
    pub best: String,
}

impl Record {
    /// The figures that a best checkpoint can be chosen by: those with a better direction. `none` keeps none.
    pub const BEST: &'static [&'static str] = &{
        let mut all = ["none"; RANKING_METRICS.len() + 1];
        let mut at = 0;
        while at < RANKING_METRICS.len() {
            all[at + 1] = RANKING_METRICS[at];
            at += 1;
        }
        all
    };
}

/// Metrics that say which run is better and are the same whenever a run is repeated; the declarations of metrics are
/// compared with this list by a test of theirs.
pub const RANKING_METRICS: [&str; 11] = [
    "fd",
    "kid",
    "precision",
    "recall",
    "density",
    "coverage",
    "score",
    "modes",
    "class_kl",
    "class_fd",
    "class_accuracy",
];

/// The number of epochs between evaluations of the generated images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvaluateEpochs {
    /// As the cost of an evaluation allows, which the runner decides before it starts a worker.
    Auto,
    /// This number; 0 for no evaluations.
    Every(u32),
}

impl EvaluateEpochs {
    /// The number of epochs, once it is decided and there are evaluations.
    pub fn period(self) -> Option<u32> {
        match self {
            Self::Auto | Self::Every(0) => None,
            Self::Every(epochs) => Some(epochs),
        }
    }
}

impl Serialize for EvaluateEpochs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str(AUTO),
            Self::Every(epochs) => serializer.serialize_u32(*epochs),
        }
    }
}

impl<'de> Deserialize<'de> for EvaluateEpochs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrAuto;

        impl Visitor<'_> for NumberOrAuto {
            type Value = EvaluateEpochs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"{AUTO}\" or a number of epochs")
            }

            fn visit_u64<E: Error>(self, epochs: u64) -> Result<EvaluateEpochs, E> {
                u32::try_from(epochs).map(EvaluateEpochs::Every).map_err(E::custom)
            }

            fn visit_i64<E: Error>(self, epochs: i64) -> Result<EvaluateEpochs, E> {
                u32::try_from(epochs).map(EvaluateEpochs::Every).map_err(E::custom)
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<EvaluateEpochs, E> {
                if word == AUTO {
                    Ok(EvaluateEpochs::Auto)
                } else {
                    Err(E::invalid_value(Unexpected::Str(word), &self))
                }
            }
        }

        deserializer.deserialize_any(NumberOrAuto)
    }
}

/// How `BatchNorm` and Dropout behave while a sample grid is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SampleMode {
    /// `BatchNorm` uses its running statistics, Dropout is off.
    Eval,
    /// `BatchNorm` uses the statistics of the grid and does not update the running ones; Dropout is off.
    BatchStatistics,
}

/// How the report shows grey images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Palette {
    /// White strokes on black, as stored.
    Gray,
    /// Black strokes on white.
    GrayR,
}

/// Where a sweep trains, and how many runs at the same time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    /// The devices; they take groups from one queue.
    pub devices: Vec<String>,
    /// The number of workers on each device; 0 lets the program choose.
    pub jobs: u32,
    /// The most lanes in a group; 0 lets the program choose, 1 trains every run alone.
    pub fuse: u32,
    /// A worker without a sign of life for this long, in seconds, is taken for hung and replaced.
    pub hang_seconds: f64,
    /// The number of failed attempts in a row after which a run has failed.
    pub attempts: u32,
    /// The pause of a slot after a worker has failed there, in seconds.
    pub retry_seconds: f64,
    /// How many hours a run may train, in all of its attempts together; 0 for no limit.
    pub run_hours: f64,
    /// By how much the priority of worker processes is lowered.
    pub niceness: u32,
    /// The main memory that a worker process may allocate, in MiB; 0 for no limit.
    pub memory_mib: u64,
    /// The power of a device while it trains, in watts; 0 if it is not known.
    pub watts: f64,
    /// The price of a kilowatt-hour; 0 if it is not known.
    pub price_per_kwh: f64,
    /// Jobs in a cluster.
    pub slurm: SlurmConfig,
}

/// How the jobs of `--launcher slurm` are submitted. Empty texts and zeroes leave a setting to the cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlurmConfig {
    /// The partition.
    pub partition: String,
    /// The account that is charged.
    pub account: String,
    /// The time limit of a task, as Slurm reads it.
    pub time: String,
    /// GPUs for each task.
    pub gpus: u32,
    /// Processor cores for each task; as many threads are used.
    pub cpus: u32,
    /// Main memory for each task, as Slurm reads it.
    pub memory: String,
    /// The most tasks at the same time; 0 for no limit.
    pub concurrency: u32,
    /// Seconds before the time limit when a task saves its runs.
    pub save_seconds: u32,
    /// The shortest time between two questions to the cluster, in seconds.
    pub poll_seconds: f64,
    /// Further options of `sbatch`, one a line.
    pub sbatch: String,
    /// Shell commands that a task runs before the program.
    pub setup: String,
}
