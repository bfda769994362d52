//! Datasets: look up by name, download, draw a contact sheet.

use std::path::Path;

use gansweep_base::file;
use gansweep_config::{DataRequest, Dataset, DatasetSpec};
use gansweep_data::{
    DataError, DataSource, Found, ImageFiles, ImageFormat, ImagesToCome, Location, Split, contact_sheet,
};

use crate::{AppError, Observer, Progress};

/// Images per class in a contact sheet.
const SHEET_COLUMNS: u32 = 20;

/// The dataset of that name.
pub fn named(name: &str) -> Result<Dataset, AppError> {
    let known = || Dataset::ALL.map(Dataset::name).to_vec();
    Dataset::from_name(name).ok_or_else(|| AppError::UnknownDataset { name: name.to_owned(), known: known() })
}

/// The spec of a dataset. Pictures of the user's own are prepared first, which may take a while.
pub fn spec(
    source: &DataSource,
    asked: impl Into<DataRequest>,
    observer: &mut dyn Observer,
) -> Result<DatasetSpec, DataError> {
    let spec = source.spec_with_progress(asked, &mut |progress| observer.observe(Progress::Data(&progress)));
    observer.observe(Progress::DataEnded);
    spec
}

/// Makes a dataset available for training: downloads it into the cache, unless the user's data folder has it.
pub fn provide(
    source: &DataSource,
    asked: impl Into<DataRequest>,
    observer: &mut dyn Observer,
) -> Result<(), DataError> {
    let asked = asked.into();
    let location = source.locate(asked)?;
    let is_elsewhere = matches!(location, Location::Missing | Location::Found(Found::Cache(_)));
    if let Some(folder) = source.data_dir.as_ref().filter(|_| is_elsewhere) {
        observer.observe(Progress::NotInDataFolder { dataset: asked.dataset, folder });
    }
    let provided = source.provide(asked, &mut |progress| observer.observe(Progress::Data(&progress)));
    observer.observe(Progress::DataEnded);
    provided
}

/// Completes a dataset in the cache, unless the user's data folder has it. Unlike [`provide`], it reports a cache
/// that cannot be written also for a dataset that does not need it.
pub fn fetch(
    source: &DataSource,
    asked: impl Into<DataRequest>,
    observer: &mut dyn Observer,
) -> Result<(), DataError> {
    let asked = asked.into();
    if matches!(source.locate(asked)?, Location::Found(Found::Folder(_))) {
        return Ok(());
    }
    let fetched = source.fetch(asked, &mut |progress| observer.observe(Progress::Data(&progress)));
    observer.observe(Progress::DataEnded);
    fetched
}

/// Writes all images of a split one by one, for other programs, and returns their number. The dataset must be available
/// locally.
pub fn export(
    source: &DataSource,
    asked: impl Into<DataRequest>,
    spec: &DatasetSpec,
    split: Split,
    format: ImageFormat,
    path: &Path,
) -> Result<usize, AppError> {
    let images = source.load(asked, split)?;
    let count = images.count;
    let classes = (spec.classes > 1).then_some(images.labels);
    let come = ImagesToCome { shape: images.shape, count, classes };
    let written = ImageFiles::create(path, format, come).and_then(|mut files| {
        files.add(&images.pixels)?;
        files.finish()
    });
    written.map_err(|source| AppError::File { path: path.to_owned(), source })?;
    Ok(count)
}

/// Writes a PNG with training images, one row per class. The dataset must be available locally.
pub fn draw(source: &DataSource, asked: impl Into<DataRequest>, path: &Path) -> Result<(), AppError> {
    let picture = contact_sheet(&source.load(asked, Split::Train)?, SHEET_COLUMNS)?;
    let written = file::make_folder_of(path).and_then(|()| file::write(path, picture));
    written.map_err(|source| AppError::File { path: path.to_owned(), source })
}
