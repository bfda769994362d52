//! Merges results of other machines into a results folder.
//!
//! Files of checkpoints are copied first, under names that nothing has, then the records change in one transaction, and files
//! that no record names any more are deleted last. A merge that is killed leaves files at most, which `gansweep gc` finds.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::iter;
use std::path::{Path, PathBuf};

use gansweep_base::digest::sha256;
use gansweep_base::{file, untrusted};
use gansweep_config::RunId;
use gansweep_protocol::{BestCheckpoint, CHECKPOINTS, Checkpoint, checkpoint_path, other_checkpoint_paths};
use gansweep_store::{CheckpointRow, Conflict, DamageKind, Reader, RunFiles, Store};

use crate::{AppError, check, housekeeping, slurm};

/// What a merge has done with one other database.
#[derive(Debug, Clone, PartialEq)]
pub struct MergeOutcome {
    /// The other database.
    pub from: PathBuf,
    /// Runs that were taken from it.
    pub taken: usize,
    /// Runs that both have, the same.
    pub equal: usize,
    /// Runs that stay as they are here: they are longer, or as long and their records come first in a fixed order.
    pub kept: usize,
    /// Runs that get quality figures of the other record.
    pub evaluated: usize,
    /// Runs that are longer there, but have lost the checkpoint that they would go on from, and why. The record here can go on.
    pub resumable_here: Vec<(RunId, String)>,
    /// Runs of which both have a step with different values. The longer one is kept.
    pub conflicts: Vec<Conflict>,
    /// Sweeps of one name whose experiment files differ.
    pub sweeps: Vec<String>,
    /// Runs whose checkpoints were recorded there and cannot be had, and why.
    pub without_checkpoint: Vec<(RunId, String)>,
}

/// Merges other databases, or the ones in other results folders, into a results folder, which is created if it is missing. The
/// others are only read.
pub fn merge(results: &Path, others: &[PathBuf]) -> Result<Vec<MergeOutcome>, AppError> {
    // All are looked at before anything is written.
    let readers = others.iter().map(|other| open(other)).collect::<Result<Vec<_>, AppError>>()?;
    let _lock = check::lock_now(results)?;
    slurm::refuse_beside_jobs(results)?;
    let mut store = Store::open(results)?;
    store.reclaim_stale()?;
    let here = fs::canonicalize(store.path()).ok();
    readers
        .iter()
        .filter(|reader| fs::canonicalize(reader.path()).ok() != here)
        .map(|reader| merge_one(results, &mut store, reader))
        .collect()
}

/// Opens another database, and refuses a damaged one.
fn open(other: &Path) -> Result<Reader, AppError> {
    let reader = Reader::open(other)?;
    let damage = reader.check()?;
    let mut broken = damage.iter().filter(|damage| damage.kind == DamageKind::Contradiction);
    match broken.next() {
        None => Ok(reader),
        Some(first) => {
            let (path, first, more) = (reader.path().to_owned(), first.to_string(), broken.count());
            Err(AppError::Damaged { path, first, more })
        }
    }
}

fn merge_one(results: &Path, store: &mut Store, other: &Reader) -> Result<MergeOutcome, AppError> {
    // Its writer may go on meanwhile.
    let _snapshot = other.snapshot()?;
    let mut plan = store.plan_merge(other)?;
    let folder = other.path().parent().unwrap_or(Path::new(".")).to_owned();
    let (mut brought, mut without_checkpoint, mut resumable_here) = (BTreeMap::new(), Vec::new(), Vec::new());
    for RunFiles { run, .. } in &plan.taken {
        let last = other.checkpoint(run)?.map(File::from);
        let read = last.as_ref().map(|file| file.read(&folder));
        if let Some(Err(error)) = &read
            && goes_on_only_here(results, store, other, run)?
        {
            resumable_here.push((run.clone(), error.clone()));
            continue;
        }
        let mut bring = |read: Option<Result<Content, String>>| match read {
            None => Ok(None),
            Some(Ok(content)) => bring(results, run, &content).map(Some),
            Some(Err(reason)) => {
                without_checkpoint.push((run.clone(), reason));
                Ok(None)
            }
        };
        let checkpoint = bring(read)?;
        let best = match other.best_checkpoint(run)?.map(File::from) {
            // Often the last checkpoint is the best one.
            best if best == last => checkpoint.clone(),
            best => bring(best.map(|file| file.read(&folder)))?,
        };
        brought.insert(run.clone(), RunFiles { run: run.clone(), checkpoint, best });
    }
    let kept_here: HashSet<&RunId> = resumable_here.iter().map(|(run, _)| run).collect();
    plan.taken.retain(|files| !kept_here.contains(&files.run));
    plan.evaluated.retain(|id| !kept_here.contains(id));
    let merged = store.merge(other, &plan, &brought)?;
    let kept: HashSet<&String> = brought.values().flat_map(RunFiles::paths).collect();
    let replaced = merged.replaced.iter().flat_map(RunFiles::paths);
    let unneeded: Vec<PathBuf> = replaced
        .filter(|path| !kept.contains(path))
        .filter_map(|path| untrusted::resolve(results, path).ok())
        .collect();
    housekeeping::delete(results, &unneeded)?;
    Ok(MergeOutcome {
        from: other.path().to_owned(),
        taken: plan.taken.len(),
        equal: plan.equal,
        kept: plan.kept,
        evaluated: plan.evaluated.len(),
        resumable_here,
        conflicts: plan.conflicts,
        sweeps: merged.sweeps,
        without_checkpoint,
    })
}

