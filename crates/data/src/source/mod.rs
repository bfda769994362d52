//! Where datasets come from: a folder of the user's, the cache, the network, the program itself.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use gansweep_base::digest::sha256;
use gansweep_config::Dataset;

use crate::{
    DataError, Images, Progress, Split,
    catalog::{self, FileSpec, Kind},
    disk,
    download::{self, Patience},
    images::SHAPE,
    strokes,
};

/// Where to look for datasets, and whether the network may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSource {
    /// A folder of the user's with IDX files (plain or `.gz`), directly or in a sub-folder named
    /// after the dataset. Nothing is ever written there.
    pub data_dir: Option<PathBuf>,
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
    DataDir(PathBuf),
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
            cache_dir: cache_home.join("gansweep"),
            offline: variable("GANSWEEP_OFFLINE").is_some_and(|value| value != "0" && value != "false"),
        }
    }

    /// Where the dataset is; reads no more than the labels in the data folder.
    ///
    /// # Errors
    ///
    /// A data folder that does not exist, that has some files of the dataset but not all, or whose
    /// files are of no known dataset: a folder named by the user is not passed over in silence.
    pub fn locate(&self, dataset: Dataset) -> Result<Location, DataError> {
        if dataset == Dataset::Strokes {
            return Ok(Location::Found(Found::BuiltIn));
        }
        if let Some(folder) = self.in_data_dir(dataset)? {
            return Ok(Location::Found(Found::DataDir(folder)));
        }
        let folder = self.cache_folder(dataset);
        let complete = missing_files(&folder, dataset).is_empty();
        Ok(if complete { Location::Found(Found::Cache(folder)) } else { Location::Missing })
    }

    /// Makes the cache hold the whole dataset, each file checked: downloads what is missing or
    /// broken there, or draws `strokes`. The data folder is not looked at.
    ///
    /// # Errors
    ///
    /// No mirror had a file, downloads are forbidden, or the cache cannot be written. The cache then
    /// holds the files that were complete, and no part of another.
    pub fn fetch(&self, dataset: Dataset, progress: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
        if dataset == Dataset::Strokes {
            return strokes::fill_cache(&self.cache_folder(dataset));
        }
        let agent = download::client(Patience::DEFAULT).build().new_agent();
        self.fetch_from(dataset, catalog::mirrors(dataset), &agent, progress)
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
        let folder = match self.locate(dataset)? {
            Location::Found(Found::BuiltIn) => return strokes::load(&self.cache_folder(dataset), split),
            Location::Found(Found::DataDir(folder) | Found::Cache(folder)) => folder,
            Location::Missing => return Err(self.missing(dataset)),
        };
        read_split(&folder, dataset, split)
    }

    fn fetch_from(
        &self,
        dataset: Dataset,
        mirrors: &[&str],
        agent: &ureq::Agent,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), DataError> {
        let folder = self.cache_folder(dataset);
        let unsound = |file: &FileSpec| read_file(&folder, file).is_err();
        let wanted: Vec<_> = catalog::files(dataset).into_iter().filter(unsound).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        if self.offline {
            return Err(DataError::Offline(dataset));
        }
        download::fetch(&folder, &wanted, mirrors, agent, progress)
    }

    fn cache_folder(&self, dataset: Dataset) -> PathBuf {
        self.cache_dir.join(dataset.name())
    }

    fn missing(&self, dataset: Dataset) -> DataError {
        let looked_in = self.data_dir.iter().cloned().chain([self.cache_folder(dataset)]).collect();
        DataError::Missing { dataset, looked_in }
    }

    fn in_data_dir(&self, dataset: Dataset) -> Result<Option<PathBuf>, DataError> {
        let Some(root) = &self.data_dir else { return Ok(None) };
        if !root.is_dir() {
            return Err(DataError::NoDataDir(root.clone()));
        }
        let sub_folder = root.join(dataset.name());
        for folder in [&sub_folder, root] {
            let missing = missing_files(folder, dataset);
            if missing.len() == catalog::files(dataset).len() {
                continue;
            }
            // Files lying directly in the folder have the same names for every dataset.
            if folder == root && identify(folder, dataset)?.is_some_and(|other| other != dataset) {
                continue;
            }
            if missing.is_empty() {
                return Ok(Some(folder.clone()));
            }
            return Err(DataError::Incomplete { folder: folder.clone(), dataset, missing });
        }
        Ok(None)
    }
}

fn missing_files(folder: &Path, dataset: Dataset) -> Vec<&'static str> {
    let missing = |file: &FileSpec| disk::find(folder, file).is_none();
    catalog::files(dataset).iter().filter(|file| missing(file)).map(FileSpec::name).collect()
}

/// Which dataset the files in a folder are, by the digest of their labels; `None` without labels.
/// Labels of no known dataset are an error for the dataset asked for.
fn identify(folder: &Path, asked: Dataset) -> Result<Option<Dataset>, DataError> {
    for split in [Split::Test, Split::Train] {
        let spec = catalog::file(asked, split, Kind::Labels);
        let Some(path) = disk::find(folder, &spec) else { continue };
        let bytes = disk::read(&path, &spec)?;
        let found = sha256(&bytes);
        let is = |dataset| catalog::file(dataset, split, Kind::Labels).digest.hex() == found;
        return match Dataset::ALL.into_iter().find(|&dataset| is(dataset)) {
            Some(dataset) => Ok(Some(dataset)),
            None => disk::check(&bytes, &spec)
                .map(|_| Some(asked))
                .map_err(|fault| DataError::idx(&path, asked, fault)),
        };
    }
    Ok(None)
}

/// One part of a dataset from the files in a folder.
pub(crate) fn read_split(folder: &Path, dataset: Dataset, split: Split) -> Result<Images, DataError> {
    let pixels = read_file(folder, &catalog::file(dataset, split, Kind::Images))?;
    let labels = read_file(folder, &catalog::file(dataset, split, Kind::Labels))?;
    let labels = labels.into_iter().map(u16::from).collect();
    Ok(Images { shape: SHAPE, count: split.count(), pixels, labels })
}

/// The pixels or labels in one file, checked.
fn read_file(folder: &Path, spec: &FileSpec) -> Result<Vec<u8>, DataError> {
    let path = disk::find(folder, spec).unwrap_or_else(|| folder.join(spec.name()));
    let mut bytes = disk::read(&path, spec)?;
    let start = disk::check(&bytes, spec).map_err(|fault| DataError::idx(&path, spec.dataset, fault))?;
    bytes.drain(..start);
    Ok(bytes)
}

#[cfg(test)]
mod tests;
