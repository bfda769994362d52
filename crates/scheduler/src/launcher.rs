//! Interface between the sweep and its workers: processes, threads, or mocks.

use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use gansweep_protocol::{Command, Frame, FrameError, Job};
use rustix::io::Errno;

use crate::Exit;
pub use crate::sweep::FrameSink;

/// A worker's frames, in order. `next` blocks until a frame comes, and returns `None` when the worker
/// has closed its stream or after an error.
pub type FrameStream = Box<dyn Iterator<Item = Result<Frame, FrameError>> + Send>;

/// A worker that an earlier runner has left behind, and its job.
pub type AdoptedWorker = (Job, Box<dyn Worker>);

/// Starts workers.
pub trait Launcher {
    /// Starts a worker on a group, without waiting for it.
    fn launch(&self, job: &Job) -> Result<Box<dyn Worker>, LaunchError>;

    /// A worker that has sent no frame this long after its launch is killed. `None` where workers may
    /// wait to be started, as in a cluster's queue.
    fn start_timeout(&self) -> Option<Duration> {
        Some(START_TIMEOUT)
    }

    /// The workers that an earlier runner has left behind, with their jobs. Asked for once, before any launch.
    /// Workers that none of the sweep's runs belong to are not among them.
    fn adopt(&self) -> Result<Vec<AdoptedWorker>, LaunchError> {
        Ok(Vec::new())
    }

    /// Whether workers go on without the runner. Then the runner leaves them behind when it is stopped, and the
    /// next one adopts them.
    fn outlives_runner(&self) -> bool {
        false
    }

    /// Whether it takes all groups at once and queues them itself, as a cluster does. Then a group is as large as its slot
    /// allows, although other slots stay idle.
    fn queues_groups(&self) -> bool {
        false
    }

    /// Whether all that adopted workers had reported when the launcher began has been forwarded.
    fn has_caught_up(&self) -> bool {
        true
    }

    /// Whether a worker that was launched is not yet where it goes on without the runner.
    fn is_handing_over(&self) -> bool {
        false
    }

    /// Hands over no more workers. `false` while some are being handed over: the runner asks again before it leaves.
    fn stop_handing_over(&self) -> bool {
        true
    }
}

/// A local program sends its first heartbeat within milliseconds; minutes allow for one that is loaded
/// over a slow network.
const START_TIMEOUT: Duration = Duration::from_mins(5);

/// A worker that trains one group. None of its methods blocks for long.
pub trait Worker {
    /// Its frames. Called once, after the launch, unless [`forward`](Self::forward) does without.
    fn frames(&mut self) -> FrameStream;

    /// Forwards its frames, on a thread of its own. A launcher with thousands of workers has one thread for all of
    /// them instead.
    fn forward(&mut self, sink: FrameSink) -> io::Result<()> {
        let frames = self.frames();
        thread::Builder::new().name("worker-frames".to_owned()).spawn(move || sink.drain(frames)).map(drop)
    }

    /// Sends it a command, which it obeys after its current steps.
    fn send(&mut self, command: &Command);

    /// Kills it and everything that it has started.
    fn kill(&mut self);

    /// Its exit, or `None` while it runs.
    fn try_wait(&mut self) -> Option<Exit>;

    /// Whether it is where it goes on without the runner, if the launcher's workers do.
    fn is_handed_over(&self) -> bool {
        true
    }

    /// Whether it may be started again by others than the runner, and then goes on with the next attempt of each
    /// of its runs.
    fn may_restart(&self) -> bool {
        false
    }

    /// All that it has reported is recorded, and it has ended: what it has left behind may be deleted.
    fn discard(&mut self) {}
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
    /// The cluster takes no jobs, or cannot be asked for them.
    #[error(transparent)]
    Cluster(#[from] crate::SlurmError),
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
            Self::Job(_) | Self::Thread(_) | Self::Cluster(_) => false,
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
            Self::DeviceUnavailable { .. } | Self::Job(_) | Self::Cluster(_) => false,
        }
    }

    /// Whether every launch of the sweep would fail in the same way. Only a path can fail to be written as
    /// JSON, and all jobs of a sweep have the same paths and go to the same cluster.
    pub fn affects_sweep(&self) -> bool {
        matches!(self, Self::Job(_) | Self::Cluster(_))
    }
}
