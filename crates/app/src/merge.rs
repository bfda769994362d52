//! Merges results of other machines into a results folder.
//!
//! Files of checkpoints are copied first, under names that nothing has, then the records change in one transaction, and files
//! that no record names any more are deleted last. A merge that is killed leaves files at most, which `gansweep gc` finds.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gansweep_base::digest::sha256;
use gansweep_base::{file, untrusted};
use gansweep_config::RunId;
use gansweep_scheduler::delete_checkpoints;
use gansweep_store::{CheckpointRow, Conflict, DamageKind, Reader, Store};

use crate::{AppError, check, slurm};

/// What a merge has done with one other database.
#[derive(Debug, Clone, PartialEq)]
pub struct MergeOutcome {
    /// The other database.
    pub from: PathBuf,
    /// Runs that were taken from it.
    pub taken: usize,
    /// Runs that both have, the same.
    pub equal: usize,
    /// Runs that are longer here.
    pub kept: usize,
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
    let plan = store.plan_merge(other)?;
    let folder = other.path().parent().unwrap_or(Path::new(".")).to_owned();
    let (mut paths, mut without_checkpoint) = (BTreeMap::new(), Vec::new());
    for files in plan.taken.iter().filter(|files| files.checkpoint.is_some()) {
        let Some(row) = other.checkpoint(&files.run)? else { continue };
        match bring(results, &folder, &files.run, &row) {
            Ok(path) => drop(paths.insert(files.run.clone(), path)),
            Err(Missing::There(reason)) => without_checkpoint.push((files.run.clone(), reason)),
            Err(Missing::Here { path, source }) => return Err(AppError::File { path, source }),
        }
    }
    let merged = store.merge(other, &plan, &paths)?;
    let kept: HashSet<&String> = paths.values().collect();
    let replaced = merged.replaced.iter().filter_map(|files| files.checkpoint.as_ref());
    let unneeded: Vec<PathBuf> = replaced
        .filter(|path| !kept.contains(path))
        .filter_map(|path| untrusted::resolve(results, path).ok())
        .collect();
    let deleted = delete_checkpoints(results, &unneeded);
    deleted.map_err(|source| AppError::File { path: results.join("checkpoints"), source })?;
    Ok(MergeOutcome {
        from: other.path().to_owned(),
        taken: plan.taken.len(),
        equal: plan.equal,
        kept: plan.kept,
        conflicts: plan.conflicts,
        sweeps: merged.sweeps,
        without_checkpoint,
    })
}

/// Why a checkpoint is not copied.
enum Missing {
    /// It cannot be read where it is, or is not what was recorded.
    There(String),
    /// It cannot be written here.
    Here { path: PathBuf, source: io::Error },
}

/// Copies a checkpoint, and returns its path in the results folder.
fn bring(results: &Path, from: &Path, run: &RunId, row: &CheckpointRow) -> Result<String, Missing> {
    let content = untrusted::resolve(from, &row.path).and_then(|path| untrusted::read(&path, row.bytes));
    let content = content.map_err(|error| Missing::There(error.to_string()))?;
    if !sha256(&content).eq_ignore_ascii_case(&row.sha256) {
        return Err(Missing::There("its content is not what was recorded".to_owned()));
    }
    // A file of the same step may be recorded here with other content, until the records have changed.
    for digits in 8..32 {
        let relative = format!("checkpoints/{run}/step-{:0digits$}.safetensors", row.step);
        let path = results.join(&relative);
        if fs::read(&path).is_ok_and(|present| present == content) {
            return Ok(relative);
        }
        if path.symlink_metadata().is_err() {
            let folder = path.parent().unwrap_or(results);
            let written = file::make_own_folder(folder).and_then(|()| file::replace(&path, &content));
            return written.map(|()| relative).map_err(|source| Missing::Here { path, source });
        }
    }
    let source = io::Error::from(io::ErrorKind::AlreadyExists);
    Err(Missing::Here { path: results.join("checkpoints").join(run.as_str()), source })
}
