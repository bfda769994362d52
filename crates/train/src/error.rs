//! Why a group could not be trained.

use std::io;
use std::path::PathBuf;

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
    /// A checkpoint cannot be read back.
    #[error("checkpoint {path} cannot be used: {cause}", path = path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The lanes of a job do not form a group.
    #[error("the job's lanes do not form a group: {0}")]
    Group(String),
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// Weights could not be written as safetensors.
    #[error("the networks cannot be exported: {0}")]
    Export(String),
    /// The events cannot be sent to the runner.
    #[error("the runner cannot be reached: {0}")]
    Events(#[source] io::Error),
}

impl TrainError {
    /// Whether every other run of the sweep would fail for the same cause: its data cannot be read,
    /// or nothing can be written where all runs write.
    pub fn affects_all_runs(&self) -> bool {
        match self {
            Self::Data(_) => true,
            Self::File { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::ReadOnlyFilesystem
                    | io::ErrorKind::PermissionDenied
            ),
            Self::Device { .. }
            | Self::OutOfMemory { .. }
            | Self::Checkpoint { .. }
            | Self::Group(_)
            | Self::Export(_)
            | Self::Events(_) => false,
        }
    }
}
