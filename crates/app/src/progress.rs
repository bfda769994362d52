//! What a use case tells while it works.

use std::path::Path;

use gansweep_config::{Dataset, Plan};
use gansweep_data::DataError;
use gansweep_scheduler::Notice;

/// Something that a use case has come to. A display, a log and a test read the same ones.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A file of a dataset is being downloaded; comes many times for one file.
    Download(&'a gansweep_data::Progress),
    /// The dataset has been downloaded, or will not be; comes also where nothing was to download.
    DownloadEnded,
    /// A dataset cannot be had, and the experiment names another to train on instead.
    FellBack {
        /// What the experiment asks for.
        dataset: Dataset,
        /// What its runs train on.
        fallback: Dataset,
        /// Why.
        reason: &'a DataError,
    },
    /// The runs are known; nothing is written yet.
    Planned(&'a Plan),
    /// Another process writes to the results folder; comes once, before the waiting begins.
    WaitingForResults {
        /// The folder.
        results: &'a Path,
        /// Who holds it: `process 4711`.
        holder: &'a str,
    },
    /// Something happened to the sweep's runs or workers.
    Sweep(&'a Notice),
    /// The training has ended, and the page is about to be written.
    WritingReport(&'a Path),
}

/// Whoever is told of a use case's progress. Telling must be quick: the thread that tells is the one
/// that works, and during a sweep it is the only one that writes the database.
pub trait Observer {
    /// Something happened.
    fn observe(&mut self, progress: Progress<'_>);
}

impl<F: FnMut(Progress<'_>)> Observer for F {
    fn observe(&mut self, progress: Progress<'_>) {
        self(progress);
    }
}
