//! The folder of an array of tasks, on the file system that all nodes share.
//!
//! | file | content |
//! |---|---|
//! | `script.sh` | what each task runs |
//! | `job-id` | the array's id; absent until `sbatch` has answered |
//! | `cancelled` | empty; there from `gansweep cancel` until a sweep comes back to the array |
//! | `runs.txt` | a line for each run: the task's index, the run, the attempt; kept to find logs |
//! | `N.job` | the job of task N, a line of JSON; deleted once all that the task has reported is recorded |
//! | `N.segment`, `N.1.segment`, ... | the frames of task N, and of its first, second, ... restart |
//! | `N.commands` | commands to task N, a line of JSON each |
//! | `N.exit` | the exit code of task N, unless it is to be started again |
//! | `N.log` | what task N writes to stdout and stderr; kept |

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use gansweep_base::digest::sha256;
use gansweep_base::{file, host};
use gansweep_protocol::{Job, JobError};

use super::queue::TaskEnd;
use super::{SlurmError, commands};

/// The folder of all arrays in a results folder.
pub(super) const FOLDER: &str = "slurm";
/// File name of the mark of a cancelled array.
const CANCELLED: &str = "cancelled";
/// Letters of an array's token: 48 random bits.
const TOKEN: usize = 12;

/// The folder of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayFolder {
    path: PathBuf,
    token: String,
}

/// What a folder has of a task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TaskFiles {
    pub(super) job: bool,
    pub(super) exit: bool,
    pub(super) log: bool,
    /// Number of segments.
    pub(super) segments: u32,
}

impl ArrayFolder {
    /// Makes the folder of a new array, with the job of each task.
    pub(super) fn create(results_dir: &Path, jobs: &[&Job]) -> Result<Self, SlurmError> {
        let token = new_token();
        let path = results_dir.join(FOLDER).join(&token);
        let made = fs::create_dir_all(&path);
        made.map_err(|source| SlurmError::File { path: path.clone(), source })?;
        let folder = Self { path, token };
        let mut runs = String::new();
        for (index, job) in (0..).zip(jobs) {
            for lane in &job.lanes {
                runs += &format!("{index} {} {}\n", lane.run, lane.attempt);
            }
        }
        folder.write("runs.txt", &runs)?;
        for (index, job) in (0..).zip(jobs) {
            let line = job.to_line().map_err(|error| folder.failed(&job_name(index), error.into()))?;
            folder.write(&job_name(index), &line)?;
        }
        Ok(folder)
    }

    /// The folders of arrays that have tasks whose end is not recorded.
    pub fn open_ones(results_dir: &Path) -> Result<Vec<Self>, SlurmError> {
        let mut open = Vec::new();
        for folder in Self::all(results_dir)? {
            if folder.tasks()?.values().any(|files| files.job) {
                open.push(folder);
            }
        }
        Ok(open)
    }

