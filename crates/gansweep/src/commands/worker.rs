//! The hidden command that trains one group: a job on stdin, events on stdout.

use std::io::{BufReader, stdin, stdout};
use std::process::ExitCode;

use gansweep_app::worker;

use crate::output;

/// Runs the command.
pub(crate) fn run() -> ExitCode {
    match worker::serve(BufReader::new(stdin()), stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
