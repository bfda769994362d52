//! Command-line arguments.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Sweeps of GAN training: one TOML file in, one SQLite database and one HTML report out.
#[derive(Debug, Parser)]
#[command(name = "gansweep", version, about, disable_help_subcommand = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 success; 1 some runs failed or diverged, the others are recorded; 2 the file or the \
                        command line is invalid, nothing was started; 130 interrupted, run the same command to resume."
)]
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
    /// Show what `sweep` would train: axes, runs, groups, cost. Writes nothing.
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
    /// Put a tag on a run; `runs --where "tags = 'good'"` finds it.
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
    /// Show where the jobs of a sweep on a cluster stand.
    Status(JobsArgs),
    /// Record what jobs on a cluster have reported, while they run or after. May be repeated.
    Collect(JobsArgs),
    /// Cancel the jobs of a sweep on a cluster. They save their runs; `sweep` goes on there.
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

/// The results folder.
#[derive(Debug, Clone, Args)]
pub(crate) struct ResultsArgs {
    /// Folder of the database, the checkpoints and the reports; `GANSWEEP_RESULTS` if not given.
    #[arg(long, value_name = "DIR", default_value_os_t = results_folder())]
    pub(crate) results: PathBuf,
}

/// The experiment.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExperimentArgs {
    /// The experiment file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Override a key, for example `--set train.epochs=3`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) sets: Vec<String>,
    /// Apply the overrides in the file's `[profile.NAME]` section.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Only the runs with these values of swept keys or seeds, for example `--only 'lr=1e-3 seed=1,2'`, also with `!=`,
    /// `<`, `<=`, `>`, `>=`. May be repeated; all conditions must hold.
    #[arg(long, value_name = "CONDITIONS")]
    pub(crate) only: Vec<String>,
    /// Folder with dataset files; `GANSWEEP_DATA_DIR` if not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// Devices, workers and lanes.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExecutionArgs {
    /// Device to train on: `auto`, or a name from `gansweep devices`. May be repeated.
    #[arg(long = "device", value_name = "DEVICE")]
    pub(crate) devices: Vec<String>,
    /// Number of concurrent workers per device.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) jobs: Option<u32>,
    /// Maximum number of runs trained together in one group, or `off` to train each run alone.
    #[arg(long, value_name = "N|off", value_parser = parse_fuse)]
    pub(crate) fuse: Option<u32>,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) experiment: ExperimentArgs,
    #[command(flatten)]
    pub(crate) execution: ExecutionArgs,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
    /// Show the plan and stop.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print only warnings and errors.
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Serve the pages while the sweep runs, and print the address.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) live: bool,
    /// Train in this process instead of in worker processes, for debuggers and profilers.
    #[arg(long)]
    pub(crate) in_process: bool,
    /// How workers are started.
    #[arg(long, value_enum, default_value = "processes")]
    pub(crate) launcher: LauncherChoice,
    /// With `--launcher slurm`: leave as soon as all jobs are submitted. The same command, or `collect`, comes back.
    #[arg(long)]
    pub(crate) detach: bool,
    /// Stop cleanly after this time, such as `8h`, `90m` or `1h30m`; the same command goes on.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_time)]
    pub(crate) time: Option<Duration>,
    /// Only the runs that have failed, each with all attempts anew. Without it they are trained too, beside all others that are
    /// not completed.
    #[arg(long)]
    pub(crate) retry_failed: bool,
    /// Train completed runs again whose final checkpoint is missing or damaged; what is recorded of them stays.
    #[arg(long)]
    pub(crate) restore_checkpoints: bool,
}

/// How workers are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LauncherChoice {
    /// As processes on this machine.
    Processes,
    /// As tasks of job arrays in Slurm, with the settings in `[execution.slurm]`.
    Slurm,
}