    /// All folders of arrays, in the order of their tokens.
    fn all(results_dir: &Path) -> Result<Vec<Self>, SlurmError> {
        let path = results_dir.join(FOLDER);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(SlurmError::File { path, source }),
        };
        let mut folders: Vec<Self> = entries
            .filter_map(Result::ok)
            .filter_map(|entry| {
                let token = entry.file_name().into_string().ok()?;
                is_token(&token).then(|| Self { path: entry.path(), token })
            })
            .collect();
        folders.sort_by(|one, other| one.token.cmp(&other.token));
        Ok(folders)
    }

    /// The folder at a path, as a task gets it.
    pub fn at(path: PathBuf) -> Self {
        let token = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self { path, token }
    }

    /// The name of the array's jobs. It occurs once, other than job ids, which a cluster may use again.
    pub fn job_name(&self) -> String {
        format!("gansweep-{}", self.token)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The job of a task.
    pub fn job(&self, index: u32) -> Result<Job, SlurmError> {
        let name = job_name(index);
        let line = fs::read_to_string(self.path.join(&name)).map_err(|source| self.failed(&name, source))?;
        Job::from_line(&line).map_err(|error| match error {
            JobError::Program { found } => SlurmError::OtherVersion { path: self.path.join(&name), found },
            error => self.failed(&name, io::Error::other(error)),
        })
    }

    /// The segment of a task's start, the first of which is 0.
    pub fn segment(&self, index: u32, start: u32) -> PathBuf {
        self.path.join(match start {
            0 => format!("{index}.segment"),
            _ => format!("{index}.{start}.segment"),
        })
    }

    /// What the commands to a task are written to.
    pub fn commands(&self, index: u32) -> PathBuf {
        self.path.join(format!("{index}.commands"))
    }

    /// The log of a task.
    pub fn log(&self, index: u32) -> PathBuf {
        self.path.join(format!("{index}.log"))
    }

    /// The exit code that a task has left.
    pub(super) fn exit_code(&self, index: u32) -> Option<i32> {
        fs::read_to_string(self.path.join(exit_name(index))).ok()?.trim().parse().ok()
    }

    /// Leaves the exit code of a task.
    pub fn leave_exit_code(&self, index: u32, code: u8) -> Result<(), SlurmError> {
        self.write(&exit_name(index), &format!("{code}\n"))
    }

    /// Deletes the exit code of an earlier start.
    pub fn forget_exit_code(&self, index: u32) {
        // There is none, as a rule.
        let _ = fs::remove_file(self.path.join(exit_name(index)));
    }

    pub(super) fn append_command(&self, index: u32, line: &str) -> io::Result<()> {
        fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.commands(index))?
            .write_all(line.as_bytes())
    }

    /// The id of the array's job, once it is submitted.
    pub fn job_id(&self) -> Option<String> {
        let id = fs::read_to_string(self.path.join("job-id")).ok()?;
        Some(id.trim().to_owned()).filter(|id| !id.is_empty())
    }

    /// The id of the array's job; asks the cluster for it, and keeps it, if the runner died before `sbatch` answered.
    pub(super) fn find_job_id(&self) -> Result<Option<String>, SlurmError> {
        if let Some(id) = self.job_id() {
            return Ok(Some(id));
        }
        let found = commands::array_id(&self.job_name())?;
        if let Some(id) = &found {
            self.set_job_id(id)?;
        }
        Ok(found)
    }

    pub(super) fn set_job_id(&self, id: &str) -> Result<(), SlurmError> {
        self.write("job-id", id)
    }

    /// Marks the array as cancelled.
    pub(super) fn mark_cancelled(&self) -> Result<(), SlurmError> {
        self.write(CANCELLED, "")
    }

    /// Takes the mark away: a sweep wants the array's runs.
    pub(super) fn unmark_cancelled(&self) {
        // Without the mark there is nothing to do, and a mark that stays costs another start of the sweep.
        let _ = fs::remove_file(self.path.join(CANCELLED));
    }

    /// How a task ended that the cluster does not list. Slurm forgets those at once that wait when their array is cancelled.
    pub(super) fn end_of_unlisted(&self) -> TaskEnd {
        if self.path.join(CANCELLED).exists() { TaskEnd::Cancelled } else { TaskEnd::Forgotten }
    }

    pub(super) fn write_script(&self, script: &str) -> Result<PathBuf, SlurmError> {
        self.write("script.sh", script)?;
        Ok(self.path.join("script.sh"))
    }

    /// What is there of each task.
    pub(super) fn tasks(&self) -> Result<BTreeMap<u32, TaskFiles>, SlurmError> {
        let failed = |source| SlurmError::File { path: self.path.clone(), source };
        let mut tasks: BTreeMap<u32, TaskFiles> = BTreeMap::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some((index, kind)) = name.to_str().and_then(|name| name.split_once('.')) else { continue };
            let Ok(index) = index.parse() else { continue };
            let files = tasks.entry(index).or_default();
            match kind {
                "job" => files.job = true,
                "exit" => files.exit = true,
                "log" => files.log = true,
                _ if kind.ends_with("segment") => files.segments += 1,
                _ => {}
            }
        }
        Ok(tasks)
    }

    /// What is there of one task. To list the folder for each would take a time that grows with the square of the array.
    pub(super) fn task(&self, index: u32) -> TaskFiles {
        let exists = |name: String| self.path.join(name).exists();
        let mut segments = 0;
        while self.segment(index, segments).exists() {
            segments += 1;
        }
        TaskFiles {
            job: exists(job_name(index)),
            exit: exists(exit_name(index)),
            log: self.log(index).exists(),
            segments,
        }
    }

    /// Deletes the files of a task whose reports are all recorded; its log stays. The job goes last: as long as it
    /// is there, the task's segments are read.
    pub(super) fn discard(&self, index: u32) -> io::Result<()> {
        let segments = (0..self.task(index).segments).map(|start| self.segment(index, start));
        let others =
            [self.commands(index), self.path.join(exit_name(index)), self.path.join(job_name(index))];
        for path in segments.chain(others) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Deletes the folder of an array that was not submitted.
    pub(super) fn remove(&self) {
        // What is left is in nobody's way.
        let _ = fs::remove_dir_all(&self.path);
    }

    fn write(&self, name: &str, content: &str) -> Result<(), SlurmError> {
        file::write(&self.path.join(name), content).map_err(|source| self.failed(name, source))
    }

    fn failed(&self, name: &str, source: io::Error) -> SlurmError {
        SlurmError::File { path: self.path.join(name), source }
    }
}

