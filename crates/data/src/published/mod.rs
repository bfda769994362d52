//! Datasets that are published as four IDX files of known content: training and test images, and the
//! labels of each.
//!
//! A new one is a [`Declaration`] in its own file and a line in `datasets.rs`. Each file is checked by a digest
//! of its uncompressed bytes, because mirrors compress differently. Where files are published in an archive, it
//! may lie in the folder in their place.

mod emnist;
mod fashion_mnist;
mod kmnist;
mod mnist;

use std::{
    io,
    path::{Path, PathBuf},
};

use gansweep_base::digest::sha256;
use gansweep_config::{Dataset, DatasetSpec};

pub(crate) use self::{
    emnist::{EMNIST_BALANCED, EMNIST_DIGITS, EMNIST_LETTERS},
    fashion_mnist::FASHION_MNIST,
    kmnist::KMNIST,
    mnist::MNIST,
};
use crate::{
    DataError, DataSource, Found, IdxFault, Images, IoAction, Location, Progress, Split,
    declaration::{Archive, Declaration, FileSpec},
    disk,
    download::{self, ArchiveError, Timeouts},
    error::Origin,
    names::{self, Kind},
    reader::Reader,
    strokes::STROKES,
    zip::Zip,
};

/// The datasets that are recognised by their labels.
static KNOWN: [&Declaration; 4] = [&MNIST, &FASHION_MNIST, &KMNIST, &STROKES];

impl Declaration {
    /// Reads and checks one split from the files in a folder.
    pub(crate) fn read(&self, folder: &Path, split: Split, origin: Origin) -> Result<Images, DataError> {
        let pixels = read_file(folder, &self.file(split, Kind::Images), origin)?;
        let labels = read_file(folder, &self.file(split, Kind::Labels), origin)?;
        let first = self.format.first_label;
        let labels = labels.into_iter().map(|label| u16::from(label - first)).collect();
        Ok(Images { shape: self.image, count: self.part(split).count, pixels, labels })
    }

    fn cache_folder(&self, source: &DataSource) -> PathBuf {
        source.cache_dir.join(self.dataset.name())
    }

    /// The folders that are searched, for messages.
    fn searched(&self, source: &DataSource) -> Vec<PathBuf> {
        source.data_dir.iter().cloned().chain([self.cache_folder(source)]).collect()
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
        let unsound = |file: &FileSpec| read_file(&folder, file, Origin::Cache).is_err();
        let wanted: Vec<_> = self.files().into_iter().filter(unsound).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        if source.offline {
            return Err(DataError::Offline { dataset: self.dataset, looked_in: self.searched(source) });
        }
        let fetched = download::fetch(&folder, &wanted, mirrors, agent, progress);
        let fetched = match (fetched, self.format.archive) {
            (Err(DataError::Download { dataset, file, mut attempts, looked_in }), Some(archive)) => {
                match download::from_archive(&folder, &wanted, archive, agent, progress) {
                    Ok(()) => Ok(()),
                    Err(ArchiveError::Data(error)) => Err(error),
                    Err(ArchiveError::Attempt(attempt)) => {
                        attempts.push(attempt);
                        Err(DataError::Download { dataset, file, attempts, looked_in })
                    }
                }
            }
            (fetched, _) => fetched,
        };
        fetched.map_err(|error| match error {
            DataError::Download { dataset, file, attempts, .. } => {
                DataError::Download { dataset, file, attempts, looked_in: self.searched(source) }
            }
            error => error,
        })
    }

    /// The folder of the dataset's files in the user's data folder. Folders that may have files of any dataset,
    /// which all have the same names, are recognised by their content.
    fn in_data_dir(&self, root: &Path) -> Result<Option<PathBuf>, DataError> {
        if !root.is_dir() {
            return Err(DataError::NoDataDir(root.to_owned()));
        }
        let (own, shared) = self.layouts(root);
        for folder in own.iter().chain(&shared) {
            let missing = self.missing_files(folder);
            if missing.len() == self.files().len() {
                self.refuse_unusable(folder)?;
                continue;
            }
            if shared.contains(folder) && self.identify(folder)?.is_some_and(|other| other != self.dataset) {
                continue;
            }
            if missing.is_empty() {
                return Ok(Some(folder.clone()));
            }
            self.refuse_unusable(folder)?;
            return Err(DataError::Incomplete { folder: folder.clone(), dataset: self.dataset, missing });
        }
        Ok(None)
    }

    /// The folders in the user's data folder that may have the files: those of this dataset, named as in the cache
    /// or as torchvision names them, and those that any dataset may be in.
    fn layouts(&self, root: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let named = root.join(self.dataset.name());
        let torchvision = Path::new(self.torchvision);
        let mut own = vec![named.clone(), root.join(torchvision).join("raw"), root.join(torchvision)];
        own.extend([named.join("raw"), named.join(torchvision).join("raw")]);
        let shared = vec![root.to_owned(), root.join("raw")];
        if self.format.archive.is_none() {
            return (own, shared);
        }
        // Files of an archive have names of their own, and lie in its folder where it was unpacked as it is.
        let folders: Vec<_> = own.iter().chain(&shared).cloned().collect();
        let with_inner = folders.into_iter().flat_map(|folder| [folder.join("gzip"), folder]);
        (with_inner.collect(), Vec::new())
    }

