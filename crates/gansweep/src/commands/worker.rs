//! The hidden command that trains one group: a job and commands on stdin, frames on stdout.

use std::io::{BufReader, stdin, stdout};

use gansweep_app::worker;

use crate::output;

/// Runs the command; its exit code.
pub(crate) fn run() -> u8 {
    match worker::serve(BufReader::new(stdin()), stdout()) {
        Ok(()) => 0,
        Err(error) => {
            output::error(&error);
            error.exit_code()
        }
    }
}
