//! `gansweep worker` (hidden): trains one group. Job and commands arrive on stdin, frames go to stdout.

use std::io::{BufReader, stdin, stdout};

use gansweep_app::worker;

use crate::output;

/// Runs the command; returns its exit code.
pub(crate) fn run() -> u8 {
    match worker::serve(BufReader::new(stdin()), stdout()) {
        Ok(()) => 0,
        Err(error) => {
            output::error(&error);
            error.exit_code()
        }
    }
}
