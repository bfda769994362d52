//! How a sweep ended.

use std::io;
use std::time::Duration;

use gansweep_store::StoreError;

/// How a sweep ended, in numbers of runs. Every run of the sweep is in exactly one of `skipped`,
/// `completed`, `pruned`, `paused`, `diverged`, `failed`, `interrupted` and `queued`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Runs of the sweep: the plan's, and those that the searcher added.
    pub total: usize,
    /// Over before: trained as far as is asked, diverged, or ended by the pruner.
    pub skipped: usize,
    /// How many of the skipped had diverged.
    pub skipped_diverged: usize,
    /// Completed now.
    pub completed: usize,
    /// Ended by the pruner now.
    pub pruned: usize,
    /// Paused by the pruner, which has not let them go on.
    pub paused: usize,
    /// Diverged now.
    pub diverged: usize,
    /// Given up now, after every attempt.
    pub failed: usize,
    /// Begun, now or before, and stopped before their end; resumable.
    pub interrupted: usize,
    /// Not begun yet, because the sweep was stopped.
    pub queued: usize,
    /// Went on from a checkpoint of an earlier invocation that did not complete them; also counted
    /// by how they ended.
    pub resumed: usize,
    /// Were completed for a smaller budget before and trained on; also counted by how they ended.
    pub extended: usize,
    /// Whether the user stopped the sweep.
    pub stopped: bool,
    /// Why the sweep ended before its time, if not by the user: a cause that all runs share, such
    /// as a full disk. Runs are not charged for it.
    pub shared_cause: Option<String>,
    /// From the first to the last moment.
    pub elapsed: Duration,
}

impl Summary {
    /// Whether every run ended as it was meant to: completed, or ended or paused by the pruner.
    pub fn all_well(&self) -> bool {
        self.completed + self.pruned + self.paused + self.skipped - self.skipped_diverged == self.total
    }
}

/// What ends a whole sweep without a summary; the failure of a worker never does.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The database failed. Everything written before is kept.
    #[error(
        "{doing} failed: {source}; the workers were stopped, what was recorded before is kept, and the same \
         command run again goes on from the last checkpoints"
    )]
    Database {
        /// What was being done: `recording events`.
        doing: &'static str,
        /// What the database says.
        source: StoreError,
    },
    /// There is nowhere to train.
    #[error("there are runs to train but no slot: name at least one device, with at least one job")]
    NoSlots,
    /// The system gave no thread.
    #[error(
        "the system gave no thread to watch a worker: {0}; close other programs and run the same command again"
    )]
    Thread(#[source] io::Error),
}
