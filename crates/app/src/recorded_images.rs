//! Where the images of recorded runs are, by the experiment that their sweep was started with.

use std::path::Path;

use gansweep_config::{DataRequest, Experiment, LoadOptions};
use gansweep_data::{DataError, DataSource};
use gansweep_store::{DatasetRow, Reader, SweepRow};

use crate::{AppError, Observer, data};

/// The source of the images that recorded runs were trained on.
pub(crate) struct RecordedImages {
    /// Where they are.
    pub(crate) source: DataSource,
    /// The sweep whose experiment names the folder; `None` if the caller names it, or nobody.
    sweep: Option<String>,
}

impl RecordedImages {
    /// With the folder that the caller names, which may have moved since, or else that of the sweep's experiment.
    pub(crate) fn of(reader: &Reader, sweep: Option<&str>, source: &DataSource) -> Result<Self, AppError> {
        let source = source.clone();
        let (None, Some(sweep)) = (&source.idx_dir, sweep) else { return Ok(Self { source, sweep: None }) };
        Ok(match experiment(&reader.sweep(sweep)?) {
            Some(Experiment { data_path: Some(folder), skip_damaged, .. }) => Self {
                source: DataSource {
                    idx_dir: Some(folder),
                    skip_damaged: skip_damaged || source.skip_damaged,
                    ..source
                },
                sweep: Some(sweep.to_owned()),
            },
            _ => Self { source, sweep: None },
        })
    }

    /// Checks that a folder that the caller names has the images that runs were trained on. The cache may have these,
    /// whatever is in the folder.
    pub(crate) fn check(&self, data: &DatasetRow, observer: &mut dyn Observer) -> Result<(), AppError> {
        let (None, Some(folder)) = (&self.sweep, &self.source.idx_dir) else { return Ok(()) };
        if !data.dataset.is_own() {
            return Ok(());
        }
        let source = DataSource { skip_damaged: true, ..self.source.clone() };
        let spec = data::spec(&source, DataRequest::of_shape(data.dataset, data.spec.image), observer)?;
        match spec.fingerprint == data.spec.fingerprint {
            true => Ok(()),
            false => Err(DataError::Changed(folder.clone()).into()),
        }
    }

    /// The error with the way out for a folder that the experiment names: to correct the experiment helps none of its recorded
    /// runs.
    pub(crate) fn explained(&self, error: AppError) -> AppError {
        let (Some(sweep), Some(folder)) = (&self.sweep, &self.source.idx_dir) else { return error };
        let problem = match error {
            AppError::Data(DataError::OwnDirMissing { .. }) => absence(folder),
            AppError::Data(DataError::Changed(_) | DataError::NoIdxFiles { .. }) => "has other images now",
            other => return other,
        };
        AppError::RecordedFolder { sweep: sweep.clone(), folder: folder.clone(), problem }
    }
}

/// The experiment that the sweep was last started with. `None` if this version of the program does not know one of its keys:
/// the caller can name the folder.
fn experiment(sweep: &SweepRow) -> Option<Experiment> {
    let call = sweep.call.clone().unwrap_or_default();
    let env = call.variables.into_iter().collect();
    let options = LoadOptions { profile: call.profile, sets: call.sets, env };
    Experiment::parse(Path::new(&sweep.file), sweep.source_toml.clone(), &options).ok()
}

fn absence(folder: &Path) -> &'static str {
    if folder.is_file() {
        return "is a file";
    }
    if folder.is_absolute() { "does not exist" } else { "does not exist below the current folder" }
}
