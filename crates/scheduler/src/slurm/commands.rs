//! Slurm's commands.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::process::{Command, Stdio};

use tracing::debug;

use super::SlurmError;
use super::queue::{self, TaskName, TaskState};

/// The size of arrays where the cluster does not tell its own: Slurm's default.
const DEFAULT_ARRAY_SIZE: usize = 1001;

/// The most names in a question. Linux takes 128 KiB in an argument, which is more than 5,000 names.
const MOST_NAMES: usize = 1000;

/// Runs a command of Slurm and returns what it prints.
fn run<I: AsRef<OsStr>>(
    program: &'static str,
    args: impl IntoIterator<Item = I>,
) -> Result<String, SlurmError> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| SlurmError::NoSlurm { program, source })?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    debug!(program, status = ?output.status.code(), stderr = text(&output.stderr), "asked Slurm");
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let message = match text(&output.stderr) {
        silent if silent.is_empty() => format!("it ended with {}", output.status),
        message => message.replace(&format!("{program}: "), "").replace('\n', "; "),
    };
    Err(SlurmError::Refused { program, message })
}

/// The most tasks of an array. Also finds out whether there is a cluster.
pub(super) fn max_array_size() -> Result<usize, SlurmError> {
    let config = run("scontrol", ["show", "config"])?;
    Ok(queue::max_array_size(&config).unwrap_or(DEFAULT_ARRAY_SIZE).max(1))
}

/// Submits a script and returns the job's id.
pub(super) fn sbatch(args: &[String], script: &OsStr) -> Result<String, SlurmError> {
    let args = args.iter().map(OsStr::new).chain([script]);
    let answer = run("sbatch", args)?;
    // `12345`, or `12345;cluster`.
    Ok(answer.split(';').next().unwrap_or_default().trim().to_owned())
}

/// The states of all tasks of arrays with these names, those that ended a short time ago included.
pub(super) fn squeue(names: &[&str]) -> Result<HashMap<TaskName, TaskState>, SlurmError> {
    let format = format!("--format={}", queue::FORMAT);
    let mut states = HashMap::new();
    for names in names.chunks(MOST_NAMES) {
        let names = format!("--name={}", names.join(","));
        let listing = run("squeue", ["--noheader", "--array", "--states=all", &names, &format])?;
        states.extend(queue::parse(&listing));
    }
    Ok(states)
}

/// Cancels whole arrays by their names.
pub(super) fn cancel_arrays(names: &[&str]) -> Result<(), SlurmError> {
    names.iter().try_for_each(|name| run("scancel", [format!("--name={name}")]).map(drop))
}

/// Cancels tasks of an array. The name is given too, since another job may have got the id.
pub(super) fn cancel_tasks(name: &str, job_id: &str, indices: &[u32]) -> Result<(), SlurmError> {
    let tasks = indices.iter().map(|index| format!("{job_id}_{index}"));
    run("scancel", [format!("--name={name}")].into_iter().chain(tasks)).map(drop)
}

/// The job id of the array with that name; `None` if the cluster knows none.
pub(super) fn array_id(name: &str) -> Result<Option<String>, SlurmError> {
    let name = format!("--name={name}");
    let listing = run("squeue", ["--noheader", "--states=all", &name, "--format=%F"])?;
    Ok(listing.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned))
}

/// Puts the task that this process is back into the queue.
pub(super) fn requeue(job_id: &str) -> io::Result<()> {
    run("scontrol", ["requeue", job_id]).map(drop).map_err(io::Error::other)
}

impl SlurmError {
    /// Whether it may help to ask again a little later.
    pub(super) fn is_transient(&self) -> bool {
        const WORDS: [&str; 6] = [
            "Unable to contact slurm controller",
            "Socket timed out",
            "Connection refused",
            "temporarily unable to accept job",
            "Resource temporarily unavailable",
            "Slurm backup controller in standby mode",
        ];
        self.says_one_of(&WORDS)
    }

    /// Whether the user or the account may not have more jobs in the queue.
    pub(super) fn is_job_limit(&self) -> bool {
        self.says_one_of(&["SubmitJobLimit", "MaxSubmitJobs", "job submit limit", "SubmitJobs"])
    }

    fn says_one_of(&self, words: &[&str]) -> bool {
        matches!(self, Self::Refused { message, .. } if words.iter().any(|words| message.contains(words)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::with_slurm;
    use super::*;

    #[test]
    fn many_arrays_are_asked_for_a_thousand_at_a_time() {
        with_slurm(module_path!(), "many_arrays_are_asked_for_a_thousand_at_a_time", |slurm| {
            let names: Vec<String> = (0..7000).map(|number| format!("gansweep-{number:012}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            slurm.answers("squeue", "gansweep-000000000001|0|RUNNING\ngansweep-000000000001|1|PENDING\n");
            assert_eq!(squeue(&names).unwrap().len(), 2);
            assert_eq!(slurm.calls("squeue").len(), 7);
            assert!(squeue(&[]).unwrap().is_empty());
        });
    }

    fn refused(message: &str) -> SlurmError {
        SlurmError::Refused { program: "sbatch", message: message.to_owned() }
    }

    #[test]
    fn a_controller_that_is_away_and_a_full_queue_are_told_from_a_refused_job() {
        assert!(
            refused("error: Batch job submission failed: Unable to contact slurm controller").is_transient()
        );
        let policy = "error: AssocMaxSubmitJobLimit; error: Batch job submission failed: Job violates \
                      accounting/QOS policy (job submit limit, user's size and/or time limits)";
        assert!(refused(policy).is_job_limit() && !refused(policy).is_transient());
        let partition = refused("error: invalid partition specified: gpu");
        assert!(!partition.is_transient() && !partition.is_job_limit());
        assert_eq!(
            partition.to_string(),
            "sbatch failed: error: invalid partition specified: gpu; execution.slurm.partition is one of those that \
             `sinfo` lists, or empty for the cluster's default"
        );
        let other = refused("error: Requested node configuration is not available");
        assert!(other.to_string().ends_with("is not available"), "{other}");
    }
}
