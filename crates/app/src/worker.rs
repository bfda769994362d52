//! What a worker does, as a process or on a thread: it trains one group, obeys commands between steps,
//! and reports in frames.

use std::io::{self, BufRead, Write};
use std::sync::mpsc::{self, Receiver};

use gansweep_data::DataSource;
use gansweep_protocol::{Command, Heartbeat, HeartbeatThread, Job, JobError, SharedWriter};
use gansweep_scheduler::{
    EXIT_DEVICE_UNAVAILABLE, EXIT_OUT_OF_MEMORY, EXIT_SHARED_CAUSE, EXIT_SHORTAGE, WorkerFailure,
};
use gansweep_train::{Commands, Emit, TrainError};

use crate::backends;

/// Why a worker process ended early.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Whoever started the worker is no runner of this version.
    #[error("the worker's first line of input cannot be used: {0}")]
    Job(#[from] JobError),
    /// The job cannot be read.
    #[error("the worker's input cannot be read: {0}")]
    Input(#[source] io::Error),
    /// The system has no thread left for the worker.
    #[error("no thread can be started: {0}; use fewer workers (--jobs), or raise the limit (ulimit -u)")]
    Thread(#[source] io::Error),
    /// The group could not be trained.
    #[error(transparent)]
    Train(#[from] TrainError),
}

impl WorkerError {
    /// What the process is to exit with, so that the runner can tell a device that is gone or too small
    /// from a failure of the runs.
    pub fn exit_code(&self) -> u8 {
        let code = match self {
            // Every other job would be refused too.
            Self::Job(_) => EXIT_SHARED_CAUSE,
            Self::Input(_) => 1,
            Self::Thread(_) => EXIT_SHORTAGE,
            Self::Train(failure) => exit_code(failure),
        };
        u8::try_from(code).unwrap_or(1)
    }
}

/// Reads the job from the first line of `input`, trains it, and writes frames to `output`. The lines
/// after the job are commands; the end of the input asks for a clean end too: without a runner there
/// is nobody to train for.
pub fn serve(
    mut input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
) -> Result<(), WorkerError> {
    let output = SharedWriter::new(output);
    let heart = output.clone();
    // Before the job is read, let alone its data: the runner counts silence from here on.
    let _heartbeats = HeartbeatThread::start(Heartbeat::INTERVAL, move |frame| heart.send(&frame))
        .map_err(WorkerError::Thread)?;
    let mut line = String::new();
    input.read_line(&mut line).map_err(WorkerError::Input)?;
    let job = Job::from_line(&line)?;
    let commands = read_commands(input).map_err(WorkerError::Thread)?;
    let idx_dir = job.idx_dir.clone();
    let source = DataSource { idx_dir, ..DataSource::from_environment(job.data_dir.clone()) };
    backends::work(&job, &source, &mut || commands.try_recv().ok(), &mut |frame| output.send(&frame))?;
    Ok(())
}

/// The same on a thread of the runner's own process.
pub(crate) fn work_on_thread(
    job: &Job,
    source: &DataSource,
    commands: &mut Commands<'_>,
    emit: &mut Emit<'_>,
) -> Result<(), WorkerFailure> {
    let result = backends::work(job, source, commands, emit);
    result
        .map(drop)
        .map_err(|failure| WorkerFailure { exit_code: exit_code(&failure), message: failure.to_string() })
}

/// Reads commands on a thread of its own, so that one that comes during a step is there after it. A
/// line that is no command is passed over: the job's version says that there is none.
fn read_commands(input: impl BufRead + Send + 'static) -> io::Result<Receiver<Command>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new().name("commands".into()).spawn(move || {
        for line in input.lines().map_while(Result::ok) {
            if let Ok(command) = Command::from_line(&line) {
                // A receiver that is gone has trained to the end.
                drop(sender.send(command));
            }
        }
        drop(sender.send(Command::StopAll));
    })?;
    Ok(receiver)
}

fn exit_code(failure: &TrainError) -> i32 {
    match failure {
        TrainError::Device { .. } => EXIT_DEVICE_UNAVAILABLE,
        TrainError::OutOfMemory { .. } => EXIT_OUT_OF_MEMORY,
        failure if failure.affects_all_runs() => EXIT_SHARED_CAUSE,
        _ => 1,
    }
}
