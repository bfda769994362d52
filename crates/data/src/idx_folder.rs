//! The user's own images: `data.dataset = "idx"`, in IDX files in the folder `data.path`.
//!
//! The files have the names of MNIST's, in any spelling of [`names`], in the folder itself or in
//! torchvision's `raw/` or `MNIST/raw/` below it. Images have three dimensions (count, rows, columns)
//! or four, with 1 or 3 channels before or after rows and columns; a file with channels may also say
//! `idx4` in its name. Without labels there is one class; test images may be absent.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use gansweep_base::digest::sha256;
use gansweep_config::{ClassNames, Dataset, DatasetSpec, ImageShape};

use crate::{
    DataError, DataSource, Found, IdxFault, Images, IoAction, Location, Progress, Split, disk,
    gzip::Content,
    idx::{self, AnyImages, AnyLabels, LABELS_HEADER, ReadError},
    names::{self, Kind},
    reader::Reader,
};

/// The subfolders that may have the files, in the order of searching.
const LAYOUTS: [&str; 3] = ["", "raw", "MNIST/raw"];

/// The user's own images.
pub(crate) struct IdxFolder;

impl Reader for IdxFolder {
    fn spec(&self, source: &DataSource, _: &mut dyn FnMut(Progress)) -> Result<DatasetSpec, DataError> {
        let folder = Folder::find(source)?;
        let train = folder.train()?;
        let test = folder.test(&train)?;
        Ok(DatasetSpec {
            image: train.shape,
            classes: train.classes,
            train_images: train.count(),
            test_images: test.map_or(0, |test| test.count()),
            fingerprint: train.fingerprint,
            class_names: ClassNames::default(),
        })
    }

    fn locate(&self, source: &DataSource) -> Result<Location, DataError> {
        Ok(Location::Found(Found::Folder(Folder::find(source)?.path)))
    }

    fn fetch(&self, source: &DataSource, _: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
        // There is no mirror; `locate` reports what is missing.
        self.locate(source).map(drop)
    }

    fn load(&self, source: &DataSource, split: Split) -> Result<Images, DataError> {
        let folder = Folder::find(source)?;
        let train = folder.train()?;
        match split {
            Split::Train => Ok(train.into_images()),
            Split::Test => {
                let none = Images { shape: train.shape, count: 0, pixels: Vec::new(), labels: Vec::new() };
                Ok(folder.test(&train)?.map_or(none, Part::into_images))
            }
        }
    }

    fn load_planned(&self, source: &DataSource, spec: &DatasetSpec) -> Result<Images, DataError> {
        let folder = Folder::find(source)?;
        let train = folder.train()?;
        if train.fingerprint != spec.fingerprint {
            return Err(DataError::Changed(folder.path));
        }
        Ok(train.into_images())
    }
}

/// The folder with the files.
struct Folder {
    path: PathBuf,
}

/// Images and labels of one split.
struct Part {
    path: PathBuf,
    shape: ImageShape,
    /// `[count, channels, height, width]`.
    pixels: Vec<u8>,
    labels: Option<Labels>,
    /// The largest label plus one.
    classes: u32,
    fingerprint: String,
}

struct Labels {
    path: PathBuf,
    /// The whole file, header included.
    bytes: Vec<u8>,
}

impl Labels {
    fn values(&self) -> &[u8] {
        &self.bytes[LABELS_HEADER..]
    }
}

impl Folder {
    fn find(source: &DataSource) -> Result<Self, DataError> {
        let root = source.idx_dir.as_ref().ok_or(DataError::NoOwnDir(Dataset::Idx))?;
        if !root.is_dir() {
            return Err(DataError::OwnDirMissing { dataset: Dataset::Idx, path: root.clone() });
        }
        let mut folders = LAYOUTS.iter().map(|layout| root.join(layout));
        if let Some(path) = folders.find(|folder| images_in(folder, Split::Train).is_some()) {
            return Ok(Self { path });
        }
        let names = images_names(Split::Train);
        LAYOUTS.iter().try_for_each(|layout| refuse_unusable(&root.join(layout), &names))?;
        let names = names.iter().flat_map(|name| names::spellings(name)).collect();
        Err(DataError::NoIdxFiles { folder: root.clone(), names })
    }

    fn train(&self) -> Result<Part, DataError> {
        match images_in(&self.path, Split::Train) {
            Some(path) => Part::read(path, self.labels(Split::Train)?),
            // The file was removed after the folder was found.
            None => Err(DataError::Changed(self.path.clone())),
        }
    }

