//! Runs a sweep: runs to groups, groups to workers, their events to the database.
//!
//! [`run_sweep`] asks a [`Searcher`] for runs and feeds one queue of groups to the slots of the
//! machine, each as many lanes at a time as it holds. A [`Launcher`] starts a [`Worker`] for each
//! group; one thread per worker reads its frames; the calling thread alone writes the database, in
//! batches, and asks a [`Pruner`] at each recorded epoch which runs go on. Whatever happens to a
//! worker (a crash, a signal, silence, a torn stream, a device that is gone), the sweep goes on: the
//! attempt is recorded with its cause, and the runs that it leaves unfinished go back to the queue.
//! Only a cause that all runs share, such as a full disk, ends the sweep.
//!
//! Nothing here trains, prints or exits. What happens is reported as [`Notice`]s.

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
mod prune;
mod queue;
mod recorder;
mod request;
mod retry;
mod run_table;
mod search;
mod stop;
mod sweep;

pub use eta::Eta;
pub use exit::{EXIT_DEVICE_UNAVAILABLE, EXIT_OUT_OF_MEMORY, EXIT_SHARED_CAUSE, Exit, ExitStatus};
pub use in_process::{InProcessLauncher, SendFrame, TakeCommand, WorkerFailure};
pub use launcher::{FrameStream, LaunchError, Launcher, Worker};
pub use notice::{Notice, RunName, SweepProgress, WorkerProgress};
pub use outcome::{RunnerError, Summary};
pub use process::ProcessLauncher;
pub use prune::{Decision, EpochReport, NeverPrune, Pruner};
pub use queue::{PlannedGroup, form_groups};
pub use recorder::Recorder;
pub use request::{Pacing, Slot, StepFlops, SweepParts, SweepRequest};
pub use search::{PlannedRuns, Proposal, RunResult, Searcher};
pub use stop::{StopLevel, StopSignal};
pub use sweep::run_sweep;
