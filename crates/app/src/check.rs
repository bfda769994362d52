//! Search for damage in a results folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gansweep_config::{RunId, RunState};
use gansweep_protocol::{BestCheckpoint, Checkpoint};
use gansweep_store::{
    CheckpointRow, Damage, DamageKind, Reader, ResultsLock, RunFilter, RunRow, RunStatus, Store, StoreError,
};
use gansweep_train::checkpoint::{self, Expected};

use crate::AppError;

/// A sweep spends no more than this on a search before it starts.
const LIMIT_AT_START: Duration = Duration::from_secs(1);
/// A report spends no more than this on it.
const LIMIT_FOR_REPORT: Duration = Duration::from_secs(3);

/// What was checked, and what is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// The database.
    pub database: PathBuf,
    /// Runs in it.
    pub runs: usize,
    /// Checkpoint files that were read.
    pub checkpoints: usize,
    /// What is damaged; empty if nothing is.
    pub damage: Vec<Damage>,
}

/// Checks the whole database and reads every recorded checkpoint.
pub fn check(results: &Path) -> Result<CheckResult, AppError> {
    let reader = Reader::open(results)?;
    let mut damage = reader.check()?;
    let folder = reader.path().parent().unwrap_or(results).to_owned();
    let mut runs = match reader.runs(&RunFilter::default()) {
        Ok(runs) => runs,
        // Named among the findings already.
        Err(StoreError::Corrupt { .. } | StoreError::Content { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    runs.sort_by(|a, b| a.id.cmp(&b.id));
    runs.dedup_by(|a, b| a.id == b.id);
    // Of a results folder without its checkpoints, every run asks for the command of its sweep.
    let mut commands = HashMap::new();
    let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
    let statuses = reader.statuses(&ids).unwrap_or_default();
    let mut checkpoints = 0;
    for run in &runs {
        let recorded = statuses.get(&run.id).map_or(0, |status| recorded_step(run, status));
        let found = [
            ("checkpoint", last(&reader, run, recorded, &folder)),
            ("best checkpoint", best(&reader, run, &folder)),
        ];
        for (name, found) in found {
            let detail = match found {
                Ok(Found::Nothing) => continue,
                Ok(Found::Usable) => None,
                Ok(Found::Unusable(reason)) => Some(reason),
                Err(error) => Some(error.to_string()),
            };
            checkpoints += 1;
            let Some(detail) = detail else { continue };
            let sweep = run.sweep.as_deref();
            let command = commands.entry(sweep).or_insert_with(|| sweep_command(&reader, sweep));
            damage.push(Damage {
                what: format!("the {name} of run {}", run.id),
                detail: format!("{detail}; {}", way_out_by(command, run.state)),
                run: Some(run.id.to_string()),
                kind: DamageKind::Contradiction,
            });
        }
    }
    let database = reader.path().to_owned();
    Ok(CheckResult { database, runs: runs.len(), checkpoints, damage })
}

/// What was found where a checkpoint may be recorded.
enum Found {
    Nothing,
    Usable,
    Unusable(String),
}

/// The end of the last epoch that is recorded of a run, which may be beyond the budget of the sweep that it is shown in.
fn recorded_step(run: &RunRow, status: &RunStatus) -> u64 {
    let per_epoch = run.steps_per_epoch();
    status.confirmed_epochs(per_epoch) * per_epoch
}

/// The last checkpoint of a run that is recorded up to the step `recorded`.
fn last(reader: &Reader, run: &RunRow, recorded: u64, results: &Path) -> Result<Found, StoreError> {
    let Some(row) = reader.checkpoint(&run.id)? else { return Ok(Found::Nothing) };
    let CheckpointRow { step, path, bytes, sha256, written_for, .. } = row;
    let checkpoint = Checkpoint { step, path, bytes, sha256, best: None };
    let found = read(reader, run, &checkpoint, written_for.as_ref(), results);
    let is_partial = run.state == RunState::Completed && step < recorded;
    Ok(match found {
        Found::Usable if is_partial => {
            Found::Unusable(format!("it is of step {step}, and the run is recorded up to step {recorded}"))
        }
        found => found,
    })
}

/// The best checkpoint of a run, unless it is the last one.
fn best(reader: &Reader, run: &RunRow, results: &Path) -> Result<Found, StoreError> {
    let last = reader.checkpoint(&run.id)?.map(|row| row.path);
    let best = reader.best_checkpoint(&run.id)?.filter(|best| Some(&best.path) != last.as_ref());
    let Some(BestCheckpoint { step, path, bytes, sha256, .. }) = best else { return Ok(Found::Nothing) };
    let recorded = Checkpoint { step, path, bytes, sha256, best: None };
    Ok(read(reader, run, &recorded, None, results))
}

fn read(
    reader: &Reader,
    run: &RunRow,
    recorded: &Checkpoint,
    written_for: Option<&RunId>,
    results: &Path,
) -> Found {
    let spec = reader.dataset(&run.data_fingerprint).map(|dataset| dataset.spec);
    let (config, spec) = match (run.typed_config(), spec) {
        (Ok(config), Ok(spec)) => (config, spec),
        (Err(error), _) | (_, Err(error)) => return Found::Unusable(error.to_string()),
    };
    let expected = Expected { run: Some(written_for.unwrap_or(&run.id)), config: &config, spec: &spec };
    match checkpoint::read(results, recorded, &expected) {
        Ok(_) => Found::Usable,
        Err(error) => Found::Unusable(format!("{}: {error}", recorded.path)),
    }
}

/// What to do about a checkpoint that cannot be used, which depends on the state of its run.
pub(crate) fn way_out(reader: &Reader, run: &RunRow) -> String {
    way_out_by(&sweep_command(reader, run.sweep.as_deref()), run.state)
}

/// The command that starts a sweep again. It has all arguments: with others the file may stand for other runs.
fn sweep_command(reader: &Reader, sweep: Option<&str>) -> String {
    let command = sweep.and_then(|name| reader.sweep_command(name).ok());
    command.unwrap_or_else(|| "gansweep sweep FILE".to_owned())
}

fn way_out_by(command: &str, state: RunState) -> String {
    match state {
        RunState::Completed => {
            format!("`{command} --restore-checkpoints` trains the run again and keeps what is recorded of it")
        }
        RunState::Diverged => "the run has diverged and is not trained again".to_owned(),
        _ => format!("the next `{command}` trains the run from the beginning"),
    }
}

/// Takes the rows of a database for what they should be, whoever changed them, and checks everything else.
pub fn accept_rows(results: &Path) -> Result<CheckResult, AppError> {
    // What has no database must not get one.
    Reader::open(results)?;
    let _lock = lock_now(results)?;
    Store::open(results)?.accept_rows()?;
    check(results)
}

/// Refuses a results folder that does not exist, for what would find nothing in it, or make one.
pub(crate) fn require_folder(results: &Path) -> Result<(), AppError> {
    match results.try_exists() {
        Ok(false) => Err(AppError::NoResults { results: results.to_owned() }),
        // What cannot be looked at is told by whatever reads it.
        Ok(true) | Err(_) => Ok(()),
    }
}

/// The lock of a results folder, for a command that does not wait for it.
pub(crate) fn lock_now(results: &Path) -> Result<ResultsLock, AppError> {
    let lock = ResultsLock::acquire(results, &mut |_| {}, &|| true)?;
    lock.ok_or_else(|| AppError::InUse { results: results.to_owned() })
}

/// Refuses a results folder whose database is found to be damaged in a short time. Returns the first of the rows that were
/// changed by something else than this program, and how many more there are: results may be right all the same.
pub(crate) fn before_sweep(results: &Path) -> Result<Option<(Damage, usize)>, AppError> {
    let reader = Reader::open(results)?;
    let (broken, changed): (Vec<Damage>, Vec<Damage>) = reader
        .check_within(LIMIT_AT_START)?
        .into_iter()
        .partition(|damage| damage.kind == DamageKind::Contradiction);
    if let Some(first) = broken.first() {
        let (path, first, more) = (reader.path().to_owned(), first.to_string(), broken.len() - 1);
        return Err(AppError::Damaged { path, first, more });
    }
    let more = changed.len().saturating_sub(1);
    Ok(changed.into_iter().next().map(|first| (first, more)))
}

/// What is damaged, for the report: as much as a short search finds.
pub(crate) fn for_report(reader: &Reader) -> Vec<String> {
    // A database that cannot be searched cannot be read for the report either, which says so better.
    let damage = reader.check_within(LIMIT_FOR_REPORT).unwrap_or_default();
    damage.iter().map(ToString::to_string).collect()
}
