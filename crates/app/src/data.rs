//! Datasets: look up by name, download, draw a contact sheet.

use std::path::Path;

use gansweep_base::file;
use gansweep_config::Dataset;
use gansweep_data::{DataError, DataSource, Found, Location, Split, contact_sheet};

use crate::{AppError, Observer, Progress};

/// Images per class in a contact sheet.
const SHEET_COLUMNS: u32 = 20;

/// The dataset of that name.
pub fn named(name: &str) -> Result<Dataset, AppError> {
    let known = || Dataset::ALL.map(Dataset::name).to_vec();
    Dataset::from_name(name).ok_or_else(|| AppError::UnknownDataset { name: name.to_owned(), known: known() })
}

/// Makes a dataset available: downloads or generates it into the cache, unless the user's data folder has
/// it.
pub fn provide(source: &DataSource, dataset: Dataset, observer: &mut dyn Observer) -> Result<(), DataError> {
    if matches!(source.locate(dataset)?, Location::Found(Found::Folder(_))) {
        return Ok(());
    }
    let fetched = source.fetch(dataset, &mut |progress| observer.observe(Progress::Download(&progress)));
    observer.observe(Progress::DownloadEnded);
    fetched
}

/// Writes a PNG with training images, one row per class. The dataset must be available locally.
pub fn draw(source: &DataSource, dataset: Dataset, path: &Path) -> Result<(), AppError> {
    let picture = contact_sheet(&source.load(dataset, Split::Train)?, SHEET_COLUMNS)?;
    file::write(path, picture).map_err(|source| AppError::File { path: path.to_owned(), source })
}
