//! Errors of datasets.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use gansweep_config::{Dataset, ImageShape};

use crate::{FolderFault, IdxFault, naming::Naming};

/// Why a dataset cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file is not the published file of its dataset.
    #[error(
        "{path}: no file of {name}: {fault}; {remedy}",
        path = path.display(),
        name = dataset.name(),
        remedy = origin.remedy(*dataset)
    )]
    Idx {
        /// The file.
        path: PathBuf,
        /// The dataset that it should belong to.
        dataset: Dataset,
        /// What is wrong with the content.
        fault: IdxFault,
        /// Where the file was found.
        origin: Origin,
    },
    /// The operating system reports an error.
    #[error("{path}: cannot {action}: {source}", path = path.display())]
    Io {
        /// The failed action.
        action: IoAction,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The user's data folder does not exist or is not a folder.
    #[error(
        "{path}: the data folder does not exist or is not a folder; correct --data-dir or GANSWEEP_DATA_DIR, or leave it out",
        path = .0.display()
    )]
    NoDataDir(PathBuf),
    /// A folder has some files of a dataset, but not all.
    #[error(
        "{folder}: {names} of {dataset} missing (each as such or with .gz); add the missing files, or leave \
         --data-dir and GANSWEEP_DATA_DIR out to take {dataset} from the cache, which \
         `gansweep data fetch {dataset}` then fills",
        folder = folder.display(),
        names = missing.join(", "),
        dataset = dataset.name()
    )]
    Incomplete {
        /// The folder.
        folder: PathBuf,
        /// The dataset.
        dataset: Dataset,
        /// The names of the missing files.
        missing: Vec<&'static str>,
    },
    /// The dataset is not on this machine.
    #[error(
        "{name} is not on this machine (looked in {places}); run `gansweep data fetch {name}`, \
         point --data-dir or GANSWEEP_DATA_DIR to a folder with its files, \
         or train on the built-in digits with `fallback = \"strokes\"` under `[data]`",
        name = dataset.name(),
        places = Places(looked_in)
    )]
    Missing {
        /// The dataset.
        dataset: Dataset,
        /// The folders that were searched.
        looked_in: Vec<PathBuf>,
    },
    /// A dataset of the user's was requested without its folder.
    #[error("{}", self.explained(Naming::Keys))]
    NoOwnDir(Dataset),
    /// The folder of a dataset of the user's does not exist, or is a file.
    #[error("{}", self.explained(Naming::Keys))]
    OwnDirMissing {
        /// The dataset.
        dataset: Dataset,
        /// The folder.
        path: PathBuf,
    },
    /// A folder of pictures is not laid out as a dataset.
    #[error("{}", self.explained(Naming::Keys))]
    Folder {
        /// The folder, or the file.
        path: PathBuf,
        /// What is wrong.
        fault: FolderFault,
    },
    /// Files of a folder of pictures that are no images that can be used.
    #[error("{}", self.explained(Naming::Keys))]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// The number of images in it, with the damaged ones.
        images: usize,
        /// All files that cannot be used, in the order of their names.
        damaged: Vec<DamagedFile>,
    },
    /// A class of a folder of pictures has no image without the damaged ones.
    #[error(
        "{folder}: the class has no image that can be used: {list}; repair one or add some, or remove the folder",
        folder = folder.display(),
        list = DamagedList(damaged, Some(folder))
    )]
    DamagedClass {
        /// The folder of the class.
        folder: PathBuf,
        /// All of its files, in the order of their names.
        damaged: Vec<DamagedFile>,
    },
    /// The folder of `idx` has no training images.
    #[error("{}", self.explained(Naming::Keys))]
    NoIdxFiles {
        /// The folder.
        folder: PathBuf,
        /// The file names that were searched.
        names: Vec<String>,
    },
    /// A file of `idx` cannot be used.
    #[error("{}", self.explained(Naming::Keys))]
    OwnFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with the content.
        fault: IdxFault,
    },
    /// The number of labels differs from the number of images.
    #[error(
        "{labels} has {label_count} labels for the {image_count} images of {images}; \
         correct one of the files, or remove the labels",
        labels = labels.display(),
        images = images.display()
    )]
    Counts {
        /// The file of images.
        images: PathBuf,
        /// The number of images.
        image_count: usize,
        /// The file of labels.
        labels: PathBuf,
        /// The number of labels.
        label_count: usize,
    },
    /// Test images have another shape than training images.
    #[error(
        "{test} has images of {test_shape} (channels x rows x columns), {train} of {train_shape}; \
         correct or remove the test images",
        test = test.display(),
        train = train.display()
    )]
    Shapes {
        /// The file of training images.
        train: PathBuf,
        /// The shape of the training images.
        train_shape: ImageShape,
        /// The file of test images.
        test: PathBuf,
        /// The shape of the test images.
        test_shape: ImageShape,
    },
    /// Only one of training and test images have labels.
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
    /// The files of `idx` have changed since the runs were planned.
    #[error(
        "{path}: the files are not those that the runs were planned on; sweep again to train on what they are now",
        path = .0.display()
    )]
    Changed(PathBuf),
    /// A download is needed but forbidden.
    #[error(
        "{name} is not on this machine (looked in {places}) and would have to be downloaded, but GANSWEEP_OFFLINE \
         is set; unset it, point --data-dir or GANSWEEP_DATA_DIR to a folder with its files, \
         or train on the built-in digits with `fallback = \"strokes\"` under `[data]`",
        name = dataset.name(),
        places = Places(looked_in)
    )]
    Offline {
        /// The dataset.
        dataset: Dataset,
        /// The folders that were searched.
        looked_in: Vec<PathBuf>,
    },
    /// No mirror has the file.
    #[error(
        "{file} of {name} is not on this machine (looked in {places}) and could not be downloaded: {attempts}; \
         try again later, \
         point --data-dir or GANSWEEP_DATA_DIR to a folder with its files, \
         or train on the built-in digits with `fallback = \"strokes\"` under `[data]`",
        name = dataset.name(),
        places = Places(looked_in),
        attempts = Attempts(attempts)
    )]
    Download {
        /// The dataset.
        dataset: Dataset,
        /// The file.
        file: &'static str,
        /// The attempts, in order.
        attempts: Vec<Attempt>,
        /// The folders that were searched.
        looked_in: Vec<PathBuf>,
    },
    /// The dataset cannot have images of that shape.
    #[error("{} has no images of {shape} (channels x rows x columns)", dataset.name())]
    NoSuchShape {
        /// The dataset.
        dataset: Dataset,
        /// The shape that was asked for.
        shape: ImageShape,
    },
    /// The dataset has another shape than the one that was asked for.
    #[error(
        "{} has images of {shape} (channels x rows x columns); another shape can be asked of `strokes` and \
         `folder` alone",
        dataset.name()
    )]
    OtherShape {
        /// The dataset.
        dataset: Dataset,
        /// The shape that it has.
        shape: ImageShape,
    },
    /// The drawn images differ from those of other machines.
    #[error(
        "this machine draws other digits than every machine should ({0}); \
         please report it with the machine's processor and the compiler's version"
    )]
    StrokesDiffer(IdxFault),
    /// A picture of images cannot be encoded.
    #[error("a picture of images cannot be encoded: {0}")]
    Picture(String),
    /// A grid without images, or with too many cells.
    #[error("a grid of {rows} x {cols} images cannot show {count} of them")]
    Grid {
        /// The requested rows.
        rows: u32,
        /// The requested columns.
        cols: u32,
        /// The number of available images.
        count: usize,
    },
}

