//! Workers that pretend to train, and fail by script: what happens around workers is tested with
//! them in milliseconds.
//!
//! The pretended training is a pure function of run and step, as a real one is, and its
//! checkpoints are real files. So a sweep that was disturbed in any way must end with exactly the
//! records of one that was not.

mod training;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use gansweep_config::RunId;
use gansweep_protocol::{Command, Frame, FrameError, Job};

use self::training::Training;
use crate::{
    Exit, ExitStatus, FrameStream, LaunchError, Launcher, SendFrame, TakeCommand, Worker, WorkerFailure,
};

/// What one worker does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script {
    /// How it fails, and after how many events.
    pub fault: Option<(u64, Fault)>,
    /// It does not hear the wish to stop.
    pub deaf: bool,
    /// It does not exit when its runs are over.
    pub outstays: bool,
    /// Runs whose loss becomes NaN, and at which step.
    pub diverging: Vec<(RunId, u64)>,
    /// Runs that the worker reports as failed at that step, while their neighbours train on.
    pub failing: Vec<(RunId, u64)>,
    /// Runs that kill their worker with SIGSEGV at that step.
    pub deadly: Vec<(RunId, u64)>,
    /// Waits so long before each step.
    pub pace: Duration,
}

/// How a worker fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It ends in that way, with those last words.
    Die(ExitStatus, String),
    /// It is silent until it is killed.
    Hang,
    /// It is killed in the middle of a frame.
    Tear,
    /// It sends a frame whose checksum is wrong, and goes on.
    Corrupt,
    /// It closes its stream and does not exit.
    Linger,
    /// It exits, but something else holds its stream open.
    LeaveOpen,
    /// It speaks of a run that is not its own.
    Impersonate,
    /// It cannot be started: no such program.
    NoProgram,
    /// It cannot be started: no such device.
    NoDevice,
    /// It cannot be started: no thread to be had.
    NoThread,
}

impl Script {
    /// Trains to the end.
    pub fn healthy() -> Self {
        Self::default()
    }

    /// Fails in that way after so many events.
    pub fn failing_after(events: u64, fault: Fault) -> Self {
        Self { fault: Some((events, fault)), ..Self::default() }
    }

    /// Ends in that way after so many events.
    pub fn dying_after(events: u64, status: ExitStatus) -> Self {
        Self::failing_after(events, Fault::Die(status, String::new()))
    }
}

/// Trains a job as a healthy worker does, in this thread, until it is over or asked to stop. Of the
/// script, all but `fault`, `deaf` and `outstays` is obeyed: those are for the caller to play.
pub fn pretend(
    job: Job,
    script: &Script,
    take_command: &mut TakeCommand<'_>,
    send_frame: &mut SendFrame<'_>,
) -> Result<(), WorkerFailure> {
    let mut training = Training::new(job, script);
    loop {
        match training.next(take_command) {
            Ok(Some(frame)) => send_frame(frame).map_err(|error| failure(1, error.to_string()))?,
            Ok(None) => return Ok(()),
            Err(Exit { status: ExitStatus::Code(code), last_words }) => {
                return Err(failure(code, last_words));
            }
            Err(Exit { last_words, .. }) => return Err(failure(101, last_words)),
        }
    }
}

fn failure(exit_code: i32, message: String) -> WorkerFailure {
    WorkerFailure { exit_code, message }
}

/// Decides what a worker does, from its job and the number of launches before it.
type Director = dyn Fn(&Job, usize) -> Script + Send + Sync;

/// Starts workers that do as a script says.
pub struct MockLauncher {
    director: Box<Director>,
    jobs: Mutex<Vec<Job>>,
}

impl MockLauncher {
    /// Each worker does what `director` says, given its job and the number of launches before it.
    pub fn new(director: impl Fn(&Job, usize) -> Script + Send + Sync + 'static) -> Self {
        Self { director: Box::new(director), jobs: Mutex::default() }
    }

    /// Every worker trains to the end.
    pub fn healthy() -> Self {
        Self::new(|_, _| Script::healthy())
    }

    /// The jobs so far, those that could not be started included.
    pub fn jobs(&self) -> Vec<Job> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for MockLauncher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MockLauncher").field("jobs", &self.jobs()).finish_non_exhaustive()
    }
}

