//! Planned runs, and the states of a run.

use serde::{Deserialize, Serialize};

use crate::{Config, ConfigHash, DatasetSpec, RunId};

/// A run of a plan: a config with a seed and a budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedRun {
    /// Derived from the config, the seed and the data; the budget does not change it.
    pub id: RunId,
    /// The hash of the config.
    pub config_hash: ConfigHash,
    /// What the run computes.
    pub config: Config,
    /// The budget in epochs.
    pub epochs: u32,
    /// The seed of initialisation, batches and latents.
    pub seed: u64,
    /// The spec of the dataset that the run trains on.
    pub spec: DatasetSpec,
    /// The swept keys and their values, in the order of the axes; without the seed.
    pub assignments: Vec<Assignment>,
    /// The assignments and the seed in short form: `lr=1e-4 hidden=128 seed=1`.
    pub label: String,
}

impl PlannedRun {
    /// The number of steps in the whole budget.
    pub const fn total_steps(&self) -> u64 {
        self.config.steps(self.epochs, &self.spec)
    }
}

/// A swept key and its value in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The key as the experiment file writes it: `optimizer.lr`.
    pub key: String,
    /// A number, a text, a truth value, a list, or the name of a list.
    pub value: serde_json::Value,
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Planned, not started.
    Queued,
    /// Handed to a launcher, not started: its worker is starting up, or waits in the queue of a cluster.
    Pending,
    /// A worker trains it.
    Running,
    /// Ended at a checkpoint by the sweep's pruner, which may let it go on.
    Paused,
    /// Trained to its budget.
    Completed,
    /// Ended before its last step by the sweep's pruner.
    Pruned,
    /// A loss became NaN or infinite.
    Diverged,
    /// All attempts ended in errors.
    Failed,
    /// Stopped before its end; it goes on in the next sweep.
    Interrupted,
}

impl RunState {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Pending,
        Self::Running,
        Self::Paused,
        Self::Completed,
        Self::Pruned,
        Self::Diverged,
        Self::Failed,
        Self::Interrupted,
    ];

    /// The name in the database and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Pruned => "pruned",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// The state with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether a sweep trains no more of a run in this state. A completed run goes on only for a larger
    /// budget, and a diverged one never; a pruned run goes on in a sweep without a pruner.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Diverged)
    }

    /// Whether a worker trains the run or is starting to.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}