#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SlurmTaskArgs {
    /// The folder of the job array.
    pub(crate) folder: PathBuf,
    /// The task's index in the array.
    pub(crate) index: u32,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) experiment: ExperimentArgs,
    #[command(flatten)]
    pub(crate) execution: ExecutionArgs,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Only the runs of this sweep.
    #[arg(long, value_name = "NAME")]
    pub(crate) sweep: Option<String>,
    /// Only runs that satisfy this SQL expression on the columns of `run_overview`: `state = 'failed'`.
    #[arg(long = "where", value_name = "SQL", allow_hyphen_values = true)]
    pub(crate) where_sql: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The run's id, or the start of it.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// Ids of two or more runs, or the starts of them.
    #[arg(value_name = "RUN", num_args = 2.., required = true)]
    pub(crate) runs: Vec<String>,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The sweep's name.
    #[arg(value_name = "SWEEP")]
    pub(crate) sweep: String,
    /// Compare the values of this swept key, over all configs that have them, instead of the configs. May be
    /// repeated.
    #[arg(long, value_name = "KEY")]
    pub(crate) by: Vec<String>,
    /// Metric to compare by [default: the first recorded one that says which run is better].
    #[arg(long, value_name = "NAME")]
    pub(crate) metric: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// A sweep's name, or a run's id or the start of it.
    #[arg(value_name = "RUN|SWEEP", required_unless_present = "data")]
    pub(crate) target: Option<String>,
    /// Evaluate the real test images of this dataset instead: the accuracy of its classifier, and the best figures to expect.
    #[arg(long, value_name = "NAME", conflicts_with = "target")]
    pub(crate) data: Option<String>,
    /// Images to draw from each run, and real ones to compare them with. Figures of different numbers are not
    /// comparable.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub(crate) images: u32,
    /// Draw with the generator's weights, also where the run keeps a moving average of them.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Take each run's best checkpoint (`record.best`) instead of the last one.
    #[arg(long)]
    pub(crate) best: bool,
    /// Folder with dataset files; `GANSWEEP_DATA_DIR` if not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Folder of the datasets of your own, `idx` and `folder`.
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Output format of `sql`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// Aligned columns.
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// A SELECT statement. docs/database.md describes the tables and views.
    #[arg(value_name = "SELECT", allow_hyphen_values = true)]
    pub(crate) sql: String,
    /// Output format.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: TableFormat,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Output format of `export`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// A run's networks, with PyTorch's names and layouts.
    Safetensors,
    /// A Parquet file for each kind of rows, typed, with units in the metadata.
    Parquet,
    /// Event files of `tensorboard`: curves, sample grids, hyperparameters.
    Tensorboard,
    /// A tracking store of `mlflow`, in files: parameters, curves, sample grids.
    Mlflow,
}

