//! Why the cluster takes no jobs.

use std::io;
use std::path::PathBuf;

/// Why jobs cannot be handed to Slurm, or not be found there.
#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    /// Slurm's programs are not there.
    #[error(
        "{program} cannot be started: {source}; run this on a machine of the cluster where Slurm's commands are in \
         PATH, or train here without --launcher slurm"
    )]
    NoSlurm {
        /// `sbatch`, `squeue`, ...
        program: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// Slurm answers with an error.
    #[error("{program} failed: {message}{}", way_out(message))]
    Refused {
        /// `sbatch`, `squeue`, ...
        program: &'static str,
        /// Slurm's own words.
        message: String,
    },
    /// A file of a job cannot be written or read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another version of the program has submitted a job. It may report what this one does not know.
    #[error(
        "{}: version {found} of gansweep has submitted this job, and this is version {}; end the jobs with `gansweep \
         cancel` or wait for them, and record them with `gansweep collect` of that version first",
        path.display(),
        env!("CARGO_PKG_VERSION")
    )]
    OtherVersion {
        /// The job.
        path: PathBuf,
        /// The version.
        found: String,
    },
    /// A task trains runs of this sweep together with runs that the sweep does not have.
    #[error(
        "a job trains runs of this sweep together with runs that it does not have: those of another sweep, or of this one \
         before its file was changed; wait for the jobs and record them with `gansweep collect`, or end them with `gansweep \
         cancel`, then `gansweep collect`"
    )]
    PartlyInPlan,
    /// A task trains selected runs of this sweep together with others of it.
    #[error(
        "a job trains runs that --only or --retry-failed selects together with other runs of this sweep; leave the option \
         out to come back to the jobs, or wait for them and record them with `gansweep collect`, or end them with `gansweep \
         cancel`, then `gansweep collect`"
    )]
    PartlySelected,
}

/// What helps against some of Slurm's errors, whose words name no key of an experiment.
fn way_out(message: &str) -> &'static str {
    let says = |words: &str| message.to_lowercase().contains(words);
    if says("partition") {
        "; execution.slurm.partition is one of those that `sinfo` lists, or empty for the cluster's default"
    } else if says("account") {
        "; execution.slurm.account is one that `sacctmgr show associations` lists for you, or empty for your default"
    } else if says("unable to contact slurm controller") {
        "; tasks that run go on: run the command again when `scontrol ping` says that the controller is up"
    } else {
        ""
    }
}
