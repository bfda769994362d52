//! `gansweep status`, `collect` and `cancel`: the jobs of a results folder on a cluster. `gansweep slurm-task` (hidden):
//! trains one group on a node.

use std::path::PathBuf;

use clap::Args;
use gansweep_app::slurm::{self, Task, TaskOutcome};
use gansweep_base::text;

use crate::arguments::ResultsArgs;
use crate::failure::Failure;
use crate::{messages, output, signals};

#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SlurmTaskArgs {
    /// The folder of the job array.
    pub(crate) folder: PathBuf,
    /// The task's index in the array.
    pub(crate) index: u32,
}

/// Shows where the jobs stand.
pub(crate) fn status(args: &JobsArgs) -> Result<(), Failure> {
    let arrays = slurm::status(&args.results.results)?;
    let rows = arrays.iter().map(|array| {
        let job = array.job_id.clone().unwrap_or_else(|| "not submitted".to_owned());
        let tasks = array.tasks;
        let counts = [array.runs, tasks.waiting, tasks.running, tasks.ended].map(|count| count.to_string());
        [vec![job], counts.to_vec()].concat()
    });
    let table = output::table(&["JOB", "RUNS", "WAITING", "RUNNING", "ENDED"], rows.collect());
    let text =
        if arrays.is_empty() { "no jobs of this results folder are in Slurm".to_owned() } else { table };
    Ok(output::print(&text)?)
}

/// Records what jobs have reported; exit code 1 if some ended before their runs did.
pub(crate) fn collect(args: &JobsArgs) -> Result<u8, Failure> {
    let collected = slurm::collect(&args.results.results)?;
    for damaged in &collected.damaged {
        messages::warning(damaged);
    }
    for unfinished in &collected.unfinished {
        messages::warning(unfinished);
    }
    let tasks = collected.tasks;
    output::print(&format!(
        "{} recorded; tasks: {} ended, {} running, {} waiting",
        text::count(collected.events, "new event"),
        tasks.ended,
        tasks.running,
        tasks.waiting
    ))?;
    let is_well = collected.unfinished.is_empty() && collected.damaged.is_empty();
    if !is_well {
        messages::print("run `gansweep sweep FILE --launcher slurm` again to submit what is not trained");
    } else if collected.paused > 0 {
        messages::print(&format!(
            "{} paused at a rung; `gansweep sweep FILE --launcher slurm` decides which go on, and submits them",
            text::count(collected.paused, "run")
        ));
    }
    for sweep in slurm::sweeps_without_figures(&args.results.results, &collected.completed)? {
        messages::print(&format!(
            "`gansweep evaluate {}` computes the quality figures of its runs",
            text::shell_word(&sweep)
        ));
    }
    Ok(u8::from(!is_well))
}

/// Cancels the jobs.
pub(crate) fn cancel(args: &JobsArgs) -> Result<(), Failure> {
    let arrays = slurm::cancel(&args.results.results)?;
    let text = match arrays {
        0 => "no jobs of this results folder are in Slurm".to_owned(),
        _ => format!(
            "{} cancelled; `gansweep collect` records what they have reported",
            text::count(arrays, "job array")
        ),
    };
    Ok(output::print(&text)?)
}

/// Trains one group on a node; returns its exit code.
pub(crate) fn task(args: &SlurmTaskArgs) -> Result<u8, Failure> {
    let signals = signals::task_signals().map_err(Failure::Signals)?;
    let task = Task::new(args.folder.clone(), args.index);
    let code = match task.train(&signals) {
        Ok(TaskOutcome::Stopped) => return Ok(0),
        Ok(TaskOutcome::Finished) => 0,
        Ok(TaskOutcome::NoTime) => {
            messages::print("the time limit came before the first step; raise execution.slurm.time");
            1
        }
        Err(error) => {
            messages::error(&error);
            error.exit_code()
        }
    };
    // The log must be whole before the exit code is there.
    messages::flush();
    if let Err(error) = task.leave_exit_code(code) {
        messages::error(&error);
    }
    Ok(code)
}
