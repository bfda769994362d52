//! Runs as planned, and the states they pass through.

use serde::{Deserialize, Serialize};

use crate::{Config, ConfigHash, DatasetSpec, RunId};

/// One config with one seed, and the budget that a plan asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedRun {
    /// Derived from the config, the seed and the data; the same whatever the budget.
    pub id: RunId,
    /// Of the config.
    pub config_hash: ConfigHash,
    /// The resolved values.
    pub config: Config,
    /// The budget: how far the run is to be trained, in epochs.
    pub epochs: u32,
    /// Of this run.
    pub seed: u64,
    /// Of the data the run trains on.
    pub spec: DatasetSpec,
    /// The swept keys and their values in this run, in the order of the axes (the seed left out).
    pub assignments: Vec<Assignment>,
    /// The assignments and the seed in a few words: `lr=1e-4 hidden=128 seed=1`.
    pub label: String,
}

impl PlannedRun {
    /// Steps in the whole budget.
    pub const fn total_steps(&self) -> u64 {
        self.config.steps(self.epochs, &self.spec)
    }
}

/// A swept key and its value in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// The key as the experiment file writes it: `optimizer.lr`.
    pub key: String,
    /// A number, a text, a truth value or a list.
    pub value: serde_json::Value,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Planned, not begun.
    Queued,
    /// Handed to a launcher, not begun: its worker is starting, or waits for a place on a cluster.
    Pending,
    /// A worker trains it.
    Running,
    /// Ended at a checkpoint by the sweep's pruner, which may let it go on.
    Paused,
    /// Trained as far as was asked for.
    Completed,
    /// Ended before its last step by the sweep's pruner.
    Pruned,
    /// A loss became NaN or infinite.
    Diverged,
    /// Every attempt ended in an error.
    Failed,
    /// Stopped before its end, resumable.
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

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether a sweep that finds a run of its plan so leaves it alone: there is nothing more to
    /// train. Another sweep may ask for a longer run of what is completed; what has diverged stays
    /// so. A pruned run goes on in a sweep without a pruner.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Diverged)
    }

    /// Whether a worker has it, or is about to.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}