/// Whether a run is to be trained further and has a checkpoint here to go on from. Without one it would begin anew.
fn goes_on_only_here(
    results: &Path,
    store: &mut Store,
    other: &Reader,
    run: &RunId,
) -> Result<bool, AppError> {
    let there = other.statuses(std::slice::from_ref(run))?.remove(run);
    if there.is_none_or(|there| there.state.is_final()) {
        return Ok(false);
    }
    let here = store.statuses(std::slice::from_ref(run))?.remove(run);
    let checkpoint = here.and_then(|here| here.resume).map(|resume| resume.checkpoint);
    Ok(checkpoint.is_some_and(|checkpoint| File::from(checkpoint).read(results).is_ok()))
}

/// The file of a checkpoint, as it is recorded.
#[derive(PartialEq)]
struct File {
    step: u64,
    path: String,
    bytes: u64,
    sha256: String,
}

impl From<CheckpointRow> for File {
    fn from(CheckpointRow { step, path, bytes, sha256, .. }: CheckpointRow) -> Self {
        Self { step, path, bytes, sha256 }
    }
}

impl From<BestCheckpoint> for File {
    fn from(BestCheckpoint { step, path, bytes, sha256, .. }: BestCheckpoint) -> Self {
        Self { step, path, bytes, sha256 }
    }
}

impl From<Checkpoint> for File {
    fn from(Checkpoint { step, path, bytes, sha256, .. }: Checkpoint) -> Self {
        Self { step, path, bytes, sha256 }
    }
}

impl File {
    /// Reads it in a results folder; or says why it is not what was recorded.
    fn read(&self, results: &Path) -> Result<Content, String> {
        let bytes =
            untrusted::resolve(results, &self.path).and_then(|path| untrusted::read(&path, self.bytes));
        let bytes = bytes.map_err(|error| error.to_string())?;
        if sha256(&bytes).eq_ignore_ascii_case(&self.sha256) {
            return Ok(Content { step: self.step, bytes });
        }
        Err("its content is not what was recorded".to_owned())
    }
}

/// The content of a checkpoint's file, which is what was recorded.
struct Content {
    step: u64,
    bytes: Vec<u8>,
}

/// Writes a checkpoint that was read elsewhere, and returns its path in the results folder.
fn bring(results: &Path, run: &RunId, Content { step, bytes }: &Content) -> Result<String, AppError> {
    // A file of the same step may be recorded here with other content, until the records have changed.
    for relative in iter::once(checkpoint_path(run, *step)).chain(other_checkpoint_paths(run, *step)) {
        let path = results.join(&relative);
        if fs::read(&path).is_ok_and(|present| present == *bytes) {
            return Ok(relative);
        }
        if path.symlink_metadata().is_err() {
            let folder = path.parent().unwrap_or(results);
            let written = file::make_own_folder(folder).and_then(|()| file::replace(&path, bytes));
            return written.map(|()| relative).map_err(|source| AppError::File { path, source });
        }
    }
    let source = io::Error::from(io::ErrorKind::AlreadyExists);
    Err(AppError::File { path: results.join(CHECKPOINTS).join(run.as_str()), source })
}