/// The log of an attempt of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptLog {
    /// The attempt that the task began with; a restarted task went on with further ones.
    pub attempt: u32,
    /// The job in the cluster: `17_3`.
    pub job: String,
    /// The file.
    pub path: PathBuf,
}

/// The logs of a run's attempts in a cluster, in the order of the attempts. None where the folder has none.
pub fn logs_of(results_dir: &Path, run: &str) -> Vec<AttemptLog> {
    let mut logs = Vec::new();
    for folder in ArrayFolder::all(results_dir).unwrap_or_default() {
        let runs = fs::read_to_string(folder.path.join("runs.txt")).unwrap_or_default();
        for line in runs.lines() {
            let mut words = line.split(' ');
            let (Some(index), Some(found), Some(attempt)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            if let (Ok(index), Ok(attempt)) = (index.parse(), attempt.parse())
                && found == run
            {
                let job = format!("{}_{index}", folder.job_id().unwrap_or_default());
                logs.push(AttemptLog { attempt, job, path: folder.log(index) });
            }
        }
    }
    logs.sort_by_key(|log| log.attempt);
    logs
}

fn job_name(index: u32) -> String {
    format!("{index}.job")
}

fn exit_name(index: u32) -> String {
    format!("{index}.exit")
}

/// A name that no other array has, on any machine. Time and process alone are not enough: machines that share the
/// folder count both by themselves.
fn new_token() -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let text = format!("{} {} {} {made}", host::name(), std::process::id(), since.as_nanos());
    sha256(text)[..TOKEN].to_owned()
}

fn is_token(name: &str) -> bool {
    name.len() == TOKEN && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::job;
    use super::*;

    #[test]
    fn a_task_is_open_until_it_is_discarded_and_its_log_stays() {
        let results = tempfile::tempdir().unwrap();
        let folder = ArrayFolder::create(results.path(), &[&job(), &job()]).unwrap();
        assert_eq!(ArrayFolder::open_ones(results.path()).unwrap(), std::slice::from_ref(&folder));
        assert_eq!(folder.job(1).unwrap(), job());
        for name in ["0.segment", "0.1.segment", "0.log", "0.exit", "1.log"] {
            fs::write(folder.path().join(name), "0\n").unwrap();
        }
        let files = TaskFiles { job: true, exit: true, log: true, segments: 2 };
        assert_eq!(folder.tasks().unwrap()[&0], files);
        folder.discard(0).unwrap();
        folder.discard(0).unwrap();
        assert_eq!(folder.tasks().unwrap()[&0], TaskFiles { log: true, ..TaskFiles::default() });
        folder.discard(1).unwrap();
        assert_eq!(ArrayFolder::open_ones(results.path()).unwrap(), []);
    }

    #[test]
    fn a_task_that_is_not_listed_was_cancelled_with_its_array_until_a_sweep_comes_back() {
        let results = tempfile::tempdir().unwrap();
        let folder = ArrayFolder::create(results.path(), &[&job()]).unwrap();
        assert_eq!(folder.end_of_unlisted(), TaskEnd::Forgotten);
        folder.mark_cancelled().unwrap();
        assert_eq!(folder.end_of_unlisted(), TaskEnd::Cancelled);
        assert_eq!(folder.tasks().unwrap().len(), 1, "the mark is no task");
        folder.unmark_cancelled();
        folder.unmark_cancelled();
        assert_eq!(folder.end_of_unlisted(), TaskEnd::Forgotten);
    }

    #[test]
    fn the_log_of_a_run_is_found_by_its_id() {
        let results = tempfile::tempdir().unwrap();
        let folder = ArrayFolder::create(results.path(), &[&job()]).unwrap();
        folder.set_job_id("17").unwrap();
        let expected = AttemptLog { attempt: 2, job: "17_0".into(), path: folder.log(0) };
        assert_eq!(logs_of(results.path(), "0123456789abcdef"), [expected]);
        assert_eq!(logs_of(results.path(), "fedcba9876543210"), []);
    }

    #[test]
    fn tokens_differ_and_other_folders_are_left_alone() {
        assert_ne!(new_token(), new_token());
        assert!(is_token(&new_token()) && !is_token("programs") && !is_token("0123456789abcdef"));
    }
}
