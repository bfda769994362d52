//! `gansweep export`: recorded values as CSV or JSON lines, networks as safetensors.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use gansweep_nn::network::{Network, Role};
use gansweep_store::export::{self, Entity};
use gansweep_store::{Reader, RunRow};
use gansweep_train::{checkpoint, weights};

use crate::cli::{ExportArgs, ExportEntity, ExportFormat};
use crate::failure::Failure;

/// Runs the command.
pub(crate) fn run(args: &ExportArgs) -> Result<(), Failure> {
    let reader = Reader::open(&args.results.results)?;
    if args.format == ExportFormat::Safetensors {
        let id = args.run.as_deref().unwrap_or_default();
        return export_networks(&reader, id, args);
    }
    if let Some(run) = &args.run {
        return Err(Failure::Wrong(format!(
            "RUN `{run}` goes with --format safetensors; use --sweep, or `gansweep sql`"
        )));
    }
    match &args.out {
        None => write_rows(&reader, args, &mut std::io::stdout().lock()),
        Some(path) => {
            let unwritable = |source| Failure::File { path: path.clone(), source };
            let mut file = BufWriter::new(File::create(path).map_err(unwritable)?);
            write_rows(&reader, args, &mut file)?;
            file.flush().map_err(unwritable)
        }
    }
}

fn write_rows(reader: &Reader, args: &ExportArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let entity = match args.what {
        ExportEntity::Sweeps => Entity::Sweeps,
        ExportEntity::Runs => Entity::Runs,
        ExportEntity::Points => Entity::Points,
        ExportEntity::Summaries => Entity::Summaries,
        ExportEntity::Attempts => Entity::Attempts,
    };
    if let Some(name) = &args.sweep {
        reader.sweep(name)?;
    }
    let sql = entity.sql(args.sweep.as_deref());
    match args.format {
        ExportFormat::Jsonl => export::jsonl(reader, &sql, out)?,
        ExportFormat::Csv | ExportFormat::Safetensors => export::csv(reader, &sql, out)?,
    }
    Ok(())
}

/// Writes `generator.safetensors` and `discriminator.safetensors` of a run.
fn export_networks(reader: &Reader, id: &str, args: &ExportArgs) -> Result<(), Failure> {
    let run = reader.run(id)?;
    let config = run.typed_config()?;
    let snapshot = latest_checkpoint(reader, &run, &args.results.results)?;
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from(run.id.as_str()));
    fs::create_dir_all(&folder).map_err(|source| Failure::File { path: folder.clone(), source })?;
    let mut out = std::io::stdout().lock();
    for role in Role::BOTH {
        let path = folder.join(format!("{}.safetensors", role.name()));
        let bytes = weights::export(&Network::of(role, &config), &snapshot.state, &args.prefix)?;
        checkpoint::write_atomically(&path, &bytes)
            .map_err(|source| Failure::File { path: path.clone(), source })?;
        writeln!(out, "{}", path.display())?;
    }
    Ok(())
}

/// The state that a run's latest recorded checkpoint holds.
pub(crate) fn latest_checkpoint(
    reader: &Reader,
    run: &RunRow,
    results: &Path,
) -> Result<checkpoint::Snapshot, Failure> {
    let row = reader.checkpoint(&run.id)?.ok_or_else(|| {
        Failure::Wrong(format!(
            "run {} ({}) has no checkpoint yet: it is {}",
            run.id,
            run.label,
            run.state.name()
        ))
    })?;
    Ok(checkpoint::read(&results.join(&row.path), Some(&row.sha256))?)
}
