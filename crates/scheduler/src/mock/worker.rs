//! A mock worker. Its frames are made on the thread that reads them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gansweep_protocol::{Command, Frame, FrameError, Heartbeat, Job};

use super::script::{Fault, Pause, Script};
use super::training::Training;
use crate::{Exit, ExitStatus, FrameStream, Worker};

/// Interval between heartbeats of a mock worker.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(2);

/// The runner's side of a mock worker.
pub(super) struct MockWorker {
    shared: Arc<Shared>,
    stream: Option<MockStream>,
}

/// State that runner and worker share.
#[derive(Default)]
struct Shared {
    commands: Mutex<VecDeque<Command>>,
    /// The runner has dropped the worker.
    dropped: AtomicBool,
    /// Locked by the worker while it works, so that a killed worker does nothing more.
    exit: Mutex<Option<Exit>>,
    /// Notified when the worker is killed.
    killed: Condvar,
}

impl Shared {
    fn exit(&self) -> MutexGuard<'_, Option<Exit>> {
        self.exit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commands(&self) -> MutexGuard<'_, VecDeque<Command>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the worker is killed, for that time at most; `true` if it was killed.
    fn wait_for_kill(&self, exit: MutexGuard<'_, Option<Exit>>, at_most: Duration) -> bool {
        let waited = self.killed.wait_timeout_while(exit, at_most, |exit| exit.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_some()
    }

    /// Waits until the pause ends or the worker is killed; `true` if it was killed.
    fn sleep(&self, mut exit: MutexGuard<'_, Option<Exit>>, pause: &Pause) -> bool {
        let began = Instant::now();
        while exit.is_none() && !pause.is_over(began) {
            let waited = self.killed.wait_timeout(exit, Duration::from_millis(1));
            exit = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        exit.is_some()
    }
}

impl MockWorker {
    pub(super) fn new(job: Job, script: Script) -> Self {
        let shared = Arc::<Shared>::default();
        let stream = MockStream {
            training: Training::new(job, &script),
            script,
            sent: 0,
            cpu_seconds: 0.0,
            long_step: None,
            shared: Arc::clone(&shared),
        };
        Self { shared, stream: Some(stream) }
    }
}

impl Worker for MockWorker {
    fn frames(&mut self) -> FrameStream {
        match self.stream.take() {
            Some(stream) => Box::new(stream),
            None => Box::new(std::iter::empty()),
        }
    }

    fn send(&mut self, command: &Command) {
        self.shared.commands().push_back(command.clone());
    }

    fn kill(&mut self) {
        self.shared.exit().get_or_insert(Exit::without_stderr(ExitStatus::Signal(9)));
        self.shared.killed.notify_all();
    }

    fn try_wait(&mut self) -> Option<Exit> {
        self.shared.exit().clone()
    }
}

impl Drop for MockWorker {
    fn drop(&mut self) {
        self.kill();
        self.shared.dropped.store(true, Ordering::Relaxed);
    }
}

/// The worker's side of the stream.
struct MockStream {
    training: Training,
    script: Script,
    /// Frames so far.
    sent: u64,
    cpu_seconds: f64,
    /// The long step that it is in, and when that began.
    long_step: Option<(Instant, Pause)>,
    shared: Arc<Shared>,
}

impl Iterator for MockStream {
    type Item = Result<Frame, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        let shared = Arc::clone(&self.shared);
        let mut exit = shared.exit();
        if exit.is_some() {
            return None;
        }
        let sent = self.sent;
        if let Some((_, fault)) = self.script.fault.take_if(|(after, _)| *after <= sent) {
            return self.fail(fault, &shared, exit);
        }
        if let Some((_, sleep)) = self.script.sleep.take_if(|(after, _)| *after <= sent) {
            return if shared.sleep(exit, &sleep) { None } else { self.next() };
        }
        if let Some((_, long)) = self.script.long_step.take_if(|(after, _)| *after <= sent) {
            self.long_step = Some((Instant::now(), long));
        }
        if self.long_step.as_ref().is_some_and(|(began, pause)| !pause.is_over(*began)) {
            return self.heartbeat(true, &shared, exit);
        }
        let ignores = self.script.ignores_commands;
        let mut take_command = || shared.commands().pop_front().filter(|_| !ignores);
        match self.training.next(&mut take_command) {
            Ok(Some(frame)) => {
                self.sent += 1;
                return Some(Ok(frame));
            }
            Ok(None) if self.script.never_exits => drop(shared.wait_for_kill(exit, Duration::MAX)),
            Ok(None) => *exit = Some(Exit::without_stderr(ExitStatus::Code(0))),
            Err(death) => *exit = Some(death),
        }
        None
    }
}

impl MockStream {
    fn heartbeat(
        &mut self,
        computes: bool,
        shared: &Shared,
        exit: MutexGuard<'_, Option<Exit>>,
    ) -> Option<Result<Frame, FrameError>> {
        if shared.wait_for_kill(exit, HEARTBEAT_INTERVAL) {
            return None;
        }
        if computes {
            self.cpu_seconds += HEARTBEAT_INTERVAL.as_secs_f64();
        }
        Some(Ok(Frame::Heartbeat(Heartbeat { cpu_seconds: self.cpu_seconds })))
    }

    fn fail(
        &mut self,
        fault: Fault,
        shared: &Shared,
        mut exit: MutexGuard<'_, Option<Exit>>,
    ) -> Option<Result<Frame, FrameError>> {
        match fault {
            Fault::Exit(status, stderr) => *exit = Some(Exit { status, stderr }),
            Fault::Hang => drop(shared.wait_for_kill(exit, Duration::MAX)),
            Fault::Stall => {
                self.script.fault = Some((0, Fault::Stall));
                return self.heartbeat(false, shared, exit);
            }
            Fault::TornFrame => {
                *exit = Some(Exit::without_stderr(ExitStatus::Signal(11)));
                return Some(Err(FrameError::Torn));
            }
            Fault::LeaveOpen => {
                *exit = Some(Exit::without_stderr(ExitStatus::Code(7)));
                drop(exit);
                while !shared.dropped.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            Fault::CorruptFrame => return Some(Err(FrameError::Checksum)),
            Fault::ForeignRun => return Some(Ok(self.training.foreign_event())),
            Fault::MissingEvent => {
                self.training.skip_event();
                drop(exit);
                return self.next();
            }
            // `Linger` only closes the stream; the others are simulated by the launcher.
            Fault::Linger | Fault::NoProgram | Fault::NoDevice | Fault::NoThread | Fault::NoFile => {}
        }
        None
    }
}
