//! `gansweep export`: recorded values as rows, runs as folders for other programs, networks as safetensors.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gansweep_app::checkpoint::WhichCheckpoint;
use gansweep_app::export::{self, FolderFormat, FolderRequest, NetworksRequest, RowsRequest};
use gansweep_app::recorded::RowFormat;
use gansweep_base::text;
use gansweep_store::export::Entity;

use crate::arguments::ResultsArgs;
use crate::failure::Failure;
use crate::{messages, output};

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

/// Runs the command.
pub(crate) fn run(args: &ExportArgs) -> Result<(), Failure> {
    match args.format {
        ExportFormat::Csv => rows(args, RowFormat::Csv),
        ExportFormat::Jsonl => rows(args, RowFormat::JsonLines),
        ExportFormat::Safetensors => networks(args),
        ExportFormat::Parquet => {
            let entities = args.what.map_or_else(|| Entity::ALL.to_vec(), |what| vec![entity(what)]);
            folder(args, "parquet", FolderFormat::Parquet(entities))
        }
        ExportFormat::Tensorboard => folder(args, "tensorboard", FolderFormat::TensorBoard),
        ExportFormat::Mlflow => folder(args, "mlflow", FolderFormat::MlFlow),
    }
}

/// A run is named for safetensors only.
fn refuse_run(args: &ExportArgs) -> Result<(), Failure> {
    match &args.run {
        Some(run) => Err(Failure::Usage(format!(
            "RUN `{run}` needs --format safetensors; to export rows, use --sweep or `gansweep sql`"
        ))),
        None => Ok(()),
    }
}

fn entity(what: ExportEntity) -> Entity {
    match what {
        ExportEntity::Sweeps => Entity::Sweeps,
        ExportEntity::Runs => Entity::Runs,
        ExportEntity::Points => Entity::Points,
        ExportEntity::Summaries => Entity::Summaries,
        ExportEntity::Attempts => Entity::Attempts,
        ExportEntity::Evaluations => Entity::Evaluations,
        ExportEntity::Trials => Entity::Trials,
    }
}

/// Exports into a folder, and prints its path.
fn folder(args: &ExportArgs, name: &str, format: FolderFormat) -> Result<(), Failure> {
    refuse_run(args)?;
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from(name));
    let results = args.results.results.clone();
    let request = FolderRequest { results, sweep: args.sweep.clone(), format, folder: folder.clone() };
    let runs = export::folder(&request)?;
    messages::print(&format!("exported {}", text::count(runs, "run")));
    Ok(output::print_path("", &folder)?)
}

fn rows(args: &ExportArgs, format: RowFormat) -> Result<(), Failure> {
    refuse_run(args)?;
    let entity = args.what.map_or(Entity::Points, entity);
    let results = args.results.results.clone();
    let request = RowsRequest { results, entity, sweep: args.sweep.clone(), format };
    match &args.out {
        Some(path) => export::rows_to_file(&request, path)?,
        None => export::rows(&request, &mut output::stdout())?,
    }
    Ok(())
}

fn networks(args: &ExportArgs) -> Result<(), Failure> {
    let written = export::networks(&NetworksRequest {
        results: args.results.results.clone(),
        run: args.run.clone().unwrap_or_default(),
        prefix: args.prefix.clone(),
        raw: args.raw,
        checkpoint: WhichCheckpoint::best_if(args.best),
        out: args.out.clone(),
    })?;
    for path in written {
        output::print_path("", &path)?;
    }
    Ok(())
}
