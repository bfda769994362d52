//! Checkpoints: everything that a resumed run needs to continue with the same bits.
//!
//! A checkpoint is a `safetensors` file with PyTorch's names and layouts under `generator.` and
//! `discriminator.`, so that other tools can read it. Counters and sums are in its metadata.
//!
//! Reading trusts neither the file nor the record of it: the path stays in the results folder, the file must
//! be a regular one, and no more is read than the config's tensors need.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use gansweep_base::digest::sha256;
use gansweep_base::{file, untrusted};
use gansweep_config::{Config, DatasetSpec, RunId};
use gansweep_protocol::{Checkpoint, checkpoint_path};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::{CheckpointError, Tally, TrainError};
use gansweep_nn::state::{Array, LaneState, state_bytes};

const FORMAT: &str = "gansweep-checkpoint-1";
const METADATA_KEY: &str = "gansweep";
/// The most bytes of a file besides its tensors. A header has some 100 bytes for each tensor, of which there are
/// fewer than 500, and a hundred more for each metric.
const MAX_HEADER: u64 = 1 << 20;

/// Everything of a lane between two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The run that wrote it.
    pub run: RunId,
    /// What the backend resumes from.
    pub state: LaneState,
    /// Metrics that are not recorded yet.
    pub tally: Tally,
}

/// A checkpoint that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Path relative to the results folder.
    pub path: String,
    /// Length of the file.
    pub bytes: u64,
    /// SHA-256 of the content, in hexadecimal.
    pub sha256: String,
}

/// What a checkpoint must fit to be of use.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The run that it must be of; `None` if any run will do.
    pub run: Option<&'a RunId>,
    /// The config whose tensors it must have.
    pub config: &'a Config,
    /// The dataset that the config is trained on.
    pub spec: &'a DatasetSpec,
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

/// The format alone, so that a file of another version is named as such, whatever else is in it.
#[derive(Deserialize)]
struct Versioned {
    format: String,
}

/// Writes a snapshot atomically: after a crash the whole file exists, or none. Calls `progress` now and then.
///
/// # Errors
///
/// If the file cannot be written.
pub fn write(
    results_dir: &Path,
    snapshot: &Snapshot,
    progress: &mut dyn FnMut() -> Result<(), TrainError>,
) -> Result<Written, TrainError> {
    let relative = checkpoint_path(&snapshot.run, snapshot.state.step);
    let path = results_dir.join(&relative);
    let content = encode(snapshot)?;
    progress()?;
    let sha256 = sha256(&content);
    let failed = |source| TrainError::File { path: path.clone(), source };
    // The results folder itself is not made again: where it was moved away, nobody would look for the file there.
    let folder = path.parent().filter(|_| results_dir.is_dir());
    let made = folder.map_or_else(|| Err(io::ErrorKind::NotFound.into()), file::make_own_folder);
    made.map_err(failed)?;
    let mut file = file::NewFile::create_own(&path).map_err(failed)?;
    for part in content.chunks(PART) {
        progress()?;
        io::Write::write_all(&mut file, part).map_err(failed)?;
    }
    // The flush to the disk, which is in one piece.
    progress()?;
    file.finish().map_err(failed)?;
    Ok(Written { path: relative, bytes: content.len() as u64, sha256 })
}

/// Bytes that are written between two calls of `progress`: a slow disk takes half a second.
const PART: usize = 8 << 20;

/// Reads a recorded checkpoint, and checks that it is what was recorded and what is expected.
///
/// Takes memory for twice the tensors of the expected config, and never more.
///
/// # Errors
///
/// Why it cannot be used. A run whose checkpoint cannot be used can only be trained from the beginning.
pub fn read(
    results_dir: &Path,
    recorded: &Checkpoint,
    expected: &Expected<'_>,
) -> Result<Snapshot, CheckpointError> {
    let &Expected { config, spec, .. } = expected;
    let most = state_bytes(config, spec).map_err(|cause| CheckpointError::Misfit(cause.to_string()))?;
    if recorded.bytes > most.saturating_add(MAX_HEADER) {
        return Err(CheckpointError::Misfit(format!("it has {} bytes", recorded.bytes)));
    }
    let content = untrusted::resolve(results_dir, &recorded.path)
        .and_then(|path| untrusted::read(&path, recorded.bytes))
        .map_err(CheckpointError::of_file)?;
    if !sha256(&content).eq_ignore_ascii_case(&recorded.sha256) {
        return Err(CheckpointError::Content);
    }
    let mut snapshot = decode(&content)?;
    check_snapshot(&snapshot, recorded.step, expected)?;
    snapshot.state.mend(config, spec).map_err(|cause| CheckpointError::Misfit(cause.to_string()))?;
    Ok(snapshot)
}

/// Checks that the content of a checkpoint file is one that a run of `config` can resume from at `step`; the error says
/// why not. `written_for` is the id that the file names.
///
/// # Errors
///
/// As [`read`], for the content alone.
pub fn check(
    content: &[u8],
    written_for: &RunId,
    step: u64,
    config: &Config,
    spec: &DatasetSpec,
) -> Result<(), String> {
    let expected = Expected { run: Some(written_for), config, spec };
    let snapshot = decode(content);
    let checked = snapshot.and_then(|snapshot| check_snapshot(&snapshot, step, &expected));
    checked.map_err(|error| error.to_string())
}

fn check_snapshot(snapshot: &Snapshot, step: u64, expected: &Expected<'_>) -> Result<(), CheckpointError> {
    let Expected { run, config, spec } = *expected;
    if let Some(run) = run.filter(|run| **run != snapshot.run) {
        let found = format!("run {}", snapshot.run);
        return Err(CheckpointError::Other { found, expected: run.to_string() });
    }
    if snapshot.state.step != step {
        let found = format!("step {}", snapshot.state.step);
        return Err(CheckpointError::Other { found, expected: step.to_string() });
    }
    snapshot.state.check(config, spec).map_err(CheckpointError::Misfit)
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
    TrainError::Export(format!("checkpoint of run {run}: {error}"))
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

/// The snapshot in the bytes of a checkpoint.
///
/// # Errors
///
/// [`CheckpointError::Format`].
pub fn decode(content: &[u8]) -> Result<Snapshot, CheckpointError> {
    let malformed = CheckpointError::Format;
    let (_, header) = SafeTensors::read_metadata(content).map_err(|error| malformed(error.to_string()))?;
    let json = header.metadata().as_ref().and_then(|all| all.get(METADATA_KEY));
    let json = json.ok_or_else(|| malformed("it has no metadata of this program".into()))?;
    let versioned: Versioned =
        serde_json::from_str(json).map_err(|error| malformed(format!("its metadata is wrong: {error}")))?;
    if versioned.format != FORMAT {
        return Err(malformed(format!("it has format {}, this program reads {FORMAT}", versioned.format)));
    }
    let metadata: Metadata =
        serde_json::from_str(json).map_err(|error| malformed(format!("its metadata is wrong: {error}")))?;
    let tensors = SafeTensors::deserialize(content).map_err(|error| malformed(error.to_string()))?;
    let arrays = tensors
        .iter()
        .map(|(name, view)| match view.dtype() {
            Dtype::F32 => Ok((name.to_owned(), array(&view))),
            other => Err(malformed(format!("tensor {name} has type {other:?}, expected F32"))),
        })
        .collect::<Result<_, CheckpointError>>()?;
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