/// What `export` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportEntity {
    /// One row per sweep.
    Sweeps,
    /// One row per run.
    Runs,
    /// One row per value of a metric.
    Points,
    /// One row per run and metric.
    Summaries,
    /// One row per attempt.
    Attempts,
    /// One row per evaluation and quality figure.
    Evaluations,
    /// One row per trial of a search.
    Trials,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// With `--format safetensors`: the run's id, or the start of it.
    #[arg(value_name = "RUN", required_if_eq("format", "safetensors"))]
    pub(crate) run: Option<String>,
    /// Output format.
    #[arg(long, value_enum, default_value = "csv")]
    pub(crate) format: ExportFormat,
    /// Kind of rows to export. Without it, points; with parquet, all.
    #[arg(long, value_enum)]
    pub(crate) what: Option<ExportEntity>,
    /// Only this sweep.
    #[arg(long, value_name = "NAME")]
    pub(crate) sweep: Option<String>,
    /// Prefix for tensor names: `model.` turns `0.weight` into `model.0.weight`.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) prefix: String,
    /// With safetensors: the generator's weights, also where the run keeps a moving average of them.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Export the run's best checkpoint (`record.best`) instead of the last one.
    #[arg(long)]
    pub(crate) best: bool,
    /// Output file instead of standard output. With safetensors, parquet, tensorboard and mlflow: the output folder, by default one
    /// that is named after the run or the format.
    #[arg(long, short, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Take the rows of the database for what they should be, whoever changed them: after an edit by hand, or damage
    /// that no copy can mend.
    #[arg(long)]
    pub(crate) accept: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SweepsArgs {
    /// Estimate the energy that each sweep took: the power of a device while it trains, in watts
    #[arg(long, value_name = "WATTS", value_parser = positive)]
    pub(crate) watts: Option<f64>,
    /// Estimate what that cost: the price of a kilowatt-hour, in any currency
    #[arg(long, value_name = "PRICE", value_parser = positive, requires = "watts")]
    pub(crate) price: Option<f64>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// Sweeps, by name, and runs, by the beginning of their ids.
    #[arg(value_name = "SWEEP|RUN", required = true)]
    pub(crate) names: Vec<String>,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Which weights of completed runs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeptWeights {
    /// Those of every run.
    Last,
    /// The best checkpoint of every run (`record.best`); of runs that keep none, the weights of each sweep's best run.
    Best,
    /// None. `sweep --restore-checkpoints` trains runs again for them.
    None,
}

#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Which weights of completed runs to keep. Those of runs that may go on are always kept.
    #[arg(long, value_enum, default_value = "last")]
    pub(crate) keep_weights: KeptWeights,
    /// The metric that says which is best; `fd` if not given.
    #[arg(long, value_name = "NAME")]
    pub(crate) metric: Option<String>,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// Databases, or results folders, whose checkpoints are copied too. They are only read.
    #[arg(value_name = "DATABASE|FOLDER", required = true)]
    pub(crate) others: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RenameArgs {
    /// The sweep.
    pub(crate) sweep: String,
    /// Its new name.
    pub(crate) name: String,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TagArgs {
    /// The run, by the beginning of its id.
    pub(crate) run: String,
    /// The tag.
    #[arg(value_name = "TEXT")]
    pub(crate) tag: String,
    /// Take the tag off.
    #[arg(long)]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Sweep to show; all sweeps by default. May be repeated.
    #[arg(long = "sweep", value_name = "NAME")]
    pub(crate) sweeps: Vec<String>,
    /// Output file.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// What configs are ranked by; without it, the first recorded metric that says which run is better. A sweep that has
    /// not recorded it is ranked by that, too
    #[arg(long, value_name = "METRIC")]
    pub(crate) objective: Option<String>,
    /// Maximum size of a sweep's sample grids in the page; of larger sweeps epochs are left out, and the page says
    /// how many [default: 36]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(..1 << 40))]
    pub(crate) max_image_mb: Option<u64>,
    /// Write a folder, with the sample grids as files that the page loads as they come into view; `--out` names it.
    #[arg(long)]
    pub(crate) split: bool,
    /// Write a page without sample grids.
    #[arg(long, conflicts_with = "max_image_mb")]
    pub(crate) no_images: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Open the index in the browser.
    #[arg(long)]
    pub(crate) open: bool,
    /// Port; 0 for a free one [default: 8642, or a free one if it is taken]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Address to listen on; any other than a loopback address asks for a token, which is in the printed address
    /// [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<std::net::IpAddr>,
    /// Ask for a token on the loopback interface too, on a machine with other users.
    #[arg(long)]
    pub(crate) token: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// What `data` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataAction {
    /// Download it into the cache, unless it is available locally.
    Fetch,
    /// Write a PNG with some of its images.
    Show,
}

/// Channels of images, as `data.channels` takes them.
fn channels(text: &str) -> Result<u32, String> {
    match text {
        "0" | "1" | "3" => Ok(u32::from(text.as_bytes()[0] - b'0')),
        _ => Err("expected 0, 1 or 3".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Action; without one, list the datasets and their locations.
    #[arg(value_enum, requires = "name")]
    pub(crate) action: Option<DataAction>,
    /// A dataset: `mnist`, `emnist-letters`, `cifar10`, `strokes`, ...; `idx` or `folder` with --path.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Folder with dataset files; `GANSWEEP_DATA_DIR` if not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Folder of your own images: IDX files for `idx`, PNG and JPEG for `folder`.
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// Rows and columns of `strokes` and `folder`; 0 for the dataset's own.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=256))]
    pub(crate) side: u32,
    /// Channels of `strokes` and `folder`: 1 for grey, 3 for colour; 0 for the dataset's own.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = channels)]
    pub(crate) channels: u32,
    /// Leave out damaged files of `folder`.
    #[arg(long)]
    pub(crate) skip_damaged: bool,
    /// Output file of `show` [default: NAME.png].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// The file format of an animation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnimationFormat {
    /// Shown everywhere.
    Gif,
    /// Lossless, and smaller.
    Webp,
}

#[derive(Debug, Args)]
pub(crate) struct AnimateArgs {
    /// The run's id, or the start of it.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// File format [default: that of the output file's name, or else gif]
    #[arg(long, value_enum)]
    pub(crate) format: Option<AnimationFormat>,
    /// How long each recorded epoch is shown; the last one five times as long.
    #[arg(long, value_name = "MS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(20..=30_000))]
    pub(crate) frame_ms: u32,
    /// Pixels of the animation per pixel of an image [default: for 280 pixels or more]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) scale: Option<u32>,
    /// Samples of the generator's weights, also where the run keeps a moving average of them.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Output file [default: animation-RUN.gif or .webp]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The run's id, or the start of it.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Number of images.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) count: u32,
    /// Class of all images, by its number or name; only of conditional models [default: all classes in turn].
    #[arg(long, value_name = "CLASS")]
    pub(crate) class: Option<String>,
    /// Images per row [default: one for each class in turn, else the square root of the count].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) cols: Option<u32>,
    /// Seed; the same seed gives the same images.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Draw with the generator's weights, also where the run keeps a moving average of them.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Draw with the run's best checkpoint (`record.best`) instead of the last one.
    #[arg(long)]
    pub(crate) best: bool,
    /// Output file [default: generated-RUN.png].
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RecognizeArgs {
    /// PNG or JPEG files, dark on light or light on dark, of any size.
    #[arg(value_name = "PICTURE", required = true)]
    pub(crate) pictures: Vec<PathBuf>,
    /// Dataset whose classes are recognised [default: mnist, or the run's].
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// A run's id, or the start of it: how real its discriminator takes each picture to be.
    #[arg(long, value_name = "RUN", conflicts_with = "dataset")]
    pub(crate) run: Option<String>,
    /// Folder with dataset files; `GANSWEEP_DATA_DIR` if not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Folder of the datasets of your own, `idx` and `folder`.
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Query the drivers in this process and print JSON: `devices` starts this in a child process.
    #[arg(long, hide = true)]
    pub(crate) probe: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// The recipe.
    #[arg(long, default_value = "jovian")]
    pub(crate) recipe: String,
    /// Number of runs trained at the same time.
    #[arg(long, default_value_t = 1)]
    pub(crate) lanes: u32,
    /// The device.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// CPU threads; 0 for one per core.
    #[arg(long, default_value_t = 0)]
    pub(crate) threads: usize,
    /// Seconds per measurement.
    #[arg(long, default_value_t = 4.0)]
    pub(crate) seconds: f64,
    /// Number of measurements; with `--interactive`, one per input line instead.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: u32,
    /// Start each measurement when a line arrives on stdin, so that a script can alternate programs.
    #[arg(long)]
    pub(crate) interactive: bool,
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "expected a number above 0".to_owned())
}

/// Numbers with units, the largest first: `1h30m`.
fn parse_time(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time such as 8h, 90m, 1h30m or 45s".to_owned();
    let (mut rest, mut seconds, mut above) = (text, 0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(expected)?;
        let number: u64 = rest[..digits].parse().map_err(|_| expected())?;
        let unit = match rest.get(digits..=digits).unwrap_or_default() {
            "d" => 86_400,
            "h" => 3600,
            "m" => 60,
            "s" => 1,
            _ => return Err(expected()),
        };
        if unit >= above {
            return Err(expected());
        }
        let part = number.checked_mul(unit).ok_or_else(expected)?;
        seconds = seconds.checked_add(part).ok_or_else(expected)?;
        (rest, above) = (&rest[digits + 1..], unit);
    }
    if seconds == 0 { Err(expected()) } else { Ok(Duration::from_secs(seconds)) }
}

fn parse_fuse(text: &str) -> Result<u32, String> {
    match text {
        "off" => Ok(1),
        number => match number.parse() {
            Ok(0) | Err(_) => Err("expected a number of lanes (at least 1) or `off`".into()),
            Ok(lanes) => Ok(lanes),
        },
    }
}

/// `GANSWEEP_RESULTS`, or `results`. Clap would take an empty variable for an empty path and refuse it, and an
/// empty variable counts as unset.
fn results_folder() -> PathBuf {
    let variable = std::env::var_os("GANSWEEP_RESULTS").filter(|folder| !folder.is_empty());
    variable.map_or_else(|| "results".into(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_from_the_largest_to_the_smallest() {
        let seconds = |text| parse_time(text).ok().map(|time| time.as_secs());
        for (text, expected) in [("8h", 28_800), ("1h30m", 5400), ("45s", 45), ("1d1s", 86_401)] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in
            ["", "8", "h", "0s", "30m1h", "1h1h", "-1h", "1.5h", "8 h", "8\u{b5}", "99999999999999999999d"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
