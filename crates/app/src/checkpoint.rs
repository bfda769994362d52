//! The checkpoints of a recorded run: the last one and, where the run keeps one, the best.

use std::path::Path;

use gansweep_config::{Config, DatasetSpec, RunId};
use gansweep_protocol::{BestCheckpoint, Checkpoint};
use gansweep_store::{CheckpointRow, Reader, RunRow};
use gansweep_train::checkpoint::{self, Expected, Snapshot};

use crate::{AppError, check};

/// One of the checkpoints of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichCheckpoint {
    /// The last one.
    Last,
    /// The one with the best value of a quality figure.
    Best,
}

impl WhichCheckpoint {
    /// The best one, if that is asked for, or else the last one.
    pub const fn best_if(asked: bool) -> Self {
        if asked { Self::Best } else { Self::Last }
    }
}

/// Reads a recorded checkpoint of a run.
pub(crate) fn read_checkpoint(
    reader: &Reader,
    run: &RunRow,
    which: WhichCheckpoint,
    config: &Config,
    spec: &DatasetSpec,
    results: &Path,
) -> Result<Snapshot, AppError> {
    let (recorded, written_for) = match which {
        WhichCheckpoint::Last => last_checkpoint(reader, run)?,
        WhichCheckpoint::Best => (best_checkpoint(reader, run)?, None),
    };
    let expected = Expected { run: Some(written_for.as_ref().unwrap_or(&run.id)), config, spec };
    let snapshot = checkpoint::read(results, &recorded, &expected);
    let path = results.join(recorded.path);
    snapshot.map_err(|reason| AppError::UnusableCheckpoint {
        run: run.id.to_string(),
        path,
        reason,
        way_out: check::way_out(reader, run),
    })
}

/// The last checkpoint, and the id in its file where that is not the run's.
fn last_checkpoint(reader: &Reader, run: &RunRow) -> Result<(Checkpoint, Option<RunId>), AppError> {
    let Some(row) = reader.checkpoint(&run.id)? else {
        let (id, label) = (run.id.to_string(), run.label.clone());
        return Err(match reader.best_checkpoint(&run.id)? {
            None => AppError::NoCheckpoint {
                run: id,
                label,
                state: run.state,
                way_out: check::way_out(reader, run),
            },
            Some(_) => AppError::OnlyBestCheckpoint { run: id, label },
        });
    };
    let CheckpointRow { step, path, bytes, sha256, written_for, .. } = row;
    Ok((Checkpoint { step, path, bytes, sha256, best: None }, written_for))
}

fn best_checkpoint(reader: &Reader, run: &RunRow) -> Result<Checkpoint, AppError> {
    let best = reader.best_checkpoint(&run.id)?;
    let BestCheckpoint { step, path, bytes, sha256, .. } =
        best.ok_or_else(|| AppError::NoBestCheckpoint { run: run.id.to_string(), label: run.label.clone() })?;
    Ok(Checkpoint { step, path, bytes, sha256, best: None })
}
