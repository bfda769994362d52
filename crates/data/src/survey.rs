//! What is in the user's data folder besides the datasets that the program knows.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use gansweep_config::Dataset;

use crate::{
    DataSource, Found, Location,
    declaration::Format,
    disk, idx, names,
    published::{EMNIST_BALANCED, EMNIST_DIGITS, EMNIST_LETTERS},
};

/// How far below the data folder files are looked for: torchvision's are two folders down.
const MAX_DEPTH: usize = 3;
/// The most folder entries that are looked at, so that a data folder such as `/` costs no minutes.
const MAX_ENTRIES: usize = 10_000;

/// An IDX file that belongs to no dataset that the program has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherFile {
    /// The file.
    pub path: PathBuf,
    /// What its header says: `124800 images of 28 x 28`, or why it is not an IDX file.
    pub content: String,
}

impl DataSource {
    /// The files in the data folder that have names of IDX files and belong to no dataset that was found there:
    /// those of other splits of EMNIST for one, in the order of their paths.
    pub fn other_files(&self) -> Vec<OtherFile> {
        let Some(root) = &self.data_dir else { return Vec::new() };
        let known = self.known_files();
        let (mut found, mut entries) = (Vec::new(), 0);
        collect(root, MAX_DEPTH, &mut entries, &mut found);
        found.retain(|path| !known.contains(path));
        found.sort();
        found.into_iter().map(|path| OtherFile { content: describe(&path), path }).collect()
    }

    /// The files of the datasets that are in the data folder.
    fn known_files(&self) -> BTreeSet<PathBuf> {
        let published = Dataset::ALL.into_iter().filter(|dataset| !dataset.is_own());
        let folders = published.filter_map(|dataset| match self.locate(dataset) {
            Ok(Location::Found(Found::Folder(folder))) => Some(folder),
            _ => None,
        });
        let formats = [Format::MNIST, EMNIST_DIGITS.format, EMNIST_LETTERS.format, EMNIST_BALANCED.format];
        let all_names: Vec<_> = formats.iter().flat_map(|format| format.names.as_flattened()).collect();
        let find = |folder: PathBuf| -> Vec<PathBuf> {
            all_names.iter().filter_map(|name| names::find(&folder, name)).collect()
        };
        folders.flat_map(find).collect()
    }
}

/// Regular files whose names look like those of IDX files.
fn collect(folder: &Path, depth: usize, entries: &mut usize, found: &mut Vec<PathBuf>) {
    let Ok(listing) = fs::read_dir(folder) else { return };
    for entry in listing.flatten() {
        *entries += 1;
        if *entries > MAX_ENTRIES {
            return;
        }
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if path.is_file() && (name.contains("idx") || name.contains("ubyte")) {
            found.push(path);
        } else if depth > 1 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, depth - 1, entries, found);
        }
    }
}

fn describe(path: &Path) -> String {
    match disk::open(path).map(idx::describe) {
        Ok(Ok(text)) => text,
        Ok(Err(fault)) => fault.to_string(),
        Err(error) => error.to_string(),
    }
}
