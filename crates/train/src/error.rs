//! Why a group could not be trained.

use std::io;
use std::path::{Path, PathBuf};

/// Why a group could not be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The training images could not be had, or a grid not be encoded.
    #[error(transparent)]
    Data(#[from] gansweep_data::DataError),
    /// The device does not exist here or cannot be used.
    #[error("device {device} cannot be used: {cause}")]
    Device {
        /// Its name.
        device: String,
        /// Why, and the way out.
        cause: String,
    },
    /// The device or the machine has too little memory for the group.
    #[error("device {device} has too little memory for this group: {cause}")]
    OutOfMemory {
        /// The device's name.
        device: String,
        /// What was asked for.
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
        /// The system's word.
        source: io::Error,
    },
    /// Weights could not be written as safetensors.
    #[error("the networks cannot be exported: {0}")]
    Export(String),
    /// The events could not be handed to the runner.
    #[error("the runner cannot be reached: {0}")]
    Events(#[source] io::Error),
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
            Self::Device { .. }
            | Self::OutOfMemory { .. }
            | Self::Checkpoint { .. }
            | Self::Group(_)
            | Self::Export(_)
            | Self::Events(_) => false,
        }
    }
}
