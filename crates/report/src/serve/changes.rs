//! Notices that the database has changed.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use std::{fs, thread};

use gansweep_base::host;
use gansweep_store::Reader;

/// How often the database is looked at. A look reads one page of its file.
const INTERVAL: Duration = Duration::from_millis(500);

/// A counter of observed changes that can be waited for.
#[derive(Debug)]
pub(super) struct Changes {
    /// Tells this server from one that ran before it on the same port.
    started_unix_ms: i64,
    count: Mutex<u64>,
    changed: Condvar,
    /// Whether the process is about to end.
    is_ending: AtomicBool,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            started_unix_ms: host::unix_ms(),
            count: Mutex::new(0),
            changed: Condvar::new(),
            is_ending: AtomicBool::new(false),
        }
    }
}

impl Changes {
    /// The number of changes so far.
    pub(super) fn count(&self) -> u64 {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A text that is another one after each change, and for each server.
    pub(super) fn version(&self, count: u64) -> String {
        format!("{}-{count}", self.started_unix_ms)
    }

    /// The data of the event of a change: its version, and in the end that no pause should be made.
    pub(super) fn event(&self, count: u64) -> String {
        let end = if self.is_ending.load(Ordering::SeqCst) { " end" } else { "" };
        self.version(count) + end
    }

    /// Notices that the process is about to end: what follows is the last that pages can load.
    pub(super) fn end(&self) {
        self.is_ending.store(true, Ordering::SeqCst);
        self.add();
    }

    fn add(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    /// Waits until the count is no longer `known`, or for that long; returns the count.
    pub(super) fn wait(&self, known: u64, patience: Duration) -> u64 {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |count: &mut u64| *count == known;
        *self.changed.wait_timeout_while(count, patience, same).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Looks at the database until the process ends.
    pub(super) fn watch(&self, results: &Path) {
        let mut watched = Watched::default();
        loop {
            if watched.has_changed(results) {
                self.add();
            }
            thread::sleep(INTERVAL);
        }
    }
}

/// The database as it was at the last look.
#[derive(Debug, Default)]
struct Watched {
    open: Option<(Reader, FileIdentity)>,
    version: i64,
}

/// Number and creation time of a file: they differ when another file is moved to its place.
type FileIdentity = (u64, Option<SystemTime>);

impl Watched {
    fn has_changed(&mut self, results: &Path) -> bool {
        if let Some((reader, known)) = &self.open {
            let version = reader.data_version();
            if identity(reader.path()).as_ref() == Some(known)
                && let Ok(version) = version
            {
                return std::mem::replace(&mut self.version, version) != version;
            }
        }
        let was_open = self.open.take().is_some();
        let opened = Reader::open(results).ok();
        self.open = opened.and_then(|reader| identity(reader.path()).map(|known| (reader, known)));
        // The first number says nothing, but later ones are compared with it.
        self.version =
            self.open.as_ref().and_then(|(reader, _)| reader.data_version().ok()).unwrap_or_default();
        was_open || self.open.is_some()
    }
}

fn identity(file: &Path) -> Option<FileIdentity> {
    let metadata = fs::metadata(file).ok()?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let number = 0;
    Some((number, metadata.created().ok()))
}
