//! The hidden command that trains one group: a job on stdin, events on stdout.

use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gansweep_app::backends;
use gansweep_protocol::{Envelope, Job, write_frame};
use gansweep_scheduler::{EXIT_DEVICE_UNAVAILABLE, EXIT_OUT_OF_MEMORY, WorkerFailure};
use gansweep_train::TrainError;

use crate::failure::Failure;
use crate::output;

/// Reads the job from the first line of stdin and trains it. The line `stop`, or the end of the
/// input, asks for a clean end: without a runner there is nobody to train for.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    let mut input = BufReader::new(stdin());
    let mut line = String::new();
    input.read_line(&mut line)?;
    let job: Job = serde_json::from_str(&line)
        .map_err(|error| Failure::Wrong(format!("the worker's first line of input is no job: {error}")))?;
    let stopped = Arc::new(AtomicBool::new(false));
    let raise = Arc::clone(&stopped);
    std::thread::Builder::new().name("input".into()).spawn(move || {
        wait_for_stop(input);
        raise.store(true, Ordering::SeqCst);
    })?;
    let mut out = stdout().lock();
    let mut emit = |envelope: Envelope| {
        write_frame(&mut out, &envelope)?;
        out.flush()
    };
    match backends::work(&job, &|| stopped.load(Ordering::SeqCst), &mut emit) {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(failure) => {
            output::error(&failure);
            Ok(ExitCode::from(u8::try_from(exit_code(&failure)).unwrap_or(1)))
        }
    }
}

/// The same on a thread of the runner's own process.
#[expect(clippy::needless_pass_by_value, reason = "the launcher hands the job over")]
pub(crate) fn work_in_process(
    job: Job,
    stop: &AtomicBool,
    emit: &mut dyn FnMut(Envelope) -> std::io::Result<()>,
) -> Result<(), WorkerFailure> {
    let result = backends::work(&job, &|| stop.load(Ordering::SeqCst), emit);
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
