//! A worker program that pretends to train: the protocol between runner and worker in one page.
//!
//! It reads a job, one line of JSON, from its input; trains it as `gansweep_scheduler::mock` does;
//! and writes each event as a frame to its output. The line `stop`, or the end of its input (the
//! runner is gone), asks for a clean stop. The tests start it as a real process, and its arguments
//! say how it fails:
//!
//!     mock-worker [healthy | deaf | panic N | abort N | hang N | exit CODE N | garbage N | tear N]
//!
//! where N is how many events come before.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use gansweep_protocol::{Envelope, write_frame};
use gansweep_scheduler::mock::{Script, pretend};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut line = String::new();
    if let Err(error) = io::stdin().lock().read_line(&mut line) {
        return fail(&format!("no job came: {error}"));
    }
    let job = match serde_json::from_str(&line) {
        Ok(job) => job,
        Err(error) => return fail(&format!("no job came: {error}")),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&stop);
    let deaf = arguments.first().is_some_and(|mode| mode == "deaf");
    thread::spawn(move || listen(&heard, deaf));
    let mut told = 0;
    let mut emit = |envelope: Envelope| {
        misbehave(&arguments, told)?;
        told += 1;
        write_frame(io::stdout().lock(), &envelope)
    };
    let script = Script { pace: Duration::from_micros(200), ..Script::healthy() };
    match pretend(job, &script, &stop, &mut emit) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.message);
            ExitCode::from(u8::try_from(failure.exit_code).unwrap_or(1))
        }
    }
}

fn fail(words: &str) -> ExitCode {
    eprintln!("{words}");
    ExitCode::FAILURE
}

/// Sets the flag at the line `stop`, or at the end of the input.
fn listen(stop: &AtomicBool, deaf: bool) {
    for line in io::stdin().lock().lines() {
        if line.is_ok_and(|line| line == "stop") && !deaf {
            stop.store(true, Ordering::Relaxed);
        }
    }
    stop.store(true, Ordering::Relaxed);
}

/// Fails as the arguments want when so many events have been told.
fn misbehave(arguments: &[String], told: u64) -> io::Result<()> {
    let due = |after: &String| after.parse() == Ok(told);
    let arguments: Vec<&str> = match arguments.split_last() {
        Some((after, rest)) if due(after) => rest.iter().map(String::as_str).collect(),
        _ => return Ok(()),
    };
    match arguments.as_slice() {
        ["panic"] => panic!("as the arguments want"),
        ["abort"] => {
            eprintln!("driver: bad address");
            std::process::abort();
        }
        ["hang"] => thread::sleep(Duration::from_hours(1)),
        ["exit", code] => std::process::exit(code.parse().unwrap_or(1)),
        ["garbage"] => io::stdout().write_all(b"thread 'main' says hello on the wrong pipe\n")?,
        ["tear"] => {
            io::stdout().write_all(&[9, 0, 0, 0, 1])?;
            io::stdout().flush()?;
            std::process::exit(0);
        }
        _ => {}
    }
    Ok(())
}
