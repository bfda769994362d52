//! The lock file that allows one writer per results folder.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
    thread,
    time::Duration,
};

use rustix::fs::OFlags;

use crate::{
    StoreError,
    connection::{create_folder, folder_error},
    place,
};

/// The lock file's name in a results folder.
const FILE_NAME: &str = ".lock";

/// Interval between attempts to take the lock.
const INTERVAL: Duration = Duration::from_millis(200);

/// The exclusive lock on a results folder. Dropping it releases it, and so does the end of the process,
/// also if it is killed.
#[derive(Debug)]
pub struct ResultsLock {
    file: File,
    /// The folder itself, locked too: whoever deletes the lock file cannot let a second writer in. `None` on a file
    /// system that cannot lock folders.
    folder: Option<File>,
}

impl ResultsLock {
    /// Waits for the lock of a results folder, and creates the folder if it is missing.
    ///
    /// `on_wait` is called once before waiting, with the holder (`process 4711`). Returns `None` if
    /// `cancelled` returns true while waiting; it is called five times a second.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`] or [`StoreError::Full`] if the lock file cannot be created,
    /// [`StoreError::Lock`] if the file system has no locks.
    pub fn acquire(
        results_dir: &Path,
        on_wait: &mut dyn FnMut(&str),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<Self>, StoreError> {
        let mut waiting = false;
        loop {
            create_folder(results_dir)?;
            let mut file = open(&results_dir.join(FILE_NAME))?;
            if let Some(mut lock) = Self::try_acquire(results_dir, &file)? {
                lock.write_holder();
                return Ok(Some(lock));
            }
            if cancelled() {
                return Ok(None);
            }
            if !waiting {
                on_wait(&holder(&mut file));
                waiting = true;
            }
            thread::sleep(INTERVAL);
        }
    }

    /// Takes the lock if it is free. Folder and file are opened anew for each attempt: either may be deleted or
    /// replaced while another process holds it, and a lock on a file without a name excludes nobody.
    fn try_acquire(results_dir: &Path, file: &File) -> Result<Option<Self>, StoreError> {
        let path = results_dir.join(FILE_NAME);
        let failed = |source| StoreError::Lock { path: path.clone(), source };
        let folder = File::open(results_dir).map_err(failed)?;
        let folder_locked = match folder.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(_)) => false,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let in_place = place::is_at(file, &path).map_err(failed)?
            && (!folder_locked
                || place::is_at(&folder, &std::fs::canonicalize(results_dir).map_err(failed)?)
                    .map_err(failed)?);
        if !in_place {
            return Ok(None);
        }
        let file = match file.metadata() {
            Ok(metadata) if metadata.nlink() > 1 && folder_locked => replace(&path).map_err(failed)?,
            _ => file.try_clone().map_err(failed)?,
        };
        Ok(Some(Self { file, folder: folder_locked.then_some(folder) }))
    }

    /// Writes the holder's process id for waiting processes. Failures are ignored (a full disk): the lock
    /// does not depend on it.
    fn write_holder(&mut self) {
        // Another name of the file, elsewhere, is not ours to write to.
        if self.file.metadata().is_ok_and(|metadata| metadata.nlink() > 1) {
            return;
        }
        let note = format!("process {}\n", std::process::id());
        let _ = self.file.set_len(0);
        let _ = self.file.seek(SeekFrom::Start(0));
        let _ = self.file.write_all(note.as_bytes());
    }
}

impl Drop for ResultsLock {
    fn drop(&mut self) {
        if self.file.metadata().is_ok_and(|metadata| metadata.nlink() <= 1) {
            let _ = self.file.set_len(0);
        }
        // Closing is not enough: a child process that is just being started still has copies of both files.
        for locked in [Some(&self.file), self.folder.as_ref()].into_iter().flatten() {
            let _ = locked.unlock();
        }
    }
}

/// Puts a lock file of its own in the place of one that has another name elsewhere, which is not ours to write to.
/// Whoever calls it holds the lock of the folder, so that no second writer gets in meanwhile.
fn replace(path: &Path) -> io::Result<File> {
    std::fs::remove_file(path)?;
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    file.try_lock().map_err(io::Error::from)?;
    Ok(file)
}

/// Opens or creates the lock file. It is not truncated: until the lock is taken, its content is the holder's. A link is
/// not followed, and a pipe is not waited for.
fn open(path: &Path) -> Result<File, StoreError> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).custom_flags(flags);
    let not_regular = || {
        let source = io::Error::other("it is no regular file; delete it");
        StoreError::Lock { path: path.to_owned(), source }
    };
    match options.open(path) {
        Ok(file) if file.metadata().is_ok_and(|metadata| metadata.is_file()) => Ok(file),
        Ok(_) => Err(not_regular()),
        Err(_) if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) => Err(not_regular()),
        Err(error) => Err(folder_error(path, &error)),
    }
}

