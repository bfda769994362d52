//! What launcher, workers and monitor share: the tasks and where they are.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gansweep_config::SlurmConfig;
use gansweep_protocol::Job;

use super::folder::ArrayFolder;
use super::queue::TaskState;
use crate::{Exit, FrameSink};

/// What launcher, workers and monitor share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) results_dir: PathBuf,
    pub(super) config: SlurmConfig,
    pub(super) program: PathBuf,
    /// The most tasks of an array.
    pub(super) array_size: usize,
    pub(super) state: Mutex<State>,
}

impl Shared {
    /// The shortest time between two questions to the cluster.
    pub(super) fn poll(&self) -> Duration {
        Duration::from_secs_f64(self.config.poll_seconds)
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Tasks that are not submitted, in the order of their launches.
    pub(super) waiting: Vec<Arc<Task>>,
    pub(super) submitted: Vec<Arc<Task>>,
    /// This many of the first waiting tasks are being submitted: `sbatch` runs.
    pub(super) submitting: usize,
    /// The sweep has taken over what an earlier runner left behind.
    pub(super) has_adopted: bool,
    /// The monitor has read all that there was when the launcher began.
    pub(super) has_caught_up: bool,
    pub(super) stage: Stage,
}

/// What the monitor has to do.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// To submit tasks, and to follow those that are submitted.
    #[default]
    Submits,
    /// The sweep leaves: no task is submitted any more.
    Leaves,
    /// Nothing: the launcher is gone.
    Over,
}

/// A task, from its launch to its end.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) job: Job,
    pub(super) progress: Mutex<TaskProgress>,
}

#[derive(Debug, Default)]
pub(super) struct TaskProgress {
    pub(super) place: Option<Place>,
    /// `sbatch` runs: whether the cluster takes the task is not known yet.
    pub(super) is_submitting: bool,
    pub(super) sink: Option<FrameSink>,
    pub(super) exit: Option<Exit>,
    /// The runner has asked for its end.
    pub(super) killed: bool,
    /// When the cluster was last asked to end it.
    pub(super) cancelled: Option<Instant>,
    /// Its frames cannot be read further, or the sweep takes no more; its end still counts.
    pub(super) is_read_up: bool,
    pub(super) reading: Reading,
}

/// Where a task is once it is in an array.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) folder: ArrayFolder,
    pub(super) index: u32,
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The tasks of the next array, no more than `most`. The caller submits them and calls [`end_submission`](Self::end_submission).
    pub(super) fn begin_submission(&mut self, most: usize) -> Vec<Arc<Task>> {
        if self.stage > Stage::Submits {
            return Vec::new();
        }
        let tasks: Vec<Arc<Task>> = self.waiting.iter().take(most).cloned().collect();
        self.submitting = tasks.len();
        for task in &tasks {
            task.progress().is_submitting = true;
        }
        tasks
    }

    /// Moves those tasks to the submitted ones if the cluster has taken them.
    pub(super) fn end_submission(&mut self, tasks: Vec<Arc<Task>>, taken: bool) {
        self.submitting = 0;
        for task in &tasks {
            task.progress().is_submitting = false;
        }
        if taken {
            self.waiting.drain(..tasks.len());
            self.submitted.extend(tasks);
        }
    }
}

impl Task {
    pub(super) fn new(job: Job, place: Option<Place>) -> Arc<Self> {
        Arc::new(Self { job, progress: Mutex::new(TaskProgress { place, ..TaskProgress::default() }) })
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, TaskProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn place(&self) -> Option<Place> {
        self.progress().place.clone()
    }

    /// Closes the task's stream and sets its exit.
    pub(super) fn end(&self, exit: Exit) {
        let sink = {
            let mut progress = self.progress();
            progress.exit = Some(exit);
            progress.sink.take()
        };
        // Without the lock, since the sweep may be waiting for it.
        if let Some(sink) = sink {
            sink.close();
        }
    }
}

/// How far a task has been read, and what the cluster last said of it.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The segment, by the number of the task's start, and the end of the last frame that was read.
    pub(super) start: u32,
    pub(super) offset: u64,
    pub(super) state: Option<TaskState>,
    /// Since when the task is known to have ended.
    pub(super) ended: Option<Instant>,
}
