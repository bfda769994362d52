//! The monitor: submits tasks, reads their segments, and finds out how they ended.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gansweep_protocol::SegmentReader;
use tracing::{info, warn};

use super::error::SlurmError;
use super::folder::ArrayFolder;
use super::folder::TaskFiles;
use super::queue::{TaskEnd, TaskName, TaskState};
use super::shared::{Place, Reading, Shared, Stage, Task};
use super::{commands, copy, sbatch};
use crate::exit::says_disk_is_full;
use crate::process::Tail;
use crate::{EXIT_OUT_OF_MEMORY, EXIT_SHARED_CAUSE, Exit, ExitStatus};

/// Interval at which the monitor looks for something to do.
const TICK: Duration = Duration::from_millis(50);
/// Tasks are submitted when none has been added for this time, so that they go out in large arrays.
const SETTLED: Duration = Duration::from_millis(200);
/// The longest interval at which segments are read.
const READ: Duration = Duration::from_secs(1);
/// Time for the last writes of a task to become visible, after the cluster says that it has ended. On NFS, attributes
/// are cached for some seconds.
pub(super) const LAST_WRITES: Duration = Duration::from_secs(3);
/// Time before the next attempt to submit where the cluster takes no jobs now.
const PAUSE: Duration = Duration::from_secs(10);
/// Attempts to reach a controller that does not answer: ten minutes.
const MOST_PAUSES: u32 = 60;
/// A task that was killed and has not ended is cancelled again after this time. It has the cluster's `KillWait` to save,
/// half a minute as a rule, and a task that was requeued in between runs on.
const CANCEL_AGAIN: Duration = Duration::from_mins(1);
/// Bytes of the end of a log that are read for a cause.
const LOG_BYTES: u64 = 8192;

/// Submitted tasks with their indices, by the job name of their array.
type ByFolder = BTreeMap<String, (ArrayFolder, Vec<(u32, Arc<Task>)>)>;

pub(super) struct Monitor {
    shared: Arc<Shared>,
    /// Most tasks of the next array; lower than the cluster's where it takes no more jobs of this user.
    array_size: usize,
    /// Number of tasks that wait, and since when it has not changed.
    waiting: (usize, Instant),
    /// No array is submitted before.
    paused_until: Option<Instant>,
    pauses: u32,
    asked: Option<Instant>,
    read: Option<Instant>,
    /// The copy of the program that tasks run.
    program: Option<PathBuf>,
    /// The array that was submitted last.
    last_job: Option<String>,
}

