//! `gansweep generate`: new images from a trained run.

use std::io::Write;
use std::path::PathBuf;

use gansweep_app::backends;
use gansweep_store::Reader;
use gansweep_train::checkpoint::write_atomically;
use gansweep_train::{generate, grid};

use super::export::latest_checkpoint;
use crate::cli::GenerateArgs;
use crate::failure::Failure;

/// Runs the command.
pub(crate) fn run(args: &GenerateArgs) -> Result<(), Failure> {
    let reader = Reader::open(&args.results.results)?;
    let run = reader.run(&args.run)?;
    let config = run.typed_config()?;
    let snapshot = latest_checkpoint(&reader, &run, &args.results.results)?;
    let images =
        generate::images(&backends::open_on_cpu, &config, &snapshot.state, args.count as usize, args.seed)?;
    let cols = args.cols.unwrap_or_else(|| f64::from(args.count).sqrt().ceil() as u32).min(args.count);
    let (png, _) = grid::encode(&images, args.count.div_ceil(cols), cols)?;
    let path = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("generated-{}.png", run.id)));
    write_atomically(&path, &png).map_err(|source| Failure::File { path: path.clone(), source })?;
    writeln!(std::io::stdout().lock(), "{}", path.display())?;
    Ok(())
}
