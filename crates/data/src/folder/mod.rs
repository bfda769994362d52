//! The user's own pictures: `data.dataset = "folder"`, a tree of PNG and JPEG files in `data.path`.
//!
//! Each is prepared once ([`picture`]) and kept in the cache ([`prepared`]), where workers read all of them at
//! once. 10,000 images of 64 pixels in colour need 123 MB twice while they are prepared and written, and for
//! each thread what an image has when it is decoded: 32 MiB at most, and 1 GiB for one larger image at a time.

mod fault;
mod jpeg;
mod parts;
pub(crate) mod picture;
mod prepared;
mod resize;
mod walk;

use std::{fs::File, io::Read, path::Path};

use gansweep_base::{
    digest::{Sha256, sha256},
    file, host,
};
use gansweep_config::{ClassNames, Dataset, DatasetSpec, ImageShape};
use rayon::prelude::*;

pub use fault::FolderFault;

use self::{
    parts::Part,
    prepared::{Cache, Damaged},
    walk::{ImageFile, Tree},
};
use crate::{DataError, DataSource, Found, Images, Location, Progress, Split, reader::Reader};

/// The version of the preparation: it changes with anything that changes prepared pixels.
const VERSION: u32 = 1;
/// Images for each thread between two reports of progress.
const IMAGES_AT_ONCE: usize = 16;

/// The user's own pictures.
pub(crate) struct Folder {
    /// The shape of the prepared images.
    pub(crate) shape: ImageShape,
}

/// The images of one part of a folder.
struct Prepared {
    images: Images,
    classes: u32,
    class_names: ClassNames,
    fingerprint: String,
}