impl Monitor {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let array_size = shared.array_size;
        Self {
            shared,
            array_size,
            waiting: (0, Instant::now()),
            paused_until: None,
            pauses: 0,
            asked: None,
            read: None,
            program: None,
            last_job: None,
        }
    }

    /// Works until the launcher is gone.
    pub(super) fn run(mut self) {
        while self.shared.state().stage < Stage::Over {
            self.submit_if_due(Instant::now());
            self.look_if_due(Instant::now());
            thread::sleep(TICK);
        }
    }

    fn submit_if_due(&mut self, now: Instant) {
        let count = self.shared.state().waiting.len();
        if count != self.waiting.0 {
            self.waiting = (count, now);
        }
        let has_settled = now.duration_since(self.waiting.1) >= SETTLED;
        let is_paused = self.paused_until.is_some_and(|until| now < until);
        if count > 0 && has_settled && !is_paused {
            self.submit_some();
        }
    }

    /// Submits one array.
    fn submit_some(&mut self) {
        let tasks = self.shared.state().begin_submission(self.array_size);
        if tasks.is_empty() {
            return;
        }
        let submitted = self.submit(&tasks);
        self.shared.state().end_submission(tasks, submitted.is_ok());
        match submitted {
            Ok(()) => {
                self.pauses = 0;
                // There may be room for more again.
                self.array_size = (self.array_size * 2).min(self.shared.array_size);
            }
            Err(error) if error.is_job_limit() && self.may_wait_for_room() => {
                info!(%error, array_size = self.array_size, "the cluster takes fewer jobs");
            }
            Err(error) if error.is_transient() && self.pauses < MOST_PAUSES => {
                warn!(%error, "the cluster takes no jobs now");
                self.pauses += 1;
                self.paused_until = Some(Instant::now() + PAUSE);
            }
            Err(error) => {
                let waiting = std::mem::take(&mut self.shared.state().waiting);
                for task in waiting {
                    let status = ExitStatus::Code(EXIT_SHARED_CAUSE);
                    task.end(Exit { status, stderr: error.to_string() });
                }
            }
        }
    }

    /// Takes smaller arrays, or waits until a job of ours ends; `false` if neither is possible.
    fn may_wait_for_room(&mut self) -> bool {
        if self.array_size > 1 {
            self.array_size = self.array_size.div_ceil(2);
            return true;
        }
        self.paused_until = Some(Instant::now() + PAUSE);
        !self.shared.state().submitted.is_empty()
    }

    fn submit(&mut self, tasks: &[Arc<Task>]) -> Result<(), SlurmError> {
        let program = self.program()?;
        let jobs: Vec<_> = tasks.iter().map(|task| &task.job).collect();
        let folder = ArrayFolder::create(&self.shared.results_dir, &jobs)?;
        let config = &self.shared.config;
        let script = folder.write_script(&sbatch::script(config, &program, folder.path()))?;
        // Each array has its own limit on tasks at the same time, so that one comes after the other.
        let after = self.last_job.as_deref().filter(|_| config.concurrency > 0);
        let after = after.filter(|_| !self.shared.state().submitted.is_empty());
        let args = sbatch::arguments(config, &folder.job_name(), folder.path(), tasks.len(), after);
        let submitted = commands::sbatch(&args, script.as_os_str()).or_else(|error| {
            // A controller that answers too late may have taken the job.
            let taken = error.is_transient().then(|| commands::array_id(&folder.job_name()));
            match taken {
                Some(Ok(Some(id))) => Ok(id),
                _ => Err(error),
            }
        });
        let id = match submitted {
            Ok(id) => id,
            Err(error) => {
                folder.remove();
                return Err(error);
            }
        };
        // The job is in the cluster, whether its id can be written or not; its name finds it.
        if let Err(error) = folder.set_job_id(&id) {
            warn!(%error, id, "the id of an array cannot be written");
        }
        info!(id, tasks = tasks.len(), name = folder.job_name(), "array submitted");
        for (index, task) in (0..).zip(tasks) {
            task.progress().place = Some(Place { folder: folder.clone(), index });
        }
        self.last_job = Some(id);
        Ok(())
    }

    /// The copy of the program that tasks run.
    fn program(&mut self) -> Result<PathBuf, SlurmError> {
        if let Some(program) = &self.program {
            return Ok(program.clone());
        }
        let copy = copy::provide(&self.shared.program, &self.shared.results_dir)?;
        self.program = Some(copy.clone());
        Ok(copy)
    }

    /// Reads what is new of all tasks. Whether they have ended is asked before that, so that the last frames of one
    /// that has ended are read after its end.
    fn look_if_due(&mut self, now: Instant) {
        let poll = self.shared.poll();
        let tasks: Vec<Arc<Task>> = {
            let mut state = self.shared.state();
            // A task without a worker here is one of another sweep.
            state.submitted.retain(|task| Arc::strong_count(task) > 1 && task.progress().exit.is_none());
            state.submitted.clone()
        };
        if self.read.is_some_and(|read| now.duration_since(read) < READ.min(poll)) {
            return;
        }
        self.read = Some(now);
        let by_folder = by_folder(tasks);
        cancel_killed(&by_folder, now);
        let mut all_read = self.ask_if_due(&by_folder, now);
        for (folder, tasks) in by_folder.values() {
            match folder.tasks() {
                Ok(files) => {
                    for (index, task) in tasks {
                        let files = files.get(index).copied().unwrap_or_default();
                        all_read &= look_at(folder, *index, files, task, now);
                    }
                }
                Err(error) => {
                    warn!(%error, "the folder of an array cannot be read");
                    all_read = false;
                }
            }
        }
        let mut state = self.shared.state();
        state.has_caught_up |= all_read && state.has_adopted;
    }

    /// Asks for the states of all tasks if that is due; `false` if they are not known.
    fn ask_if_due(&mut self, by_folder: &ByFolder, now: Instant) -> bool {
        if self.asked.is_some_and(|asked| now.duration_since(asked) < self.shared.poll()) {
            return true;
        }
        self.asked = Some(now);
        let names: Vec<&str> = by_folder.keys().map(String::as_str).collect();
        match commands::squeue(&names) {
            Ok(states) => {
                note_states(by_folder, &states);
                true
            }
            Err(error) => {
                // The states of before are the best guess.
                warn!(%error, "the states of jobs are not known");
                false
            }
        }
    }
}

