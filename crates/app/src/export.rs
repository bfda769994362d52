//! Exports recorded values as rows, runs as folders for other programs, and networks as safetensors.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use gansweep_base::file;
use gansweep_config::Config;
use gansweep_nn::average;
use gansweep_nn::network::{Network, Role};
use gansweep_protocol::SampleSource;
use gansweep_store::export::{self, Entity, ExportedRuns};
use gansweep_store::{Reader, RunFilter};
use gansweep_train::{TrainError, weights};

use crate::AppError;
use crate::checkpoint::{WhichCheckpoint, read_checkpoint};
use crate::recorded::RowFormat;

/// Which rows to export, and the format.
#[derive(Debug, Clone)]
pub struct RowsRequest {
    /// Folder of the database.
    pub results: PathBuf,
    /// Which rows.
    pub entity: Entity,
    /// Only those of this sweep.
    pub sweep: Option<String>,
    /// The output format.
    pub format: RowFormat,
}

/// What to export into a folder, and where to.
#[derive(Debug, Clone)]
pub struct FolderRequest {
    /// Folder of the database.
    pub results: PathBuf,
    /// Only this sweep.
    pub sweep: Option<String>,
    /// For which program.
    pub format: FolderFormat,
    /// The output folder.
    pub folder: PathBuf,
}

/// A format of several files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderFormat {
    /// A Parquet file for each of these.
    Parquet(Vec<Entity>),
    /// Event files.
    TensorBoard,
    /// A tracking store.
    MlFlow,
}

/// Which run's networks to export, and where to.
#[derive(Debug, Clone)]
pub struct NetworksRequest {
    /// Folder of the database and the checkpoints.
    pub results: PathBuf,
    /// The run's id, or the beginning of it.
    pub run: String,
    /// Prefix of all tensor names: `model.` turns `0.weight` into `model.0.weight`.
    pub prefix: String,
    /// Export the generator's weights, also where the run keeps an average of them.
    pub raw: bool,
    /// Which of the run's checkpoints.
    pub checkpoint: WhichCheckpoint,
    /// The output folder; by default it is named after the run's id.
    pub out: Option<PathBuf>,
}

/// Writes rows to a stream. An unknown sweep is an error.
pub fn rows(request: &RowsRequest, out: &mut dyn Write) -> Result<(), AppError> {
    write_rows(&Reader::open(&request.results)?, request, out)
}

/// Writes a folder that another program reads; says how many runs it has. An unknown sweep is an error.
pub fn folder(request: &FolderRequest) -> Result<ExportedRuns, AppError> {
    let reader = Reader::open(&request.results)?;
    // All files show the same state of the database, although a sweep may go on.
    let _snapshot = reader.snapshot()?;
    let (sweep, folder) = (request.sweep.as_deref(), request.folder.as_path());
    let runs = match &request.format {
        FolderFormat::Parquet(entities) => {
            let runs = reader.runs(&RunFilter { sweep: request.sweep.clone(), where_sql: None })?;
            export::parquet_folder(&reader, entities, sweep, folder)?;
            ExportedRuns { runs: runs.len(), deleted: 0 }
        }
        FolderFormat::TensorBoard => export::tensorboard(&reader, sweep, folder)?,
        FolderFormat::MlFlow => export::mlflow(&reader, sweep, folder)?,
    };
    Ok(runs)
}

/// Writes rows to a file. An older one stays as it is unless all of them are written.
pub fn rows_to_file(request: &RowsRequest, path: &Path) -> Result<(), AppError> {
    let reader = Reader::open(&request.results)?;
    let unwritable = |source| AppError::File { path: path.to_owned(), source };
    file::make_folder_of(path).map_err(unwritable)?;
    let mut file = file::NewFile::create(path).map_err(unwritable)?;
    write_rows(&reader, request, &mut file)?;
    file.finish().map_err(unwritable)
}

fn write_rows(reader: &Reader, request: &RowsRequest, out: &mut dyn Write) -> Result<(), AppError> {
    if let Some(name) = &request.sweep {
        reader.require_sweep(name)?;
    }
    request.format.write(reader, &request.entity.sql(request.sweep.as_deref()), out)
}

/// The exported networks of a run.
#[derive(Debug, Clone)]
pub struct ExportedNetworks {
    /// The files of generator and discriminator.
    pub paths: Vec<PathBuf>,
    /// Epochs that the weights were trained for.
    pub epoch: f64,
    /// Which weights of the generator the file has.
    pub source: SampleSource,
}

/// Writes `generator.safetensors` and `discriminator.safetensors` of a run.
pub fn networks(request: &NetworksRequest) -> Result<ExportedNetworks, AppError> {
    let reader = Reader::open(&request.results)?;
    let run = reader.run(&request.run)?;
    let config = run.typed_config()?;
    let spec = reader.dataset(&run.data_fingerprint)?.spec;
    let which = request.checkpoint;
    let snapshot = read_checkpoint(&reader, &run, which, &config, &spec, &request.results)?;
    let folder = request.out.clone().unwrap_or_else(|| PathBuf::from(run.id.as_str()));
    fs::create_dir_all(&folder).map_err(|source| AppError::File { path: folder.clone(), source })?;
    let mut paths = Vec::new();
    for network in Network::both(&config, &spec).map_err(TrainError::from)? {
        let path = folder.join(format!("{}.safetensors", network.role.name()));
        let source = match network.role {
            Role::Generator => drawing_source(&config, request.raw),
            Role::Discriminator => SampleSource::Raw,
        };
        let bytes = weights::export(&network, &snapshot.state, source, &request.prefix)?;
        file::write(&path, &bytes).map_err(|source| AppError::File { path: path.clone(), source })?;
        paths.push(path);
    }
    let (epoch, source) = (run.epoch_of(snapshot.state.step), drawing_source(&config, request.raw));
    Ok(ExportedNetworks { paths, epoch, source })
}

/// The weights that draw a run's images: their average, where the run keeps one and it is not declined.
pub(crate) fn drawing_source(config: &Config, raw: bool) -> SampleSource {
    if average::is_kept(&config.train) && !raw { SampleSource::Ema } else { SampleSource::Raw }
}
