//! Every way in which a use case can end early.

use std::io;
use std::path::PathBuf;

use gansweep_report::ReportError;
use gansweep_train::{Problem, TrainError};

/// Why a use case ended early. Each message names the place and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// The experiment file, or what was set on top of it, is wrong.
    #[error(transparent)]
    Experiment(#[from] gansweep_config::Faults),
    /// A dataset cannot be had.
    #[error(transparent)]
    Data(#[from] gansweep_data::DataError),
    /// A backend, a checkpoint or a picture failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The database cannot be used, or holds no such run or sweep.
    #[error(transparent)]
    Store(#[from] gansweep_store::StoreError),
    /// The sweep as a whole ended.
    #[error(transparent)]
    Scheduler(#[from] gansweep_scheduler::RunnerError),
    /// The page.
    #[error("the report could not be written: {0}")]
    Report(#[from] ReportError),
    /// A file that the caller named.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The axes of a plan cannot be recorded.
    #[error("the plan's axes cannot be written as JSON: {0}")]
    Axes(#[source] serde_json::Error),
    /// The running program's file is not known, so that it cannot be started as a worker.
    #[error("the program cannot find its own file to start itself: {0}")]
    OwnProgram(#[source] io::Error),
    /// No device can have that name.
    #[error(transparent)]
    DeviceName(TrainError),
    /// This machine lacks the device.
    #[error("this machine has no device {0}; `gansweep devices` lists what it has")]
    UnknownDevice(String),
    /// The device is there, and of no use.
    #[error("device {device} cannot be used: {}; {}", problem.cause, problem.remedy)]
    UnusableDevice {
        /// Its name.
        device: String,
        /// Why, and the way out.
        problem: Problem,
    },
    /// Training on threads of this process was asked for, on a device that another build has.
    #[error(
        "--in-process trains in this program alone, and {device} is another's; leave it out, or start {} instead",
        program.display()
    )]
    AnotherProgramsDevice {
        /// Its name.
        device: String,
        /// The program that has it.
        program: PathBuf,
    },
    /// The system does not let so many workers be started.
    #[error(
        "{workers} workers need about {needed} {resource}, and the limit is {limit}: use --jobs {most}, or raise the \
         limit with `ulimit {option}`"
    )]
    TooManyWorkers {
        /// Workers at the same time.
        workers: u64,
        /// What they need.
        needed: u64,
        /// What there is.
        limit: u64,
        /// Of what.
        resource: &'static str,
        /// The option of `ulimit`.
        option: &'static str,
        /// The most workers within the limit.
        most: u64,
    },
    /// No dataset has that name.
    #[error("no dataset `{name}`; expected one of {}", known.join(", "))]
    UnknownDataset {
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// There is nothing to generate from or to export.
    #[error("run {run} ({label}) has no checkpoint yet: it is {state}")]
    NoCheckpoint {
        /// Its id.
        run: String,
        /// Its label.
        label: String,
        /// Its state.
        state: &'static str,
    },
}

/// What an error says of the work, as an exit code or a status would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The request is wrong, or asks for what is not there: nothing was started.
    Refused,
    /// Something failed after the work had begun; what was recorded before is kept.
    Failed,
}

impl AppError {
    /// What it says of the work.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Experiment(_)
            | Self::Data(_)
            | Self::Store(_)
            | Self::Report(ReportError::UnknownSweep { .. } | ReportError::Store(_))
            | Self::DeviceName(_)
            | Self::UnknownDevice(_)
            | Self::UnusableDevice { .. }
            | Self::AnotherProgramsDevice { .. }
            | Self::TooManyWorkers { .. }
            | Self::UnknownDataset { .. }
            | Self::NoCheckpoint { .. } => ErrorClass::Refused,
            Self::Train(_)
            | Self::Scheduler(_)
            | Self::Report(_)
            | Self::File { .. }
            | Self::Axes(_)
            | Self::OwnProgram(_) => ErrorClass::Failed,
        }
    }
}
