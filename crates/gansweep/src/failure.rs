//! Errors of commands, and their exit codes.

use std::io;

use gansweep_app::{AppError, ErrorClass};

use crate::signals::INTERRUPTED;

/// The file or the command line is invalid; nothing was started.
const USAGE: u8 = 2;
/// Something failed after the work had started.
const FAILED: u8 = 1;

/// The error of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    App(#[from] AppError),
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    #[error("cannot install signal handlers: {0}")]
    Signals(#[source] io::Error),
    /// Invalid or contradictory arguments.
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    /// The program's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::App(AppError::Interrupted) => INTERRUPTED,
            Self::App(error) => match error.class() {
                ErrorClass::Refused => USAGE,
                ErrorClass::Failed => FAILED,
            },
            Self::Usage(_) => USAGE,
            Self::Output(_) | Self::Signals(_) => FAILED,
        }
    }

    /// Whether an output file is a pipe whose reader has gone away.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::App(error) if error.is_closed_pipe())
    }
}
