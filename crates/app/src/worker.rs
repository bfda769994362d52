//! What a worker does, as a process or on a thread: it trains one group and tells of it in events.

use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gansweep_data::DataSource;
use gansweep_protocol::{Envelope, Job, write_frame};
use gansweep_scheduler::{EXIT_DEVICE_UNAVAILABLE, EXIT_OUT_OF_MEMORY, WorkerFailure};
use gansweep_train::TrainError;

use crate::backends;

/// Why a worker process ended early.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Whoever started the worker is no runner of this version.
    #[error("the worker's first line of input is no job: {0}")]
    Job(#[source] serde_json::Error),
    /// The job cannot be read, or its input not be watched.
    #[error("the worker's input cannot be read: {0}")]
    Input(#[source] io::Error),
    /// The group could not be trained.
    #[error(transparent)]
    Train(#[from] TrainError),
}

impl WorkerError {
    /// What the process is to exit with, so that the runner can tell a device that is gone or too small
    /// from a failure of the runs.
    pub fn exit_code(&self) -> u8 {
        let code = match self {
            Self::Job(_) => 2,
            Self::Input(_) => 1,
            Self::Train(failure) => exit_code(failure),
        };
        u8::try_from(code).unwrap_or(1)
    }
}

/// Reads the job from the first line of `input`, trains it, and writes its events as frames to
/// `output`. The line `stop`, or the end of the input, asks for a clean end: without a runner there is
/// nobody to train for.
pub fn serve(mut input: impl BufRead + Send + 'static, mut output: impl Write) -> Result<(), WorkerError> {
    let mut line = String::new();
    input.read_line(&mut line).map_err(WorkerError::Input)?;
    let job: Job = serde_json::from_str(&line).map_err(WorkerError::Job)?;
    let stopped = Arc::new(AtomicBool::new(false));
    let raise = Arc::clone(&stopped);
    let watch = move || {
        wait_for_stop(input);
        raise.store(true, Ordering::SeqCst);
    };
    std::thread::Builder::new().name("input".into()).spawn(watch).map_err(WorkerError::Input)?;
    let mut emit = |envelope: Envelope| {
        write_frame(&mut output, &envelope)?;
        output.flush()
    };
    let idx_dir = job.idx_dir.clone();
    let source = DataSource { idx_dir, ..DataSource::from_environment(job.data_dir.clone()) };
    backends::work(&job, &source, &|| stopped.load(Ordering::SeqCst), &mut emit)?;
    Ok(())
}

/// The same on a thread of the runner's own process.
pub(crate) fn work_on_thread(
    job: &Job,
    source: &DataSource,
    stop: &AtomicBool,
    emit: &mut dyn FnMut(Envelope) -> io::Result<()>,
) -> Result<(), WorkerFailure> {
    let result = backends::work(job, source, &|| stop.load(Ordering::SeqCst), emit);
    result
        .map(drop)
        .map_err(|failure| WorkerFailure { exit_code: exit_code(&failure), message: failure.to_string() })
}

fn wait_for_stop(input: impl BufRead) {
    for line in input.lines() {
        match line {
            Ok(line) if line.trim() == "stop" => return,
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

fn exit_code(failure: &TrainError) -> i32 {
    match failure {
        TrainError::Device { .. } => EXIT_DEVICE_UNAVAILABLE,
        TrainError::OutOfMemory { .. } => EXIT_OUT_OF_MEMORY,
        _ => 1,
    }
}
