//! Animates the recorded sample grids of a run.

use std::path::PathBuf;

use gansweep_base::file;
use gansweep_protocol::SampleSource;
use gansweep_report::animation::animation;
pub use gansweep_report::animation::{AnimationOptions, Format};
use gansweep_store::Reader;

use crate::AppError;

/// Which run to animate, and how.
#[derive(Debug, Clone)]
pub struct AnimateRequest {
    /// Folder of the database.
    pub results: PathBuf,
    /// The run's id, or the beginning of it.
    pub run: String,
    /// Grids of the weights, also where the run keeps an average of them.
    pub raw: bool,
    /// The format; by default that of the output file's name, or else GIF.
    pub format: Option<Format>,
    /// How long an epoch is shown, in milliseconds.
    pub frame_ms: u32,
    /// Pixels of the animation per pixel of an image; by default what makes the shorter side 280 pixels or more.
    pub scale: Option<u32>,
    /// The output file; `animation-RUN.gif` or `.webp` by default.
    pub out: Option<PathBuf>,
}

/// Writes the animation and returns its path.
pub fn animate(request: &AnimateRequest) -> Result<PathBuf, AppError> {
    /// A whole number of times each pixel, up to here.
    const SIDE: u32 = 280;
    let reader = Reader::open(&request.results)?;
    let run = reader.run(&request.run)?;
    let grids = reader.samples_index(&run.id, u64::MAX)?;
    let averaged = !request.raw && grids.iter().any(|grid| grid.source == SampleSource::Ema);
    let source = if averaged { SampleSource::Ema } else { SampleSource::Raw };
    let mut pngs = Vec::new();
    let mut side = SIDE;
    for grid in grids.iter().filter(|grid| grid.source == source) {
        let sample = reader.sample(&run.id, grid.step, source)?;
        pngs.extend(sample.map(|sample| sample.png));
        let geometry = grid.geometry;
        side = (geometry.rows * geometry.height).min(geometry.cols * geometry.width);
    }
    let named = request.out.as_ref().and_then(|out| out.extension());
    let is_webp = named.is_some_and(|extension| extension.eq_ignore_ascii_case("webp"));
    let format = request.format.unwrap_or(if is_webp { Format::WebP } else { Format::Gif });
    let scale = request.scale.unwrap_or_else(|| SIDE.div_ceil(side.max(1)));
    let options = AnimationOptions { format, frame_ms: request.frame_ms, scale };
    let bytes = animation(&pngs, &options).map_err(|source| AppError::Animation {
        run: run.id.to_string(),
        label: run.label.clone(),
        source,
    })?;
    let ending = if format == Format::WebP { "webp" } else { "gif" };
    let path = request.out.clone().unwrap_or_else(|| format!("animation-{}.{ending}", run.id).into());
    let written = file::make_folder_of(&path).and_then(|()| file::write(&path, &bytes));
    written.map_err(|source| AppError::File { path: path.clone(), source })?;
    Ok(path)
}