    /// Reports what has the name of a file and is not one: the user may think that it is used.
    fn refuse_unusable(&self, folder: &Path) -> Result<(), DataError> {
        if let Some(path) = archive_in(folder, self.format.archive) {
            Zip::open(&path).map_err(|error| zip_error(&path, self.dataset, error, Origin::DataFolder))?;
        }
        match self.files().iter().find_map(|file| names::find_unusable(folder, file.name)) {
            Some(path) => Err(DataError::not_a_file(path)),
            None => Ok(()),
        }
    }

    fn missing_files(&self, folder: &Path) -> Vec<&'static str> {
        let archive = archive_in(folder, self.format.archive).and_then(|path| Zip::open(&path).ok());
        let in_archive = |file: &FileSpec| archive.as_ref().is_some_and(|zip| zip.has(&member(file)));
        let missing = |file: &&FileSpec| names::find(folder, file.name).is_none() && !in_archive(file);
        self.files().iter().filter(missing).map(|file| file.name).collect()
    }

    /// Which dataset the files in a folder are, by the digest of their labels; `None` without labels.
    /// Labels of no known dataset are an error for the dataset asked for.
    fn identify(&self, folder: &Path) -> Result<Option<Dataset>, DataError> {
        for split in [Split::Test, Split::Train] {
            let spec = self.file(split, Kind::Labels);
            let Some(path) = names::find(folder, spec.name) else { continue };
            let bytes = disk::read(&path, &spec, Origin::DataFolder)?;
            let found = sha256(&bytes);
            let is = |other: &&&Self| other.file(split, Kind::Labels).digest.hex() == found;
            return match KNOWN.iter().find(is) {
                Some(other) => Ok(Some(other.dataset)),
                None => disk::check(&bytes, &spec)
                    .map(|_| Some(self.dataset))
                    .map_err(|fault| DataError::idx(&path, self.dataset, fault, Origin::DataFolder)),
            };
        }
        Ok(None)
    }
}

impl Reader for Declaration {
    fn spec(&self, _: &DataSource, _: &mut dyn FnMut(Progress)) -> Result<DatasetSpec, DataError> {
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
            Location::Found(Found::Folder(folder)) => self.read(&folder, split, Origin::DataFolder),
            Location::Found(Found::Cache(folder)) => self.read(&folder, split, Origin::Cache),
            Location::Found(Found::BuiltIn) | Location::Missing => {
                Err(DataError::Missing { dataset: self.dataset, looked_in: self.searched(source) })
            }
        }
    }
}

/// The checked pixels or labels of one file.
fn read_file(folder: &Path, spec: &FileSpec, origin: Origin) -> Result<Vec<u8>, DataError> {
    let (path, mut bytes) = match (names::find(folder, spec.name), archive_in(folder, spec.archive)) {
        (None, Some(path)) => {
            let bytes =
                read_member(&path, spec).map_err(|error| zip_error(&path, spec.dataset, error, origin))?;
            (path, bytes)
        }
        (found, _) => {
            let path = found.unwrap_or_else(|| folder.join(spec.name));
            let bytes = disk::read(&path, spec, origin)?;
            (path, bytes)
        }
    };
    let start =
        disk::check(&bytes, spec).map_err(|fault| DataError::idx(&path, spec.dataset, fault, origin))?;
    bytes.drain(..start);
    if spec.transposed && spec.kind == Kind::Images {
        transpose(&mut bytes, spec.image.width as usize);
    }
    Ok(bytes)
}

/// The archive in a folder.
fn archive_in(folder: &Path, archive: Option<Archive>) -> Option<PathBuf> {
    archive.map(|archive| folder.join(archive.name)).filter(|path| path.is_file())
}

/// The name of a file in an archive.
fn member(spec: &FileSpec) -> String {
    format!("{}.gz", spec.name)
}

fn read_member(path: &Path, spec: &FileSpec) -> io::Result<Vec<u8>> {
    let compressed = Zip::open(path)?.read(&member(spec), download::MAX_COMPRESSED_BYTES)?;
    disk::gunzip(compressed.as_slice(), spec)
}

fn zip_error(path: &Path, dataset: Dataset, error: io::Error, origin: Origin) -> DataError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            DataError::idx(path, dataset, IdxFault::Zip(error.to_string()), origin)
        }
        _ => DataError::Io { action: IoAction::Read, path: path.to_owned(), source: error },
    }
}

/// Puts square images upright that are stored column by column.
fn transpose(pixels: &mut [u8], side: usize) {
    for image in pixels.chunks_exact_mut(side * side) {
        for row in 0..side {
            for col in 0..row {
                image.swap(row * side + col, col * side + row);
            }
        }
    }
}

#[cfg(test)]
mod tests;
