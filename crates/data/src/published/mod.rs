//! Datasets that are published as four IDX files of known content: training and test images, and the
//! labels of each.
//!
//! A new one is a [`Declaration`] in its own file and a line in `datasets.rs`. Each file is checked by a digest
//! of its uncompressed bytes, because mirrors compress differently.

mod fashion_mnist;
mod kmnist;
mod mnist;

use std::path::{Path, PathBuf};

use gansweep_base::digest::sha256;
use gansweep_config::{Dataset, DatasetSpec};

pub(crate) use self::{fashion_mnist::FASHION_MNIST, kmnist::KMNIST, mnist::MNIST};
use crate::{
    DataError, DataSource, Found, Images, Location, Progress, Split,
    declaration::{Declaration, FileSpec},
    disk,
    download::{self, Timeouts},
    names::{self, Kind},
    reader::Reader,
    strokes::STROKES,
};

/// The datasets that are recognised by their labels.
static KNOWN: [&Declaration; 4] = [&MNIST, &FASHION_MNIST, &KMNIST, &STROKES];

impl Declaration {
    /// Reads and checks one split from the files in a folder.
    pub(crate) fn read(&self, folder: &Path, split: Split) -> Result<Images, DataError> {
        let pixels = read_file(folder, &self.file(split, Kind::Images))?;
        let labels = read_file(folder, &self.file(split, Kind::Labels))?;
        let labels = labels.into_iter().map(u16::from).collect();
        Ok(Images { shape: self.image, count: self.part(split).count, pixels, labels })
    }

    fn cache_folder(&self, source: &DataSource) -> PathBuf {
        source.cache_dir.join(self.dataset.name())
    }

    /// Downloads missing and broken files from the mirrors into the cache.
    pub(crate) fn fetch_from(
        &self,
        source: &DataSource,
        mirrors: &[&str],
        agent: &ureq::Agent,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), DataError> {
        let folder = self.cache_folder(source);
        let unsound = |file: &FileSpec| read_file(&folder, file).is_err();
        let wanted: Vec<_> = self.files().into_iter().filter(unsound).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        if source.offline {
            return Err(DataError::Offline(self.dataset));
        }
        download::fetch(&folder, &wanted, mirrors, agent, progress)
    }

    /// The folder of the files in the user's data folder: one named after the dataset, torchvision's,
    /// or else one whose content tells that it is this dataset's.
    fn in_data_dir(&self, root: &Path) -> Result<Option<PathBuf>, DataError> {
        if !root.is_dir() {
            return Err(DataError::NoDataDir(root.to_owned()));
        }
        let own = [root.join(self.dataset.name()), root.join(self.torchvision).join("raw")];
        // Files in these have the same names for every dataset.
        let shared = [root.to_owned(), root.join("raw")];
        for folder in own.iter().chain(&shared) {
            let missing = self.missing_files(folder);
            if missing.len() == self.files().len() {
                continue;
            }
            if shared.contains(folder) && self.identify(folder)?.is_some_and(|other| other != self.dataset) {
                continue;
            }
            if missing.is_empty() {
                return Ok(Some(folder.clone()));
            }
            return Err(DataError::Incomplete { folder: folder.clone(), dataset: self.dataset, missing });
        }
        Ok(None)
    }

    fn missing_files(&self, folder: &Path) -> Vec<&'static str> {
        let missing = |file: &FileSpec| names::find(folder, file.name()).is_none();
        self.files().iter().filter(|file| missing(file)).map(FileSpec::name).collect()
    }

    /// Which dataset the files in a folder are, by the digest of their labels; `None` without labels.
    /// Labels of no known dataset are an error for the dataset asked for.
    fn identify(&self, folder: &Path) -> Result<Option<Dataset>, DataError> {
        for split in [Split::Test, Split::Train] {
            let spec = self.file(split, Kind::Labels);
            let Some(path) = names::find(folder, spec.name()) else { continue };
            let bytes = disk::read(&path, &spec)?;
            let found = sha256(&bytes);
            let is = |other: &&&Self| other.file(split, Kind::Labels).digest.hex() == found;
            return match KNOWN.iter().find(is) {
                Some(other) => Ok(Some(other.dataset)),
                None => disk::check(&bytes, &spec)
                    .map(|_| Some(self.dataset))
                    .map_err(|fault| DataError::idx(&path, self.dataset, fault)),
            };
        }
        Ok(None)
    }
}

impl Reader for Declaration {
    fn class_names(&self) -> &'static [&'static str] {
        self.class_names
    }

    fn spec(&self, _: &DataSource) -> Result<DatasetSpec, DataError> {
        Ok(self.spec())
    }

    fn locate(&self, source: &DataSource) -> Result<Location, DataError> {
        if let Some(root) = &source.data_dir
            && let Some(folder) = self.in_data_dir(root)?
        {
            return Ok(Location::Found(Found::Folder(folder)));
        }
        let folder = self.cache_folder(source);
        let complete = self.missing_files(&folder).is_empty();
        Ok(if complete { Location::Found(Found::Cache(folder)) } else { Location::Missing })
    }

    fn fetch(&self, source: &DataSource, progress: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
        let agent = download::client(Timeouts::DEFAULT).build().new_agent();
        self.fetch_from(source, self.mirrors, &agent, progress)
    }

    fn load(&self, source: &DataSource, split: Split) -> Result<Images, DataError> {
        match self.locate(source)? {
            Location::Found(Found::Folder(folder) | Found::Cache(folder)) => self.read(&folder, split),
            Location::Found(Found::BuiltIn) | Location::Missing => {
                let looked_in = source.data_dir.iter().cloned().chain([self.cache_folder(source)]).collect();
                Err(DataError::Missing { dataset: self.dataset, looked_in })
            }
        }
    }
}

/// The checked pixels or labels of one file.
fn read_file(folder: &Path, spec: &FileSpec) -> Result<Vec<u8>, DataError> {
    let path = names::find(folder, spec.name()).unwrap_or_else(|| folder.join(spec.name()));
    let mut bytes = disk::read(&path, spec)?;
    let start = disk::check(&bytes, spec).map_err(|fault| DataError::idx(&path, spec.dataset, fault))?;
    bytes.drain(..start);
    Ok(bytes)
}
