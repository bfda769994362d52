//! Workers as tasks of Slurm's job arrays.
//!
//! A task runs the same program on the same job as a worker process, and appends its frames to a segment in the
//! results folder, which all nodes share. One thread, the monitor, submits arrays, reads the segments as they grow,
//! and asks the cluster for the states of all jobs at once.
//!
//! Tasks go on without the runner. All that the next one needs lies in the results folder: see [`ArrayFolder`].

mod collect;
mod commands;
mod copy;
mod error;
mod folder;
mod monitor;
mod queue;
mod restart;
mod sbatch;
mod shared;
#[cfg(test)]
mod stand_in;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{io, thread};

use gansweep_config::SlurmConfig;
use gansweep_protocol::{Command, Job};

pub use self::collect::{CollectError, Collected, collect};
pub use self::copy::program_copies;
pub use self::error::SlurmError;
pub use self::folder::{ArrayFolder, AttemptLog, logs_of};
use self::monitor::Monitor;
pub use self::queue::TaskEnd;
use self::queue::TaskState;
pub use self::restart::{Restart, requeue_own_task, unfinished};
use self::shared::{Place, Shared, Stage, Task};
use crate::{AdoptedWorker, Exit, FrameSink, FrameStream, LaunchError, Launcher, Worker};

/// Submits each group as a task of an array.
#[derive(Debug)]
pub struct SlurmLauncher {
    shared: Arc<Shared>,
}

impl SlurmLauncher {
    /// A launcher of tasks that run `program`. Starts the monitor.
    ///
    /// # Errors
    /// There is no Slurm here, or its controller does not answer.
    pub fn start(results_dir: &Path, program: PathBuf, config: SlurmConfig) -> Result<Self, LaunchError> {
        let array_size = commands::max_array_size()?;
        let results_dir = std::path::absolute(results_dir).unwrap_or_else(|_| results_dir.to_owned());
        let shared = Arc::new(Shared { results_dir, config, program, array_size, state: Mutex::default() });
        let monitor = Monitor::new(Arc::clone(&shared));
        thread::Builder::new()
            .name("slurm".to_owned())
            .spawn(move || monitor.run())
            .map_err(LaunchError::Thread)?;
        Ok(Self { shared })
    }
}

impl Launcher for SlurmLauncher {
    fn launch(&self, job: &Job) -> Result<Box<dyn Worker>, LaunchError> {
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let job = Job {
            results_dir: self.shared.results_dir.clone(),
            data_dir: job.data_dir.as_ref().map(absolute),
            idx_dir: job.idx_dir.as_ref().map(absolute),
            ..job.clone()
        };
        let task = Task::new(job, None);
        self.shared.state().waiting.push(Arc::clone(&task));
        Ok(Box::new(SlurmWorker { task }))
    }

    /// A job may wait for days in the cluster's queue.
    fn start_timeout(&self) -> Option<Duration> {
        None
    }

    fn adopt(&self) -> Result<Vec<AdoptedWorker>, LaunchError> {
        let mut adopted: Vec<AdoptedWorker> = Vec::new();
        let mut tasks = Vec::new();
        for folder in ArrayFolder::open_ones(&self.shared.results_dir)? {
            let files = folder.tasks()?;
            // Its runner died before or while it submitted the array.
            let is_known = folder.job_id().is_some()
                || files.values().any(|task| task.segments > 0 || task.exit || task.log)
                || folder.find_job_id()?.is_some();
            if !is_known {
                folder.remove();
                continue;
            }
            folder.unmark_cancelled();
            for (&index, _) in files.iter().filter(|(_, files)| files.job) {
                let job = folder.job(index)?;
                let task = Task::new(job.clone(), Some(Place { folder: folder.clone(), index }));
                tasks.push(Arc::clone(&task));
                adopted.push((job, Box::new(SlurmWorker { task })));
            }
        }
        let mut state = self.shared.state();
        (state.submitted, state.has_adopted) = (tasks, true);
        drop(state);
        Ok(adopted)
    }

    fn outlives_runner(&self) -> bool {
        true
    }

    fn queues_groups(&self) -> bool {
        true
    }

