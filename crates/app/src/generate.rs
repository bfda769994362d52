//! Generates images from a trained run.

use std::path::PathBuf;

use gansweep_base::file;
use gansweep_config::{Config, DatasetSpec};
use gansweep_store::{Reader, RunRow};
use gansweep_train::{classes_in_turn, generate};

use crate::checkpoint::{WhichCheckpoint, read_checkpoint};
use crate::export::drawing_source;
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
    /// The class of all images, by its number or its name; by default all classes in turn. Of conditional models alone.
    pub class: Option<String>,
    /// Images per row, at least 1; by default one for each class that is drawn in turn, else the square root of the count.
    pub cols: Option<u32>,
    /// Seed of the latent vectors.
    pub seed: u64,
    /// Draw with the weights, also where the run keeps an average of them.
    pub raw: bool,
    /// Which of the run's checkpoints draws.
    pub checkpoint: WhichCheckpoint,
    /// The output file; `generated-RUN.png` by default.
    pub out: Option<PathBuf>,
}

/// Generates images from a checkpoint of the run, writes them as one PNG and returns its path.
pub fn generate(request: &GenerateRequest) -> Result<PathBuf, AppError> {
    let reader = Reader::open(&request.results)?;
    let run = reader.run(&request.run)?;
    let config = run.typed_config()?;
    let spec = reader.dataset(&run.data_fingerprint)?.spec;
    let snapshot = read_checkpoint(&reader, &run, request.checkpoint, &config, &spec, &request.results)?;
    let count = request.count.max(1);
    let class = match &request.class {
        Some(asked) => Some(class_of(asked, &run, &config, &spec)?),
        None => None,
    };
    let classes = match class {
        Some(class) => vec![class; count as usize],
        None => classes_in_turn(&spec, count as usize),
    };
    let source = drawing_source(&config, request.raw);
    let (state, open) = (&snapshot.state, &backends::open_on_cpu);
    let images = generate::images(open, &config, &spec, state, &classes, request.seed, source)?;
    let in_turn = config.model.conditional && class.is_none();
    let usual = if in_turn { spec.classes } else { f64::from(count).sqrt().ceil() as u32 };
    let cols = request.cols.unwrap_or(usual).clamp(1, count);
    let (png, _) = gansweep_data::grid(&images, spec.image, count.div_ceil(cols), cols)?;
    let path = request.out.clone().unwrap_or_else(|| PathBuf::from(format!("generated-{}.png", run.id)));
    let written = file::make_folder_of(&path).and_then(|()| file::write(&path, &png));
    written.map_err(|source| AppError::File { path: path.clone(), source })?;
    Ok(path)
}

/// The class that was asked for, by its number or by the dataset's name of it.
fn class_of(asked: &str, run: &RunRow, config: &Config, spec: &DatasetSpec) -> Result<u16, AppError> {
    let run = run.id.to_string();
    if !config.model.conditional {
        return Err(AppError::NotConditional { run });
    }
    spec.class_names.find(asked, spec.classes).ok_or_else(|| AppError::NoSuchClass {
        run,
        asked: asked.to_owned(),
        last: spec.classes.saturating_sub(1),
        names: spec.class_names.as_slice().to_vec(),
    })
}
