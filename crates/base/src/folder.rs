//! Folders that appear complete or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::file::{folder_of, is_temporary_of, short_name, temporary_names, temporary_prefix};

/// A folder that is being filled. Its files go to a temporary folder beside it, and [`finish`](Self::finish) renames
/// that to the final name. Dropped before `finish`, it leaves nothing behind.
///
/// A process that is killed in between leaves a folder `.NAME.XXXXXX.part`. The next one that writes the same folder
/// deletes it. The temporary folder is locked while it is filled, so that it is not taken for a leftover.
#[derive(Debug)]
pub struct NewFolder {
    temporary: TempDir,
    path: PathBuf,
    /// Keeps the lock.
    _locked: File,
}

impl NewFolder {
    /// Starts a folder in an existing one.
    ///
    /// # Errors
    ///
    /// Those of the operating system; [`io::ErrorKind::AlreadyExists`] if there is something else than an empty
    /// folder at `path`: nothing is replaced, and no other files are among the new ones.
    pub fn create(path: &Path) -> io::Result<Self> {
        // A link to an empty folder stays, and its target is written: users name such folders.
        let path = if path.exists() { fs::canonicalize(path)? } else { path.to_owned() };
        refuse_occupied(&path)?;
        // Leftovers only take space: one that cannot be deleted is no reason not to write.
        let _ = remove_leftovers(&path);
        loop {
            let temporary = temporary_names(&temporary_prefix(&path))
                .tempdir_in(folder_of(&path))
                .map_err(|error| without_path(&error))?;
            let locked = File::open(temporary.path())?;
            // A file system without locks has no leftovers deleted either.
            let _ = locked.lock();
            // Another process may have taken the folder for a leftover between its creation and the lock.
            if temporary.path().exists() {
                return Ok(Self { temporary, path, _locked: locked });
            }
        }
    }

    /// The folder to write files to.
    pub fn folder(&self) -> &Path {
        self.temporary.path()
    }

    /// Gives the folder its final name. Its files are not flushed to the disk.
    ///
    /// # Errors
    ///
    /// Those of the operating system, and if something has been written to the final path in the meantime. The new
    /// folder is deleted then.
    pub fn finish(self) -> io::Result<()> {
        refuse_occupied(&self.path)?;
        fs::rename(self.temporary.path(), &self.path)?;
        // Nothing is left under the temporary name to be deleted.
        let _ = self.temporary.keep();
        Ok(())
    }
}

/// The error without the temporary name, of which the user has never heard.
fn without_path(error: &io::Error) -> io::Error {
    error.kind().into()
}

fn refuse_occupied(path: &Path) -> io::Result<()> {
    let is_free = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(error),
        Ok(found) => found.is_dir() && fs::read_dir(path)?.next().is_none(),
    };
    match is_free {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "it exists and is not an empty folder; remove it, or name another folder",
        )),
    }
}

fn remove_leftovers(path: &Path) -> io::Result<()> {
    let short = short_name(path);
    for entry in fs::read_dir(folder_of(path))? {
        let entry = entry?;
        let is_ours =
            entry.file_name().to_str().is_some_and(|name| is_temporary_of(name, |rest| rest == short));
        if is_ours && entry.file_type()?.is_dir() {
            let folder = File::open(entry.path())?;
            if folder.try_lock().is_ok() {
                fs::remove_dir_all(entry.path())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_appears_with_all_of_its_files_and_leaves_nothing_else_behind() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("images");
        let new = NewFolder::create(&path).unwrap();
        fs::write(new.folder().join("a"), "1").unwrap();
        assert!(!path.exists());
        new.finish().unwrap();
        assert_eq!((names(parent.path()), names(&path)), (vec!["images".to_owned()], vec!["a".to_owned()]));
        let unfinished = NewFolder::create(&parent.path().join("other")).unwrap();
        fs::write(unfinished.folder().join("b"), "2").unwrap();
        drop(unfinished);
        assert_eq!(names(parent.path()), ["images"]);
    }

    #[test]
    fn only_an_empty_folder_is_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let at = |name: &str| parent.path().join(name);
        fs::create_dir(at("empty")).unwrap();
        NewFolder::create(&at("empty")).unwrap().finish().unwrap();
        fs::create_dir(at("full")).unwrap();
        fs::write(at("full/file"), "kept").unwrap();
        fs::write(at("file"), "kept").unwrap();
        for name in ["full", "file"] {
            let error = NewFolder::create(&at(name)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{name}: {error}");
        }
        let late = NewFolder::create(&at("late")).unwrap();
        fs::create_dir(at("late")).unwrap();
        fs::write(at("late/file"), "kept").unwrap();
        late.finish().unwrap_err();
        assert_eq!(names(parent.path()), ["empty", "file", "full", "late"]);
        assert_eq!(fs::read(at("late/file")).unwrap(), b"kept");
        let error = NewFolder::create(&at("nowhere/images")).unwrap_err();
        assert!(!error.to_string().contains(".part"), "{error}");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    #[cfg(unix)]
    fn the_empty_folder_that_a_link_leads_to_is_filled_and_all_may_read_it() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let parent = tempfile::tempdir().unwrap();
        let (target, link) = (parent.path().join("target"), parent.path().join("link"));
        fs::create_dir(&target).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        let usual = mode(&target);
        symlink(&target, &link).unwrap();
        let new = NewFolder::create(&link).unwrap();
        fs::write(new.folder().join("a"), "1").unwrap();
        new.finish().unwrap();
        assert!(link.is_symlink());
        assert_eq!((names(&target), mode(&target)), (vec!["a".to_owned()], usual));
    }

    #[test]
    fn what_a_killed_process_leaves_is_deleted_and_a_folder_that_is_being_filled_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("images");
        let leftover = parent.path().join(".images.abcdef.part");
        fs::create_dir(&leftover).unwrap();
        fs::write(leftover.join("a"), "1").unwrap();
        fs::create_dir(parent.path().join(".other.abcdef.part")).unwrap();
        let first = NewFolder::create(&path).unwrap();
        assert!(!leftover.exists());
        let second = NewFolder::create(&path).unwrap();
        assert!(first.folder().exists() && second.folder().exists());
        assert_ne!(first.folder(), second.folder());
        drop((first, second));
        assert_eq!(names(parent.path()), [".other.abcdef.part"]);
    }
}
