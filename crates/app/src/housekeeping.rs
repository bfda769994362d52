//! Housekeeping in a results folder: remove sweeps and runs, free space, rename, tag.
//!
//! Each job holds the folder's lock from its preview to its end, so that what the user has agreed to is what happens.
//! Records are changed before files are deleted: a job that is killed in between leaves files that no record names, which
//! [`gc`] finds.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gansweep_base::{file, untrusted};
use gansweep_config::{RunId, RunState};
use gansweep_protocol::{CHECKPOINTS, Metric};
use gansweep_scheduler::{Deleted, delete_checkpoints, is_own_file, program_copies, unrecorded_checkpoints};
use gansweep_store::{
    Reader, Removal, ResultsLock, RunFiles, RunFilter, RunRow, Store, StoreError, SweepSize,
};

use crate::recorded::SweepOrRun;
use crate::{AppError, check, recorded, report, slurm};

/// Runs and sweeps that are to be removed.
#[derive(Debug)]
pub struct PlannedRemoval {
    results: PathBuf,
    _lock: ResultsLock,
    store: Store,
    sweeps: Vec<String>,
    runs: Vec<RunId>,
    /// What goes.
    pub removal: Removal,
}

/// Finds what goes if these sweeps (by name) and runs (by the beginning of their ids) are removed. A name that is both is the
/// sweep's.
pub fn plan_removal(results: &Path, names: &[String]) -> Result<PlannedRemoval, AppError> {
    let reader = Reader::open(results)?;
    let lock = check::lock_now(results)?;
    slurm::refuse_beside_jobs(results)?;
    let (mut sweeps, mut runs) = (Vec::new(), Vec::new());
    for name in names {
        match recorded::find(&reader, name)? {
            SweepOrRun::Sweep(_) => sweeps.push(name.clone()),
            SweepOrRun::Run(run) => runs.push(run.id),
        }
    }
    let store = Store::open(results)?;
    let removal = store.removal(&sweeps, &runs)?;
    Ok(PlannedRemoval { results: results.to_owned(), _lock: lock, store, sweeps, runs, removal })
}

impl PlannedRemoval {
    /// Removes the records, then the files; returns which files were deleted.
    pub fn carry_out(mut self) -> Result<Deleted, AppError> {
        let removal = self.store.remove(&self.sweeps, &self.runs)?;
        drop(self.store);
        let mut files = recorded_paths(&self.results, &removal.runs);
        let kept: BTreeSet<PathBuf> =
            recorded_paths(&self.results, &Reader::open(&self.results)?.run_files()?).into_iter().collect();
        let gone: HashSet<&str> = removal.runs.iter().map(|run| run.run.as_str()).collect();
        files.extend(unrecorded(&self.results, &kept)?.into_iter().filter(|path| {
            let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
            folder.is_some_and(|name| gone.contains(name))
        }));
        files.sort();
        files.dedup();
        for sweep in &self.sweeps {
            delete_page(&self.results, sweep)?;
        }
        delete(&self.results, &files)
    }
}

/// Which weights of completed runs [`gc`] keeps. Those of runs that may go on are always kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepWeights {
    /// Those of all runs.
    Last,
    /// The best checkpoint of each run by this metric. Of a sweep's runs that keep none, the weights of the one with the best
    /// last value; those of all where no run of the sweep has a value.
    Best(Metric),
    /// None.
    None,
}

/// What can be freed in a results folder.
#[derive(Debug)]
pub struct PlannedCleaning {
    results: PathBuf,
    _lock: ResultsLock,
    /// Checkpoints of completed runs that go.
    pub checkpoints: Vec<RunFiles>,
    /// Sweeps whose weights are all kept, because none of their runs has a value that says which are best.
    pub unranked: Vec<String>,
    /// Files of checkpoints that no record names, and of pages that were never finished.
    pub leftovers: Vec<PathBuf>,
    /// Copies of the program that jobs of a cluster ran. No job is left that needs one.
    pub programs: Vec<PathBuf>,
    /// Bytes of all these files.
    pub bytes: u64,
    /// Those of the copies of the program.
    pub program_bytes: u64,
    /// Bytes by which the database becomes smaller, at least.
    pub database_bytes: u64,
}

