//! Where datasets come from: a folder of the user's, the cache, the network, the program itself.

use std::{env, ffi::OsString, path::PathBuf};

use gansweep_config::{Dataset, DatasetSpec};

use crate::{DataError, Images, Progress, Split, reader};

/// Where to look for datasets, and whether the network may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSource {
    /// A folder of the user's with IDX files: in a sub-folder named after the dataset, in torchvision's
    /// (`MNIST/raw`), directly, or in `raw`. Nothing is ever written there.
    pub data_dir: Option<PathBuf>,
    /// The folder of the dataset [`Idx`](Dataset::Idx), which the experiment names.
    pub idx_dir: Option<PathBuf>,
    /// Downloaded and drawn files are kept here, in a sub-folder named after the dataset.
    pub cache_dir: PathBuf,
    /// The network is not asked.
    pub offline: bool,
}

/// Where a dataset is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// On this machine.
    Found(Found),
    /// It would have to be downloaded.
    Missing,
}

/// Where on this machine a dataset is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// In this folder of the user's.
    Folder(PathBuf),
    /// In this folder of the cache.
    Cache(PathBuf),
    /// In the program itself: `strokes`.
    BuiltIn,
}

impl DataSource {
    /// What the command line and the environment say.
    ///
    /// The data folder is `data_dir`, else `GANSWEEP_DATA_DIR`. The cache is `gansweep` in
    /// `XDG_CACHE_HOME`, else in `~/.cache`, else (without a home) in the temporary folder.
    /// `GANSWEEP_OFFLINE` set to anything but `0` or `false` forbids downloads.
    pub fn from_environment(data_dir: Option<PathBuf>) -> Self {
        Self::from_variables(data_dir, |name| env::var_os(name))
    }

    fn from_variables(data_dir: Option<PathBuf>, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        // The XDG specification has relative paths ignored.
        let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache_home = absolute("XDG_CACHE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
            .unwrap_or_else(env::temp_dir);
        Self {
            data_dir: data_dir.or_else(|| variable("GANSWEEP_DATA_DIR").map(PathBuf::from)),
            idx_dir: None,
            cache_dir: cache_home.join("gansweep"),
            offline: variable("GANSWEEP_OFFLINE").is_some_and(|value| value != "0" && value != "false"),
        }
    }

    /// Shape, classes, counts and fingerprint of a dataset. Those of the datasets that the program
    /// knows are known without looking; those of the user's own are read from the files.
    ///
    /// # Errors
    ///
    /// For [`Idx`](Dataset::Idx): what is wrong with the folder or one of its files.
    pub fn spec(&self, dataset: Dataset) -> Result<DatasetSpec, DataError> {
        reader::of(dataset).spec(self)
    }

    /// Where the dataset is; reads no more than the labels in the data folder.
    ///
    /// # Errors
    ///
    /// A data folder that does not exist, that has some files of the dataset but not all, or whose
    /// files are of no known dataset: a folder named by the user is not passed over in silence.
    pub fn locate(&self, dataset: Dataset) -> Result<Location, DataError> {
        reader::of(dataset).locate(self)
    }

    /// Makes the cache hold the whole dataset, each file checked: downloads what is missing or
    /// broken there, or draws `strokes`. The data folder is not looked at.
    ///
    /// # Errors
    ///
    /// No mirror had a file, downloads are forbidden, or the cache cannot be written. The cache then
    /// holds the files that were complete, and no part of another.
    pub fn fetch(&self, dataset: Dataset, progress: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
        reader::of(dataset).fetch(self, progress)
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
        reader::of(dataset).load(self, split)
    }

    /// The training images that runs of this spec were planned on.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load); the user's own files have changed since.
    pub fn load_planned(&self, dataset: Dataset, spec: &DatasetSpec) -> Result<Images, DataError> {
        reader::of(dataset).load_planned(self, spec)
    }
}

/// What the labels of a dataset stand for, from 0; empty for the user's own images.
pub fn class_names(dataset: Dataset) -> &'static [&'static str] {
    reader::of(dataset).class_names()
}

#[cfg(test)]
mod tests;
