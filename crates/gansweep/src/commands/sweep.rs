//! `gansweep sweep`: trains all runs that are not trained yet, records them and writes the report.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use gansweep_app::AppError;
use gansweep_app::energy::Energy;
use gansweep_app::sweep::{self, SweepEnd, SweepOutcome, SweepRequest, Workers};
use gansweep_base::text;
use gansweep_scheduler::{BestTrial, StopLevel, StopSignal, Summary};

use super::{plan, request, serve};
use crate::cli::{LauncherChoice, SweepArgs};
use crate::failure::Failure;
use crate::log::Log;
use crate::progress::Display;
use crate::signals::{INTERRUPTED, Interrupts};
use crate::{messages, output};

/// Runs the command.
pub(crate) fn run(args: &SweepArgs, log: &Log) -> Result<u8, Failure> {
    let interrupts = Interrupts::catch().map_err(Failure::Signals)?;
    let mut plan = request::plan(&args.experiment, &args.execution, &args.results)?;
    if args.dry_run {
        plan::show(&plan)?;
        return Ok(0);
    }
    let workers = match args.launcher {
        LauncherChoice::Slurm => Workers::Slurm,
        LauncherChoice::Processes if args.in_process => Workers::Threads,
        LauncherChoice::Processes => Workers::Processes,
    };
    plan.programs = plan.programs.with_log_file(log.file.clone());
    let mut display =
        if log.on_terminal { Display::without_bars(args.quiet) } else { Display::new(args.quiet) };
    if args.live {
        display.print(&format!("live at {}", serve::in_background(&args.results)?));
    }
    let prepared = sweep::prepare(
        &SweepRequest {
            plan,
            workers,
            restore_checkpoints: args.restore_checkpoints,
            retry_failed: args.retry_failed,
            detach: args.detach,
        },
        &mut display,
    )?;
    let stop = interrupts.stop_instead();
    if let Some(time) = args.time {
        stop_after(time, &stop).map_err(Failure::Signals)?;
    }
    let end = prepared.train(&stop, &mut display);
    display.finish();
    match end? {
        SweepEnd::Cancelled => Ok(INTERRUPTED),
        SweepEnd::Trained(outcome) => Ok(finish(&outcome, &display)),
    }
}

/// Stops the sweep cleanly when its time is over, as the first Ctrl-C does.
fn stop_after(time: Duration, stop: &StopSignal) -> io::Result<()> {
    let stop = stop.clone();
    let wait = move || {
        thread::sleep(time);
        messages::print("the time given with --for is over");
        stop.raise(StopLevel::Cleanly);
    };
    // It ends with the process.
    thread::Builder::new().name("time".into()).spawn(wait).map(drop)
}

/// Prints the outcome and the paths of report and database; returns the exit code.
fn finish(outcome: &SweepOutcome, display: &Display) -> u8 {
    let summary = &outcome.summary;
    display.print(&describe(summary));
    if let Some(Energy { kwh, cost }) = outcome.energy {
        let cost = cost.map_or_else(String::new, |cost| format!(", which cost {}", text::measured(cost)));
        display.print(&format!("its runs have taken about {} kWh so far{cost}", text::measured(kwh)));
    }
    if let Some(best) = &outcome.best {
        let BestTrial { trial, values, metric, value, of } = best;
        let (metric, value) = (metric.name(), text::measured(*value));
        display.print(&format!(
            "best of {} by {metric}: {value} with {values} (trial {trial})",
            text::count(*of, "trial")
        ));
    }
    if summary.shared_cause.is_some() {
        display.print("the sweep ended early; fix the cause and run the same command to resume");
    } else if summary.left > 0 {
        display.print(
            "the jobs go on without this program: `gansweep status` shows them, `gansweep collect` records them, \
             `gansweep cancel` ends them, and the same command comes back to them",
        );
    } else if summary.stopped {
        display.print("stopped; run the same command to resume");
    }
    if let Err(error) = &outcome.report {
        messages::error(error);
    }
    messages::flush();
    // The exit code is that of the training, whether stdout takes these lines or not.
    if let Err(error) = output::unless_closed(print_paths(outcome.report.as_deref().ok(), &outcome.database))
    {
        messages::warning(&format!("cannot write the output: {error}"));
    }
    match summary {
        Summary { stopped: true, interrupted, queued, left, .. } if interrupted + queued + left > 0 => {
            INTERRUPTED
        }
        summary if !summary.all_well() => 1,
        _ => match &outcome.report {
            Ok(_) => 0,
            Err(AppError::ReportSkipped { .. }) => INTERRUPTED,
            Err(_) => 1,
        },
    }
}

fn print_paths(page: Option<&Path>, database: &Path) -> io::Result<()> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    if let Some(page) = page {
        output::print_path("report    ", &absolute(page))?;
    }
    output::print_path("database  ", &absolute(database))
}

/// `16 runs: 12 completed, 4 already done (2 resumed) in 3 min 20 s`.
fn describe(summary: &Summary) -> String {
    let parts = [
        (summary.completed, "completed"),
        (summary.skipped, "already done"),
        (summary.pruned, "pruned"),
        (summary.paused, "paused"),
        (summary.diverged, "diverged"),
        (summary.failed, "failed"),
        (summary.interrupted, "interrupted"),
        (summary.queued, "not started"),
        (summary.left, "left to Slurm"),
    ];
    let counts: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    let notes = [(summary.resumed, "resumed"), (summary.extended, "extended")];
    let notes: Vec<String> = notes
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    format!(
        "{}: {}{notes} in {}",
        text::count(summary.total, "run"),
        counts.join(", "),
        text::seconds(summary.elapsed.as_secs_f64())
    )
}
