//! The lock file that allows one writer per results folder.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
    thread,
    time::Duration,
};

use crate::{
    StoreError,
    connection::{create_folder, folder_error},
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
        create_folder(results_dir)?;
        let path = results_dir.join(FILE_NAME);
        // Not truncated: until the lock is ours, its content is the holder's.
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(|error| folder_error(&path, &error))?;
        let mut waiting = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(StoreError::Lock { path, source }),
                Err(TryLockError::WouldBlock) => {}
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
        let mut lock = Self { file };
        lock.write_holder();
        Ok(Some(lock))
    }

    /// Writes the holder's process id for waiting processes. Failures are ignored (a full disk): the lock
    /// does not depend on it.
    fn write_holder(&mut self) {
        let note = format!("process {}\n", std::process::id());
        let _ = self.file.set_len(0);
        let _ = self.file.seek(SeekFrom::Start(0));
        let _ = self.file.write_all(note.as_bytes());
    }
}

impl Drop for ResultsLock {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
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
    fn a_folder_that_is_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("results");
        fs::write(&file, "").unwrap();
        let error = ResultsLock::acquire(&file, &mut |_| {}, &|| false).unwrap_err().to_string();
        assert!(error.contains("results cannot be written") && error.contains("--results DIR"), "{error}");
    }
}
