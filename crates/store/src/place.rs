//! Whether the files that are held open are still those at their paths.
//!
//! A file that is moved or deleted stays usable to whoever has it open, so that a sweep would go on for hours and
//! record into a file that nobody finds. Comparing device and inode tells.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What identifies a file on this machine, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// A path and the file that was there when it was opened.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    path: PathBuf,
    id: FileId,
}

/// What has happened to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is now there.
    Moved(PathBuf),
    /// It has no name any more.
    Deleted,
    /// It is no longer at its path; where it is now cannot be told.
    Gone,
}

impl Place {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        // The current folder may change, and what the path means with it.
        let path = std::path::absolute(path)?;
        let id = FileId::of(&fs::metadata(&path)?);
        Ok(Self { path, id })
    }

    /// What has happened to the file; `None` if it is at its path.
    pub(crate) fn change(&self) -> Option<Change> {
        match fs::metadata(&self.path) {
            Ok(metadata) if FileId::of(&metadata) == self.id => None,
            // A folder that may no longer be searched says nothing about the file in it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
            _ => Some(self.locate()),
        }
    }

    /// Looks for the file among those that this process has open, whose present names Linux tells.
    fn locate(&self) -> Change {
        let Ok(descriptors) = fs::read_dir("/proc/self/fd") else { return Change::Gone };
        let of_file = |path: &PathBuf| fs::metadata(path).is_ok_and(|it| FileId::of(&it) == self.id);
        let mut links = descriptors.filter_map(|entry| Some(entry.ok()?.path()));
        let Some(link) = links.find(of_file) else { return Change::Gone };
        match fs::metadata(&link).map(|metadata| metadata.nlink()) {
            Ok(0) => Change::Deleted,
            _ => fs::read_link(link).map_or(Change::Gone, Change::Moved),
        }
    }
}

/// Whether the file at a path is the open one.
pub(crate) fn is_at(file: &fs::File, path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(FileId::of(&found) == FileId::of(&file.metadata()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_moved_replaced_or_deleted_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = fs::File::create(&path).unwrap();
        let place = Place::of(&path).unwrap();
        assert_eq!(place.change(), None);
        assert!(is_at(&file, &path).unwrap());
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        assert!(!is_at(&file, &path).unwrap());
        let moved = Some(Change::Moved(fs::canonicalize(&elsewhere).unwrap()));
        assert_eq!(place.change(), moved);
        fs::write(&path, "another").unwrap();
        assert_eq!(place.change(), moved);
        fs::remove_file(&elsewhere).unwrap();
        assert_eq!(place.change(), Some(Change::Deleted));
        drop(file);
        assert_eq!(place.change(), Some(Change::Gone));
    }

    #[test]
    fn a_folder_that_is_moved_takes_its_files_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let (before, after) = (folder.path().join("before"), folder.path().join("after"));
        fs::create_dir(&before).unwrap();
        let _file = fs::File::create(before.join("file")).unwrap();
        let place = Place::of(&before.join("file")).unwrap();
        fs::rename(&before, &after).unwrap();
        assert_eq!(place.change(), Some(Change::Moved(fs::canonicalize(after).unwrap().join("file"))));
    }
}
