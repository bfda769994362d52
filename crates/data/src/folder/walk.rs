//! The images in a folder of the user's, and their classes.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use super::fault::FolderFault;
use crate::{DataError, IoAction};

/// Formats whose files are images, and which are not read: they are named instead of passed over.
const OTHER_FORMATS: [&str; 9] = ["webp", "gif", "bmp", "tif", "tiff", "heic", "heif", "avif", "jxl"];
/// Files that systems leave in folders of images, besides hidden ones.
const SYSTEM_FILES: [&str; 3] = ["thumbs.db", "ehthumbs.db", "desktop.ini"];
/// The most folders below each other.
const MAX_DEPTH: usize = 32;

/// A file that should be an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageFile {
    pub(super) path: PathBuf,
    /// The path from the folder on, with `/`, as the system encodes names.
    pub(super) name: Vec<u8>,
    pub(super) label: u16,
}

/// The images of a folder, in the order of their names, class by class.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) files: Vec<ImageFile>,
    /// At least one.
    pub(super) classes: u32,
    /// The names of the subfolders, as the system encodes them; empty without any.
    class_folders: Vec<Vec<u8>>,
}

impl Tree {
    /// Looks through a folder. Each of its subfolders is a class, with the images in it and in its own
    /// subfolders; without subfolders all images are of one class. Hidden files and folders are passed over,
    /// and so are files that are no images by their extension.
    pub(super) fn walk(root: &Path) -> Result<Self, DataError> {
        let content = Content::of(root)?;
        if content.folders.is_empty() {
            let file = |(name, path)| ImageFile { path, name, label: 0 };
            let files: Vec<_> = content.images.into_iter().map(file).collect();
            return match files.is_empty() {
                true => Err(fault(root, FolderFault::Empty)),
                false => Ok(Self { files, classes: 1, class_folders: Vec::new() }),
            };
        }
        content.refuse_images()?;
        let (folders, mut files) = (content.folders, Vec::new());
        let classes = folders.len();
        let class_folders = folders.iter().map(|(name, _)| name.clone()).collect();
        for (label, (name, path)) in folders.into_iter().enumerate() {
            let label =
                u16::try_from(label).map_err(|_| fault(root, FolderFault::TooManyClasses(classes)))?;
            let before = files.len();
            let mut ancestors = vec![canonical(root)?];
            collect(&path, &name, label, &mut ancestors, &mut files)?;
            if files.len() == before {
                return Err(fault(&path, FolderFault::EmptyClass));
            }
        }
        Ok(Self { files, classes: classes as u32, class_folders })
    }

    /// The names of the classes. Where one is no UTF-8 it has escapes for its bytes, and all have one for a backslash, so that
    /// no two are equal.
    pub(super) fn class_names(&self) -> Vec<String> {
        let are_texts = self.class_folders.iter().all(|name| str::from_utf8(name).is_ok());
        let text = |name: &Vec<u8>| match str::from_utf8(name) {
            Ok(text) if are_texts => text.to_owned(),
            Ok(text) => text.replace('\\', "\\\\"),
            Err(_) => name.escape_ascii().to_string(),
        };
        self.class_folders.iter().map(text).collect()
    }

    /// These images with the labels of another tree's classes of the same names. They may lack some of its classes.
    ///
    /// # Errors
    /// A class that the other tree does not have; images in classes where those of the other tree are in none, or the other
    /// way round. `folder` is where these images are.
    pub(super) fn in_classes_of(mut self, other: &Self, folder: &Path) -> Result<Self, DataError> {
        if self.class_folders.is_empty() && !other.class_folders.is_empty() {
            return Err(fault(folder, FolderFault::WithoutClasses));
        }
        let mut labels = Vec::with_capacity(self.class_folders.len());
        for (name, shown) in self.class_folders.iter().zip(self.class_names()) {
            let Some(label) = other.class_folders.iter().position(|other| other == name) else {
                return Err(fault(&folder.join(shown), FolderFault::UnknownClass));
            };
            labels.push(label as u16);
        }
        for file in &mut self.files {
            file.label = labels.get(usize::from(file.label)).copied().unwrap_or(file.label);
        }
        Ok(Self { classes: other.classes, class_folders: other.class_folders.clone(), ..self })
    }
}

/// What lies in a folder itself, each with its name and path, in the order of names.
pub(super) struct Content {
    pub(super) folders: Vec<(Vec<u8>, PathBuf)>,
    images: Vec<(Vec<u8>, PathBuf)>,
}

impl Content {
    /// Looks into a folder.
    pub(super) fn of(folder: &Path) -> Result<Self, DataError> {
        let (folders, mut images): (Vec<_>, Vec<_>) =
            entries(folder)?.into_iter().partition(|(_, path)| path.is_dir());
        images.retain(|(_, path)| is_image(path));
        Ok(Self { folders, images })
    }

    /// An error that names the first image, for a folder whose images should be in its subfolders.
    pub(super) fn refuse_images(&self) -> Result<(), DataError> {
        match self.images.first() {
            Some((_, stray)) => Err(fault(stray, FolderFault::BesideClasses)),
            None => Ok(()),
        }
    }
}

/// Adds the images in a folder and below it. `ancestors` are the folders above it, without links.
fn collect(
    folder: &Path,
    name: &[u8],
    label: u16,
    ancestors: &mut Vec<PathBuf>,
    files: &mut Vec<ImageFile>,
) -> Result<(), DataError> {
    let place = canonical(folder)?;
    if ancestors.contains(&place) || ancestors.len() > MAX_DEPTH {
        return Err(fault(folder, FolderFault::Loop));
    }
    ancestors.push(place);
    for (inner, path) in entries(folder)? {
        let name = [name, b"/", &inner].concat();
        if path.is_dir() {
            collect(&path, &name, label, ancestors, files)?;
        } else if is_image(&path) {
            files.push(ImageFile { path, name, label });
        }
    }
    ancestors.pop();
    Ok(())
}

/// Names and paths of a folder's entries that are not hidden, sorted by the bytes of their names: the same
/// order on every system.
fn entries(folder: &Path) -> Result<Vec<(Vec<u8>, PathBuf)>, DataError> {
    let failed = |source| DataError::Io { action: IoAction::Read, path: folder.to_owned(), source };
    let listing = fs::read_dir(folder).map_err(failed)?;
    let entry = |entry: io::Result<fs::DirEntry>| {
        let entry = entry?;
        Ok((entry.file_name().into_encoded_bytes(), entry.path()))
    };
    let mut entries: Vec<(Vec<u8>, PathBuf)> =
        listing.map(entry).collect::<io::Result<_>>().map_err(failed)?;
    entries.retain(|(name, _)| !is_hidden(name));
    entries.sort();
    Ok(entries)
}

fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".") || SYSTEM_FILES.iter().any(|system| name.eq_ignore_ascii_case(system.as_bytes()))
}

/// Whether a file is an image by its extension. Its content decides of which format.
fn is_image(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
    matches!(&*extension, "png" | "jpg" | "jpeg" | "jpe" | "jfif") || OTHER_FORMATS.contains(&&*extension)
}

fn canonical(folder: &Path) -> Result<PathBuf, DataError> {
    fs::canonicalize(folder).map_err(|source| DataError::Io {
        action: IoAction::Read,
        path: folder.to_owned(),
        source,
    })
}

fn fault(path: &Path, fault: FolderFault) -> DataError {
    DataError::Folder { path: path.to_owned(), fault }
}
