//! Interface between the sweep and its workers: processes, threads, or mocks.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use gansweep_protocol::{Command, Frame, FrameError, Job};
use rustix::io::Errno;

use crate::Exit;

/// A worker's frames, in order. `next` blocks until a frame comes, and returns `None` when the worker
/// has closed its stream or after an error.
pub type FrameStream = Box<dyn Iterator<Item = Result<Frame, FrameError>> + Send>;

/// Starts workers.
pub trait Launcher {
    /// Starts a worker on a group, without waiting for it.
    fn launch(&self, job: &Job) -> Result<Box<dyn Worker>, LaunchError>;

    /// A worker that has sent no frame this long after its launch is killed. `None` where workers may
    /// wait to be started, as in a cluster's queue.
    fn start_timeout(&self) -> Option<Duration> {
        Some(START_TIMEOUT)
    }
}

/// A local program sends its first heartbeat within milliseconds; minutes allow for one that is loaded
/// over a slow network.
const START_TIMEOUT: Duration = Duration::from_mins(5);

/// A worker that trains one group. None of its methods blocks for long.
pub trait Worker {
    /// Its frames. Called once, after the launch.
    fn frames(&mut self) -> FrameStream;

    /// Sends it a command, which it obeys after its current steps.
    fn send(&mut self, command: &Command);

    /// Kills it and everything that it has started.
    fn kill(&mut self);

    /// Its exit, or `None` while it runs.
    fn try_wait(&mut self) -> Option<Exit>;
}

/// Why no worker could be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The worker's program cannot be started.
    #[error("{} cannot be started: {source}", program.display())]
    Program {
        /// The file.
        program: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The device is missing.
    #[error("device {device} is unavailable: {reason}")]
    DeviceUnavailable {
        /// Its name in the job.
        device: String,
        /// Why, and the way out.
        reason: String,
    },
    /// The job has no JSON form.
    #[error("the job cannot be sent to a worker: {0}")]
    Job(#[from] serde_json::Error),
    /// The system gave no thread or pipe.
    #[error("no thread can be started for a worker: {0}")]
    Thread(io::Error),
}

impl LaunchError {
    /// Whether every launch on the same slot would fail in the same way.
    pub fn affects_slot(&self) -> bool {
        match self {
            Self::DeviceUnavailable { .. } => true,
            Self::Program { source, .. } => {
                matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
            }
            Self::Job(_) | Self::Thread(_) => false,
        }
    }

    /// Whether the system has no process, thread, open file or memory left: later, or with fewer workers, the
    /// launch may succeed.
    pub fn is_shortage(&self) -> bool {
        match self {
            Self::Thread(_) => true,
            Self::Program { source, .. } => matches!(
                Errno::from_io_error(source),
                Some(Errno::AGAIN | Errno::MFILE | Errno::NFILE | Errno::NOMEM)
            ),
            Self::DeviceUnavailable { .. } | Self::Job(_) => false,
        }
    }

    /// Whether every launch of the sweep would fail in the same way. Only a path can fail to be written as
    /// JSON, and all jobs of a sweep have the same paths.
    pub fn affects_sweep(&self) -> bool {
        matches!(self, Self::Job(_))
    }
}
