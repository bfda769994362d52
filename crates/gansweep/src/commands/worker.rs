//! The hidden command that trains one group: a job and commands on stdin, frames on stdout.

use std::io::{BufReader, stdin, stdout};
use std::process::ExitCode;

use gansweep_app::worker;

use crate::output;

/// Runs the command.
pub(crate) fn run() -> ExitCode {
    match worker::serve(BufReader::new(stdin()), stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
