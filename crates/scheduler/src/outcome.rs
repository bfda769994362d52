//! How a sweep ended.

use std::time::Duration;

use gansweep_store::StoreError;

/// How a sweep ended, in numbers of runs. Every run of the sweep is in exactly one of `skipped`,
/// `completed`, `pruned`, `paused`, `diverged`, `failed`, `interrupted`, `queued` and `left`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Runs of the sweep: the plan's, and those that the searcher added.
    pub total: usize,
    /// Over before the sweep: trained up to the budget, diverged, or pruned.
    pub skipped: usize,
    /// Skipped runs that had diverged.
    pub skipped_diverged: usize,
    /// Completed now.
    pub completed: usize,
    /// Pruned now.
    pub pruned: usize,
    /// Paused by the pruner and not resumed.
    pub paused: usize,
    /// Diverged now.
    pub diverged: usize,
    /// Failed now: no attempts are left.
    pub failed: usize,
    /// Begun, now or before, and stopped before the end; resumable.
    pub interrupted: usize,
    /// Not begun yet, because the sweep was stopped.
    pub queued: usize,
    /// Left behind with their workers, which go on without the runner.
    pub left: usize,
    /// Resumed from a checkpoint of an earlier invocation; counted under their end state too.
    pub resumed: usize,
    /// Completed for a smaller budget before and trained further; counted under their end state too.
    pub extended: usize,
    /// Whether the user stopped the sweep before its end. A search ends with its last trial, and pruning when it lets no paused run
    /// go on.
    pub stopped: bool,
    /// A cause that all runs share and that ended the sweep, such as a full disk.
    pub shared_cause: Option<String>,
    /// Duration of the sweep.
    pub elapsed: Duration,
}

impl Summary {
    /// Whether every run is completed, pruned, paused or left behind with its worker.
    pub fn all_well(&self) -> bool {
        self.completed + self.pruned + self.paused + self.left + self.skipped - self.skipped_diverged
            == self.total
    }
}

/// An error that ends the sweep without a summary. The failure of a worker is none.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The database failed. Everything written before is kept.
    #[error(
        "{doing} failed: {source}; the workers were stopped, what was recorded before is kept, and the same \
         command run again goes on from the last checkpoints"
    )]
    Database {
        /// The operation: `recording events`.
        doing: &'static str,
        /// The database's error.
        source: StoreError,
    },
    /// The user stopped the sweep before it was registered.
    #[error("the sweep was stopped before anything of it was recorded")]
    Cancelled,
    /// Workers of an earlier runner cannot be taken over.
    #[error(transparent)]
    Launch(#[from] crate::LaunchError),
    /// There are runs to train and no slots.
    #[error("there are runs to train but no slot: name at least one device, with at least one job")]
    NoSlots,
}
