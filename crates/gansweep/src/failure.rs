//! Every way in which a command can end other than well, and its exit code.

use std::io;
use std::path::PathBuf;

use gansweep_report::ReportError;

/// The file or the command line is wrong; nothing was started.
const WRONG: u8 = 2;
/// Something went wrong after it had begun.
const FAILED: u8 = 1;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Experiment(#[from] gansweep_config::Faults),
    #[error(transparent)]
    Data(#[from] gansweep_data::DataError),
    #[error(transparent)]
    Gan(#[from] gansweep_train::TrainError),
    #[error(transparent)]
    Store(#[from] gansweep_store::StoreError),
    #[error(transparent)]
    Runner(#[from] gansweep_scheduler::RunnerError),
    #[error("the report could not be written: {0}")]
    Report(#[from] ReportError),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
    #[error("the output cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The command line asks for something that is not there.
    #[error("{0}")]
    Wrong(String),
    /// A child process or the system did not do its part.
    #[error("{0}")]
    System(String),
}

impl Failure {
    /// The exit code of the whole program.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Experiment(_)
            | Self::Data(_)
            | Self::Store(_)
            | Self::Report(ReportError::UnknownSweep { .. } | ReportError::Store(_))
            | Self::Wrong(_) => WRONG,
            _ => FAILED,
        }
    }

    /// Whether the reader of our output has simply gone away, as `head` does.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