    /// The test split, which must match the training split in shape and labels.
    fn test(&self, train: &Part) -> Result<Option<Part>, DataError> {
        let Some(path) = images_in(&self.path, Split::Test) else {
            return refuse_unusable(&self.path, &images_names(Split::Test)).map(|()| None);
        };
        let test = Part::read(path, self.labels(Split::Test)?)?;
        if test.shape != train.shape {
            return Err(DataError::Shapes {
                train: train.path.clone(),
                train_shape: train.shape,
                test: test.path,
                test_shape: test.shape,
            });
        }
        match (&train.labels, &test.labels) {
            (Some(_), None) => {
                Err(DataError::HalfLabelled { labelled: train.path.clone(), unlabelled: test.path })
            }
            (None, Some(_)) => {
                Err(DataError::HalfLabelled { labelled: test.path, unlabelled: train.path.clone() })
            }
            (Some(_), Some(labels)) => {
                idx::check_classes(labels.values(), train.classes as usize)
                    .map_err(|fault| refused(&labels.path, fault))?;
                Ok(Some(test))
            }
            (None, None) => Ok(Some(test)),
        }
    }

    /// The file of labels, if there is one. Labels that cannot be read must not count as none, since the classes
    /// would be others.
    fn labels(&self, split: Split) -> Result<Option<PathBuf>, DataError> {
        let name = names::published(split, Kind::Labels);
        match names::find_unusable(&self.path, name) {
            Some(path) => Err(DataError::not_a_file(path)),
            None => Ok(names::find(&self.path, name)),
        }
    }
}

impl Part {
    fn read(path: PathBuf, labels: Option<PathBuf>) -> Result<Self, DataError> {
        let images = open(&path, AnyImages::read)?;
        let count = images.count;
        let labels = labels.map(|labels| match open(&labels, |file| idx::read_any_labels(file, count))? {
            AnyLabels::Whole(bytes) => Ok(Labels { path: labels, bytes }),
            AnyLabels::OtherCount(label_count) => {
                Err(DataError::Counts { images: path.clone(), image_count: count, labels, label_count })
            }
        });
        let labels = labels.transpose()?;
        let largest = labels.as_ref().and_then(|labels| labels.values().iter().max().copied());
        Ok(Self {
            path,
            shape: images.shape,
            fingerprint: fingerprint(&images.bytes, labels.as_ref()),
            pixels: images.into_planar(),
            labels,
            classes: u32::from(largest.unwrap_or(0)) + 1,
        })
    }

    /// The number of images. It fits in 32 bits, because the header of the file has it so.
    fn count(&self) -> u32 {
        (self.pixels.len() / self.shape.size()) as u32
    }

    fn into_images(self) -> Images {
        let count = self.pixels.len() / self.shape.size();
        let labels = match &self.labels {
            Some(labels) => labels.values().iter().copied().map(u16::from).collect(),
            None => vec![0; count],
        };
        Images { shape: self.shape, count, pixels: self.pixels, labels }
    }
}

/// The fingerprint: the SHA-256 over the digests of the uncompressed files, behind a first line that tells it
/// from those of published datasets. It does not depend on the folder and the names of the files.
fn fingerprint(images: &[u8], labels: Option<&Labels>) -> String {
    let labels = labels.map_or_else(|| "none".to_owned(), |labels| sha256(&labels.bytes));
    sha256(format!("idx\nimages {}\nlabels {labels}\n", sha256(images)).as_bytes())
}

fn images_in(folder: &Path, split: Split) -> Option<PathBuf> {
    images_names(split).iter().find_map(|name| names::find(folder, name))
}

/// The published name, and that of a file with four dimensions.
fn images_names(split: Split) -> [String; 2] {
    let name = names::published(split, Kind::Images);
    [name.to_owned(), name.replace("idx3", "idx4")]
}

/// Reports what has the name of a file and is not one: the user may think that it is used.
fn refuse_unusable(folder: &Path, names: &[String]) -> Result<(), DataError> {
    match names.iter().find_map(|name| names::find_unusable(folder, name)) {
        Some(path) => Err(DataError::not_a_file(path)),
        None => Ok(()),
    }
}

/// Reads a file, plain or compressed.
fn open<T>(path: &Path, read: impl FnOnce(Content<File>) -> Result<T, ReadError>) -> Result<T, DataError> {
    let failed = |source: io::Error| DataError::Io { action: IoAction::Read, path: path.to_owned(), source };
    let content = disk::open(path).map_err(failed)?;
    let is_compressed = content.is_compressed();
    read(content).map_err(|error| match error {
        ReadError::Io(error) if is_compressed => refused(path, IdxFault::Gzip(error.to_string())),
        ReadError::Io(error) => failed(error),
        ReadError::Fault(fault) => refused(path, fault),
    })
}

fn refused(path: &Path, fault: IdxFault) -> DataError {
    DataError::OwnFile { path: path.to_owned(), fault }
}

#[cfg(test)]
mod tests;
