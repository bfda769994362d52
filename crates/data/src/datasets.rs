//! Every dataset there is: from its name to its reader.

use gansweep_config::{Dataset, DatasetSpec};

use crate::{
    DataError, DataSource, Images, Location, Progress, Split,
    idx_folder::IdxFolder,
    published::{FASHION_MNIST, KMNIST, MNIST},
    reader::Reader,
    strokes::Strokes,
};

/// The reader of a dataset.
fn reader(dataset: Dataset) -> &'static dyn Reader {
    match dataset {
        Dataset::Mnist => &MNIST,
        Dataset::FashionMnist => &FASHION_MNIST,
        Dataset::Kmnist => &KMNIST,
        Dataset::Strokes => &Strokes,
        Dataset::Idx => &IdxFolder,
    }
}

/// What the labels of a dataset stand for, from 0; empty for the user's own images.
pub fn class_names(dataset: Dataset) -> &'static [&'static str] {
    reader(dataset).class_names()
}

impl DataSource {
    /// Shape, classes, counts and fingerprint of a dataset. Those of the datasets that the program
    /// knows are known without looking; those of the user's own are read from the files.
    ///
    /// # Errors
    ///
    /// For [`Idx`](Dataset::Idx): what is wrong with the folder or one of its files.
    pub fn spec(&self, dataset: Dataset) -> Result<DatasetSpec, DataError> {
        reader(dataset).spec(self)
    }

    /// Where the dataset is; reads no more than the labels in the data folder.
    ///
    /// # Errors
    ///
    /// A data folder that does not exist, that has some files of the dataset but not all, or whose
    /// files are of no known dataset: a folder named by the user is not passed over in silence.
    pub fn locate(&self, dataset: Dataset) -> Result<Location, DataError> {
        reader(dataset).locate(self)
    }

    /// Makes the cache hold the whole dataset, each file checked: downloads what is missing or
    /// broken there, or draws `strokes`. The data folder is not looked at.
    ///
    /// # Errors
    ///
    /// No mirror had a file, downloads are forbidden, or the cache cannot be written. The cache then
    /// holds the files that were complete, and no part of another.
    pub fn fetch(&self, dataset: Dataset, progress: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
        reader(dataset).fetch(self, progress)
    }

    /// The images of one part of a dataset, checked against the digests that its fingerprint stands
    /// for. Downloads nothing. `strokes` are drawn where the cache lacks them, and kept there if it
    /// can be written.
    ///
    /// # Errors
    ///
    /// Those of [`locate`](Self::locate); the dataset is not on this machine; a file cannot be read
    /// or is not the published one.
    pub fn load(&self, dataset: Dataset, split: Split) -> Result<Images, DataError> {
        reader(dataset).load(self, split)
    }

    /// The training images that runs of this spec were planned on.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load); the user's own files have changed since.
    pub fn load_planned(&self, dataset: Dataset, spec: &DatasetSpec) -> Result<Images, DataError> {
        reader(dataset).load_planned(self, spec)
    }
}
