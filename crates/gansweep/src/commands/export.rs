//! `gansweep export`: recorded values as CSV or JSON lines, networks as safetensors.

use gansweep_app::checkpoint::WhichCheckpoint;
use gansweep_app::export::{self, NetworksRequest, RowsRequest};
use gansweep_app::recorded::RowFormat;
use gansweep_store::export::Entity;

use crate::cli::{ExportArgs, ExportEntity, ExportFormat};
use crate::failure::Failure;
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &ExportArgs) -> Result<(), Failure> {
    match args.format {
        ExportFormat::Csv => rows(args, RowFormat::Csv),
        ExportFormat::Jsonl => rows(args, RowFormat::JsonLines),
        ExportFormat::Safetensors => networks(args),
    }
}

fn rows(args: &ExportArgs, format: RowFormat) -> Result<(), Failure> {
    if let Some(run) = &args.run {
        return Err(Failure::Usage(format!(
            "RUN `{run}` needs --format safetensors; to export rows, use --sweep or `gansweep sql`"
        )));
    }
    let entity = match args.what {
        ExportEntity::Sweeps => Entity::Sweeps,
        ExportEntity::Runs => Entity::Runs,
        ExportEntity::Points => Entity::Points,
        ExportEntity::Summaries => Entity::Summaries,
        ExportEntity::Attempts => Entity::Attempts,
    };
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
