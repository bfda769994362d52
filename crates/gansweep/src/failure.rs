//! Errors of commands, and their exit codes.

use std::io;

use gansweep_app::{AppError, ErrorClass};

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
    #[error("cannot write the output as JSON: {0}")]
    Json(#[from] serde_json::Error),
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
            Self::App(error) => match error.class() {
                ErrorClass::Refused => USAGE,
                ErrorClass::Failed => FAILED,
            },
            Self::Usage(_) => USAGE,
            Self::Output(_) | Self::Json(_) | Self::Signals(_) => FAILED,
        }
    }

    /// Whether the reader of the output has closed the pipe, as `head` does.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