/// What a cleaning has freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freed {
    /// Files that were deleted.
    pub files: Deleted,
    /// Configs and datasets that no run had.
    pub rows: usize,
    /// Bytes by which the database became smaller.
    pub database_bytes: u64,
}

/// Finds what nothing needs any more.
pub fn gc(results: &Path, keep: KeepWeights) -> Result<PlannedCleaning, AppError> {
    // What an older version has written can be read once a writer has brought it up to date.
    let opened = match Reader::open(results) {
        Err(StoreError::Older { .. }) => None,
        opened => Some(opened?),
    };
    let lock = check::lock_now(results)?;
    slurm::refuse_beside_jobs(results)?;
    let reader = if let Some(reader) = opened {
        reader
    } else {
        drop(Store::open(results)?);
        Reader::open(results)?
    };
    let all = reader.run_files()?;
    let recorded: BTreeSet<PathBuf> = recorded_paths(results, &all).into_iter().collect();
    let mut leftovers = unrecorded(results, &recorded)?;
    leftovers.extend(unfinished_pages(results)?);
    let programs =
        program_copies(results).map_err(|source| AppError::File { path: results.join("slurm"), source })?;
    let (kept, unranked) = kept_files(&reader, keep, &all)?;
    // A checkpoint that cannot be deleted must not be forgotten.
    let goes = |path: &String| {
        let is_own = |path: PathBuf| is_own_file(results, &path);
        !kept.contains(path) && untrusted::resolve(results, path).is_ok_and(is_own)
    };
    let unneeded = |files: RunFiles| RunFiles {
        run: files.run,
        checkpoint: files.checkpoint.filter(goes),
        best: files.best.filter(goes),
    };
    let checkpoints: Vec<RunFiles> =
        all.into_iter().map(unneeded).filter(|files| files.paths().next().is_some()).collect();
    let files = recorded_paths(results, &checkpoints).into_iter().chain(leftovers.iter().cloned());
    let program_bytes = programs.iter().map(|path| length(path)).sum();
    let bytes = files.map(|path| length(&path)).sum::<u64>() + program_bytes;
    let (results, database_bytes) = (results.to_owned(), reader.unused_bytes()?);
    Ok(PlannedCleaning {
        results,
        _lock: lock,
        checkpoints,
        unranked,
        leftovers,
        programs,
        bytes,
        program_bytes,
        database_bytes,
    })
}

/// The length of a file; 0 if there is none.
fn length(path: &Path) -> u64 {
    fs::symlink_metadata(path).map_or(0, |found| found.len())
}

impl PlannedCleaning {
    /// Deletes it, and makes the database smaller if much of it is free.
    pub fn carry_out(self) -> Result<Freed, AppError> {
        let mut store = Store::open(&self.results)?;
        store.forget_checkpoints(&self.checkpoints)?;
        let rows = store.remove_unused()?;
        let database_bytes = store.compact()?;
        drop(store);
        let mut files = recorded_paths(&self.results, &self.checkpoints);
        let (pages, checkpoints): (Vec<PathBuf>, Vec<PathBuf>) =
            self.leftovers.into_iter().partition(|path| path.parent() == Some(&*self.results));
        files.extend(checkpoints);
        let mut files = delete(&self.results, &files)?;
        // A page that another process writes now is locked and stays.
        let remove_page: fn(&Path) -> io::Result<()> = file::remove_leftover;
        let remove_copy: fn(&Path) -> io::Result<()> = |path| fs::remove_file(path);
        let pages = pages.iter().map(|page| (page, remove_page));
        let programs = self.programs.iter().map(|copy| (copy, remove_copy));
        for (path, remove) in pages.chain(programs) {
            let bytes = length(path);
            remove(path).map_err(|source| AppError::File { path: path.clone(), source })?;
            if !path.exists() {
                files.files += 1;
                files.bytes += bytes;
            }
        }
        Ok(Freed { files, rows, database_bytes })
    }
}

