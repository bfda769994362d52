//! `gansweep export`: recorded values as rows, runs as folders for other programs, networks as safetensors.

use std::path::PathBuf;

use gansweep_app::checkpoint::WhichCheckpoint;
use gansweep_app::export::{self, FolderFormat, FolderRequest, NetworksRequest, RowsRequest};
use gansweep_app::recorded::RowFormat;
use gansweep_base::text;
use gansweep_store::export::Entity;

use crate::cli::{ExportArgs, ExportEntity, ExportFormat};
use crate::failure::Failure;
use crate::{messages, output};

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
