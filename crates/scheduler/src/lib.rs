//! Runs a sweep: forms groups of runs, trains each group with a worker, records the workers' events.
//!
//! [`run_sweep`] asks a [`Searcher`] for runs and distributes them over the machine's slots. A
//! [`Launcher`] starts a [`Worker`] for each group, and a thread per worker reads its frames. The calling
//! thread alone writes the database, in batches, and asks a [`Pruner`] at each recorded epoch which runs
//! continue. When a worker fails (a crash, a signal, a hang, a broken stream, a lost device), the attempt
//! is recorded with its cause, and its unfinished runs return to the queue. Only a cause that all runs
//! share, such as a full disk, ends the sweep.
//!
//! This crate trains, prints and exits nothing. It reports what happens as [`Notice`]s.

mod checkpoint;
mod clock;
mod eta;
mod exit;
mod in_process;
mod launcher;
pub mod mock;
mod notice;
mod outcome;
mod process;
mod program;
mod prune;
mod queue;
mod recorder;
mod request;
mod retry;
mod run_table;
mod search;
mod slurm;
mod stop;
mod sweep;

pub use checkpoint::{
    Deleted, delete as delete_checkpoints, is_own as is_own_file, unrecorded as unrecorded_checkpoints,
};
pub use eta::Eta;
pub use exit::{
    EXIT_DEVICE_UNAVAILABLE, EXIT_OUT_OF_MEMORY, EXIT_SHARED_CAUSE, EXIT_SHORTAGE, Exit, ExitStatus,
};
pub use in_process::{InProcessLauncher, SendFrame, TakeCommand, WorkerFailure};
pub use launcher::{AdoptedWorker, FrameSink, FrameStream, LaunchError, Launcher, Worker};
pub use notice::{Notice, RunName, StoppingWorker, SweepProgress, WorkerProgress};
pub use outcome::{RunnerError, Summary};
pub use process::{ProcessLauncher, ProcessLimits};
pub use program::Program;
pub use prune::{
    AddedRun, Decision, EpochBounds, EpochReport, MedianPruner, NeverPrune, Pruner, RungPruner, epoch_bounds,
    pruner_of,
};
pub use queue::{PlannedGroup, form_groups};
pub use recorder::Recorder;
pub use request::{CheckCheckpoint, Pacing, Slot, StepFlops, SweepParts, SweepRequest};
pub use search::{AdaptiveSearch, BestTrial, PlannedRuns, Proposal, ProposedTrials, RunResult, Searcher};
pub use slurm::{
    ArrayFolder, ArrayStatus, AttemptLog, CollectError, Collected, Restart, SlurmError, SlurmLauncher,
    TaskCounts, TaskEnd, cancel as cancel_slurm_jobs, collect as collect_slurm_jobs,
    logs_of as slurm_logs_of, program_copies, requeue_own_task, status as slurm_status, unfinished,
};
pub use stop::{StopLevel, StopSignal};
pub use sweep::run_sweep;
