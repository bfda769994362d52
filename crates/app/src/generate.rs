//! Generates images from a trained run.

use std::iter;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use gansweep_base::{file, host};
use gansweep_config::{Config, DatasetSpec};
use gansweep_data::{ImageFiles, ImageFormat, ImagesToCome};
use gansweep_protocol::SampleSource;
use gansweep_store::{Reader, RunRow};
use gansweep_train::classes_in_turn;
use gansweep_train::generate::{Draw, latents, latents_between};

use crate::checkpoint::{WhichCheckpoint, read_checkpoint};
use crate::export::drawing_source;
use crate::{AppError, Observer, Progress, backends};

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
    /// Seed of the latent vectors.
    pub seed: u64,
    /// Draw with the weights, also where the run keeps an average of them.
    pub raw: bool,
    /// Which of the run's checkpoints draws.
    pub checkpoint: WhichCheckpoint,
    /// What is written.
    pub output: Output,
    /// The output file or folder; `generated-RUN` by default, with the ending of the format.
    pub out: Option<PathBuf>,
}

/// How images are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// As one PNG.
    Grid {
        /// Images per row, at least 1; by default one for each class that is drawn in turn, else the square root of the
        /// count.
        cols: Option<u32>,
        /// Whether the latents of each row lie between two; the images of a row are of one class then.
        between: bool,
    },
    /// One by one, for other programs.
    Each(ImageFormat),
}

/// The most latents that are drawn for one request: 1 GiB.
const MOST_LATENTS: u32 = 256 << 20;

/// Images that were generated and written.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The file or folder.
    pub path: PathBuf,
    /// Epochs that the weights were trained for.
    pub epoch: f64,
    /// Which weights of the generator drew them.
    pub source: SampleSource,
}

/// Generates images from a checkpoint of the run, and writes them. Once `stop` is set nothing is written,
/// and what has been is deleted.
pub fn generate(
    request: &GenerateRequest,
    stop: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<Generated, AppError> {
    let reader = Reader::open(&request.results)?;
    let run = reader.run(&request.run)?;
    let config = run.typed_config()?;
    let spec = reader.dataset(&run.data_fingerprint)?.spec;
    let snapshot = read_checkpoint(&reader, &run, request.checkpoint, &config, &spec, &request.results)?;
    let count = request.count.max(1);
    let (dim, most) = (config.model.latent_dim, MOST_LATENTS / config.model.latent_dim.max(1));
    if count > most {
        return Err(AppError::TooManyLatents { count, dim, most });
    }
    let class = match &request.class {
        Some(asked) => Some(class_of(asked, &run, &config, &spec)?),
        None => None,
    };
    let is_between = matches!(request.output, Output::Grid { between: true, .. });
    let in_turn = config.model.conditional && class.is_none() && !is_between;
    let usual = if in_turn { spec.classes } else { f64::from(count).sqrt().ceil() as u32 };
    let cols = request.output.cols().unwrap_or(usual).clamp(1, count);
    let (classes, latents) = match is_between {
        true => in_rows(&config, &spec, count as usize, cols as usize, request.seed),
        false => (classes_in_turn(&spec, count as usize), latents(&config, count as usize, request.seed)),
    };
    let classes = class.map_or(classes, |class| vec![class; count as usize]);
    let source = drawing_source(&config, request.raw);
    let state = &snapshot.state;
    let draw = Draw { config: &config, spec: &spec, state, classes: &classes, latents: &latents, source };
    let usual = PathBuf::from(format!("generated-{}{}", run.id, request.output.ending()));
    let path = request.out.clone().unwrap_or(usual);
    match request.output {
        Output::Grid { .. } => write_grid(&draw, cols, &path)?,
        Output::Each(format) => write_each(&draw, format, &path, stop, observer)?,
    }
    Ok(Generated { path, epoch: run.epoch_of(state.step), source })
}

/// Classes and latents of rows that go from one latent to another, each row of one class.
fn in_rows(
    config: &Config,
    spec: &DatasetSpec,
    count: usize,
    cols: usize,
    seed: u64,
) -> (Vec<u16>, Vec<f32>) {
    let rows = count.div_ceil(cols);
    let of_rows = classes_in_turn(spec, rows).into_iter();
    let classes = of_rows.flat_map(|class| iter::repeat_n(class, cols)).take(count).collect();
    let mut latents = latents_between(config, rows, cols, seed);
    latents.truncate(count * config.model.latent_dim as usize);
    (classes, latents)
}

impl Output {
    fn cols(self) -> Option<u32> {
        match self {
            Self::Grid { cols, .. } => cols,
            Self::Each(_) => None,
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Grid { .. } => ".png",
            Self::Each(ImageFormat::Folder) => "",
            Self::Each(ImageFormat::Npz) => ".npz",
        }
    }
}

fn write_grid(draw: &Draw<'_>, cols: u32, path: &Path) -> Result<(), AppError> {
    let images = draw.images(&backends::open_on_cpu, host::threads())?;
    let count = draw.classes.len() as u32;
    let (png, _) = gansweep_data::grid(&images, draw.spec.image, count.div_ceil(cols), cols)?;
    let written = file::make_folder_of(path).and_then(|()| file::write(path, &png));
    written.map_err(|source| AppError::File { path: path.to_owned(), source })
}

fn write_each(
    draw: &Draw<'_>,
    format: ImageFormat,
    path: &Path,
    stop: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<(), AppError> {
    let unwritable = |source| AppError::File { path: path.to_owned(), source };
    let (shape, total) = (draw.spec.image, draw.classes.len());
    let classes = draw.config.model.conditional.then(|| draw.classes.to_vec());
    let come = ImagesToCome { shape, count: total, classes };
    let mut files = ImageFiles::create(path, format, come).map_err(unwritable)?;
    let mut done = 0;
    observer.observe(Progress::Generating { done, total });
    draw.in_chunks(&backends::open_on_cpu, host::threads(), |images| {
        if stop.load(Ordering::SeqCst) {
            return Err(AppError::Interrupted);
        }
        files.add(&images).map_err(unwritable)?;
        done += images.len() / shape.size();
        observer.observe(Progress::Generating { done, total });
        Ok::<_, AppError>(())
    })?;
    files.finish().map_err(unwritable)
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
