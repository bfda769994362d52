//! Workers as processes of their own.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gansweep_protocol::{Command as Request, Job, read_frame};
use rustix::process::{Pid, Signal, getpriority_process, kill_process_group, setpriority_pgrp};
#[cfg(target_os = "linux")]
use rustix::process::{Resource, Rlimit, prlimit};
use tracing::{debug, warn};

use crate::{Exit, ExitStatus, FrameStream, LaunchError, Launcher, Program, Worker};

/// Time to wait for the rest of a worker's stderr after its exit. A descendant may hold the pipe open.
const STDERR_WAIT: Duration = Duration::from_millis(200);
/// Number of bytes of a worker's stderr that are kept.
const STDERR_BYTES: usize = 4096;
/// Number of lines of it that are reported.
const STDERR_LINES: usize = 12;
/// The lowest priority of a process.
const MOST_NICENESS: i32 = 19;

/// Starts a process for each group.
///
/// The process reads the [`Job`] as one line of JSON from its standard input, then commands, each a line
/// of JSON. The end of its input means that the runner has ended, and asks it to stop cleanly. It writes
/// frames to its standard output and messages to its standard error. It leads a process group of its own,
/// so that a terminal's Ctrl-C reaches the runner alone.
#[derive(Debug, Clone)]
pub struct ProcessLauncher {
    /// The program.
    pub program: Program,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// What it may use.
    pub limits: ProcessLimits,
}

/// What a worker process may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessLimits {
    /// By how much its priority is lower than this process's, from 0 to 19.
    pub niceness: u32,
    /// The main memory that it may allocate, in MiB; 0 for no limit.
    pub memory_mib: u64,
}

impl Launcher for ProcessLauncher {
    fn launch(&self, job: &Job) -> Result<Box<dyn Worker>, LaunchError> {
        let line = job.to_line()?;
        let path = self.program.path();
        let child = self
            .program
            .command()
            .args(&self.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| LaunchError::Program { program: path.to_owned(), source })?;
        debug!(process = child.id(), program = %path.display(), device = job.device, "worker started");
        // Before it gets the job: threads that it starts later inherit the priority, others do not.
        lower_priority(&child, self.limits.niceness);
        limit_memory(&child, self.limits.memory_mib);
        Ok(Box::new(ProcessWorker::new(child, line, self.limits.memory_mib)?))
    }
}

/// Lowers the priority of a child's process group. It trains all the same where the system refuses that.
fn lower_priority(child: &Child, niceness: u32) {
    if niceness == 0 {
        return;
    }
    let lowered = getpriority_process(None).and_then(|own| {
        let niceness = i32::try_from(niceness).unwrap_or(MOST_NICENESS);
        setpriority_pgrp(Some(Pid::from_child(child)), own.saturating_add(niceness).min(MOST_NICENESS))
    });
    if let Err(error) = lowered {
        warn!(process = child.id(), niceness, %error, "the priority of a worker is not lowered");
    }
}

/// Limits the memory that a child may allocate. It trains all the same where the system has no such limit.
fn limit_memory(child: &Child, mib: u64) {
    if mib == 0 {
        return;
    }
    if let Err(error) = set_memory_limit(Pid::from_child(child), mib.saturating_mul(1 << 20)) {
        warn!(process = child.id(), mib, %error, "the memory of a worker is not limited");
    }
}

/// Of writable memory: drivers reserve addresses far beyond what they use.
#[cfg(target_os = "linux")]
fn set_memory_limit(process: Pid, bytes: u64) -> rustix::io::Result<()> {
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    prlimit(Some(process), Resource::Data, limit).map(drop)
}

#[cfg(not(target_os = "linux"))]
fn set_memory_limit(_process: Pid, _bytes: u64) -> rustix::io::Result<()> {
    Err(rustix::io::Errno::NOSYS)
}

/// A child process, and the threads that write its input and read its stderr.
#[derive(Debug)]
struct ProcessWorker {
    child: Child,
    /// Takes lines for the child's input; dropping it closes the input.
    lines: Option<Sender<String>>,
    output: Option<ChildStdout>,
    stderr: Arc<Mutex<Tail>>,
    stderr_reader: Option<JoinHandle<()>>,
    exit: Option<Exit>,
    /// The memory that it may allocate, in MiB; 0 for no limit.
    memory_mib: u64,
}

impl ProcessWorker {
    /// Starts the threads that write the job and read stderr; kills the child if that fails.
    fn new(mut child: Child, job: String, memory_mib: u64) -> Result<Self, LaunchError> {
        let (lines, receiver) = mpsc::channel();
        let pipes = (child.stdin.take(), child.stderr.take());
        let output = child.stdout.take();
        let stderr = Arc::default();
        let lines = Some(lines);
        let mut worker = Self { child, lines, output, stderr, stderr_reader: None, exit: None, memory_mib };
        if let (Some(input), Some(errors)) = pipes {
            spawn("worker-input", move || write_lines(input, &job, &receiver))?;
            let stderr = Arc::clone(&worker.stderr);
            worker.stderr_reader = Some(spawn("worker-stderr", move || keep_tail(errors, &stderr))?);
        }
        Ok(worker)
    }

    /// The end of the child's stderr; waits [`STDERR_WAIT`] for the rest of it.
    fn stderr(&mut self) -> String {
        let deadline = Instant::now() + STDERR_WAIT;
        while self.stderr_reader.as_ref().is_some_and(|thread| !thread.is_finished())
            && Instant::now() < deadline
        {
            thread::sleep(Duration::from_millis(1));
        }
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).text()
    }
}

