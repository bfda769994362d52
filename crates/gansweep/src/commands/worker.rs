//! `gansweep worker` (hidden): trains one group. Job and commands arrive on stdin, frames go to stdout.

use std::io::{BufReader, stdin, stdout};

use gansweep_app::worker;

use crate::failure::Failure;
use crate::{messages, signals};

/// Runs the command; returns its exit code.
pub(crate) fn run() -> Result<u8, Failure> {
    let stop = signals::stop_flag().map_err(Failure::Signals)?;
    Ok(match worker::serve(BufReader::new(stdin()), stdout(), &stop) {
        Ok(()) => 0,
        Err(error) => {
            messages::error(&error);
            error.exit_code()
        }
    })
}