    fn is_handing_over(&self) -> bool {
        let state = self.shared.state();
        !state.waiting.is_empty()
    }

    fn stop_handing_over(&self) -> bool {
        let mut state = self.shared.state();
        state.stage = state.stage.max(Stage::Leaves);
        state.submitting == 0
    }

    fn has_caught_up(&self) -> bool {
        self.shared.state().has_caught_up
    }
}

impl Drop for SlurmLauncher {
    fn drop(&mut self) {
        self.shared.state().stage = Stage::Over;
    }
}

/// The runner's handle on a task. Without it, the task goes on.
#[derive(Debug)]
struct SlurmWorker {
    task: Arc<Task>,
}

impl Worker for SlurmWorker {
    /// The monitor forwards them.
    fn frames(&mut self) -> FrameStream {
        Box::new(std::iter::empty())
    }

    fn forward(&mut self, sink: FrameSink) -> io::Result<()> {
        self.task.progress().sink = Some(sink);
        Ok(())
    }

    fn send(&mut self, command: &Command) {
        if let (Some(Place { folder, index }), Ok(line)) = (self.task.place(), command.to_line())
            && let Err(error) = folder.append_command(index, &line)
        {
            tracing::warn!(%error, index, "a command to a task cannot be written");
        }
    }

    /// The monitor cancels the task, again and again until it has ended: the cluster may not answer now.
    fn kill(&mut self) {
        self.task.progress().killed = true;
    }

    fn try_wait(&mut self) -> Option<Exit> {
        self.task.progress().exit.clone()
    }

    /// One for which `sbatch` runs may already be in the cluster: the next runner finds out.
    fn is_handed_over(&self) -> bool {
        let progress = self.task.progress();
        progress.place.is_some() || progress.is_submitting
    }

    fn may_restart(&self) -> bool {
        true
    }

    fn discard(&mut self) {
        if let Some(Place { folder, index }) = self.task.place()
            && let Err(error) = folder.discard(index)
        {
            tracing::warn!(%error, index, "the files of a task cannot be deleted");
        }
    }
}

/// How many tasks of a results folder wait, run and have ended without being recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskCounts {
    /// In the cluster's queue.
    pub waiting: usize,
    /// On a node.
    pub running: usize,
    /// Ended; what they have reported may not be recorded yet.
    pub ended: usize,
}

/// An array of tasks, and where they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayStatus {
    /// The job's id; `None` before it is submitted.
    pub job_id: Option<String>,
    /// Its tasks.
    pub tasks: TaskCounts,
    /// Runs of the tasks.
    pub runs: usize,
}

/// Asks the cluster where the tasks of a results folder stand.
pub fn status(results_dir: &Path) -> Result<Vec<ArrayStatus>, SlurmError> {
    let folders = ArrayFolder::open_ones(results_dir)?;
    let names: Vec<String> = folders.iter().map(ArrayFolder::job_name).collect();
    let states = commands::squeue(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
    let mut statuses = Vec::new();
    for (folder, name) in folders.iter().zip(&names) {
        let (mut tasks, mut runs) = (TaskCounts::default(), 0);
        for (index, files) in folder.tasks()? {
            if !files.job {
                continue;
            }
            runs += folder.job(index)?.lanes.len();
            *match states.get(&(name.clone(), index)) {
                Some(TaskState::Waiting) => &mut tasks.waiting,
                Some(TaskState::Running) => &mut tasks.running,
                Some(TaskState::Ended(_)) | None => &mut tasks.ended,
            } += 1;
        }
        statuses.push(ArrayStatus { job_id: folder.job_id(), tasks, runs });
    }
    Ok(statuses)
}

/// Cancels all jobs of a results folder; returns the number of arrays. Their tasks save their runs and end.
pub fn cancel(results_dir: &Path) -> Result<usize, SlurmError> {
    let folders = ArrayFolder::open_ones(results_dir)?;
    // First, since a sweep may ask for the states in between.
    folders.iter().try_for_each(ArrayFolder::mark_cancelled)?;
    let names: Vec<String> = folders.iter().map(ArrayFolder::job_name).collect();
    commands::cancel_arrays(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(names.len())
}
