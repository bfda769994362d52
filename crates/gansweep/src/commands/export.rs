//! `gansweep export`: recorded values as rows, runs as folders for other programs, networks as safetensors.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gansweep_app::checkpoint::WhichCheckpoint;
use gansweep_app::export::{
    self, ExportedNetworks, FolderFormat, FolderRequest, NetworksRequest, RowsRequest,
};
use gansweep_app::recorded::RowFormat;
use gansweep_base::text;
use gansweep_protocol::SampleSource;
use gansweep_store::export::{Entity, ExportedRuns};

use super::weights;
use crate::arguments::{ResultsArgs, check_ending, check_folder};
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
    /// Kind of rows to export [default: points; with parquet, all kinds].
    #[arg(long, value_enum)]
    pub(crate) what: Option<ExportEntity>,
    /// Only this sweep.
    #[arg(long, value_name = "NAME")]
    pub(crate) sweep: Option<String>,
    /// With safetensors: prefix for tensor names: `model.` turns `0.weight` into `model.0.weight`.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) prefix: String,
    /// With safetensors: the generator's weights, also where the run keeps a moving average of them.
    #[arg(long)]
    pub(crate) raw: bool,
    /// With safetensors: the run's best checkpoint (`record.best`) instead of the last one.
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
    refuse_unused(args)?;
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

/// Refuses options that say nothing of the format.
fn refuse_unused(args: &ExportArgs) -> Result<(), Failure> {
    let is_networks = args.format == ExportFormat::Safetensors;
    if let Some(run) = args.run.as_ref().filter(|_| !is_networks) {
        return Err(Failure::Usage(format!(
            "RUN `{run}` needs --format safetensors; to export rows, use --sweep or `gansweep sql`"
        )));
    }
    let of_networks = [("--prefix", !args.prefix.is_empty()), ("--raw", args.raw), ("--best", args.best)];
    let for_networks = of_networks.into_iter().find(|(_, is_given)| *is_given && !is_networks);
    if let Some((option, _)) = for_networks {
        return Err(Failure::Usage(format!(
            "{option} is for --format safetensors; add that, or omit {option}"
        )));
    }
    if is_networks && args.sweep.is_some() {
        let problem =
            "--sweep is for rows; --format safetensors exports the networks of one RUN, so omit --sweep";
        return Err(Failure::Usage(problem.to_owned()));
    }
    let has_kinds = matches!(args.format, ExportFormat::Csv | ExportFormat::Jsonl | ExportFormat::Parquet);
    if args.what.is_some() && !has_kinds {
        return Err(Failure::Usage("--what is for --format csv, jsonl and parquet; omit it".to_owned()));
    }
    check_out(args)
}

/// Refuses an output whose name promises another format.
fn check_out(args: &ExportArgs) -> Result<(), Failure> {
    let out = args.out.as_deref();
    match args.format {
        ExportFormat::Csv => check_ending(out, "--format csv, the default, writes CSV", &["csv", "txt"]),
        ExportFormat::Jsonl => {
            check_ending(out, "--format jsonl writes JSON lines", &["jsonl", "ndjson", "json", "txt"])
        }
        ExportFormat::Safetensors
        | ExportFormat::Parquet
        | ExportFormat::Tensorboard
        | ExportFormat::Mlflow => {
            let files = ["csv", "jsonl", "json", "parquet", "safetensors", "zip", "db", "sqlite"];
            check_folder(out, "this format is a folder of files", &files)
        }
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
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from(name));
    let results = args.results.results.clone();
    let request = FolderRequest { results, sweep: args.sweep.clone(), format, folder: folder.clone() };
    let ExportedRuns { runs, deleted } = export::folder(&request)?;
    let deleted = match deleted {
        0 => String::new(),
        files => {
            format!("; deleted {} of an earlier export that it no longer has", text::count(files, "file"))
        }
    };
    messages::print(&format!("exported {}{deleted}", text::count(runs, "run")));
    Ok(output::print_path("", &folder)?)
}

fn rows(args: &ExportArgs, format: RowFormat) -> Result<(), Failure> {
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
    let ExportedNetworks { paths, epoch, source } = export::networks(&NetworksRequest {
        results: args.results.results.clone(),
        run: args.run.clone().unwrap_or_default(),
        prefix: args.prefix.clone(),
        raw: args.raw,
        checkpoint: WhichCheckpoint::best_if(args.best),
        out: args.out.clone(),
    })?;
    let of_generator = match source {
        SampleSource::Raw => "",
        SampleSource::Ema => "; those of the generator are their moving average",
    };
    messages::print(&format!("weights {}{of_generator}", weights::after(epoch, args.best)));
    for path in paths {
        output::print_path("", &path)?;
    }
    Ok(())
}