fn holder(file: &mut File) -> String {
    let mut note = String::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(200).read_to_string(&mut note));
    let note = note.trim();
    if read.is_err() || note.is_empty() { "another process".to_owned() } else { note.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, fs};

    use super::*;

    fn take(folder: &Path) -> ResultsLock {
        ResultsLock::acquire(folder, &mut |_| panic!("nobody holds it"), &|| false).unwrap().unwrap()
    }

    #[test]
    fn a_free_lock_is_taken_at_once_and_creates_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let results = folder.path().join("a/b");
        drop(take(&results));
        drop(take(&results));
        assert!(results.join(".lock").is_file());
    }

    #[test]
    fn a_released_lock_is_free_although_a_child_process_has_copies_of_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let held = take(folder.path());
        let _copies = [held.file.try_clone().unwrap(), held.folder.as_ref().unwrap().try_clone().unwrap()];
        drop(held);
        drop(take(folder.path()));
    }

    #[test]
    fn whoever_waits_learns_once_who_holds_it_and_may_give_up() {
        let folder = tempfile::tempdir().unwrap();
        let _held = take(folder.path());
        let asked = Cell::new(0);
        let mut told = Vec::new();
        let cancelled = || asked.replace(asked.get() + 1) == 2;
        let lock =
            ResultsLock::acquire(folder.path(), &mut |holder| told.push(holder.to_owned()), &cancelled);
        assert!(lock.unwrap().is_none());
        assert_eq!(told, [format!("process {}", std::process::id())]);
    }

    #[test]
    fn whoever_waits_gets_it_when_its_holder_ends() {
        let folder = tempfile::tempdir().unwrap();
        let held = Cell::new(Some(take(folder.path())));
        let release = || {
            held.take();
            false
        };
        let mut waited = false;
        let lock = ResultsLock::acquire(folder.path(), &mut |_| waited = true, &release).unwrap();
        assert!(lock.is_some() && waited);
    }

    #[test]
    fn a_note_left_by_a_killed_process_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".lock"), "process 123456789012345\n").unwrap();
        let _lock = take(folder.path());
        let note = fs::read_to_string(folder.path().join(".lock")).unwrap();
        assert_eq!(note, format!("process {}\n", std::process::id()));
    }

    #[test]
    fn deleting_or_replacing_the_lock_file_lets_no_second_writer_in() {
        for replaced in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let held = take(folder.path());
            fs::remove_file(folder.path().join(".lock")).unwrap();
            if replaced {
                fs::write(folder.path().join(".lock"), "").unwrap();
            }
            let mut waited = 0;
            let second = ResultsLock::acquire(folder.path(), &mut |_| waited += 1, &|| true).unwrap();
            assert!(second.is_none() && waited == 0, "a wait that is cancelled at once is not told");
            drop(held);
            drop(take(folder.path()));
        }
    }

    #[test]
    fn a_folder_in_the_place_of_one_that_was_moved_has_a_lock_of_its_own() {
        let place = tempfile::tempdir().unwrap();
        let (results, moved) = (place.path().join("results"), place.path().join("moved"));
        let _first = take(&results);
        fs::rename(&results, &moved).unwrap();
        let _second = take(&results);
        assert!(ResultsLock::acquire(&moved, &mut |_| {}, &|| true).unwrap().is_none());
    }

    #[test]
    fn a_link_or_pipe_in_the_place_of_the_lock_is_refused_and_its_target_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, target) = (folder.path().join(".lock"), folder.path().join("notes"));
        fs::write(&target, "my notes").unwrap();
        std::os::unix::fs::symlink(&target, &lock).unwrap();
        let refused = || ResultsLock::acquire(folder.path(), &mut |_| {}, &|| false).unwrap_err().to_string();
        assert!(refused().contains("no regular file; delete it"), "{}", refused());
        fs::remove_file(&lock).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&lock).status().unwrap().success());
        assert!(refused().contains("no regular file; delete it"), "{}", refused());
        fs::remove_file(&lock).unwrap();
        fs::hard_link(&target, &lock).unwrap();
        let held = take(folder.path());
        let mut holders = Vec::new();
        let waits = |holders: &mut Vec<String>| {
            let asked = Cell::new(0);
            let cancelled = || asked.replace(asked.get() + 1) > 0;
            ResultsLock::acquire(folder.path(), &mut |it| holders.push(it.to_owned()), &cancelled).unwrap()
        };
        assert!(waits(&mut holders).is_none());
        assert_eq!(holders, [format!("process {}", std::process::id())]);
        drop(held);
        assert_eq!(fs::read_to_string(&target).unwrap(), "my notes");
        assert!(waits(&mut holders).is_some());
    }

    #[test]
    fn a_folder_that_is_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results");
        fs::write(&file, "").unwrap();
        let error = ResultsLock::acquire(&file, &mut |_| {}, &|| false).unwrap_err().to_string();
        assert!(error.contains("results is a file") && error.contains("--results DIR"), "{error}");
    }
}