/// The files of checkpoints that are kept, and the sweeps of which all are because no run has a value.
fn kept_files(
    reader: &Reader,
    keep: KeepWeights,
    all: &[RunFiles],
) -> Result<(HashSet<String>, Vec<String>), AppError> {
    let runs = reader.runs(&RunFilter::default())?;
    // A run that two sweeps share may be completed for one of them and not for the other.
    let goes_on = |run: &&RunRow| !matches!(run.state, RunState::Completed | RunState::Diverged);
    let going_on: HashSet<&RunId> = runs.iter().filter(goes_on).map(|run| &run.id).collect();
    let is_kept = |files: &&RunFiles| keep == KeepWeights::Last || going_on.contains(&files.run);
    let mut kept: HashSet<String> = all.iter().filter(is_kept).flat_map(RunFiles::paths).cloned().collect();
    let mut unranked = BTreeSet::new();
    if let KeepWeights::Best(metric) = keep {
        let mut without = HashMap::new();
        for files in all {
            match reader.best_checkpoint(&files.run)?.filter(|best| best.metric == metric) {
                Some(best) => drop(kept.insert(best.path)),
                None => drop(without.insert(&files.run, files)),
            }
        }
        let best = best_of_sweeps(reader, runs.iter().filter(|run| without.contains_key(&run.id)), metric)?;
        let keeps_best = |run: &&RunRow| !without.contains_key(&run.id);
        let ranked: HashSet<_> =
            runs.iter().filter(keeps_best).map(|run| &run.sweep).chain(best.keys().copied()).collect();
        let of_unranked = runs.iter().filter(|run| !ranked.contains(&run.sweep));
        unranked.extend(of_unranked.clone().filter_map(|run| run.sweep.clone()));
        let kept_runs = best.values().copied().chain(of_unranked.map(|run| &run.id));
        kept.extend(kept_runs.filter_map(|run| without.get(run)?.checkpoint.clone()));
    }
    Ok((kept, unranked.into_iter().collect()))
}

/// The run with the best last value, of each sweep in which some run has one.
fn best_of_sweeps<'r>(
    reader: &Reader,
    runs: impl Iterator<Item = &'r RunRow>,
    metric: Metric,
) -> Result<BTreeMap<&'r Option<String>, &'r RunId>, AppError> {
    let mut best: BTreeMap<&Option<String>, (f64, &RunId)> = BTreeMap::new();
    for run in runs {
        let Some(value) = last_value(reader, run, metric)? else { continue };
        if best.get(&run.sweep).is_none_or(|(best, _)| metric.is_better(value, *best)) {
            best.insert(&run.sweep, (value, &run.id));
        }
    }
    Ok(best.into_iter().map(|(sweep, (_, run))| (sweep, run)).collect())
}

fn last_value(reader: &Reader, run: &RunRow, metric: Metric) -> Result<Option<f64>, AppError> {
    let summary = reader.summary(&run.id, metric, run.total_steps)?;
    Ok(summary.map(|summary| summary.last).filter(|value| value.is_finite()))
}

/// A sweep that is to be renamed.
#[derive(Debug)]
pub struct PlannedRenaming {
    results: PathBuf,
    _lock: ResultsLock,
    sweep: String,
    name: String,
}