impl Reader for Folder {
    fn spec(
        &self,
        source: &DataSource,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<DatasetSpec, DataError> {
        let part = Part::training(root(source)?)?;
        let Prepared { images, classes, class_names, fingerprint } =
            self.prepare(&part, source, source.skip_damaged, progress)?;
        let test_images = match part.test()? {
            Some(test) => self.prepare(&test, source, source.skip_damaged, progress)?.images.count,
            None => 0,
        };
        Ok(DatasetSpec {
            image: images.shape,
            classes,
            train_images: images.count as u32,
            test_images: test_images as u32,
            fingerprint,
            class_names,
        })
    }

    fn locate(&self, source: &DataSource) -> Result<Location, DataError> {
        Ok(Location::Found(Found::Folder(root(source)?.to_owned())))
    }

    fn fetch(&self, source: &DataSource, _: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
        self.locate(source).map(drop)
    }

    fn load(&self, source: &DataSource, split: Split) -> Result<Images, DataError> {
        let training = Part::training(root(source)?)?;
        let part = match split {
            Split::Train => Some(training),
            Split::Test => training.test()?,
        };
        match part {
            Some(part) => Ok(self.prepare(&part, source, source.skip_damaged, &mut |_| ())?.images),
            None => Ok(Images { shape: self.shape, count: 0, pixels: Vec::new(), labels: Vec::new() }),
        }
    }

    /// The fingerprint says which images the plan has. So those in the cache are used without a look at the
    /// folder, and a folder that must be read again is read without its damaged files, as the plan was if it
    /// has that fingerprint.
    fn load_planned(&self, source: &DataSource, spec: &DatasetSpec) -> Result<Images, DataError> {
        if let Some(images) = Cache::new(&source.cache_dir).images(&spec.fingerprint, spec.classes) {
            return Ok(images);
        }
        let root = root(source)?;
        let prepared = self.prepare(&Part::training(root)?, source, true, &mut |_| ())?;
        match prepared.fingerprint == spec.fingerprint {
            true => Ok(prepared.images),
            false => Err(DataError::Changed(root.to_owned())),
        }
    }
}

impl Folder {
    /// The images of a part of the folder, from the cache or prepared anew and kept there if it can be written. Damaged
    /// files are left out and told of if `skip_damaged`, and are an error if not.
    fn prepare(
        &self,
        part: &Part,
        source: &DataSource,
        skip_damaged: bool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Prepared, DataError> {
        let Tree { files, classes, .. } = &part.tree;
        let (classes, class_names) = (*classes, ClassNames::new(part.tree.class_names()));
        self.check_size(&part.folder, files.len())?;
        let digests: Vec<Option<String>> = files.par_iter().map(|file| read(file).ok().map(sha256)).collect();
        let cache = Cache::new(&source.cache_dir);
        let all = self.key(files, &digests, &[]);
        if let Some(images) = cache.images(&all, classes) {
            return Ok(Prepared { images, classes, class_names, fingerprint: all });
        }
        if let Some(damaged) = cache.damaged(&all) {
            let left_out = part.left_out(&damaged, skip_damaged)?;
            let fingerprint = self.key(files, &digests, &damaged);
            if let Some(images) = cache.images(&fingerprint, classes) {
                progress(Progress::LeftOut(left_out));
                return Ok(Prepared { images, classes, class_names, fingerprint });
            }
        }
        let (images, damaged) = self.decode(files, progress);
        let fingerprint = self.key(files, &digests, &damaged);
        // A cache that cannot be written costs only the time to prepare the images again.
        if part.lost_class(&damaged).is_none() {
            let _ = cache.put_images(&fingerprint, &images, classes);
        }
        if !damaged.is_empty() {
            let _ = cache.put_damaged(&all, &damaged);
            progress(Progress::LeftOut(part.left_out(&damaged, skip_damaged)?));
        }
        Ok(Prepared { images, classes, class_names, fingerprint })
    }

    fn check_size(&self, root: &Path, count: usize) -> Result<(), DataError> {
        let bytes = count as u64 * self.shape.size() as u64;
        if host::memory_bytes().is_some_and(|memory| bytes > memory / 2) {
            let fault = FolderFault::TooLarge { images: count, bytes };
            return Err(DataError::Folder { path: root.to_owned(), fault });
        }
        Ok(())
    }

    /// The key of all files but the damaged ones.
    fn key(&self, files: &[ImageFile], digests: &[Option<String>], damaged: &[Damaged]) -> String {
        let ImageShape { channels, width, .. } = self.shape;
        let mut key = Sha256::default();
        key.add(format!("folder {VERSION} {channels} {width}\n"));
        let mut damaged = damaged.iter().map(|it| it.index).peekable();
        for (index, (file, digest)) in files.iter().zip(digests).enumerate() {
            if damaged.next_if_eq(&index).is_some() {
                continue;
            }
            let digest = digest.as_deref().unwrap_or("unreadable");
            key.add(format!("{} {} {digest} ", file.label, file.name.len()));
            key.add(&file.name);
        }
        key.hex()
    }

    /// Prepares all images on all threads of the current rayon pool.
    fn decode(&self, files: &[ImageFile], progress: &mut dyn FnMut(Progress)) -> (Images, Vec<Damaged>) {
        let size = self.shape.size();
        let mut images = Images {
            shape: self.shape,
            count: 0,
            pixels: Vec::with_capacity(files.len() * size),
            labels: Vec::with_capacity(files.len()),
        };
        let mut damaged = Vec::new();
        for (start, chunk) in files.chunks(IMAGES_AT_ONCE * rayon::current_num_threads()).enumerate() {
            let first = start * IMAGES_AT_ONCE * rayon::current_num_threads();
            progress(Progress::Images { done: first, total: files.len() });
            let prepared: Vec<Result<Vec<u8>, String>> =
                chunk.par_iter().map(|file| picture::prepare(&read(file)?, self.shape)).collect();
            for (index, (file, prepared)) in chunk.iter().zip(prepared).enumerate() {
                match prepared {
                    Ok(pixels) => {
                        images.pixels.extend_from_slice(&pixels);
                        images.labels.push(file.label);
                        images.count += 1;
                    }
                    Err(reason) => damaged.push(Damaged { index: first + index, reason }),
                }
            }
        }
        progress(Progress::Images { done: files.len(), total: files.len() });
        (images, damaged)
    }
}

fn root(source: &DataSource) -> Result<&Path, DataError> {
    let dataset = Dataset::Folder;
    let root = source.idx_dir.as_ref().ok_or(DataError::NoOwnDir(dataset))?;
    if root.is_dir() { Ok(root) } else { Err(DataError::OwnDirMissing { dataset, path: root.clone() }) }
}

/// The bytes of a file, or why it cannot be used.
fn read(file: &ImageFile) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = file::open_regular(&file.path)
        .and_then(|opened: File| opened.take(picture::MAX_FILE + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(format!("it cannot be read: {error}")),
        Ok(length) if length as u64 > picture::MAX_FILE => {
            Err(format!("it has more than {} MiB", picture::MAX_FILE >> 20))
        }
        Ok(_) => Ok(bytes),
    }
}

#[cfg(test)]
mod tests;
