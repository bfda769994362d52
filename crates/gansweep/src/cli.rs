//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Sweeps of GAN training: one TOML file in, one SQLite database and one HTML report out.
#[derive(Debug, Parser)]
#[command(name = "gansweep", version, about, disable_help_subcommand = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 all well; 1 some runs failed or diverged, the rest is recorded; 2 the file or \
                        the command line is wrong, nothing was started; 130 interrupted, run the same command to go on."
)]
pub(crate) struct Cli {
    /// Append a log for bug reports to this file; `GANSWEEP_LOG=trace` makes it longer.
    #[arg(long, global = true, value_name = "PATH", display_order = 100)]
    pub(crate) log_file: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train every run of an experiment file that is not trained yet, and write the report.
    Sweep(SweepArgs),
    /// Show what `sweep` would run: axes, runs, groups, duplicates, cost. Writes nothing.
    Plan(PlanArgs),
    /// List recorded runs.
    Runs(RunsArgs),
    /// Show everything recorded of one run.
    Show(ShowArgs),
    /// Show in which keys runs differ, and how they ended.
    Diff(DiffArgs),
    /// Ask the database; it cannot be changed this way.
    Sql(SqlArgs),
    /// Write recorded values as CSV or JSON lines, or a run's networks as safetensors.
    Export(ExportArgs),
    /// Write the comparison page.
    Report(ReportArgs),
    /// Download or look at a dataset.
    Data(DataArgs),
    /// Draw new images from a trained run.
    Generate(GenerateArgs),
    /// List where this machine and this build can train.
    Devices(DevicesArgs),
    /// Train one group; what `sweep` starts in the background.
    #[command(hide = true)]
    Worker,
    /// Measure training speed and print one line of JSON per measurement.
    #[command(hide = true)]
    Bench(BenchArgs),
}

/// Where results lie.
#[derive(Debug, Clone, Args)]
pub(crate) struct ResultsArgs {
    /// Folder of the database, the checkpoints and the reports.
    #[arg(long, value_name = "DIR", env = "GANSWEEP_RESULTS", default_value = "results")]
    pub(crate) results: PathBuf,
}

/// Which experiment.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExperimentArgs {
    /// The experiment file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Override a key: `--set train.epochs=3`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) sets: Vec<String>,
    /// Apply the file's `[profile.NAME]`.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Folder with the datasets' files.
    #[arg(long, value_name = "DIR", env = "GANSWEEP_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// Where to train, and how densely.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExecutionArgs {
    /// Train here: `auto`, or a name that `gansweep devices` lists. May be repeated.
    #[arg(long = "device", value_name = "DEVICE")]
    pub(crate) devices: Vec<String>,
    /// Workers at the same time on each device.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) jobs: Option<u32>,
    /// The most runs trained together as lanes of one group, or `off`.
    #[arg(long, value_name = "N|off", value_parser = parse_fuse)]
    pub(crate) fuse: Option<u32>,
}

#[derive(Debug, Args)]
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
    /// Say nothing but warnings and errors.
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Train in this process instead of worker processes: for debuggers and profilers.
    #[arg(long)]
    pub(crate) in_process: bool,
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
    /// Only runs for which this SQL expression over `run_overview` holds: `state = 'failed'`.
    #[arg(long = "where", value_name = "SQL")]
    pub(crate) where_sql: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The run's id, or the beginning of it.
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
    /// Ids of two or more runs, or the beginnings of them.
    #[arg(value_name = "RUN", num_args = 2.., required = true)]
    pub(crate) runs: Vec<String>,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// How a query's rows are printed.
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
    /// One SELECT statement; docs/database.md lists tables and views.
    #[arg(value_name = "SELECT")]
    pub(crate) sql: String,
    /// How rows are printed.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: TableFormat,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// A run's networks, with PyTorch's names and layouts.
    Safetensors,
}

/// What of the database is exported.
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
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// For `--format safetensors`: the run's id, or the beginning of it.
    #[arg(value_name = "RUN", required_if_eq("format", "safetensors"))]
    pub(crate) run: Option<String>,
    /// What to write.
    #[arg(long, value_enum, default_value = "csv")]
    pub(crate) format: ExportFormat,
    /// Which rows.
    #[arg(long, value_enum, default_value = "points")]
    pub(crate) what: ExportEntity,
    /// Only this sweep.
    #[arg(long, value_name = "NAME")]
    pub(crate) sweep: Option<String>,
    /// Put before every tensor's name: `model.` turns `0.weight` into `model.0.weight`.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) prefix: String,
    /// Write to this file (for safetensors: into this folder) instead of standard output.
    #[arg(long, short, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Sweeps to show; all of them if none is named. May be repeated.
    #[arg(long = "sweep", value_name = "NAME")]
    pub(crate) sweeps: Vec<String>,
    /// The page.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// What to do with a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataAction {
    /// Download it into the cache, unless it is at hand.
    Fetch,
    /// Write a picture of some of its images.
    Show,
}

#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// What to do; without it, list the datasets and where they are.
    #[arg(value_enum, requires = "name")]
    pub(crate) action: Option<DataAction>,
    /// `mnist`, `fashion-mnist`, `kmnist`, `strokes`, or `idx` with --path.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Folder with the datasets' files.
    #[arg(long, value_name = "DIR", env = "GANSWEEP_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Folder of the dataset `idx`: your own images in IDX files.
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// For `show`: the picture; `NAME.png` if not given.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The run's id, or the beginning of it.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// How many images.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) count: u32,
    /// Images in a row; the square root of the count if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) cols: Option<u32>,
    /// The same seed draws the same images.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) seed: u64,
    /// The picture; `generated-RUN.png` if not given.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Ask the drivers in this very process, and print JSON: what the command does in a child.
    #[arg(long, hide = true)]
    pub(crate) probe: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// A recipe.
    #[arg(long, default_value = "jovian")]
    pub(crate) recipe: String,
    /// Runs trained at the same time.
    #[arg(long, default_value_t = 1)]
    pub(crate) lanes: u32,
    /// Where.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
    /// On the processor; 0 stands for as many as there are cores.
    #[arg(long, default_value_t = 0)]
    pub(crate) threads: usize,
    /// Of one measurement.
    #[arg(long, default_value_t = 4.0)]
    pub(crate) seconds: f64,
    /// Measurements; with `--interactive`, one for each line on the input instead.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: u32,
    /// Let a caller's own measurements take turns with these.
    #[arg(long)]
    pub(crate) interactive: bool,
}

fn parse_fuse(text: &str) -> Result<u32, String> {
    match text {
        "off" => Ok(1),
        number => match number.parse() {
            Ok(0) | Err(_) => Err("expected a number of lanes from 1 on, or `off`".into()),
            Ok(lanes) => Ok(lanes),
        },
    }
}