impl Launcher for MockLauncher {
    fn launch(&self, job: &Job) -> Result<Box<dyn Worker>, LaunchError> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let script = (self.director)(job, jobs.len());
        jobs.push(job.clone());
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
            _ => {
                let line = Arc::default();
                let actor = Actor {
                    training: Training::new(job.clone(), &script),
                    script,
                    told: 0,
                    line: Arc::clone(&line),
                };
                Ok(Box::new(MockWorker { line, actor: Some(actor) }))
            }
        }
    }
}

/// A worker by script; its events are made on the thread that reads them.
struct MockWorker {
    line: Arc<Line>,
    actor: Option<Actor>,
}

/// What runner and worker know of each other.
#[derive(Default)]
struct Line {
    commands: Mutex<VecDeque<Command>>,
    /// The runner holds the worker no longer.
    dropped: AtomicBool,
    /// Locked by the worker while it does something, so that one that is killed does nothing more.
    exit: Mutex<Option<Exit>>,
    /// Rung when the worker is killed.
    bell: Condvar,
}

impl Line {
    fn exit(&self) -> MutexGuard<'_, Option<Exit>> {
        self.exit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commands(&self) -> MutexGuard<'_, VecDeque<Command>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker for MockWorker {
    fn frames(&mut self) -> FrameStream {
        match self.actor.take() {
            Some(actor) => Box::new(actor),
            None => Box::new(std::iter::empty()),
        }
    }

    fn send(&mut self, command: &Command) {
        self.line.commands().push_back(command.clone());
    }

    fn kill(&mut self) {
        self.line.exit().get_or_insert(Exit::silent(ExitStatus::Signal(9)));
        self.line.bell.notify_all();
    }

    fn try_wait(&mut self) -> Option<Exit> {
        self.line.exit().clone()
    }
}

impl Drop for MockWorker {
    fn drop(&mut self) {
        self.kill();
        self.line.dropped.store(true, Ordering::Relaxed);
    }
}

/// The worker's side of the stream.
struct Actor {
    training: Training,
    script: Script,
    /// Events so far.
    told: u64,
    line: Arc<Line>,
}

impl Iterator for Actor {
    type Item = Result<Frame, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = Arc::clone(&self.line);
        let mut exit = line.exit();
        if exit.is_some() {
            return None;
        }
        if let Some((_, fault)) = self.script.fault.take_if(|(after, _)| *after <= self.told) {
            return self.fail(fault, &line, exit);
        }
        let deaf = self.script.deaf;
        let mut take_command = || line.commands().pop_front().filter(|_| !deaf);
        match self.training.next(&mut take_command) {
            Ok(Some(frame)) => {
                self.told += 1;
                return Some(Ok(frame));
            }
            Ok(None) if self.script.outstays => drop(line.bell.wait_while(exit, |exit| exit.is_none())),
            Ok(None) => *exit = Some(Exit::silent(ExitStatus::Code(0))),
            Err(death) => *exit = Some(death),
        }
        None
    }
}

impl Actor {
    fn fail(
        &self,
        fault: Fault,
        line: &Line,
        mut exit: MutexGuard<'_, Option<Exit>>,
    ) -> Option<Result<Frame, FrameError>> {
        match fault {
            Fault::Die(status, last_words) => *exit = Some(Exit { status, last_words }),
            Fault::Hang => drop(line.bell.wait_while(exit, |exit| exit.is_none())),
            Fault::Tear => {
                *exit = Some(Exit::silent(ExitStatus::Signal(11)));
                return Some(Err(FrameError::Torn));
            }
            Fault::LeaveOpen => {
                *exit = Some(Exit::silent(ExitStatus::Code(7)));
                drop(exit);
                while !line.dropped.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            Fault::Corrupt => return Some(Err(FrameError::Checksum)),
            Fault::Impersonate => return Some(Ok(self.training.impersonate())),
            // Lingering is closing the stream and no more; the others are played by the launch.
            Fault::Linger | Fault::NoProgram | Fault::NoDevice | Fault::NoThread => {}
        }
        None
    }
}
