//! How workers are started and handled, whatever they are.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use gansweep_protocol::{Command, Frame, FrameError, Job};

use crate::Exit;

/// A worker's frames, in order. Ends with `None` when the worker has closed its stream, after an
/// error at the latest; blocks as long as nothing comes.
pub type FrameStream = Box<dyn Iterator<Item = Result<Frame, FrameError>> + Send>;

/// Starts workers.
pub trait Launcher {
    /// Starts one worker on one group; returns at once.
    fn launch(&self, job: &Job) -> Result<Box<dyn Worker>, LaunchError>;

    /// The longest time from the launch of a worker to its first frame; a worker that takes longer
    /// is killed. `None` where workers may have to wait for a place, as in a cluster's queue.
    fn start_timeout(&self) -> Option<Duration> {
        Some(START_TIMEOUT)
    }
}

/// A program of this machine sends its first heartbeat within milliseconds, unless it is loaded over
/// a slow network.
const START_TIMEOUT: Duration = Duration::from_mins(5);

/// A worker that trains one group. None of its methods blocks for long.
pub trait Worker {
    /// Its frames; called once, right after the launch.
    fn frames(&mut self) -> FrameStream;

    /// Sends it a command; it obeys after the steps that it is at.
    fn send(&mut self, command: &Command);

    /// Ends it at once, with everything it may have started.
    fn kill(&mut self);

    /// How it exited, or `None` while it has not.
    fn try_wait(&mut self) -> Option<Exit>;
}

/// Why no worker could be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The worker's program does not run.
    #[error("{} cannot be started: {source}", program.display())]
    Program {
        /// The file.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The device is not there.
    #[error("device {device} is unavailable: {reason}")]
    DeviceUnavailable {
        /// As the job named it.
        device: String,
        /// Why, and what would help.
        reason: String,
    },
    /// The job cannot be written down for the worker.
    #[error("the job cannot be sent to a worker: {0}")]
    Job(#[from] serde_json::Error),
    /// The system gave no thread or pipe.
    #[error("the system gave no thread for a worker: {0}")]
    Thread(io::Error),
}

impl LaunchError {
    /// Whether every other launch from the same slot would fail in the same way.
    pub fn is_of_the_slot(&self) -> bool {
        match self {
            Self::DeviceUnavailable { .. } => true,
            Self::Program { source, .. } => {
                matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
            }
            Self::Job(_) | Self::Thread(_) => false,
        }
    }

    /// Whether every other launch of the sweep would fail in the same way. What a job of one run
    /// shares with that of any other is its folders, and only a path can fail to be written down.
    pub fn is_of_the_sweep(&self) -> bool {
        matches!(self, Self::Job(_))
    }
}
