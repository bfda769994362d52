//! Sweeps on a cluster: a task's side, and what is asked of the jobs of a results folder.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, thread};

use gansweep_config::RunId;
use gansweep_data::DataSource;
use gansweep_evaluator::Evaluator;
use gansweep_protocol::{Command, Envelope, Event, Frame, HeartbeatThread, Job, SegmentError, SegmentWriter};
use gansweep_scheduler::{
    ArrayFolder, ArrayStatus, CollectError, Collected, Restart, SlurmError, cancel_slurm_jobs,
    collect_slurm_jobs, requeue_own_task, slurm_status, unfinished,
};
use gansweep_store::{Reader, RunFilter, Store, StoreError};
use gansweep_train::Outcome;

use crate::worker::WorkerError;
use crate::{AppError, backends, check};

/// Time between heartbeats of a task. Each is a write to a file system that all nodes share.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Interval at which a task looks for commands.
const COMMANDS: Duration = Duration::from_secs(1);

/// The signals that a task has got.
#[derive(Debug, Default)]
pub struct TaskSignals {
    /// To save and end: the cluster takes the node away, or somebody has cancelled the job.
    pub stop: Arc<AtomicBool>,
    /// To save and go on later: the time limit is near.
    pub time_is_up: Arc<AtomicBool>,
}

/// How a start of a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskOutcome {
    /// Every run is over.
    Finished,
    /// It was asked to end and has saved its runs. The cluster may start it again.
    Stopped,
    /// Its time was up before any run had done a step.
    NoTime,
}

/// The error of a task.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The job or a file beside it cannot be used.
    #[error(transparent)]
    Folder(#[from] SlurmError),
    /// The segment cannot be written.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// Each task would train an evaluator of its own, and another one on another kind of processor.
    #[error(
        "{} is not on this node: record.evaluate_epochs needs the evaluator that the sweep has put into its cache; let \
         XDG_CACHE_HOME name a folder that all nodes share, or set record.evaluate_epochs = 0",
        .0.display()
    )]
    NoEvaluator(PathBuf),
    /// As in any other worker.
    #[error(transparent)]
    Worker(#[from] WorkerError),
}

impl TaskError {
    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        match self {
            // Every other task would meet it too: another version of the program, or a file system that is full.
            Self::Folder(_) | Self::Segment(_) | Self::NoEvaluator(_) => {
                u8::try_from(gansweep_scheduler::EXIT_SHARED_CAUSE).unwrap_or(1)
            }
            Self::Worker(error) => error.exit_code(),
        }
    }
}

/// A task of a job array: trains one group on a node, and appends its frames to a segment.
#[derive(Debug)]
pub struct Task {
    folder: ArrayFolder,
    index: u32,
}

impl Task {
    /// The task of that number in the array of that folder.
    pub fn new(folder: PathBuf, index: u32) -> Self {
        Self { folder: ArrayFolder::at(folder), index }
    }

    /// Trains what earlier starts have left of the task. One whose time is up puts itself back into the queue; where
    /// the cluster refuses that, whoever collects submits it again.
    pub fn train(&self, signals: &TaskSignals) -> Result<TaskOutcome, TaskError> {
        self.folder.forget_exit_code(self.index);
        let Restart { start, job } = unfinished(&self.folder, self.index)?;
        let segment = SegmentWriter::open(&self.folder.segment(self.index, start))?;
        if job.lanes.is_empty() {
            return Ok(TaskOutcome::Finished);
        }
        let segment = Arc::new(Mutex::new(segment));
        let heartbeats = Arc::clone(&segment);
        let _heartbeats = HeartbeatThread::start(HEARTBEAT, move |frame| write(&heartbeats, &frame))
            .map_err(WorkerError::Thread)?;
        let received = follow_commands(self.folder.commands(self.index)).map_err(WorkerError::Thread)?;
        let mut commands =
            || match signals.stop.load(Ordering::Relaxed) || signals.time_is_up.load(Ordering::Relaxed) {
                true => Some(Command::StopAll),
                false => received.try_recv().ok(),
            };
        let mut has_advanced = false;
        let mut emit = |frame: Frame| {
            has_advanced |= ends_with_progress(&job, &frame);
            write(&segment, &frame)
        };
        let idx_dir = job.idx_dir.clone();
        let source = DataSource { idx_dir, ..DataSource::from_environment(job.data_dir.clone()) };
        check_evaluator(&job, &source)?;
        let outcome = backends::work(&job, &source, &mut commands, &mut emit).map_err(WorkerError::Train)?;
        if outcome == Outcome::Finished {
            return Ok(TaskOutcome::Finished);
        }
        if signals.time_is_up.load(Ordering::Relaxed) && !signals.stop.load(Ordering::Relaxed) {
            if !has_advanced {
                return Ok(TaskOutcome::NoTime);
            }
            requeue_own_task();
        }
        Ok(TaskOutcome::Stopped)
    }

    /// Leaves the exit code for whoever collects. A task that was stopped leaves none.
    pub fn leave_exit_code(&self, code: u8) -> Result<(), TaskError> {
        Ok(self.folder.leave_exit_code(self.index, code)?)
    }
}

