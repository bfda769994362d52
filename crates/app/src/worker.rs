//! A worker, as a process or as a thread: trains one group, handles commands between chunks of steps, and
//! sends frames.

use std::io::{self, BufRead, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};

use gansweep_data::DataSource;
use gansweep_protocol::{Command, Heartbeat, HeartbeatThread, Job, JobError, SharedWriter};
use gansweep_scheduler::{
    EXIT_DEVICE_UNAVAILABLE, EXIT_OUT_OF_MEMORY, EXIT_SHARED_CAUSE, EXIT_SHORTAGE, WorkerFailure,
};
use gansweep_train::{Commands, Emit, TrainError};

use crate::backends;

/// The error of a worker process.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The worker was not started by a runner of the same version.
    #[error("the worker's first line of input cannot be used: {0}")]
    Job(#[from] JobError),
    /// The job cannot be read.
    #[error("the worker's input cannot be read: {0}")]
    Input(#[source] io::Error),
    /// The system has no thread left for the worker.
    #[error("no thread can be started: {0}; use fewer workers (--jobs), or raise the limit (ulimit -u)")]
    Thread(#[source] io::Error),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] TrainError),
}

impl WorkerError {
    /// The exit code of the process. The runner uses it to tell a missing or too small device from failed
    /// runs.
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

/// Reads the job from the first line of `input`, trains it and writes frames to `output`. Further lines are
/// commands. When `stop` is set, the worker saves and stops. The end of the input means that the runner is gone: the worker
/// ends, and the run goes on from its last recorded checkpoint.
pub fn serve(
    mut input: impl BufRead + Send + 'static,
    output: impl Write + Send + 'static,
    stop: &AtomicBool,
) -> Result<(), WorkerError> {
    let output = SharedWriter::new(output);
    let heartbeats = output.clone();
    // Started before the job and its data are read, because the runner measures silence from the start.
    let _heartbeats = HeartbeatThread::start(Heartbeat::INTERVAL, move |frame| heartbeats.send(&frame))
        .map_err(WorkerError::Thread)?;
    let mut line = String::new();
    input.read_line(&mut line).map_err(WorkerError::Input)?;
    let job = Job::from_line(&line)?;
    let commands = read_commands(input).map_err(WorkerError::Thread)?;
    let idx_dir = job.idx_dir.clone();
    let source = DataSource { idx_dir, ..DataSource::from_environment(job.data_dir.clone()) };
    let mut commands = || match stop.swap(false, Ordering::Relaxed) {
        true => Some(Command::StopAll),
        false => commands.try_recv().ok(),
    };
    backends::work(&job, &source, &mut commands, &mut |frame| output.send(&frame))?;
    Ok(())
}

/// Trains a job on a thread of the runner's process.
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

/// Reads commands on a separate thread, so that a command sent during a step is available right after it.
/// Lines that are not commands are ignored: the version in the job rules out unknown commands.
fn read_commands(input: impl BufRead + Send + 'static) -> io::Result<Receiver<Command>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new().name("commands".into()).spawn(move || {
        for line in input.lines().map_while(Result::ok) {
            if let Ok(command) = Command::from_line(&line) {
                // The receiver is dropped when training has ended.
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