fn by_folder(tasks: Vec<Arc<Task>>) -> ByFolder {
    let mut by_folder = ByFolder::new();
    for task in tasks {
        if let Some(Place { folder, index }) = task.place() {
            by_folder.entry(folder.job_name()).or_insert((folder, Vec::new())).1.push((index, task));
        }
    }
    by_folder
}

/// Cancels the tasks that the runner has killed and that have not ended.
fn cancel_killed(by_folder: &ByFolder, now: Instant) {
    for (name, (folder, tasks)) in by_folder {
        let due: Vec<u32> =
            tasks.iter().filter(|(_, task)| is_cancel_due(task, now)).map(|(index, _)| *index).collect();
        if due.is_empty() {
            continue;
        }
        let cancelled = folder.find_job_id().and_then(|id| match id {
            Some(id) => commands::cancel_tasks(name, &id, &due),
            // The cluster has forgotten them, which is their end.
            None => Ok(()),
        });
        if let Err(error) = cancelled {
            warn!(%error, name, "tasks cannot be cancelled");
        }
    }
}

fn is_cancel_due(task: &Task, now: Instant) -> bool {
    let mut progress = task.progress();
    let is_due = progress.killed
        && progress.cancelled.is_none_or(|cancelled| now.duration_since(cancelled) >= CANCEL_AGAIN);
    if is_due {
        progress.cancelled = Some(now);
    }
    is_due
}

fn note_states(by_folder: &ByFolder, states: &HashMap<TaskName, TaskState>) {
    for (name, (folder, tasks)) in by_folder {
        for (index, task) in tasks {
            let state = states.get(&(name.clone(), *index)).copied();
            let state = state.unwrap_or_else(|| TaskState::Ended(folder.end_of_unlisted()));
            task.progress().reading.state = Some(state);
        }
    }
}

/// Forwards a task's new frames, and ends it if it has ended. Returns whether all is read that there is.
fn look_at(folder: &ArrayFolder, index: u32, files: TaskFiles, task: &Task, now: Instant) -> bool {
    let (sink, mut reading) = {
        let mut progress = task.progress();
        if progress.exit.is_some() {
            return true;
        }
        // The sweep has not said yet where frames go.
        if progress.sink.is_none() && !progress.is_read_up {
            return false;
        }
        (progress.sink.take(), std::mem::take(&mut progress.reading))
    };
    let sink = sink.filter(|sink| forward_new(folder, index, files, &mut reading, sink));
    let exit = exit_of(folder, index, files, &mut reading, now);
    let is_ending = reading.ended.is_some();
    {
        let mut progress = task.progress();
        progress.reading = reading;
        progress.is_read_up = sink.is_none();
        progress.sink = sink;
    }
    match exit {
        Some(exit) => {
            task.end(exit);
            true
        }
        None => !is_ending,
    }
}

/// Forwards the new frames of a task; `false` if the sweep takes no more.
fn forward_new(
    folder: &ArrayFolder,
    index: u32,
    files: TaskFiles,
    reading: &mut Reading,
    sink: &crate::FrameSink,
) -> bool {
    if files.segments > 0 && reading.state == Some(TaskState::Waiting) {
        sink.excuse();
    }
    let mut takes_more = true;
    while takes_more && reading.start < files.segments {
        takes_more = forward(folder, index, reading, sink);
        // Once the next start has its segment, this one has ended.
        if reading.start + 1 >= files.segments {
            break;
        }
        (reading.start, reading.offset) = (reading.start + 1, 0);
    }
    takes_more
}

/// Forwards the new frames of a segment; `false` if the sweep takes no more.
fn forward(folder: &ArrayFolder, index: u32, reading: &mut Reading, sink: &crate::FrameSink) -> bool {
    let path = folder.segment(index, reading.start);
    // A segment that is not visible yet is read later.
    let Ok(mut reader) = SegmentReader::open_at(&path, reading.offset) else { return true };
    for frame in reader.by_ref() {
        if !sink.take(frame.map_err(|error| error.source)) {
            return false;
        }
    }
    reading.offset = reader.offset();
    true
}

/// The exit of a task; `None` while it may go on.
fn exit_of(
    folder: &ArrayFolder,
    index: u32,
    files: TaskFiles,
    reading: &mut Reading,
    now: Instant,
) -> Option<Exit> {
    // A file without a code says nothing: then the cluster's answer counts.
    if files.exit
        && let Some(exit) = exit_left(folder, index)
    {
        return Some(exit);
    }
    let Some(TaskState::Ended(end)) = reading.state else {
        reading.ended = None;
        return None;
    };
    let since = *reading.ended.get_or_insert(now);
    if now.duration_since(since) < LAST_WRITES {
        return None;
    }
    Some(exit_at_end(folder, index, files, end))
}