/// Checks that the evaluator of the job's data is in the cache, if the job needs it.
fn check_evaluator(job: &Job, source: &DataSource) -> Result<(), TaskError> {
    let Some(lane) = job.lanes.first().filter(|_| job.record.evaluate_epochs.period().is_some()) else {
        return Ok(());
    };
    let path = Evaluator::cache_path(&source.cache_dir, &lane.spec.fingerprint);
    if path.is_file() { Ok(()) } else { Err(TaskError::NoEvaluator(path)) }
}

/// Whether a run is interrupted later than it began.
fn ends_with_progress(job: &Job, frame: &Frame) -> bool {
    let Frame::Event(Envelope { run, event: Event::Interrupted(ended), .. }) = frame else { return false };
    let lane = job.lanes.iter().find(|lane| lane.run == *run);
    let from = lane.and_then(|lane| lane.resume.as_ref()).map_or(0, |resume| resume.checkpoint.step);
    ended.step > from
}

fn write(segment: &Mutex<SegmentWriter>, frame: &Frame) -> io::Result<()> {
    segment.lock().unwrap_or_else(PoisonError::into_inner).write(frame)
}

/// Reads commands as they are appended to a file, on a thread.
fn follow_commands(path: PathBuf) -> io::Result<Receiver<Command>> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("commands".into()).spawn(move || {
        let mut offset = 0;
        loop {
            // There is no file before the first command.
            for command in new_commands(&path, &mut offset).unwrap_or_default() {
                if sender.send(command).is_err() {
                    return;
                }
            }
            thread::sleep(COMMANDS);
        }
    })?;
    Ok(receiver)
}

/// The commands behind `offset`, which is moved behind the last whole line.
fn new_commands(path: &Path, offset: &mut u64) -> io::Result<Vec<Command>> {
    if fs::metadata(path)?.len() <= *offset {
        return Ok(Vec::new());
    }
    let mut file = BufReader::new(File::open(path)?);
    file.seek(SeekFrom::Start(*offset))?;
    let mut commands = Vec::new();
    let mut line = String::new();
    while file.read_line(&mut line)? > 0 && line.ends_with('\n') {
        *offset += line.len() as u64;
        commands.extend(Command::from_line(&line));
        line.clear();
    }
    Ok(commands)
}

/// Where the jobs of a results folder stand.
pub fn status(results: &Path) -> Result<Vec<ArrayStatus>, AppError> {
    check::require_folder(results)?;
    Ok(slurm_status(results)?)
}

/// Records what the jobs of a results folder have reported. It may be called at any time.
pub fn collect(results: &Path) -> Result<Collected, AppError> {
    // What has no database must not get one.
    if let Err(error @ StoreError::NoDatabase { .. }) = Reader::open(results).map(drop) {
        return Err(error.into());
    }
    let _lock = check::lock_now(results)?;
    let mut store = Store::open(results)?;
    collect_slurm_jobs(results, &mut store).map_err(|error| match error {
        CollectError::Slurm(error) => error.into(),
        CollectError::Store(error) => error.into(),
    })
}

/// The sweeps that have some of these runs, those alone that have no quality figures.
pub fn sweeps_without_figures(results: &Path, runs: &[RunId]) -> Result<BTreeSet<String>, AppError> {
    let mut sweeps = BTreeSet::new();
    if runs.is_empty() {
        return Ok(sweeps);
    }
    let runs: HashSet<&RunId> = runs.iter().collect();
    let reader = Reader::open(results)?;
    for row in reader.runs(&RunFilter::default())? {
        if let Some(sweep) = row.sweep
            && runs.contains(&row.id)
            && !sweeps.contains(&sweep)
            && reader.evaluations(&row.id, row.total_steps)?.is_empty()
        {
            sweeps.insert(sweep);
        }
    }
    Ok(sweeps)
}

/// Cancels all jobs of a results folder; returns the number of arrays. Their tasks save their runs and end.
pub fn cancel(results: &Path) -> Result<usize, AppError> {
    check::require_folder(results)?;
    Ok(cancel_slurm_jobs(results)?)
}

/// Refuses what must not happen while jobs on a cluster train runs of the results folder: to train them here too, or
/// to delete checkpoints that the database does not know yet.
pub(crate) fn refuse_beside_jobs(results: &Path) -> Result<(), AppError> {
    match ArrayFolder::open_ones(results)?.len() {
        0 => Ok(()),
        arrays => Err(AppError::JobsInCluster { results: results.to_owned(), arrays }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn commands_are_read_once_and_half_a_line_is_left_for_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.commands");
        let mut offset = 0;
        assert!(new_commands(&path, &mut offset).is_err());
        let line = Command::StopAll.to_line().unwrap();
        let append = |text: &str| {
            let mut file = fs::OpenOptions::new().append(true).create(true).open(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        append(&line);
        append(&line[..5]);
        assert_eq!(new_commands(&path, &mut offset).unwrap(), [Command::StopAll]);
        assert_eq!(new_commands(&path, &mut offset).unwrap(), []);
        append(&line[5..]);
        assert_eq!(new_commands(&path, &mut offset).unwrap(), [Command::StopAll]);
    }
}
