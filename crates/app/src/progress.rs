//! Progress of a use case.

use std::path::Path;

use gansweep_config::{Dataset, Place, Plan, WithoutEffect};
use gansweep_data::DataError;
use gansweep_evaluator::{CacheError, TrainingProgress};
use gansweep_scheduler::Notice;
use gansweep_store::{Damage, StoreError};

use crate::AppError;
use crate::classes::SortedPart;
use crate::schedule::Schedule;

/// A progress event of a use case.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A dataset is being made available. Sent many times per downloaded file, and while pictures are prepared.
    Data(&'a gansweep_data::Progress),
    /// That has ended or failed. Also sent if there was nothing to do.
    DataEnded,
    /// The user's data folder has no files of a dataset, which is taken from the cache or downloaded.
    NotInDataFolder {
        /// The dataset.
        dataset: Dataset,
        /// The data folder.
        folder: &'a Path,
    },
    /// The experiment names a folder of images, and no run trains on images of the user's own.
    UnusedDataPath(&'a Path),
    /// Runs train on the first images of files that seem to be sorted by class.
    SortedPart(&'a SortedPart),
    /// An exclusion of the experiment matches no run of the plan.
    UnusedExclusion(&'a Place),
    /// A variant of the experiment has no runs of its own.
    MergedVariant {
        /// Its name.
        variant: &'a str,
        /// The variant under whose name its runs are trained.
        earlier: &'a str,
    },
    /// No run has a setting of the experiment, because another one turns off what it belongs to.
    WithoutEffect(&'a WithoutEffect),
    /// All of this many trials of a search are random draws.
    SearchWithoutProposals(usize),
    /// Runs of the sweep's last plan are not in this one.
    RunsLeft {
        /// The sweep.
        name: &'a str,
        /// How many.
        runs: usize,
    },
    /// A dataset is not available and the experiment's fallback is used.
    FellBack {
        /// The dataset in the experiment file.
        dataset: Dataset,
        /// The dataset that is used.
        fallback: Dataset,
        /// Why.
        reason: &'a DataError,
    },
    /// Another experiment file has recorded a sweep under the same name. The sweep becomes this experiment's.
    OtherFile {
        /// The common name.
        name: &'a str,
        /// The file that last recorded the sweep.
        before: &'a str,
        /// The file of this experiment.
        now: &'a Path,
    },
    /// Rows of the database are not those that were written.
    ChangedRows {
        /// The first of them.
        first: &'a Damage,
        /// How many more there are.
        more: usize,
    },
    /// A file in the cache of evaluators cannot be used, or written.
    EvaluatorCache {
        /// Why.
        error: &'a CacheError,
        /// What that costs.
        effect: CacheEffect,
    },
    /// The evaluator of a dataset is being trained. Sent after each step.
    TrainingEvaluator {
        /// The dataset.
        dataset: Dataset,
        /// How far it has come.
        progress: TrainingProgress,
    },
    /// Figures cannot be recorded, and are shown alone.
    FiguresNotRecorded(&'a AppError),
    /// The energy of a sweep that has ended cannot be estimated, because the times of its attempts cannot be read.
    EnergyUnknown(&'a StoreError),
    /// A run of a sweep has no figures, because its images cannot be drawn.
    NotEvaluated {
        /// The run's label.
        label: &'a str,
        /// Why.
        error: &'a AppError,
    },
    /// The checkpoint of a run is evaluated next.
    Evaluating {
        /// The run's label.
        label: &'a str,
        /// Its place among the runs to evaluate, from 0.
        place: usize,
        /// Their number.
        runs: usize,
    },
    /// Images are drawn from a run and written one by one.
    Generating {
        /// How many have been written.
        done: usize,
        /// How many there will be.
        total: usize,
    },
    /// The plan is complete. Nothing is written yet.
    Planned(&'a Plan),
    /// When the images of the runs are evaluated while they train.
    Scheduled(&'a Schedule),
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
    WritingReport {
        /// The page.
        page: &'a Path,
        /// The sweep that it shows.
        sweep: &'a str,
        /// Whether the user has stopped the sweep, and waits for its end.
        stopped: bool,
    },
}

/// What a file in the cache of evaluators that cannot be used, or written, costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheEffect {
    /// The evaluator is trained again now.
    Trained,
    /// The evaluator is trained again by whatever needs it next.
    NotKept,
    /// Features of real images are computed again now.
    FeaturesComputed,
    /// Features of real images are computed again by whatever needs them next.
    FeaturesNotKept,
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