/// The exit that a task has left.
pub(super) fn exit_left(folder: &ArrayFolder, index: u32) -> Option<Exit> {
    let status = ExitStatus::Code(folder.exit_code(index)?);
    Some(Exit { status, stderr: log_tail(&folder.log(index)) })
}

/// The exit of a task that has ended and left no exit code.
pub(super) fn exit_at_end(folder: &ArrayFolder, index: u32, files: TaskFiles, end: TaskEnd) -> Exit {
    let stderr = log_tail(&folder.log(index));
    match end {
        TaskEnd::OutOfMemory => Exit { status: ExitStatus::Code(EXIT_OUT_OF_MEMORY), stderr },
        TaskEnd::Failed | TaskEnd::Completed if !files.log => {
            let stderr = unseen_folder(folder, index);
            Exit { status: ExitStatus::Code(EXIT_SHARED_CAUSE), stderr }
        }
        // The disk had no room for the exit code either.
        TaskEnd::Failed if says_disk_is_full(&stderr) => {
            Exit { status: ExitStatus::Code(EXIT_SHARED_CAUSE), stderr }
        }
        TaskEnd::Failed => Exit { status: ExitStatus::Unknown, stderr },
        // It was asked to end, and left no exit code since it could go on.
        TaskEnd::Completed => Exit { status: ExitStatus::Cluster(TaskEnd::Preempted), stderr: String::new() },
        end => Exit { status: ExitStatus::Cluster(end), stderr: String::new() },
    }
}

fn unseen_folder(folder: &ArrayFolder, index: u32) -> String {
    let id = folder.job_id().unwrap_or_default();
    format!(
        "job {id}_{index} ended without writing its log {}; the results folder must be on a file system that all nodes \
         share (--results DIR)",
        folder.log(index).display()
    )
}

