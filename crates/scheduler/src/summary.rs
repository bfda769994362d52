//! How a sweep ended.

use std::time::Duration;

/// How a sweep ended, in numbers of runs. Every run of the plan is in exactly one of `skipped`,
/// `completed`, `diverged`, `failed`, `interrupted` and `queued`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Runs in the plan.
    pub total: usize,
    /// Already trained as far as is asked, or diverged before.
    pub skipped: usize,
    /// How many of the skipped had diverged.
    pub skipped_diverged: usize,
    /// Completed now.
    pub completed: usize,
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
    /// From the first to the last moment.
    pub elapsed: Duration,
}

impl Summary {
    /// Whether every run of the plan is completed.
    pub fn all_well(&self) -> bool {
        self.completed + self.skipped - self.skipped_diverged == self.total
    }
}
