//! A launcher of mock workers.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gansweep_protocol::Job;

use super::script::{Fault, Script};
use super::worker::MockWorker;
use crate::{LaunchError, Launcher, Worker};

/// Chooses a worker's script by its job and the number of launches before it.
type ScriptOf = dyn Fn(&Job, usize) -> Script + Send + Sync;

/// Starts mock workers.
pub struct MockLauncher {
    script_of: Box<ScriptOf>,
    start_timeout: Option<Duration>,
    launched: Mutex<Launched>,
}

#[derive(Debug, Default)]
struct Launched {
    count: usize,
    /// `None` if jobs are not kept.
    jobs: Option<Vec<Job>>,
}

impl MockLauncher {
    /// `script_of` gives each worker's script by its job and the number of launches before it.
    pub fn new(script_of: impl Fn(&Job, usize) -> Script + Send + Sync + 'static) -> Self {
        let launched = Launched { count: 0, jobs: Some(Vec::new()) };
        Self { script_of: Box::new(script_of), start_timeout: None, launched: Mutex::new(launched) }
    }

    /// Every worker trains to the end.
    pub fn healthy() -> Self {
        Self::new(|_, _| Script::healthy())
    }

    /// The same with a limit on the time to a worker's first frame.
    #[must_use]
    pub fn with_start_timeout(self, start_timeout: Duration) -> Self {
        Self { start_timeout: Some(start_timeout), ..self }
    }

    /// The same without keeping jobs, to measure the memory of a large sweep.
    #[must_use]
    pub fn without_jobs(self) -> Self {
        Self { launched: Mutex::default(), ..self }
    }

    /// The jobs so far, including those that could not be started.
    pub fn jobs(&self) -> Vec<Job> {
        self.launched.lock().unwrap_or_else(PoisonError::into_inner).jobs.clone().unwrap_or_default()
    }

    /// The script of the next worker, on that job.
    fn next_script(&self, job: &Job) -> Script {
        let mut launched = self.launched.lock().unwrap_or_else(PoisonError::into_inner);
        let script = (self.script_of)(job, launched.count);
        launched.count += 1;
        if let Some(jobs) = &mut launched.jobs {
            jobs.push(job.clone());
        }
        script
    }
}

impl std::fmt::Debug for MockLauncher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MockLauncher").field("launched", &self.launched).finish_non_exhaustive()
    }
}

impl Launcher for MockLauncher {
    fn launch(&self, job: &Job) -> Result<Box<dyn Worker>, LaunchError> {
        let script = self.next_script(job);
        match script.fault {
            Some((_, Fault::NoProgram)) => {
                let source = io::ErrorKind::NotFound.into();
                Err(LaunchError::Program { program: "no-such-program".into(), source })
            }
            Some((_, Fault::NoDevice)) => {
                let reason = "no driver".to_owned();
                Err(LaunchError::DeviceUnavailable { device: job.device.clone(), reason })
            }
            Some((_, Fault::NoThread)) => Err(LaunchError::Thread(io::ErrorKind::WouldBlock.into())),
            Some((_, Fault::NoFile)) => {
                let source = rustix::io::Errno::MFILE.into();
                Err(LaunchError::Program { program: "mock-worker".into(), source })
            }
            _ => Ok(Box::new(MockWorker::new(job.clone(), script))),
        }
    }

    fn start_timeout(&self) -> Option<Duration> {
        self.start_timeout
    }
}
