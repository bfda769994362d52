//! Why a group could not be trained, or a checkpoint not be used.

use std::io;
use std::path::{Path, PathBuf};

use gansweep_nn::network::{Mismatch, Role};

/// Why a group could not be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The training images cannot be read, or a grid cannot be encoded.
    #[error(transparent)]
    Data(#[from] gansweep_data::DataError),
    /// The device does not exist here or cannot be used.
    #[error("device {device} cannot be used: {cause}")]
    Device {
        /// Name of the device.
        device: String,
        /// The reason, and what to do about it.
        cause: String,
    },
    /// The device or the machine has too little memory for the group.
    #[error("device {device} has too little memory for this group: {cause}")]
    OutOfMemory {
        /// The device's name.
        device: String,
        /// What could not be allocated.
        cause: String,
    },
    /// A checkpoint cannot be used.
    #[error("checkpoint {path} cannot be used: {source}", path = path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// The lanes of a job do not form a group.
    #[error("the job's lanes do not form a group: {0}")]
    Group(String),
    /// A run's networks do not fit each other or its images.
    #[error("the config has no networks: {0}")]
    Networks(#[from] Mismatch),
    /// The backend cannot train a lane's config. Planning asks for this first.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// Weights cannot be serialised as safetensors.
    #[error("the weights cannot be written as safetensors: {0}")]
    Export(String),
    /// The events cannot be written, to the runner or to a segment.
    #[error("{problem}: {0}", problem = problem_with_events(.0))]
    Events(#[source] io::Error),
}

fn problem_with_events(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::BrokenPipe => "the runner cannot be reached",
        _ => "the events cannot be written",
    }
}

impl TrainError {
    /// Whether every other run of the sweep would fail for the same cause: its data cannot be read,
    /// or nothing can be written where all runs write.
    pub fn affects_all_runs(&self) -> bool {
        match self {
            Self::Data(_) => true,
            // Writing a checkpoint fails for one run alone only where something has taken the place of its own folder
            // or file, which `make_folder_of` and the rename report in these ways.
            Self::File { path, source } => match source.kind() {
                io::ErrorKind::AlreadyExists
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::DirectoryNotEmpty => !path.ancestors().nth(2).is_some_and(Path::is_dir),
                _ => true,
            },
            // A segment is a file. What is wrong with a pipe is wrong for this worker alone.
            Self::Events(source) => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Self::Device { .. }
            | Self::OutOfMemory { .. }
            | Self::Checkpoint { .. }
            | Self::Group(_)
            | Self::Networks(_)
            | Self::Unsupported(_)
            | Self::Export(_) => false,
        }
    }
}

/// Why a backend cannot train a config: the end of a sentence that names the backend's device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsupported(pub String);

impl Unsupported {
    /// The backend has no such layer in that network.
    pub fn layer(role: Role, layer: &str) -> Self {
        Self(format!("it does not compute {layer} in the {role}"))
    }
}

impl From<Mismatch> for Unsupported {
    fn from(mismatch: Mismatch) -> Self {
        Self(mismatch.to_string())
    }
}

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// There is no such file.
    #[error("the file is missing")]
    Missing,
    /// The file cannot be read, is not a regular file, or is not in the results folder.
    #[error("{0}")]
    File(#[source] io::Error),
    /// Length or digest differ from what was recorded.
    #[error("its content is not what was written")]
    Content,
    /// The content is as it was recorded, and is not a checkpoint that this program reads.
    #[error("it is not a checkpoint that this program reads: {0}")]
    Format(String),
    /// It is a checkpoint of another run or another step.
    #[error("it is of {found}, not of {expected}")]
    Other {
        /// The run or the step in the file.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// Its tensors or counters are not those of the config.
    #[error("it does not fit its config: {0}")]
    Misfit(String),
}

impl CheckpointError {
    /// Whether the file does not exist, as opposed to one that is of no use.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The error of opening or reading the file.
    pub(crate) fn of_file(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::File(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_that_takes_no_events_affects_all_runs_and_a_closed_pipe_does_not() {
        let error = |kind: io::ErrorKind| TrainError::Events(kind.into());
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            let error = error(kind);
            assert!(error.affects_all_runs());
            assert!(error.to_string().starts_with("the events cannot be written: "), "{error}");
        }
        let closed = error(io::ErrorKind::BrokenPipe);
        assert!(!closed.affects_all_runs());
        assert!(closed.to_string().starts_with("the runner cannot be reached: "), "{closed}");
    }
}
