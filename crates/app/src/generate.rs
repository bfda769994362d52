//! Generates images from a trained run.

use std::path::PathBuf;

use gansweep_base::file;
use gansweep_store::Reader;
use gansweep_train::generate;

use crate::export::{drawing_source, latest_checkpoint};
use crate::{AppError, backends};

/// Which run to generate from, and what.
#[derive(Debug, Clone)]
pub struct GenerateRequest {
    /// Folder of the database and the checkpoints.
    pub results: PathBuf,
    /// The run's id, or the beginning of it.
    pub run: String,
    /// Number of images, at least 1.
    pub count: u32,
    /// Images per row, at least 1; by default the square root of the count.
    pub cols: Option<u32>,
    /// Seed of the latent vectors.
    pub seed: u64,
    /// Draw with the weights, also where the run keeps an average of them.
    pub raw: bool,
    /// The output file; `generated-RUN.png` by default.
    pub out: Option<PathBuf>,
}

/// Generates images from the run's latest checkpoint, writes them as one PNG and returns its path.
pub fn generate(request: &GenerateRequest) -> Result<PathBuf, AppError> {
    let reader = Reader::open(&request.results)?;
    let run = reader.run(&request.run)?;
    let config = run.typed_config()?;
    let spec = reader.dataset(&run.data_fingerprint)?.spec;
    let snapshot = latest_checkpoint(&reader, &run, &config, spec.image, &request.results)?;
    let count = request.count.max(1);
    let source = drawing_source(&config, request.raw);
    let (state, open) = (&snapshot.state, &backends::open_on_cpu);
    let images = generate::images(open, &config, &spec, state, count as usize, request.seed, source)?;
    let cols = request.cols.unwrap_or_else(|| f64::from(count).sqrt().ceil() as u32).clamp(1, count);
    let (png, _) = gansweep_data::grid(&images, spec.image, count.div_ceil(cols), cols)?;
    let path = request.out.clone().unwrap_or_else(|| PathBuf::from(format!("generated-{}.png", run.id)));
    let written = file::make_folder_of(&path).and_then(|()| file::write(&path, &png));
    written.map_err(|source| AppError::File { path: path.clone(), source })?;
    Ok(path)
}