impl Worker for ProcessWorker {
    fn frames(&mut self) -> FrameStream {
        match self.output.take() {
            Some(output) => {
                let mut reader = BufReader::with_capacity(64 << 10, output);
                Box::new(std::iter::from_fn(move || read_frame(&mut reader).transpose()))
            }
            None => Box::new(std::iter::empty()),
        }
    }

    fn send(&mut self, command: &Request) {
        if let (Some(lines), Ok(line)) = (&self.lines, command.to_line()) {
            // A child that no longer reads is about to exit, which the sweep notices.
            let _ = lines.send(line);
        }
    }

    fn kill(&mut self) {
        if self.exit.is_none() && kill_process_group(Pid::from_child(&self.child), Signal::KILL).is_err() {
            // The group may have ended before the child is waited for: nothing is left to kill.
            let _ = self.child.kill();
        }
        // After the signal: the end of its input would ask the worker to stop cleanly.
        self.lines = None;
    }

    fn try_wait(&mut self) -> Option<Exit> {
        if self.exit.is_none() {
            let status = match self.child.try_wait() {
                Ok(status) => exit_status(status?),
                Err(_) => ExitStatus::Unknown,
            };
            let mut exit = Exit { status, stderr: self.stderr() };
            // Whoever kills the worker has another reason.
            let lacks_memory = exit.is_out_of_memory() && status != ExitStatus::Signal(9);
            if self.memory_mib > 0 && (lacks_memory || exit.is_shortage()) {
                exit.stderr = format!("{}\nexecution.memory_mib allows {} MiB", exit.stderr, self.memory_mib);
            }
            debug!(process = self.child.id(), ?status, stderr = exit.stderr, "worker exited");
            self.exit = Some(exit);
        }
        self.exit.clone()
    }
}

impl Drop for ProcessWorker {
    /// No worker outlives its handle.
    fn drop(&mut self) {
        self.kill();
        let deadline = Instant::now() + STDERR_WAIT;
        while self.try_wait().is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn exit_status(status: std::process::ExitStatus) -> ExitStatus {
    match (status.code(), status.signal()) {
        (Some(code), _) => ExitStatus::Code(code),
        (None, Some(signal)) => ExitStatus::Signal(signal),
        (None, None) => ExitStatus::Unknown,
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, LaunchError> {
    thread::Builder::new().name(name.to_owned()).spawn(body).map_err(LaunchError::Thread)
}

/// Writes the job, then commands as they come, until the sender is dropped. On a thread of its own, since
/// a job may be longer than a pipe's buffer and a child that never reads must not block the sweep. A
/// failure to write means that the child has ended; its exit status says why.
fn write_lines(mut input: ChildStdin, job: &str, commands: &Receiver<String>) {
    if input.write_all(job.as_bytes()).is_err() {
        return;
    }
    for command in commands {
        if input.write_all(command.as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads the child's stderr and keeps the end of it.
fn keep_tail(mut errors: ChildStderr, tail: &Mutex<Tail>) {
    let mut buffer = [0; 4096];
    loop {
        match errors.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => tail.lock().unwrap_or_else(PoisonError::into_inner).push(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// The last lines of a text of any length, in bounded memory.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    bytes: VecDeque<u8>,
    cut: bool,
}

impl Tail {
    /// Appends text, and drops the oldest bytes beyond [`STDERR_BYTES`].
    pub(crate) fn push(&mut self, more: &[u8]) {
        self.bytes.extend(more);
        if let Some(excess) = self.bytes.len().checked_sub(STDERR_BYTES).filter(|&n| n > 0) {
            self.bytes.drain(..excess);
            self.cut = true;
        }
    }

    /// The last lines, separated by line feeds: blank lines, a first line that is cut, and repetitions of
    /// the line before are left out.
    pub(crate) fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let whole = match text.split_once('\n') {
            Some((_partial, rest)) if self.cut => rest,
            _ => &text,
        };
        let mut lines: Vec<&str> = whole.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        lines.dedup();
        lines[lines.len().saturating_sub(STDERR_LINES)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_kept_whole_but_for_blank_lines() {
        let mut tail = Tail::default();
        tail.push(b"one\n\n");
        tail.push(b"two  \n");
        assert_eq!(tail.text(), "one\ntwo");
    }

    #[test]
    fn what_a_library_repeats_is_kept_once() {
        let mut tail = Tail::default();
        tail.push(b"no display\nno display\nno display\nthe device is lost\n");
        assert_eq!(tail.text(), "no display\nthe device is lost");
    }

    #[test]
    fn of_a_flood_the_last_lines_stay_and_memory_is_bounded() {
        let mut tail = Tail::default();
        for line in 0..100_000 {
            tail.push(format!("line {line}\n").as_bytes());
        }
        assert_eq!(tail.bytes.len(), STDERR_BYTES);
        assert_eq!(tail.text().lines().count(), STDERR_LINES);
        assert_eq!(tail.text().lines().last(), Some("line 99999"));
    }

    #[test]
    fn one_endless_line_and_broken_utf8_do_no_harm() {
        let mut tail = Tail::default();
        tail.push(&vec![0xff; 3 * STDERR_BYTES]);
        assert_eq!(tail.text().chars().count(), STDERR_BYTES);
    }
}
