//! What the sweep tells its observer while it runs: the progress display and a log both live on it.

use std::time::Duration;

use gansweep_config::{RunId, RunState};

use crate::StopLevel;

/// A run by id and by label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunName {
    /// Its id.
    pub id: RunId,
    /// `lr=1e-4 hidden=128 seed=1`.
    pub label: String,
}

/// What happened to a sweep. Slots are given by their place in the request.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// An earlier invocation ended without a word while this run was being trained.
    Reclaimed {
        /// Which; it need not be of this sweep.
        run: RunId,
        /// The attempt that was cut short.
        attempt: u32,
    },
    /// The run was over before: trained as far as is asked, diverged, or ended by the pruner.
    Skipped {
        /// Which.
        run: RunName,
        /// How it had ended.
        state: RunState,
    },
    /// What there is to do is known.
    Begun {
        /// Groups that the slots will make of it, if all take turns.
        groups: usize,
        /// Slots that take them.
        slots: usize,
        /// Where the sweep stands.
        progress: SweepProgress,
    },
    /// A run's checkpoint is missing or damaged: the run starts afresh.
    CheckpointUnusable {
        /// Which.
        run: RunName,
        /// The file, relative to the results folder.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A run goes on from its checkpoint.
    Resuming {
        /// Which.
        run: RunName,
        /// Steps done.
        step: u64,
    },
    /// A worker has been started on a group.
    GroupStarted {
        /// Where.
        slot: usize,
        /// The slot's device.
        device: String,
        /// Its lanes, in order.
        runs: Vec<RunName>,
    },
    /// Where the sweep and its workers stand; comes several times a second.
    Progress {
        /// The sweep as a whole.
        sweep: SweepProgress,
        /// Workers at work, by slot.
        workers: Vec<WorkerProgress>,
    },
    /// A run is over, as far as this invocation goes, or is paused.
    RunEnded {
        /// Which.
        run: RunName,
        /// Completed, pruned, paused, diverged, failed or interrupted.
        state: RunState,
        /// Steps done.
        step: u64,
        /// Why, unless it completed; may be empty.
        cause: String,
    },
    /// A worker is gone before its runs were over.
    WorkerLost {
        /// Where.
        slot: usize,
        /// The slot's device.
        device: String,
        /// What happened to it.
        cause: String,
        /// Runs that go back to the queue.
        requeued: Vec<RunName>,
        /// In how many groups they do.
        groups: usize,
        /// Runs that have had their last attempt.
        failed: Vec<RunName>,
    },
    /// A slot takes no more groups.
    SlotLost {
        /// Which.
        slot: usize,
        /// Its device.
        device: String,
        /// Why.
        cause: String,
        /// Slots left in service.
        left: usize,
    },
    /// A checkpoint that is no longer needed could not be deleted.
    Leftover {
        /// The file or folder, relative to the results folder.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// The sweep ends for a cause that all of its runs share. They are not charged for it.
    SharedCause {
        /// What happened, and where.
        cause: String,
    },
    /// The sweep is ending before its time: by the user, by a cause that all runs share, or by a
    /// database that fails.
    Stopping {
        /// How urgently.
        level: StopLevel,
        /// Workers still at work.
        workers: usize,
    },
}

/// Where a sweep stands, runs finished before it began included.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SweepProgress {
    /// Runs so far; more may come.
    pub runs: usize,
    /// Runs over: completed, diverged or pruned, now or before.
    pub done: usize,
    /// How many of those diverged.
    pub diverged: usize,
    /// How many of those the pruner ended.
    pub pruned: usize,
    /// Runs given up.
    pub failed: usize,
    /// Runs that workers have.
    pub active: usize,
    /// How many of those have not begun: their workers are starting.
    pub pending: usize,
    /// Runs that wait for the pruner.
    pub paused: usize,
    /// Steps done, over all runs.
    pub steps_done: u64,
    /// Steps of all runs; a run that diverged, failed or was pruned counts those it did.
    pub steps_total: u64,
    /// Of the sweep's arithmetic, from 0 to 1.
    pub fraction: f64,
    /// Since the sweep began.
    pub elapsed: Duration,
    /// Until it ends at the pace of late; `None` before that can be told.
    pub remaining: Option<Duration>,
}

/// Where a worker stands.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerProgress {
    /// Its slot.
    pub slot: usize,
    /// The slot's device.
    pub device: String,
    /// The label of its first lane that is not over.
    pub label: String,
    /// Lanes that are not over.
    pub lanes: usize,
    /// The epoch being trained, from 1, of its first lane; 0 before the first report.
    pub epoch: u32,
    /// Epochs of that lane.
    pub epochs: u32,
    /// Mean over lanes of the latest discriminator losses; NaN before the first.
    pub d_loss: f64,
    /// Mean over lanes of the latest generator losses; NaN before the first.
    pub g_loss: f64,
    /// Real images per second, of all lanes together.
    pub images_per_second: f64,
    /// Of its lanes' steps, from 0 to 1.
    pub fraction: f64,
}
