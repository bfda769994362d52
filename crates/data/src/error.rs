//! What can go wrong with data, in words for the user.

use std::{io, path::PathBuf};

use gansweep_experiment::Dataset;

use crate::idx::IdxFault;

/// Why a dataset could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file is no sound IDX file.
    #[error(
        "{path}: {fault}; delete the file and run `gansweep data fetch {name}`",
        path = path.display(),
        name = dataset.name()
    )]
    Idx {
        /// The file.
        path: PathBuf,
        /// Which dataset it was read for.
        dataset: Dataset,
        /// What was found, and what was expected.
        fault: IdxFault,
    },
    /// The disk refused.
    #[error("{path}: cannot {action}: {source}", path = path.display())]
    Io {
        /// What was tried: `read`, `write`, ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}
