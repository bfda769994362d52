//! Every dataset, from its name to its reader.

use gansweep_config::{DataRequest, Dataset, DatasetSpec};

use crate::{
    DataError, DataSource, Found, Images, Location, Progress, Split,
    cifar::CIFAR10,
    declaration::GREY_28,
    folder::Folder,
    idx_folder::IdxFolder,
    published::{EMNIST_BALANCED, EMNIST_DIGITS, EMNIST_LETTERS, FASHION_MNIST, KMNIST, MNIST},
    reader::Reader,
    strokes::Strokes,
};

/// Calls `act` with the reader of the images that are asked for.
fn with_reader<T>(asked: DataRequest, act: impl FnOnce(&dyn Reader) -> T) -> T {
    match asked.dataset {
        Dataset::Mnist => act(&MNIST),
        Dataset::FashionMnist => act(&FASHION_MNIST),
        Dataset::Kmnist => act(&KMNIST),
        Dataset::EmnistDigits => act(&EMNIST_DIGITS),
        Dataset::EmnistLetters => act(&EMNIST_LETTERS),
        Dataset::EmnistBalanced => act(&EMNIST_BALANCED),
        Dataset::Cifar10 => act(&CIFAR10),
        Dataset::Strokes => act(&Strokes { shape: asked.shape() }),
        Dataset::Idx => act(&IdxFolder),
        Dataset::Folder => act(&Folder { shape: asked.shape().unwrap_or(GREY_28) }),
    }
}

impl DataSource {
    /// The spec of a dataset. Those of the user's own ([`Idx`](Dataset::Idx), [`Folder`](Dataset::Folder)) are
    /// read from the files; all others are built in.
    ///
    /// # Errors
    ///
    /// For the user's own datasets, if the folder or one of its files cannot be used; for a shape that the
    /// dataset cannot have.
    pub fn spec(&self, asked: impl Into<DataRequest>) -> Result<DatasetSpec, DataError> {
        self.spec_with_progress(asked, &mut |_| ())
    }

    /// [`spec`](Self::spec), with reports of progress where pictures have to be prepared first.
    ///
    /// # Errors
    ///
    /// Those of [`spec`](Self::spec).
    pub fn spec_with_progress(
        &self,
        asked: impl Into<DataRequest>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<DatasetSpec, DataError> {
        with_reader(asked.into(), |reader| reader.spec(self, progress))
    }

    /// Finds the dataset. Reads no files but labels in the data folder.
    ///
    /// # Errors
    ///
    /// The data folder does not exist, has only some of the dataset's files, or has files of no known
    /// dataset: a folder that the user names is never ignored silently.
    pub fn locate(&self, asked: impl Into<DataRequest>) -> Result<Location, DataError> {
        with_reader(asked.into(), |reader| reader.locate(self))
    }

    /// Completes the dataset in the cache: downloads missing and broken files, or draws `strokes`. Every file
    /// is checked. The data folder is not used.
    ///
    /// # Errors
    ///
    /// No mirror has a file, downloads are forbidden, or the cache cannot be written. The cache then has the
    /// files that were complete, and no partial file.
    pub fn fetch(
        &self,
        asked: impl Into<DataRequest>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), DataError> {
        with_reader(asked.into(), |reader| reader.fetch(self, progress))
    }

    /// Makes a dataset available for [`load`](Self::load): nothing is done if the user's folder has it, else it
    /// is completed in the cache. `strokes` need no cache.
    ///
    /// # Errors
    ///
    /// Those of [`locate`](Self::locate) and [`fetch`](Self::fetch).
    pub fn provide(
        &self,
        asked: impl Into<DataRequest>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), DataError> {
        with_reader(asked.into(), |reader| match reader.locate(self)? {
            Location::Found(Found::Folder(_)) => Ok(()),
            _ => reader.provide(self, progress),
        })
    }

    /// Loads one split of a dataset and checks it against the published digests. Downloads nothing. `strokes`
    /// that are not in the cache are drawn, and kept there if it can be written.
    ///
    /// # Errors
    ///
    /// Those of [`locate`](Self::locate); the dataset is not on this machine; a file cannot be read or is not
    /// the published one.
    pub fn load(&self, asked: impl Into<DataRequest>, split: Split) -> Result<Images, DataError> {
        with_reader(asked.into(), |reader| reader.load(self, split))
    }

    /// Loads the training images that runs with this spec were planned on.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load); the user's own files have changed since then.
    pub fn load_planned(&self, dataset: Dataset, spec: &DatasetSpec) -> Result<Images, DataError> {
        with_reader(DataRequest::of_shape(dataset, spec.image), |reader| reader.load_planned(self, spec))
    }
}