/// What the operating system does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IoAction {
    /// Reading a file or a folder.
    Read,
    /// Writing one.
    Write,
}

impl fmt::Display for IoAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

impl DataError {
    /// The error with its way out, in the words of a user who says so where their images are.
    pub fn explained(&self, naming: Naming) -> String {
        match self {
            Self::NoOwnDir(dataset) => {
                format!("the dataset {} has no folder: name it with {}", dataset.name(), naming.path())
            }
            Self::OwnDirMissing { dataset, path } => no_folder(*dataset, path, naming),
            Self::Folder { path, fault } => format!("{}: {}", path.display(), fault.explained(naming)),
            Self::Damaged { folder, images, damaged } => format!(
                "{} of {images} images in {} cannot be used: {}; repair or remove them, or leave them out with {}",
                damaged.len(),
                folder.display(),
                DamagedList(damaged, None),
                naming.skip_damaged()
            ),
            Self::NoIdxFiles { folder, names } => format!(
                "{}: no training images of the dataset idx; looked for {} in the folder, in raw and in MNIST/raw; \
                 rename the files, or correct {}",
                folder.display(),
                names.join(", "),
                naming.path()
            ),
            Self::OwnFile { path, fault } => {
                format!("{}: {fault}; correct the file, or {}", path.display(), naming.path())
            }
            other => other.to_string(),
        }
    }
}

