//! A lane on the disk: everything that a resumed run needs to give the same bits.
//!
//! The file is `safetensors` with PyTorch's names and layouts under `generator.` and
//! `discriminator.`, so that other tools can look into it; the counts lie in its metadata.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gansweep_base::digest::sha256;
use gansweep_base::file;
use gansweep_config::{Config, ImageShape, RunId};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::Tally;
use crate::TrainError;
use gansweep_nn::state::{Array, LaneState};

const FORMAT: &str = "gansweep-checkpoint-1";
const METADATA_KEY: &str = "gansweep";

/// Everything of a lane between two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The run.
    pub run: RunId,
    /// What the backend needs.
    pub state: LaneState,
    /// What the record needs.
    pub tally: Tally,
}

/// A written file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Relative to the results folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    format: String,
    run: RunId,
    step: u64,
    generator_updates: u64,
    discriminator_updates: u64,
    tally: Tally,
}

/// Where a run's checkpoint of a step lies, relative to the results folder.
pub fn relative_path(run: &RunId, step: u64) -> String {
    format!("checkpoints/{run}/step-{step:08}.safetensors")
}

/// Writes a snapshot so that either the whole file is there or none.
pub fn write(results_dir: &Path, snapshot: &Snapshot) -> Result<Written, TrainError> {
    let relative = relative_path(&snapshot.run, snapshot.state.step);
    let path = results_dir.join(&relative);
    let content = encode(snapshot)?;
    // The results folder itself is not made again: where it was moved away, nobody would look for the file there.
    let folder =
        if results_dir.is_dir() { file::make_folder_of(&path) } else { Err(io::ErrorKind::NotFound.into()) };
    let written = folder.and_then(|()| file::write(&path, &content));
    written.map_err(|source| TrainError::File { path, source })?;
    Ok(Written { path: relative, bytes: content.len() as u64, sha256: sha256(content) })
}

/// Reads a snapshot back and checks it against the digest that was recorded.
pub fn read(path: &Path, expected: Option<&str>) -> Result<Snapshot, TrainError> {
    let content = fs::read(path).map_err(|source| TrainError::File { path: path.to_owned(), source })?;
    let refuse = |cause: String| TrainError::Checkpoint { path: path.to_owned(), cause };
    if expected.is_some_and(|expected| expected != sha256(&content)) {
        return Err(refuse("its content is not what was written; delete it to train the run afresh".into()));
    }
    decode(&content).map_err(refuse)
}

/// Checks that the content of a checkpoint file is one that a run of `config` can resume from at `step`; the error says
/// why not. `written_for` is the id that the file names.
pub fn check(
    content: &[u8],
    written_for: &RunId,
    step: u64,
    config: &Config,
    image: ImageShape,
) -> Result<(), String> {
    let snapshot = decode(content)?;
    if snapshot.run != *written_for {
        return Err(format!("it is of run {}, not of {written_for}", snapshot.run));
    }
    if snapshot.state.step != step {
        return Err(format!("it is of step {}, not of step {step}", snapshot.state.step));
    }
    snapshot.state.check(config, image)
}

fn encode(snapshot: &Snapshot) -> Result<Vec<u8>, TrainError> {
    let state = &snapshot.state;
    let metadata = Metadata {
        format: FORMAT.into(),
        run: snapshot.run.clone(),
        step: state.step,
        generator_updates: state.generator_updates,
        discriminator_updates: state.discriminator_updates,
        tally: snapshot.tally.clone(),
    };
    let json = serde_json::to_string(&metadata).map_err(|error| unwritable(&snapshot.run, error))?;
    let tensors = state.arrays.iter().map(|(name, array)| (name.as_str(), array));
    serialize(tensors, HashMap::from([(METADATA_KEY.to_owned(), json)]))
        .map_err(|error| unwritable(&snapshot.run, error))
}

fn unwritable(run: &RunId, error: impl std::fmt::Display) -> TrainError {
    TrainError::Checkpoint { path: PathBuf::from(run.as_str()), cause: error.to_string() }
}

/// `safetensors` bytes of named arrays.
fn serialize<'a>(
    arrays: impl Iterator<Item = (&'a str, &'a Array)>,
    metadata: HashMap<String, String>,
) -> Result<Vec<u8>, safetensors::SafeTensorError> {
    let owned: Vec<_> = arrays
        .map(|(name, array)| {
            let bytes: Vec<u8> = array.values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (name, &array.shape, bytes)
        })
        .collect();
    let views = owned
        .iter()
        .map(|(name, shape, bytes)| Ok((*name, TensorView::new(Dtype::F32, (*shape).clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    safetensors::serialize(views, Some(metadata))
}

fn decode(content: &[u8]) -> Result<Snapshot, String> {
    let (_, header) = SafeTensors::read_metadata(content).map_err(|error| error.to_string())?;
    let json = header.metadata().as_ref().and_then(|all| all.get(METADATA_KEY));
    let json = json.ok_or("it has no metadata of this program")?;
    let metadata: Metadata =
        serde_json::from_str(json).map_err(|error| format!("its metadata is wrong: {error}"))?;
    if metadata.format != FORMAT {
        return Err(format!("it has format {}, this program reads {FORMAT}", metadata.format));
    }
    let tensors = SafeTensors::deserialize(content).map_err(|error| error.to_string())?;
    let arrays = tensors
        .iter()
        .map(|(name, view)| match view.dtype() {
            Dtype::F32 => Ok((name.to_owned(), array(&view))),
            other => Err(format!("tensor {name} has type {other:?}, expected F32")),
        })
        .collect::<Result<_, String>>()?;
    let state = LaneState {
        step: metadata.step,
        generator_updates: metadata.generator_updates,
        discriminator_updates: metadata.discriminator_updates,
        arrays,
    };
    Ok(Snapshot { run: metadata.run, state, tally: metadata.tally })
}

fn array(view: &TensorView<'_>) -> Array {
    let (floats, _) = view.data().as_chunks::<4>();
    Array {
        shape: view.shape().to_vec(),
        values: floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
    }
}
