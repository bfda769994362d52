//! Notifications of a sweep to its observer: the progress display and the log read them.

use std::time::Duration;

use gansweep_config::{RunId, RunState};

use crate::StopLevel;

/// A run's id and label.
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
    /// An earlier invocation died while it trained this run.
    Reclaimed {
        /// The run; not necessarily one of this sweep.
        run: RunId,
        /// The attempt that it left active.
        attempt: u32,
    },
    /// The run was over before the sweep: trained up to its budget, diverged, or pruned.
    Skipped {
        /// The run.
        run: RunName,
        /// How it had ended.
        state: RunState,
    },
    /// The runs are known, and training begins.
    Begun {
        /// Groups to be formed, if all slots take turns.
        groups: usize,
        /// Number of slots.
        slots: usize,
        /// Where the sweep stands.
        progress: SweepProgress,
    },
    /// A run's checkpoint is missing or damaged: the run starts from the beginning.
    CheckpointUnusable {
        /// The run.
        run: RunName,
        /// The file, relative to the results folder; empty if none is recorded any more.
        path: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// A run's best checkpoint is missing or damaged: it has none until it draws better images.
    BestUnusable {
        /// The run.
        run: RunName,
        /// The file, relative to the results folder.
        path: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// A run resumes from its checkpoint.
    Resuming {
        /// The run.
        run: RunName,
        /// Steps done.
        step: u64,
    },
    /// A worker has been started on a group.
    GroupStarted {
        /// The slot.
        slot: usize,
        /// The slot's device.
        device: String,
        /// Its lanes, in order.
        runs: Vec<RunName>,
    },
    /// Progress of the sweep and its workers; several times a second.
    Progress {
        /// The sweep as a whole.
        sweep: SweepProgress,
        /// Workers at work, by slot.
        workers: Vec<WorkerProgress>,
    },
    /// A run is over in this invocation, or paused.
    RunEnded {
        /// The run.
        run: RunName,
        /// Completed, pruned, paused, diverged, failed or interrupted.
        state: RunState,
        /// Steps done.
        step: u64,
        /// Why, unless it completed; may be empty.
        cause: String,
    },
    /// A worker ended before its runs were over.
    WorkerLost {
        /// The slot.
        slot: usize,
        /// The slot's device.
        device: String,
        /// What happened to it.
        cause: String,
        /// Runs that return to the queue.
        requeued: Vec<RunName>,
        /// Number of groups that they form there.
        groups: usize,
        /// Runs without attempts left.
        failed: Vec<RunName>,
    },
    /// A slot is closed.
    SlotLost {
        /// The slot.
        slot: usize,
        /// Its device.
        device: String,
        /// Why.
        cause: String,
        /// Slots that are still open.
        left: usize,
    },
    /// A checkpoint that is no longer needed could not be deleted.
    Leftover {
        /// The file or folder, relative to the results folder.
        path: String,
        /// The system's error.
        reason: String,
    },
    /// The sweep ends for a cause that all of its runs share. No attempt is counted.
    SharedCause {
        /// The cause, with the file or device.
        cause: String,
    },
    /// The sweep stops early: the user asked for it, all runs share a cause, or the database failed.
    Stopping {
        /// How urgently.
        level: StopLevel,
        /// Workers still at work.
        workers: usize,
    },
    /// The sweep stops early, and its workers go on without it.
    Leaving {
        /// Workers that go on.
        workers: usize,
        /// Workers that are not handed over yet, and will not be by this sweep.
        waiting: usize,
    },
    /// The sweep stops and waits for workers to finish their step and save. Sent again while it takes longer.
    WaitingForWorkers {
        /// The workers.
        workers: Vec<StoppingWorker>,
        /// Time since the stop request.
        waited: Duration,
    },
}

/// A worker that the sweep waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppingWorker {
    /// Its device.
    pub device: String,
    /// The label of its first lane that is not over.
    pub label: String,
    /// Lanes that are not over.
    pub lanes: usize,
}

/// Progress of a sweep; runs that were over before it count too.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SweepProgress {
    /// Runs so far; more may come.
    pub runs: usize,
    /// Runs that are over: completed, diverged or pruned, now or before.
    pub done: usize,
    /// Those of them that diverged.
    pub diverged: usize,
    /// Those of them that were pruned.
    pub pruned: usize,
    /// Runs that failed.
    pub failed: usize,
    /// Runs that have a worker.
    pub active: usize,
    /// Those of them whose worker has not started training.
    pub pending: usize,
    /// Runs that wait for the pruner.
    pub paused: usize,
    /// Steps done, over all runs.
    pub steps_done: u64,
    /// Steps of all runs; a run that diverged, failed or was pruned counts those it did.
    pub steps_total: u64,
    /// Share of the sweep's floating-point operations that is done, from 0 to 1.
    pub fraction: f64,
    /// Time since the sweep began.
    pub elapsed: Duration,
    /// Estimated time left; `None` while unknown.
    pub remaining: Option<Duration>,
}

/// Progress of a worker.
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
    /// Share of its lanes' steps that is done, from 0 to 1.
    pub fraction: f64,
}
