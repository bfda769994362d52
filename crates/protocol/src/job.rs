//! Jobs: what the runner gives a worker to train, one group on one device.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use gansweep_config::{Config, DatasetSpec, Record, RunId};

use crate::{Checkpoint, PROTOCOL_VERSION, path};

/// One group of runs, trained as lanes by one worker; sent as one line of JSON on its input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The device: `cpu`, `vulkan:0`, ...
    pub device: String,
    /// The number of threads that the worker may use.
    pub threads: u32,
    /// The user's data folder; `None` for the cache alone.
    #[serde(with = "path::optional")]
    pub data_dir: Option<PathBuf>,
    /// The folder of the dataset `idx`, if a run trains on it.
    #[serde(with = "path::optional")]
    pub idx_dir: Option<PathBuf>,
    /// The results folder; checkpoint paths are relative to it.
    #[serde(with = "path")]
    pub results_dir: PathBuf,
    /// What to record of every run.
    pub record: Record,
    /// The seconds that a run may train, in all of its attempts together; `None` for no limit.
    #[serde(default)]
    pub run_seconds: Option<f64>,
    /// The runs, all with the same group key.
    pub lanes: Vec<LaneJob>,
}

/// One run of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaneJob {
    /// The id of the run.
    pub run: RunId,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// What the run computes.
    pub config: Config,
    /// The spec of the dataset, the same for all runs of a job.
    pub spec: DatasetSpec,
    /// The budget in epochs.
    pub epochs: u32,
    /// Smaller budgets, in epochs, at which the run is shown or compared with others. At the end of each, a point and a grid
    /// are recorded as at the end of the run, so that a view that stops there has both.
    pub milestones: Vec<u32>,
    /// The epoch at whose end the run pauses by itself, although its budget is larger; `None` where it goes on.
    #[serde(default)]
    pub pause_at: Option<u32>,
    /// The seed of the run.
    pub seed: u64,
    /// The checkpoint to start from; `None` for new weights.
    pub resume: Option<Resume>,
}

/// The checkpoint that a run goes on from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resume {
    /// The file, as the database has it.
    pub checkpoint: Checkpoint,
    /// The run id in the file, if it differs from the run's id because the rule of ids has changed since the
    /// file was written.
    pub written_for: Option<RunId>,
}

impl From<Checkpoint> for Resume {
    /// A checkpoint that was written under the run's present id.
    fn from(checkpoint: Checkpoint) -> Self {
        Self { checkpoint, written_for: None }
    }
}

/// The version of the program, which runner and worker must share: numerics may change with any version.
const PROGRAM_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why a line is not a job for this program.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Another version of the program wrote it.
    #[error(
        "the job has protocol version {found}, and this program knows version {PROTOCOL_VERSION}; \
         runner and worker must be the same version of gansweep"
    )]
    Version {
        /// The version of the line.
        found: u64,
    },
    /// A runner of another version of the program wrote it.
    #[error(
        "the runner has version {found} of gansweep, and the worker {PROGRAM_VERSION}; start the sweep again with one \
         version"
    )]
    Program {
        /// The runner's version.
        found: String,
    },
    /// The line is not a job, or was written before there were versions.
    #[error("it is no job: {0}")]
    Content(#[from] serde_json::Error),
}

/// The version of a line with any content.
#[derive(Deserialize)]
struct Versioned {
    protocol: u64,
    #[serde(default)]
    program: String,
}

#[derive(Serialize)]
struct LineOut<'j> {
    protocol: u64,
    program: &'j str,
    job: &'j Job,
}

#[derive(Deserialize)]
struct LineIn {
    job: Job,
}

impl Job {
    /// The job as a line of JSON with the protocol's version and a line feed at its end.
    ///
    /// # Errors
    /// JSON has no form of the job. No job is known to have that effect.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        let line = LineOut { protocol: PROTOCOL_VERSION.into(), program: PROGRAM_VERSION, job: self };
        Ok(serde_json::to_string(&line)? + "\n")
    }

    /// Reads a job. The version is checked first, so that a job of another version is reported as such,
    /// whatever fields it has.
    pub fn from_line(line: &str) -> Result<Self, JobError> {
        let Versioned { protocol, program } = serde_json::from_str(line)?;
        if protocol != u64::from(PROTOCOL_VERSION) {
            return Err(JobError::Version { found: protocol });
        }
        if program != PROGRAM_VERSION {
            return Err(JobError::Program { found: program });
        }
        let LineIn { job } = serde_json::from_str(line)?;
        Ok(job)
    }
}

#[cfg(test)]
mod tests {
    use gansweep_config::{EvaluateEpochs, Palette, SampleMode};

    use super::*;

    fn job() -> Job {
        Job {
            device: "cpu".to_owned(),
            threads: 1,
            data_dir: None,
            idx_dir: None,
            results_dir: "results".into(),
            record: Record {
                every_steps: 1,
                every_epochs: 1,
                grid_rows: 1,
                grid_cols: 1,
                sample_mode: SampleMode::Eval,
                latent_seed: 0,
                palette: Palette::Gray,
                checkpoint_seconds: 0.0,
                evaluate_epochs: EvaluateEpochs::Every(0),
                evaluate_images: 10,
                final_images: 0,
                best: "none".to_owned(),
            },
            run_seconds: None,
            lanes: Vec::new(),
        }
    }

    #[test]
    fn a_job_is_one_line_and_comes_back() {
        let line = job().to_line().unwrap();
        assert_eq!(line.find('\n'), Some(line.len() - 1));
        assert_eq!(Job::from_line(&line).unwrap(), job());
    }

    #[test]
    fn a_job_of_another_version_is_refused_as_such_whatever_is_in_it() {
        let other = u64::from(PROTOCOL_VERSION) + 1;
        let newer = format!(r#"{{"protocol":{other},"job":{{"tasks":[1,2]}}}}"#);
        let error = Job::from_line(&newer).unwrap_err();
        assert!(matches!(error, JobError::Version { found } if found == other), "{error}");
        assert_eq!(
            error.to_string(),
            format!(
                "the job has protocol version {other}, and this program knows version {PROTOCOL_VERSION}; \
                 runner and worker must be the same version of gansweep"
            )
        );
    }

    #[test]
    fn a_job_of_another_version_of_the_program_is_refused() {
        let line = job().to_line().unwrap();
        let other = line.replace(&format!(r#""program":"{PROGRAM_VERSION}""#), r#""program":"0.0.1""#);
        assert_ne!(line, other);
        let error = Job::from_line(&other).unwrap_err();
        assert!(matches!(&error, JobError::Program { found } if found == "0.0.1"), "{error}");
    }

    #[test]
    fn a_line_without_a_version_is_no_job() {
        let unversioned = serde_json::to_string(&job()).unwrap();
        for line in [unversioned.as_str(), "", "stop", "[]", "{}", r#"{"protocol":"one"}"#] {
            assert!(matches!(Job::from_line(line), Err(JobError::Content(_))), "{line}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_not_utf8_comes_back_too() {
        use std::os::unix::ffi::OsStringExt;
        let path = || PathBuf::from(std::ffi::OsString::from_vec(b"/data/m\xe4rz \xff\n".to_vec()));
        let job = Job { results_dir: path(), data_dir: Some(path()), idx_dir: Some("faces".into()), ..job() };
        let line = job.to_line().unwrap();
        assert_eq!(line.find('\n'), Some(line.len() - 1));
        assert!(line.contains(r#""idx_dir":"faces""#), "{line}");
        assert_eq!(Job::from_line(&line).unwrap(), job);
    }
}
