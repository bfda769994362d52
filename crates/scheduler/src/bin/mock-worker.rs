//! A worker program that simulates training: the protocol between runner and worker on one page.
//!
//! It reads a job, one line of JSON, from its input, simulates its training, and writes frames to its
//! output. The lines after the job are commands, and the end of its input (the runner has ended) asks for
//! a clean stop. Tests start it as a real process, and its arguments say how it fails:
//!
//!     mock-worker [healthy | ignore-commands | panic N | abort N | hang N | freeze N | allocate MIB N | exit CODE N | garbage N | tear N]
//!
//! where N is the number of frames before the failure.

use std::io::{self, BufRead, BufReader, Write};
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use gansweep_protocol::{Command, Frame, Heartbeat, HeartbeatThread, Job, SharedWriter};
use gansweep_scheduler::mock::{Script, simulate};
use rustix::process::{Signal, getpid, kill_process};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut input = BufReader::new(io::stdin());
    let mut line = String::new();
    if let Err(error) = input.read_line(&mut line) {
        return fail(&format!("no job came: {error}"));
    }
    let job = match Job::from_line(&line) {
        Ok(job) => job,
        Err(error) => return fail(&format!("no job came: {error}")),
    };
    let (sender, commands) = mpsc::channel();
    let ignores_commands = arguments.first().is_some_and(|mode| mode == "ignore-commands");
    thread::spawn(move || listen(input, &sender, ignores_commands));
    let out = SharedWriter::new(io::stdout());
    let heartbeat_output = out.clone();
    let Ok(_heartbeats) =
        HeartbeatThread::start(Heartbeat::INTERVAL, move |frame| heartbeat_output.send(&frame))
    else {
        return fail("no thread for heartbeats");
    };
    let mut sent = 0;
    let mut send_frame = |frame: Frame| {
        misbehave(&arguments, sent)?;
        sent += 1;
        out.send(&frame)
    };
    let script = Script { pace: Duration::from_micros(200), ..Script::healthy() };
    match simulate(job, &script, &mut || commands.try_recv().ok(), &mut send_frame) {
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

/// Passes commands on, and a stop at the end of the input.
fn listen(input: impl BufRead, commands: &Sender<Command>, ignores_commands: bool) {
    for line in input.lines().map_while(Result::ok) {
        if let (false, Ok(command)) = (ignores_commands, Command::from_line(&line)) {
            // The receiver is dropped when training is over.
            let _ = commands.send(command);
        }
    }
    let _ = commands.send(Command::StopAll);
}

/// Fails as the arguments say, when that many frames have been sent.
fn misbehave(arguments: &[String], sent: u64) -> io::Result<()> {
    let due = |after: &String| after.parse() == Ok(sent);
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
        // The heartbeats go on.
        ["hang"] => thread::sleep(Duration::from_hours(1)),
        ["allocate", mib] => {
            std::hint::black_box(vec![0_u8; mib.parse::<usize>().unwrap_or(0) << 20]);
        }
        ["freeze"] => kill_process(getpid(), Signal::STOP)?,
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
