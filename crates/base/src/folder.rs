//! Folders that appear complete or not at all.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::file::{folder_of, is_temporary_of, short_name, temporary_names, temporary_prefix};

/// A folder that is being filled. Its files go to a temporary folder, and [`finish`](Self::finish) puts them in place.
/// Dropped before `finish`, it leaves nothing behind.
///
/// A new folder is filled beside its final name and renamed. One that is there already and empty stays, with its
/// permissions: it may be where another file system is mounted. It is filled through a temporary folder in it.
///
/// A process that is killed in between leaves a folder `.NAME.XXXXXX.part`. The next one that writes the same folder
/// deletes it. The temporary folder is locked while it is filled, so that it is not taken for a leftover.
#[derive(Debug)]
pub struct NewFolder {
    temporary: TempDir,
    path: PathBuf,
    is_there: bool,
    /// Keeps the lock.
    _locked: File,
}

impl NewFolder {
    /// Starts a folder in an existing one.
    ///
    /// # Errors
    ///
    /// Those of the operating system; [`io::ErrorKind::AlreadyExists`] if there is something else than an empty
    /// folder at `path`, since nothing is replaced, and no other files are among the new ones; and
    /// [`io::ErrorKind::ResourceBusy`] if another process writes the folder.
    pub fn create(path: &Path) -> io::Result<Self> {
        let is_there = path.exists();
        // A link to an empty folder stays, and its target is written: users name such folders.
        let path = if is_there { fs::canonicalize(path)? } else { path.to_owned() };
        let parent = if is_there { &path } else { folder_of(&path) };
        if parent.is_dir() {
            remove_leftovers(parent, &path)?;
        }
        refuse_occupied(&path, None)?;
        loop {
            let names = temporary_prefix(&path);
            let temporary =
                temporary_names(&names).tempdir_in(parent).map_err(|error| without_path(&error))?;
            let locked = File::open(temporary.path())?;
            // A file system without locks has no leftovers deleted either.
            let _ = locked.lock();
            // Another process may have taken the folder for a leftover between its creation and the lock.
            if temporary.path().exists() {
                return Ok(Self { temporary, path, is_there, _locked: locked });
            }
        }
    }

    /// The folder to write files to.
    pub fn folder(&self) -> &Path {
        self.temporary.path()
    }

    /// Puts the files in place. They are not flushed to the disk.
    ///
    /// # Errors
    ///
    /// Those of the operating system, and if something has been written to the final path in the meantime. The new
    /// files are deleted then.
    pub fn finish(self) -> io::Result<()> {
        let Self { temporary, path, is_there, .. } = self;
        if !is_there {
            refuse_occupied(&path, None)?;
            fs::rename(temporary.path(), &path)?;
            // Nothing is left under the temporary name to be deleted.
            let _ = temporary.keep();
            return Ok(());
        }
        refuse_occupied(&path, Some(temporary.path()))?;
        for entry in fs::read_dir(temporary.path())? {
            let entry = entry?;
            fs::rename(entry.path(), path.join(entry.file_name()))?;
        }
        temporary.close().map_err(|error| without_path(&error))
    }
}

/// The error without the temporary name, of which the user has never heard.
fn without_path(error: &io::Error) -> io::Error {
    error.kind().into()
}

/// Refuses what is something else than an empty folder; a folder in it that is `own` does not count.
fn refuse_occupied(path: &Path, own: Option<&Path>) -> io::Result<()> {
    let is_own = |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|entry| Some(&*entry.path()) == own);
    let is_free = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(error),
        Ok(found) => found.is_dir() && fs::read_dir(path)?.all(is_own),
    };
    match is_free {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "it exists and is not an empty folder; remove it, or name another folder",
        )),
    }
}

/// Deletes what killed processes have left of a folder `path` in `parent`. Leftovers only take space: one that cannot be
/// deleted is no reason not to write.
fn remove_leftovers(parent: &Path, path: &Path) -> io::Result<()> {
    let short = short_name(path);
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours =
            entry.file_name().to_str().is_some_and(|name| is_temporary_of(name, |rest| rest == short));
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let Ok(folder) = File::open(entry.path()) else { continue };
        match folder.try_lock() {
            Ok(()) => drop(fs::remove_dir_all(entry.path())),
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process is writing it"));
            }
            Err(TryLockError::Error(_)) => {}
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
    fn an_empty_folder_stays_and_is_filled_also_through_a_link() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
        let identity = |path: &Path| fs::metadata(path).unwrap().ino();
        let parent = tempfile::tempdir().unwrap();
        let (target, link) = (parent.path().join("target"), parent.path().join("link"));
        fs::create_dir(&target).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o700)).unwrap();
        let before = (mode(&target), identity(&target));
        fs::create_dir(target.join(".target.abcdef.part")).unwrap();
        symlink(&target, &link).unwrap();
        let new = NewFolder::create(&link).unwrap();
        fs::write(new.folder().join("a"), "1").unwrap();
        new.finish().unwrap();
        assert!(link.is_symlink());
        assert_eq!(names(&target), ["a"]);
        assert_eq!((mode(&target), identity(&target)), before, "the folder that was there");
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
        let busy = NewFolder::create(&path).unwrap_err();
        assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
        assert!(first.folder().exists());
        drop(first);
        assert_eq!(names(parent.path()), [".other.abcdef.part"]);
    }
}