/// Checks that a sweep can be given another name.
///
/// # Errors
/// A text that cannot be a name; no sweep of the old name; another one of the new name.
pub fn plan_renaming(results: &Path, sweep: &str, name: &str) -> Result<PlannedRenaming, AppError> {
    if !gansweep_config::schema::is_name(name) {
        return Err(AppError::BadName { name: name.to_owned() });
    }
    let reader = Reader::open(results)?;
    reader.require_sweep(sweep)?;
    match reader.require_sweep(name) {
        Ok(()) if sweep != name => return Err(StoreError::SweepExists { name: name.to_owned() }.into()),
        Ok(()) | Err(StoreError::UnknownSweep { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let lock = check::lock_now(results)?;
    let (results, sweep, name) = (results.to_owned(), sweep.to_owned(), name.to_owned());
    Ok(PlannedRenaming { results, _lock: lock, sweep, name })
}

impl PlannedRenaming {
    /// Renames the sweep, and its page if it has one. An experiment file that has the old name starts a sweep of the old name
    /// again.
    pub fn carry_out(self) -> Result<(), AppError> {
        let Self { results, sweep, name, .. } = &self;
        Store::open(results)?.rename_sweep(sweep, name)?;
        let page = report::page_of(results, sweep);
        if sweep != name && page.is_file() && !page.is_symlink() {
            report::make(&report::ReportRequest {
                results: results.clone(),
                sweeps: vec![name.clone()],
                out: None,
                objective: None,
                max_image_bytes: None,
                split: false,
            })?;
            delete_page(results, sweep)?;
        }
        Ok(())
    }
}

/// Puts a tag on a run, or takes it off. Returns the run, and whether that changed anything.
pub fn tag(results: &Path, run: &str, tag: &str, on: bool) -> Result<(RunRow, bool), AppError> {
    if !gansweep_config::schema::is_name(tag) {
        return Err(AppError::BadName { name: tag.to_owned() });
    }
    // One that is there already can be taken off.
    if on && tag.contains(',') {
        return Err(AppError::CommaInTag { tag: tag.to_owned() });
    }
    let run = Reader::open(results)?.run(run)?;
    let _lock = check::lock_now(results)?;
    let changed = Store::open(results)?.tag(&run.id, tag, on)?;
    Ok((run, changed))
}

/// The sizes of all sweeps.
pub fn sizes(results: &Path) -> Result<Vec<SweepSize>, AppError> {
    Ok(recorded::open(results)?.sweep_sizes()?)
}

/// The files of checkpoints that the database names. A path that leads out of the folder is none.
fn recorded_paths(results: &Path, runs: &[RunFiles]) -> Vec<PathBuf> {
    let paths = runs.iter().flat_map(RunFiles::paths);
    paths.filter_map(|path| untrusted::resolve(results, path).ok()).collect()
}

fn unrecorded(results: &Path, recorded: &BTreeSet<PathBuf>) -> Result<Vec<PathBuf>, AppError> {
    let failed = |source| AppError::File { path: results.join(CHECKPOINTS), source };
    unrecorded_checkpoints(results, recorded).map_err(failed)
}

/// Deletes files of checkpoints.
pub(crate) fn delete(results: &Path, paths: &[PathBuf]) -> Result<Deleted, AppError> {
    let failed = |source| AppError::File { path: results.join(CHECKPOINTS), source };
    delete_checkpoints(results, paths).map_err(failed)
}

/// Temporary files of pages whose writers were killed.
fn unfinished_pages(results: &Path) -> Result<Vec<PathBuf>, AppError> {
    let failed = |source| AppError::File { path: results.to_owned(), source };
    let is_page = |name: &str| Path::new(name).extension().is_some_and(|it| it == "html");
    let mut found = Vec::new();
    for entry in fs::read_dir(results).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| file::is_temporary_of(name, is_page)) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Deletes the page of a sweep. A link is deleted and its target left alone.
fn delete_page(results: &Path, sweep: &str) -> Result<(), AppError> {
    let page = report::page_of(results, sweep);
    match fs::remove_file(&page) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(AppError::File { path: page, source }),
        _ => Ok(()),
    }
}
