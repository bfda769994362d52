//! Every dataset, from its name to its reader.

use gansweep_config::{Dataset, DatasetSpec};

use crate::{
    DataError, DataSource, Images, Location, Progress, Split,
    idx_folder::IdxFolder,
    published::{FASHION_MNIST, KMNIST, MNIST},
    reader::Reader,
    strokes::Strokes,
};

/// The reader of each dataset.
fn reader(dataset: Dataset) -> &'static dyn Reader {
    match dataset {
        Dataset::Mnist => &MNIST,
        Dataset::FashionMnist => &FASHION_MNIST,
        Dataset::Kmnist => &KMNIST,
        Dataset::Strokes => &Strokes,
        Dataset::Idx => &IdxFolder,
    }
}

/// The names of the classes, from label 0; empty for the user's own images.
pub fn class_names(dataset: Dataset) -> &'static [&'static str] {
    reader(dataset).class_names()
}

impl DataSource {
    /// The spec of a dataset. That of [`Idx`](Dataset::Idx) is read from its files; all others are built in.
    ///
    /// # Errors
    ///
    /// For [`Idx`](Dataset::Idx), if the folder or one of its files cannot be used.
    pub fn spec(&self, dataset: Dataset) -> Result<DatasetSpec, DataError> {
        reader(dataset).spec(self)
    }

    /// Finds the dataset. Reads no files but labels in the data folder.
    ///
    /// # Errors
    ///
    /// The data folder does not exist, has only some of the dataset's files, or has files of no known
    /// dataset: a folder that the user names is never ignored silently.
    pub fn locate(&self, dataset: Dataset) -> Result<Location, DataError> {
        reader(dataset).locate(self)
    }

    /// Completes the dataset in the cache: downloads missing and broken files, or draws `strokes`. Every file
    /// is checked. The data folder is not used.
    ///
    /// # Errors
    ///
    /// No mirror has a file, downloads are forbidden, or the cache cannot be written. The cache then has the
    /// files that were complete, and no partial file.
    pub fn fetch(&self, dataset: Dataset, progress: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
        reader(dataset).fetch(self, progress)
    }

    /// Loads one split of a dataset and checks it against the published digests. Downloads nothing. `strokes`
    /// that are not in the cache are drawn, and kept there if it can be written.
    ///
    /// # Errors
    ///
    /// Those of [`locate`](Self::locate); the dataset is not on this machine; a file cannot be read or is not
    /// the published one.
    pub fn load(&self, dataset: Dataset, split: Split) -> Result<Images, DataError> {
        reader(dataset).load(self, split)
    }

    /// Loads the training images that runs with this spec were planned on.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load); the user's own files have changed since then.
    pub fn load_planned(&self, dataset: Dataset, spec: &DatasetSpec) -> Result<Images, DataError> {
        reader(dataset).load_planned(self, spec)
    }
}