/// The last lines of a log; empty if it cannot be read.
fn log_tail(path: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(LOG_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let mut tail = Tail::default();
    tail.push(&read().unwrap_or_default());
    tail.text()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::SlurmLauncher;
    use super::super::stand_in::{StandIn, job, unset, with_slurm};
    use super::*;
    use crate::{Launcher, Worker};

    /// A monitor of a cluster that takes arrays of `array_size` tasks, and its launcher.
    fn monitor(slurm: &StandIn, array_size: usize) -> (Monitor, SlurmLauncher) {
        let program = slurm.results().join("sbatch");
        let results_dir = slurm.results().to_owned();
        let config = unset();
        let shared = Arc::new(Shared { results_dir, config, program, array_size, state: Mutex::default() });
        (Monitor::new(Arc::clone(&shared)), SlurmLauncher { shared })
    }

    fn launch(launcher: &SlurmLauncher, tasks: usize) -> Vec<Box<dyn Worker>> {
        (0..tasks).map(|_| launcher.launch(&job()).unwrap()).collect()
    }

    /// The place of the only submitted task.
    fn place(launcher: &SlurmLauncher) -> Place {
        launcher.shared.state().submitted[0].place().unwrap()
    }

    #[test]
    fn no_task_is_submitted_once_the_sweep_leaves() {
        with_slurm(module_path!(), "no_task_is_submitted_once_the_sweep_leaves", |slurm| {
            slurm.answers("sbatch", "17");
            let (mut monitor, launcher) = monitor(slurm, 1);
            let workers = launch(&launcher, 2);
            monitor.submit_some();
            assert!(launcher.stop_handing_over(), "no sbatch is running");
            monitor.submit_some();
            let handed_over: Vec<bool> = workers.iter().map(|worker| worker.is_handed_over()).collect();
            assert_eq!(handed_over, [true, false]);
            assert_eq!(slurm.calls("sbatch").len(), 1);
        });
    }

    #[test]
    fn a_killed_task_is_cancelled_until_it_has_ended_also_if_its_id_is_not_known() {
        with_slurm(
            module_path!(),
            "a_killed_task_is_cancelled_until_it_has_ended_also_if_its_id_is_not_known",
            |slurm| {
                // It answered too late, and had taken the job.
                slurm.fails("sbatch", "Socket timed out on send/recv operation");
                slurm.answers("id", "42\n42\n");
                slurm.answers("squeue", "NAME|0|RUNNING");
                let (mut monitor, launcher) = monitor(slurm, 1);
                let mut workers = launch(&launcher, 1);
                workers[0].kill();
                monitor.submit_some();
                let Place { folder, .. } = place(&launcher);
                assert_eq!(folder.job_id().as_deref(), Some("42"));
                fs::write(folder.path().join("job-id"), "").unwrap();
                let begin = Instant::now();
                for (seconds, cancelled) in [(0, 1), (2, 1), (61, 2)] {
                    monitor.look_if_due(begin + Duration::from_secs(seconds));
                    let expected = format!("scancel --name={} 42_0", folder.job_name());
                    assert_eq!(slurm.calls("scancel"), vec![expected; cancelled]);
                    assert_eq!(workers[0].try_wait(), None, "it may save");
                }
            },
        );
    }

    #[test]
    fn the_end_of_a_task_with_a_damaged_segment_is_noticed() {
        with_slurm(module_path!(), "the_end_of_a_task_with_a_damaged_segment_is_noticed", |slurm| {
            slurm.answers("sbatch", "17");
            let (mut monitor, launcher) = monitor(slurm, 1);
            let mut workers = launch(&launcher, 1);
            monitor.submit_some();
            let Place { folder, index } = place(&launcher);
            // Its frames cannot be read further.
            launcher.shared.state().submitted[0].progress().is_read_up = true;
            folder.leave_exit_code(index, 0).unwrap();
            monitor.look_if_due(Instant::now());
            assert_eq!(workers[0].try_wait(), Some(Exit::without_stderr(ExitStatus::Code(0))));
        });
    }

    #[test]
    fn an_exit_file_without_a_code_leaves_the_word_to_the_cluster() {
        let results = tempfile::tempdir().unwrap();
        let folder = ArrayFolder::create(results.path(), &[&job()]).unwrap();
        for name in ["0.exit", "0.log"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let begin = Instant::now();
        let mut reading = Reading { state: Some(TaskState::Ended(TaskEnd::NodeLost)), ..Reading::default() };
        let mut exit = |now| exit_of(&folder, 0, folder.task(0), &mut reading, now);
        assert_eq!(exit(begin), None, "the code may become visible");
        let lost = ExitStatus::Cluster(TaskEnd::NodeLost);
        assert_eq!(exit(begin + LAST_WRITES), Some(Exit::without_stderr(lost)));
        folder.leave_exit_code(0, 5).unwrap();
        assert_eq!(exit(begin), Some(Exit::without_stderr(ExitStatus::Code(5))));
    }

    #[test]
    fn a_full_disk_is_a_cause_that_all_tasks_share_although_no_exit_code_is_left() {
        let results = tempfile::tempdir().unwrap();
        let folder = ArrayFolder::create(results.path(), &[&job()]).unwrap();
        let status = |log: &str| {
            fs::write(folder.log(0), log).unwrap();
            exit_at_end(&folder, 0, folder.task(0), TaskEnd::Failed).status
        };
        let full = "gansweep: the events cannot be written: No space left on device (os error 28)\n";
        assert_eq!(status(full), ExitStatus::Code(EXIT_SHARED_CAUSE));
        assert_eq!(status("Disk quota exceeded"), ExitStatus::Code(EXIT_SHARED_CAUSE));
        assert_eq!(status("thread 'main' panicked"), ExitStatus::Unknown);
    }

    #[test]
    fn arrays_grow_again_when_the_cluster_takes_jobs() {
        with_slurm(module_path!(), "arrays_grow_again_when_the_cluster_takes_jobs", |slurm| {
            let (mut monitor, launcher) = monitor(slurm, 4);
            let _workers = launch(&launcher, 7);
            let limit = "Batch job submission failed: Job violates accounting/QOS policy (job submit limit)";
            slurm.fails("sbatch", limit);
            monitor.submit_some();
            monitor.submit_some();
            slurm.answers("sbatch", "17");
            for _ in 0..3 {
                monitor.submit_some();
            }
            let calls = slurm.calls("sbatch");
            let array =
                |call: &String| call.split(' ').find(|it| it.starts_with("--array=")).unwrap().to_owned();
            let arrays: Vec<String> = calls.iter().map(array).collect();
            let expected = ["--array=0-3", "--array=0-1", "--array=0-0", "--array=0-1", "--array=0-3"];
            assert_eq!(arrays, expected);
        });
    }
}
