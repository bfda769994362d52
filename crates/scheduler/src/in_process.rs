//! Workers as threads of this process, for debuggers and profilers.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::{self, JoinHandle};

use gansweep_base::text;
use gansweep_protocol::{Command, Frame, Heartbeat, HeartbeatThread, Job};

use crate::exit::{EXIT_SHORTAGE, Exit};
use crate::{ExitStatus, FrameStream, LaunchError, Launcher, Worker};

/// Frames under way between a worker's thread and its reader.
const IN_FLIGHT: usize = 64;

/// Why a worker function gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerFailure {
    /// The exit code that a worker process would have; not 0.
    pub exit_code: i32,
    /// What a worker process would write to stderr.
    pub message: String,
}

/// Returns the next command for the worker, or `None` if there is none now.
pub type TakeCommand<'a> = dyn FnMut() -> Option<Command> + 'a;
/// Sends a frame. It fails once the worker is killed; the worker should then end.
pub type SendFrame<'a> = dyn FnMut(Frame) -> io::Result<()> + 'a;

/// A worker's work: trains the job, obeys commands between steps, and sends frames.
type Work = dyn Fn(Job, &mut TakeCommand<'_>, &mut SendFrame<'_>) -> Result<(), WorkerFailure> + Send + Sync;

/// Trains each group on a thread of this process.
///
/// A panic costs the group one attempt, as in a process; an abort or a segfault ends the program. A
/// thread cannot be killed: after `kill` the worker runs on until its next frame, which fails.
#[derive(Clone)]
pub struct InProcessLauncher {
    work: Arc<Work>,
}

impl InProcessLauncher {
    /// A launcher whose workers run `work`.
    pub fn new<W>(work: W) -> Self
    where
        W: Fn(Job, &mut TakeCommand<'_>, &mut SendFrame<'_>) -> Result<(), WorkerFailure>
            + Send
            + Sync
            + 'static,
    {
        Self { work: Arc::new(work) }
    }
}

impl std::fmt::Debug for InProcessLauncher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InProcessLauncher").finish_non_exhaustive()
    }
}

impl Launcher for InProcessLauncher {
    fn launch(&self, job: &Job) -> Result<Box<dyn Worker>, LaunchError> {
        let (frames, received) = mpsc::sync_channel(IN_FLIGHT);
        let (commands, inbox) = mpsc::channel();
        let killed = Arc::<AtomicBool>::default();
        let sender = FrameSender { frames, killed: Arc::clone(&killed) };
        let (work, job) = (Arc::clone(&self.work), job.clone());
        let thread = thread::Builder::new()
            .name("worker".to_owned())
            .spawn(move || run(&*work, job, &inbox, &sender))
            .map_err(LaunchError::Thread)?;
        Ok(Box::new(ThreadWorker {
            commands,
            killed,
            frames: Some(received),
            thread: Some(thread),
            exit: None,
        }))
    }
}

/// Sending end of a worker's stream; the stream closes when the last clone is dropped.
#[derive(Clone)]
struct FrameSender {
    frames: SyncSender<Frame>,
    /// The runner takes no more frames.
    killed: Arc<AtomicBool>,
}

impl FrameSender {
    fn send(&self, frame: Frame) -> io::Result<()> {
        let sent = !self.killed.load(Ordering::Relaxed) && self.frames.send(frame).is_ok();
        if sent { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }
}

/// Runs the work with a heartbeat thread, as a worker process does.
fn run(work: &Work, job: Job, commands: &Receiver<Command>, sender: &FrameSender) -> Exit {
    let heartbeat_sender = sender.clone();
    let heartbeats =
        match HeartbeatThread::start(Heartbeat::INTERVAL, move |frame| heartbeat_sender.send(frame)) {
            Ok(heartbeats) => heartbeats,
            Err(error) => return Exit { status: ExitStatus::Code(EXIT_SHORTAGE), stderr: error.to_string() },
        };
    let mut take_command = || commands.try_recv().ok();
    let mut send_frame = |frame| sender.send(frame);
    let outcome = catch_unwind(AssertUnwindSafe(|| work(job, &mut take_command, &mut send_frame)));
    drop(heartbeats);
    match outcome {
        Ok(Ok(())) => Exit::without_stderr(ExitStatus::Code(0)),
        Ok(Err(failure)) => Exit { status: ExitStatus::Code(failure.exit_code), stderr: failure.message },
        Err(panic) => Exit { status: ExitStatus::Code(101), stderr: text::panic(&*panic).to_owned() },
    }
}

/// The runner's handle on a worker thread.
struct ThreadWorker {
    commands: Sender<Command>,
    killed: Arc<AtomicBool>,
    frames: Option<Receiver<Frame>>,
    thread: Option<JoinHandle<Exit>>,
    exit: Option<Exit>,
}

impl Worker for ThreadWorker {
    fn frames(&mut self) -> FrameStream {
        match self.frames.take() {
            Some(frames) => Box::new(frames.into_iter().map(Ok)),
            None => Box::new(std::iter::empty()),
        }
    }

    fn send(&mut self, command: &Command) {
        // A thread that has returned needs no command.
        let _ = self.commands.send(command.clone());
    }

    fn kill(&mut self) {
        self.killed.store(true, Ordering::Relaxed);
        self.send(&Command::StopAll);
    }

    fn try_wait(&mut self) -> Option<Exit> {
        if let Some(thread) = self.thread.take_if(|thread| thread.is_finished()) {
            self.exit = Some(thread.join().unwrap_or(Exit::without_stderr(ExitStatus::Unknown)));
        }
        self.exit.clone()
    }
}

impl Drop for ThreadWorker {
    fn drop(&mut self) {
        self.kill();
    }
}
