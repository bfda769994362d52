//! Workers as threads of this process, for debuggers and profilers.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use gansweep_base::text;
use gansweep_protocol::{Envelope, Job};

use crate::exit::Exit;
use crate::{EventStream, ExitStatus, LaunchError, Launcher, Worker};

/// Events under way between a worker's thread and its reader.
const IN_FLIGHT: usize = 64;

/// Why a worker function gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerFailure {
    /// What a worker process would exit with: [`EXIT_OUT_OF_MEMORY`](crate::EXIT_OUT_OF_MEMORY),
    /// [`EXIT_DEVICE_UNAVAILABLE`](crate::EXIT_DEVICE_UNAVAILABLE), or any other but 0.
    pub exit_code: i32,
    /// What a worker process would say on stderr.
    pub message: String,
}

/// What a worker does with a job: train, tell of it, and end early, cleanly, once the flag is set.
/// Telling fails once nobody listens any more, and the function should then return.
type Work = dyn Fn(Job, &AtomicBool, &mut dyn FnMut(Envelope) -> io::Result<()>) -> Result<(), WorkerFailure>
    + Send
    + Sync;

/// Runs a function on a thread for each group.
///
/// A panic costs one group's attempt, as in a process; an abort or a segfault ends the program.
/// A thread cannot be killed: a worker to be killed is left alone, and its next event fails.
#[derive(Clone)]
pub struct InProcessLauncher {
    work: Arc<Work>,
}

impl InProcessLauncher {
    /// Workers that do this.
    pub fn new<W>(work: W) -> Self
    where
        W: Fn(Job, &AtomicBool, &mut dyn FnMut(Envelope) -> io::Result<()>) -> Result<(), WorkerFailure>
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
        let (sender, receiver) = mpsc::sync_channel(IN_FLIGHT);
        let (work, job, wishes) = (Arc::clone(&self.work), job.clone(), Arc::<Wishes>::default());
        let theirs = Arc::clone(&wishes);
        let thread = thread::Builder::new()
            .name("worker".to_owned())
            .spawn(move || attempt(&*work, job, &theirs, &sender))
            .map_err(LaunchError::Thread)?;
        Ok(Box::new(ThreadWorker { wishes, events: Some(receiver), thread: Some(thread), exit: None }))
    }
}

/// What the runner wants of a thread.
#[derive(Debug, Default)]
struct Wishes {
    stop: AtomicBool,
    /// Nobody listens any more.
    killed: AtomicBool,
}

/// Runs the function; its sender, dropped on return, closes the stream.
fn attempt(work: &Work, job: Job, wishes: &Wishes, sender: &SyncSender<Envelope>) -> Exit {
    let mut emit = |envelope| {
        let heard = !wishes.killed.load(Ordering::Relaxed) && sender.send(envelope).is_ok();
        if heard { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    match catch_unwind(AssertUnwindSafe(|| work(job, &wishes.stop, &mut emit))) {
        Ok(Ok(())) => Exit::silent(ExitStatus::Code(0)),
        Ok(Err(failure)) => Exit { status: ExitStatus::Code(failure.exit_code), last_words: failure.message },
        Err(panic) => Exit { status: ExitStatus::Code(101), last_words: text::panic(&*panic).to_owned() },
    }
}

/// A thread that trains.
struct ThreadWorker {
    wishes: Arc<Wishes>,
    events: Option<Receiver<Envelope>>,
    thread: Option<JoinHandle<Exit>>,
    exit: Option<Exit>,
}

impl Worker for ThreadWorker {
    fn events(&mut self) -> EventStream {
        match self.events.take() {
            Some(events) => Box::new(events.into_iter().map(Ok)),
            None => Box::new(std::iter::empty()),
        }
    }

    fn stop(&mut self) {
        self.wishes.stop.store(true, Ordering::Relaxed);
    }

    fn kill(&mut self) {
        self.wishes.stop.store(true, Ordering::Relaxed);
        self.wishes.killed.store(true, Ordering::Relaxed);
    }

    fn try_wait(&mut self) -> Option<Exit> {
        if let Some(thread) = self.thread.take_if(|thread| thread.is_finished()) {
            self.exit = Some(thread.join().unwrap_or(Exit::silent(ExitStatus::Unknown)));
        }
        self.exit.clone()
    }
}

impl Drop for ThreadWorker {
    fn drop(&mut self) {
        self.kill();
    }
}
