//! Command-line arguments.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::commands::animate::AnimateArgs;
use crate::commands::bench::BenchArgs;
use crate::commands::check::CheckArgs;
use crate::commands::cluster::{JobsArgs, SlurmTaskArgs};
use crate::commands::compare::CompareArgs;
use crate::commands::data::DataArgs;
use crate::commands::devices::DevicesArgs;
use crate::commands::diff::DiffArgs;
use crate::commands::evaluate::EvaluateArgs;
use crate::commands::export::ExportArgs;
use crate::commands::generate::GenerateArgs;
use crate::commands::housekeeping::{GcArgs, RenameArgs, RmArgs, SweepsArgs, TagArgs};
use crate::commands::merge::MergeArgs;
use crate::commands::plan::PlanArgs;
use crate::commands::recognize::RecognizeArgs;
use crate::commands::report::ReportArgs;
use crate::commands::runs::RunsArgs;
use crate::commands::serve::ServeArgs;
use crate::commands::show::ShowArgs;
use crate::commands::sql::SqlArgs;
use crate::commands::sweep::SweepArgs;

/// Sweeps of GAN training: one TOML file in, one SQLite database and one HTML report out.
#[derive(Debug, Parser)]
#[command(name = "gansweep", version, about, disable_help_subcommand = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes:\n\
                  0: success\n\
                  1: runs failed or diverged; a cause that affects all runs, such as a full disk, ended the sweep early (what \
                  was trained is recorded); `check` found damage; `compare` or `evaluate` found no value; `recognize` could \
                  not use a picture; `collect` found runs that ended early\n\
                  2: the file or the command line is invalid, or names something that is not recorded; nothing was started\n\
                  130: a signal or `--for` stopped the command; run it again to resume")]
pub(crate) struct Cli {
    /// Append a log to this file, for bug reports; `GANSWEEP_LOG=trace` adds detail.
    #[arg(long, global = true, value_name = "PATH", display_order = 100)]
    pub(crate) log_file: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train all runs of an experiment file that are not trained yet, and write the report.
    Sweep(SweepArgs),
    /// Show what `sweep` would train: axes, runs, groups, cost. Writes nothing to the results folder.
    Plan(PlanArgs),
    /// List recorded runs.
    Runs(RunsArgs),
    /// Show a run: results, attempts, settings.
    Show(ShowArgs),
    /// Compare the settings and results of runs.
    Diff(DiffArgs),
    /// Compare the configs of a sweep: means with intervals, tests, and what each swept key explains.
    Compare(CompareArgs),
    /// Compute quality figures of a run's latest checkpoint, or of all runs of a sweep.
    Evaluate(EvaluateArgs),
    /// Query the database (read-only).
    Sql(SqlArgs),
    /// Export recorded values as CSV, JSON lines or Parquet, runs for `tensorboard` or `mlflow`, or networks as safetensors.
    Export(ExportArgs),
    /// Search the database and the checkpoints for damage; exit code 1 if there is any.
    Check(CheckArgs),
    /// List the sweeps and how much space they take.
    Sweeps(SweepsArgs),
    /// Remove sweeps or runs with all that is recorded of them. Runs that other sweeps have stay.
    Rm(RmArgs),
    /// Delete what no run needs: checkpoints without a run, unfinished files, and, if asked for, weights of completed runs.
    Gc(GcArgs),
    /// Merge results of other machines into the results folder. Of a run that several have, the longest is kept.
    Merge(MergeArgs),
    /// Give a sweep another name.
    Rename(RenameArgs),
    /// Put a tag on a run; `runs --where "tags LIKE '%good%'"` finds it.
    Tag(TagArgs),
    /// Write the report page.
    Report(ReportArgs),
    /// Show the pages in a browser while sweeps run; Ctrl-C ends it.
    Serve(ServeArgs),
    /// List, download or view datasets.
    Data(DataArgs),
    /// Make an animation of a run's recorded samples.
    Animate(AnimateArgs),
    /// Generate images from a trained run.
    Generate(GenerateArgs),
    /// Say which digit, letter or thing a picture shows.
    Recognize(RecognizeArgs),
    /// List the devices of this machine, and whether this build can use them.
    Devices(DevicesArgs),
    /// Show the jobs on a cluster of all sweeps in the results folder.
    Status(JobsArgs),
    /// Record what jobs on a cluster have reported, while they run or after. May be repeated.
    Collect(JobsArgs),
    /// Cancel all jobs on a cluster of the results folder, of every sweep. They save their runs; run `sweep` again to go on.
    Cancel(JobsArgs),
    /// Train one group: `sweep` starts this in the background.
    #[command(hide = true)]
    Worker,
    /// Train one group: a cluster starts this on a node.
    #[command(hide = true)]
    SlurmTask(SlurmTaskArgs),
    /// Measure training speed; prints one JSON line per measurement.
    #[command(hide = true)]
    Bench(BenchArgs),
}

impl Command {
    /// Whether another `gansweep` process reads the stderr of this command.
    pub(crate) fn is_read_by_gansweep(&self) -> bool {
        matches!(self, Self::Worker) || matches!(self, Self::Devices(args) if args.probe)
    }
}
