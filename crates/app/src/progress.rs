//! Progress of a use case.

use std::path::Path;

use gansweep_config::{Dataset, Plan};
use gansweep_data::DataError;
use gansweep_scheduler::Notice;

/// A progress event of a use case.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A dataset file is being downloaded. Sent many times per file.
    Download(&'a gansweep_data::Progress),
    /// The download has ended or failed. Also sent if there was nothing to download.
    DownloadEnded,
    /// A dataset is not available and the experiment's fallback is used.
    FellBack {
        /// The dataset in the experiment file.
        dataset: Dataset,
        /// The dataset that is used.
        fallback: Dataset,
        /// Why.
        reason: &'a DataError,
    },
    /// The plan is complete. Nothing is written yet.
    Planned(&'a Plan),
    /// Another process holds the lock of the results folder. Sent once, before waiting.
    WaitingForResults {
        /// The folder.
        results: &'a Path,
        /// The holder: `process 4711`.
        holder: &'a str,
    },
    /// A notice from the scheduler.
    Sweep(&'a Notice),
    /// Training has ended; the page is written next.
    WritingReport(&'a Path),
}

/// Receives progress. Implementations must return quickly: they are called on the thread that does the
/// work, and during a sweep that thread is the only one that writes the database.
pub trait Observer {
    /// Handles a progress event.
    fn observe(&mut self, progress: Progress<'_>);
}

impl<F: FnMut(Progress<'_>)> Observer for F {
    fn observe(&mut self, progress: Progress<'_>) {
        self(progress);
    }
}
