//! Runs a sweep: runs to groups, groups to workers, their events to the database.
//!
//! [`run_sweep`] feeds one queue of groups to the slots of the machine, each as many lanes at a time
//! as it holds. A [`Launcher`] starts a
//! [`Worker`] for each group; one thread per worker reads its events; the calling thread alone
//! writes the database, in batches. Whatever happens to a worker (a crash, a signal, silence, a
//! torn stream, a device that is gone), the sweep goes on: the attempt is recorded with its cause,
//! and the lanes it leaves behind go back to the queue.
//!
//! Nothing here trains, prints or exits. What happens is told as [`Notice`]s.

mod checkpoint;
mod error;
mod eta;
mod exit;
mod in_process;
mod launcher;
pub mod mock;
mod notice;
mod process;
mod queue;
mod recorder;
mod request;
mod retry;
mod roster;
mod stop;
mod summary;
mod sweep;
mod tail;

pub use error::RunnerError;
pub use eta::Eta;
pub use exit::{EXIT_DEVICE_UNAVAILABLE, EXIT_OUT_OF_MEMORY, Exit, ExitStatus};
pub use in_process::{InProcessLauncher, SendFrame, TakeCommand, WorkerFailure};
pub use launcher::{FrameStream, LaunchError, Launcher, Worker};
pub use notice::{Notice, RunName, SweepProgress, WorkerProgress};
pub use process::ProcessLauncher;
pub use queue::{PlannedGroup, form_groups};
pub use recorder::Recorder;
pub use request::{Pacing, Slot, SweepRequest};
pub use stop::{StopLevel, StopSignal};
pub use summary::Summary;
pub use sweep::run_sweep;
