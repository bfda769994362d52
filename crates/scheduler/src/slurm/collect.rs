//! Collecting: records what tasks have reported, without a sweep.

use std::path::{Path, PathBuf};
use std::thread;

use gansweep_config::{RunId, RunState};
use gansweep_store::{Store, StoreError};

use super::folder::TaskFiles;
use super::monitor::{LAST_WRITES, exit_at_end, exit_left};
use super::queue::{TaskEnd, TaskState};
use super::{ArrayFolder, SlurmError, TaskCounts, commands};
use crate::{Exit, ExitStatus};

/// What was collected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Events that were not recorded before.
    pub events: usize,
    /// The tasks, as they stood before. Those that had ended are recorded and gone.
    pub tasks: TaskCounts,
    /// Tasks that ended although some of their runs are not over, with the cause of each.
    pub unfinished: Vec<String>,
    /// Runs of tasks that ended which wait at a rung: the pruner decides about them.
    pub paused: usize,
    /// Runs of tasks that ended which are completed.
    pub completed: Vec<RunId>,
    /// Segments that cannot be read to their end, and why.
    pub damaged: Vec<String>,
}

/// Why collecting ended early. What was recorded before stays, and collecting again goes on there.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The cluster or the folder.
    #[error(transparent)]
    Slurm(#[from] SlurmError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A task, and how it ended if it has.
struct Known {
    folder: ArrayFolder,
    index: u32,
    files: TaskFiles,
    end: Option<TaskEnd>,
}

/// Records the new events of all tasks of a results folder, and ends the attempts of those that have ended. It may be
/// called at any time, while jobs run or after. The caller holds the folder's lock.
pub fn collect(results_dir: &Path, store: &mut Store) -> Result<Collected, CollectError> {
    let known = known_tasks(results_dir)?;
    let mut collected = Collected::default();
    // The last writes of a task may not be visible yet.
    if known.iter().any(|task| task.end.is_some() && !task.files.exit) {
        thread::sleep(LAST_WRITES);
    }
    for task in &known {
        record(task, store, &mut collected)?;
    }
    Ok(collected)
}

fn known_tasks(results_dir: &Path) -> Result<Vec<Known>, SlurmError> {
    let folders = ArrayFolder::open_ones(results_dir)?;
    let names: Vec<String> = folders.iter().map(ArrayFolder::job_name).collect();
    let states = commands::squeue(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
    let mut known = Vec::new();
    for (folder, name) in folders.into_iter().zip(names) {
        for (index, files) in folder.tasks()?.into_iter().filter(|(_, files)| files.job) {
            let end = match states.get(&(name.clone(), index)) {
                None => Some(folder.end_of_unlisted()),
                Some(TaskState::Ended(end)) => Some(*end),
                Some(TaskState::Waiting | TaskState::Running) => None,
            };
            known.push(Known { folder: folder.clone(), index, files, end });
        }
    }
    Ok(known)
}

fn record(task: &Known, store: &mut Store, collected: &mut Collected) -> Result<(), CollectError> {
    let Known { folder, index, end, .. } = task;
    // Again, since it may have written more.
    let files = folder.task(*index);
    let paths: Vec<PathBuf> = (0..files.segments).map(|start| folder.segment(*index, start)).collect();
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let mut is_damaged = false;
    for imported in store.import_segments(&paths) {
        match imported {
            Ok(imported) => collected.events += imported.events,
            Err(error @ StoreError::Segment(_)) => {
                is_damaged = true;
                collected.damaged.push(error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    let left = files.exit.then(|| exit_left(folder, *index)).flatten();
    let exit = left.or_else(|| end.map(|end| exit_at_end(folder, *index, files, end)));
    let Some(exit) = exit else {
        *(if files.segments > 0 { &mut collected.tasks.running } else { &mut collected.tasks.waiting }) += 1;
        return Ok(());
    };
    collected.tasks.ended += 1;
    let states = end_attempts(folder, *index, store, &exit)?;
    let of = |state| states.iter().filter(move |(_, found)| *found == state).map(|(run, _)| run);
    collected.paused += of(RunState::Paused).count();
    collected.completed.extend(of(RunState::Completed).cloned());
    let is_open = |state: RunState| !state.is_final() && state != RunState::Paused;
    if let Some((run, _)) = states.iter().find(|(_, state)| is_open(*state)) {
        let id = folder.job_id().unwrap_or_default();
        let cause = match exit.status {
            ExitStatus::Code(0) => format!("run {run} has failed; `gansweep show {run}` says why"),
            _ => exit.describe(),
        };
        collected.unfinished.push(format!("job {id}_{index}: {cause}"));
    }
    // A damaged segment is kept for whoever wants to look at it.
    if !is_damaged && let Err(error) = folder.discard(*index) {
        tracing::warn!(%error, index, "the files of a task cannot be deleted");
    }
    Ok(())
}

/// Ends the attempts that have reported no end; returns the states of the task's runs.
fn end_attempts(
    folder: &ArrayFolder,
    index: u32,
    store: &mut Store,
    exit: &Exit,
) -> Result<Vec<(RunId, RunState)>, CollectError> {
    let is_failure =
        matches!(exit.status, ExitStatus::Code(1..) | ExitStatus::Signal(_) | ExitStatus::Unknown);
    let state = if is_failure { RunState::Failed } else { RunState::Interrupted };
    let lanes = folder.job(index)?.lanes;
    let ids: Vec<_> = lanes.iter().map(|lane| lane.run.clone()).collect();
    for lane in &lanes {
        if let Some((attempt, _)) = store.next_event(&lane.run)? {
            store.end_past_attempt(&lane.run, attempt, state, &exit.describe())?;
        }
    }
    let statuses = store.statuses(&ids)?;
    let states = lanes.iter().map(|lane| {
        let total = lane.config.steps(lane.epochs, &lane.spec);
        let state = statuses.get(&lane.run).map_or(RunState::Queued, |status| status.state_after(total));
        (lane.run.clone(), state)
    });
    Ok(states.collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::stand_in::{job, with_slurm};
    use super::*;
    use crate::mock;

    #[test]
    fn a_task_with_an_exit_file_without_a_code_has_ended_as_the_cluster_says() {
        with_slurm(
            module_path!(),
            "a_task_with_an_exit_file_without_a_code_has_ended_as_the_cluster_says",
            |slurm| {
                let planned = mock::plan("", 1).unwrap();
                let mut job = job();
                job.lanes[0].run = planned[0].id.clone();
                let folder = ArrayFolder::create(slurm.results(), &[&job, &job]).unwrap();
                for index in 0..2 {
                    fs::write(folder.path().join(format!("{index}.exit")), "").unwrap();
                }
                slurm.answers("squeue", "NAME|0|NODE_FAIL\nNAME|1|RUNNING\n");
                let mut store = Store::open(slurm.results()).unwrap();
                store.register_sweep(&mock::sweep_record("test"), &planned).unwrap();
                let collected = collect(slurm.results(), &mut store).unwrap();
                assert_eq!(collected.tasks, TaskCounts { waiting: 1, running: 0, ended: 1 });
            },
        );
    }
}
