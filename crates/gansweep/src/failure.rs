//! Every way in which a command can end other than well, and its exit code.

use std::io;

use gansweep_app::{AppError, ErrorClass};

/// The file or the command line is wrong; nothing was started.
const WRONG: u8 = 2;
/// Something went wrong after it had begun.
const FAILED: u8 = 1;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    App(#[from] AppError),
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
    #[error("the output cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the system lets no signals be caught: {0}")]
    Signals(#[source] io::Error),
    /// The arguments contradict each other.
    #[error("{0}")]
    Wrong(String),
}

impl Failure {
    /// The exit code of the whole program.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::App(error) => match error.class() {
                ErrorClass::Refused => WRONG,
                ErrorClass::Failed => FAILED,
            },
            Self::Wrong(_) => WRONG,
            Self::Output(_) | Self::Json(_) | Self::Signals(_) => FAILED,
        }
    }

    /// Whether the reader of our output has simply gone away, as `head` does.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