/// The path is absolute in the message, since one in an experiment file starts at the file and others at the current folder.
fn no_folder(dataset: Dataset, path: &Path, naming: Naming) -> String {
    let (name, key) = (dataset.name(), naming.path());
    let shown = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let shown = shown.display();
    if path.is_file() {
        return format!("{shown} is a file, and the dataset {name} needs a folder; correct {key}");
    }
    // A shell expands it where it is not quoted, so that users expect it elsewhere too.
    if path.iter().any(|part| part == "~") {
        return format!(
            "{shown}: the folder of the dataset {name} does not exist: `~` is not expanded here; write the whole path in {key}"
        );
    }
    format!("{shown}: the folder of the dataset {name} does not exist; correct {key}")
}

/// A file of a folder of pictures that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedFile {
    /// The file.
    pub path: PathBuf,
    /// Why it cannot be used.
    pub reason: String,
}

/// The damaged files of a folder of pictures that are left out (`data.skip_damaged = true`). As a text: a sentence that
/// names the first of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The folder.
    pub folder: PathBuf,
    /// The files, in the order of their names.
    pub damaged: Vec<DamagedFile>,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, damaged } = self;
        let pictures = if damaged.len() == 1 { "picture is" } else { "pictures are" };
        let list = DamagedList(damaged, Some(folder));
        write!(f, "{} damaged {pictures} left out of {}: {list}", damaged.len(), folder.display())
    }
}

/// The most damaged files that a message lists.
const MAX_LISTED: usize = 10;

/// Damaged files, by their paths from a folder on if there is one.
struct DamagedList<'a>(&'a [DamagedFile], Option<&'a Path>);

impl fmt::Display for DamagedList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(damaged, folder) = self;
        let named = |file: &DamagedFile| {
            let inner = folder.and_then(|folder| file.path.strip_prefix(folder).ok());
            format!("{} ({})", inner.unwrap_or(&file.path).display(), file.reason)
        };
        let listed: Vec<_> = damaged.iter().take(MAX_LISTED).map(named).collect();
        f.write_str(&listed.join(", "))?;
        match damaged.len().saturating_sub(MAX_LISTED) {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}

/// A failed download from one mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The URL.
    pub url: String,
    /// Why the download failed.
    pub problem: String,
}

/// Where a dataset file was found. The way out of a damaged file depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// In the user's data folder, in which this program changes nothing.
    DataFolder,
    /// In the cache.
    Cache,
}

impl Origin {
    fn remedy(self, dataset: Dataset) -> String {
        let name = dataset.name();
        match self {
            Self::DataFolder => format!(
                "put the published file in its place, or leave --data-dir and GANSWEEP_DATA_DIR out to take {name} from \
                 the cache, which `gansweep data fetch {name}` then fills; images of your own train with \
                 `dataset = \"idx\"`"
            ),
            Self::Cache => format!("`gansweep data fetch {name}` downloads it again"),
        }
    }
}

impl DataError {
    pub(crate) fn idx(path: &Path, dataset: Dataset, fault: IdxFault, origin: Origin) -> Self {
        Self::Idx { path: path.to_owned(), dataset, fault, origin }
    }

    /// Something that has the name of a file and is none.
    pub(crate) fn not_a_file(path: PathBuf) -> Self {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
        Self::Io { action: IoAction::Read, path, source }
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
