//! What the runner hands to a worker: one group on one device.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use gansweep_config::{Config, DatasetSpec, Record, RunId};

/// One group of runs, trained as lanes by one worker; sent as one line of JSON on its input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Where: `cpu`, `vulkan:0`, ...
    pub device: String,
    /// Threads the worker may use.
    pub threads: u32,
    /// A folder with the datasets' files; `None` for the cache.
    pub data_dir: Option<PathBuf>,
    /// The folder of the dataset `idx`, where a run trains on it.
    pub idx_dir: Option<PathBuf>,
    /// Checkpoint paths are relative to it.
    pub results_dir: PathBuf,
    /// What to record.
    pub record: Record,
    /// The runs, all of one group key.
    pub lanes: Vec<LaneJob>,
}

/// One run of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaneJob {
    /// Its id.
    pub run: RunId,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The resolved values.
    pub config: Config,
    /// Of the data it trains on, the same for all runs of a job.
    pub spec: DatasetSpec,
    /// How far to train it, in epochs.
    pub epochs: u32,
    /// Smaller numbers of epochs that are asked for too. The run is recorded where they end as it
    /// is at its own end, so that a view of it that stops there has a last point and a grid.
    pub milestones: Vec<u32>,
    /// Of this run.
    pub seed: u64,
    /// Where to go on from; `None` for a fresh start.
    pub resume: Option<Resume>,
}

/// The checkpoint a run goes on from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resume {
    /// Steps done.
    pub step: u64,
    /// The file, relative to the results folder.
    pub path: String,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    /// The id that the file says it is of, where that is not the run's: the rule of ids has changed
    /// since the file was written.
    pub written_for: Option<RunId>,
}
