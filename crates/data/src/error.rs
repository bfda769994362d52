//! What can go wrong with data, in words for the user.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use gansweep_config::{Dataset, ImageShape};

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
    /// The folder of the user's own images is not named.
    #[error("the dataset idx has no folder: name it with `data.path` in the experiment, or with --path")]
    NoIdxDir,
    /// The folder of the user's own images does not exist.
    #[error("{path}: the folder of the dataset idx does not exist; correct `data.path`", path = .0.display())]
    IdxDirMissing(PathBuf),
    /// The folder of the user's own images has none.
    #[error(
        "{folder}: no training images of the dataset idx; looked for {names} in the folder, in raw and in \
         MNIST/raw; rename the files, or correct `data.path`",
        folder = folder.display(),
        names = names.join(", ")
    )]
    NoIdxFiles {
        /// The folder.
        folder: PathBuf,
        /// The names that were looked for.
        names: Vec<String>,
    },
    /// A file of the user's own cannot be taken.
    #[error("{path}: {fault}; correct the file, or `data.path`", path = path.display())]
    OwnFile {
        /// The file.
        path: PathBuf,
        /// What was found, and what was expected.
        fault: IdxFault,
    },
    /// Not as many labels as images.
    #[error(
        "{labels} has {label_count} labels for the {image_count} images of {images}; \
         correct one of the files, or remove the labels",
        labels = labels.display(),
        images = images.display()
    )]
    Counts {
        /// The file of images.
        images: PathBuf,
        /// How many there are.
        image_count: usize,
        /// The file of labels.
        labels: PathBuf,
        /// How many there are.
        label_count: usize,
    },
    /// Test images of another shape than training images.
    #[error(
        "{test} has images of {test_shape} (channels x rows x columns), {train} of {train_shape}; \
         correct or remove the test images",
        test = test.display(),
        train = train.display()
    )]
    Shapes {
        /// The file of training images.
        train: PathBuf,
        /// Of each of them.
        train_shape: ImageShape,
        /// The file of test images.
        test: PathBuf,
        /// Of each of them.
        test_shape: ImageShape,
    },
    /// Labels for one part alone.
    #[error(
        "the images of {labelled} have labels and those of {unlabelled} have none; \
         add the missing labels, or remove the test images",
        labelled = labelled.display(),
        unlabelled = unlabelled.display()
    )]
    HalfLabelled {
        /// The file of images with labels.
        labelled: PathBuf,
        /// The file of images without.
        unlabelled: PathBuf,
    },
    /// The files of the user's own were changed while they were in use.
    #[error(
        "{path}: the files are not those that the runs were planned on; sweep again to train on what they are now",
        path = .0.display()
    )]
    Changed(PathBuf),
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
    #[error("a grid of {rows} x {cols} images cannot show {count} of them")]
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
