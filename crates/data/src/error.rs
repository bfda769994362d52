//! What can go wrong with data, in words for the user.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use gansweep_config::Dataset;

use crate::IdxFault;

/// Why a dataset could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file is not the published file of the dataset.
    #[error(
        "{path}: no file of {name}: {fault}; delete the file and run `gansweep data fetch {name}`",
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
        /// What was tried: `read` or `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The user's data folder does not exist.
    #[error(
        "{path}: the data folder does not exist; correct --data-dir or GANSWEEP_DATA_DIR, or leave it out",
        path = .0.display()
    )]
    NoDataDir(PathBuf),
    /// A folder has some files of a dataset, but not all.
    #[error(
        "{folder}: {names} of {dataset} missing (each as such or with .gz); \
         add what is missing, or delete the rest and run `gansweep data fetch {dataset}`",
        folder = folder.display(),
        names = missing.join(", "),
        dataset = dataset.name()
    )]
    Incomplete {
        /// The folder.
        folder: PathBuf,
        /// Which dataset.
        dataset: Dataset,
        /// The names of the missing files.
        missing: Vec<&'static str>,
    },
    /// The dataset is nowhere on this machine.
    #[error(
        "{name} is not on this machine (looked in {places}); run `gansweep data fetch {name}`, \
         point --data-dir or GANSWEEP_DATA_DIR to a folder with its IDX files, \
         or train on the built-in digits with `fallback = \"strokes\"` under `[data]`",
        name = dataset.name(),
        places = Places(looked_in)
    )]
    Missing {
        /// Which dataset.
        dataset: Dataset,
        /// The folders without it.
        looked_in: Vec<PathBuf>,
    },
    /// A download was needed and forbidden.
    #[error(
        "{name} would have to be downloaded, but GANSWEEP_OFFLINE is set; unset it, \
         point --data-dir or GANSWEEP_DATA_DIR to a folder with its IDX files, \
         or train on the built-in digits with `fallback = \"strokes\"` under `[data]`",
        name = .0.name()
    )]
    Offline(Dataset),
    /// No mirror had the file.
    #[error(
        "{file} of {name} could not be downloaded: {attempts}; try again later, \
         point --data-dir or GANSWEEP_DATA_DIR to a folder with its IDX files, \
         or train on the built-in digits with `fallback = \"strokes\"` under `[data]`",
        name = dataset.name(),
        attempts = Attempts(attempts)
    )]
    Download {
        /// Which dataset.
        dataset: Dataset,
        /// The file.
        file: &'static str,
        /// What was tried, in order.
        attempts: Vec<Attempt>,
    },
    /// The drawn images are not the ones that every machine draws.
    #[error(
        "this machine draws other digits than every machine should ({0}); \
         please report it with the machine's processor and the compiler's version"
    )]
    StrokesDiffer(IdxFault),
    /// A picture of images cannot be encoded.
    #[error("a picture of images cannot be encoded: {0}")]
    Picture(String),
    /// A grid without images, or of more images than there are.
    #[error("a grid of {rows} x {cols} real images needs 1 to {count} of them")]
    Grid {
        /// Rows asked for.
        rows: u32,
        /// Columns asked for.
        cols: u32,
        /// Images at hand.
        count: usize,
    },
}

/// One mirror that was asked in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What was asked for.
    pub url: String,
    /// Why it was not had.
    pub problem: String,
}

impl DataError {
    pub(crate) fn idx(path: &Path, dataset: Dataset, fault: IdxFault) -> Self {
        Self::Idx { path: path.to_owned(), dataset, fault }
    }
}

struct Places<'a>(&'a [PathBuf]);

impl fmt::Display for Places<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<_> = self.0.iter().map(|place| place.display().to_string()).collect();
        f.write_str(&places.join(", "))
    }
}

struct Attempts<'a>(&'a [Attempt]);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempts: Vec<_> =
            self.0.iter().map(|attempt| format!("{} ({})", attempt.url, attempt.problem)).collect();
        f.write_str(&attempts.join(", "))
    }
}
