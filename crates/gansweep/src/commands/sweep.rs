//! `gansweep sweep`: trains all runs that are not trained yet, records them and writes the report.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use gansweep_app::AppError;
use gansweep_app::energy::Energy;
use gansweep_app::sweep::{self, SweepEnd, SweepOutcome, SweepRequest, Workers};
use gansweep_base::text;
use gansweep_scheduler::{BestTrial, StopLevel, StopSignal, Summary};

use super::{plan, request, serve};
use crate::arguments::{ExecutionArgs, ExperimentArgs, ResultsArgs};
use crate::failure::Failure;
use crate::log::Log;
use crate::progress::Display;
use crate::signals::{BEFORE_TRAINING, INTERRUPTED, Interrupts};
use crate::{messages, output};

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) experiment: ExperimentArgs,
    #[command(flatten)]
    pub(crate) execution: ExecutionArgs,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
    /// Show the plan and stop.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print only warnings and errors.
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Serve the pages while the sweep runs, and print the address.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) live: bool,
    /// Train in this process instead of in worker processes, for debuggers and profilers.
    #[arg(long)]
    pub(crate) in_process: bool,
    /// How workers are started.
    #[arg(long, value_enum, default_value = "processes")]
    pub(crate) launcher: LauncherChoice,
    /// With `--launcher slurm`: leave as soon as all jobs are submitted. Run the same command again, or
    /// `collect`, to record the results.
    #[arg(long)]
    pub(crate) detach: bool,
    /// Stop cleanly after this time, such as `8h`, `90m` or `1h30m`; run the same command to resume. The time counts from when training
    /// begins: what is prepared before, such as the classifier of the dataset, is kept for the next call.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_time)]
    pub(crate) time: Option<Duration>,
    /// Only the runs that have failed, each with all attempts anew. Without it they are trained too, beside all others that are
    /// not completed.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) retry_failed: bool,
    /// Train completed runs again whose final checkpoint is missing or damaged; what is recorded of them stays.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) restore_checkpoints: bool,
}

/// How workers are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LauncherChoice {
    /// As processes on this machine.
    Processes,
    /// As tasks of job arrays in Slurm, with the settings in `[execution.slurm]`.
    Slurm,
}

/// Runs the command.
pub(crate) fn run(args: &SweepArgs, log: &Log) -> Result<u8, Failure> {
    refuse_unused(args)?;
    let interrupts = Interrupts::catch().map_err(Failure::Signals)?;
    let mut plan = request::plan(&args.experiment, &args.execution, &args.results)?;
    if args.dry_run {
        plan::show(&plan, plan::Listed::default())?;
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
    let live = args.live.then(|| serve::in_background(&args.results)).transpose()?;
    if let Some(live) = &live {
        // Also where nothing else is printed: its port may be any.
        messages::print(&format!("live at {}", live.url));
        messages::flush();
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
    let code = match end? {
        SweepEnd::Cancelled => {
            messages::print(BEFORE_TRAINING);
            INTERRUPTED
        }
        SweepEnd::Trained(outcome) => finish(&outcome, &display),
    };
    if let Some(live) = live {
        live.wait_for_pages();
    }
    Ok(code)
}

/// Refuses options that say nothing of the launcher.
fn refuse_unused(args: &SweepArgs) -> Result<(), Failure> {
    let is_cluster = args.launcher == LauncherChoice::Slurm;
    let problem = if args.detach && !is_cluster {
        "--detach leaves the jobs of a cluster to go on; add --launcher slurm, or start the program with nohup"
    } else if is_cluster && args.in_process {
        "--in-process trains in this process, and --launcher slurm on a cluster; omit one of them"
    } else if is_cluster && args.execution.jobs.is_some() {
        "--jobs is for the workers of this machine; with --launcher slurm, all groups are submitted at once, and the \
         cluster queues them (`execution.slurm.concurrency` limits how many run)"
    } else if is_cluster && args.execution.devices.len() > 1 {
        "with --launcher slurm, all tasks train on one device; name one with --device"
    } else {
        return Ok(());
    };
    Err(Failure::Usage(problem.to_owned()))
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
        let BestTrial { trial, values, metric, value, of, trials } = best;
        let (metric, value) = (metric.name(), text::measured(*value));
        let without = match trials - of {
            0 => String::new(),
            without => format!(
                "; {without} of {} {} no value",
                text::count(*trials, "trial"),
                if without == 1 { "has" } else { "have" }
            ),
        };
        display.print(&format!(
            "best of {} by {metric}: {value} with {values} (trial {trial}){without}",
            text::count(*of, "trial")
        ));
    }
    if let Some((trials, asked)) = outcome.exhausted_after {
        display.print(&format!(
            "the search ended after {trials} of {asked} trials: it found no other config in its ranges"
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
    } else if outcome.evaluation_stopped {
        display.print("stopped before all runs were evaluated; run the same command to evaluate the others");
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
        Summary { stopped: true, .. } => INTERRUPTED,
        summary if !summary.all_well() => 1,
        _ if outcome.evaluation_stopped => INTERRUPTED,
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

/// `16 runs: 12 completed, 4 already done (2 resumed from a checkpoint) in 3 min 20 s`.
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
    // Runs that have diverged before are why the command fails although it trains nothing.
    let diverged = match summary.skipped_diverged {
        0 => String::new(),
        diverged => format!(", {diverged} of them diverged"),
    };
    let count = |(number, what): &(usize, &str)| {
        let of_done = if *what == "already done" { diverged.as_str() } else { "" };
        format!("{number} {what}{of_done}")
    };
    let counts: Vec<String> = parts.iter().filter(|(number, _)| *number > 0).map(count).collect();
    let notes =
        [(summary.resumed, "resumed from a checkpoint"), (summary.extended, "extended from fewer epochs")];
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

/// Numbers with units, the largest first: `1h30m`.
fn parse_time(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time such as 8h, 90m, 1h30m or 45s".to_owned();
    let (mut rest, mut seconds, mut above) = (text, 0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(expected)?;
        let number: u64 = rest[..digits].parse().map_err(|_| expected())?;
        let unit = match rest.get(digits..=digits).unwrap_or_default() {
            "d" => 86_400,
            "h" => 3600,
            "m" => 60,
            "s" => 1,
            _ => return Err(expected()),
        };
        if unit >= above {
            return Err(expected());
        }
        let part = number.checked_mul(unit).ok_or_else(expected)?;
        seconds = seconds.checked_add(part).ok_or_else(expected)?;
        (rest, above) = (&rest[digits + 1..], unit);
    }
    if text.is_empty() {
        return Err(expected());
    }
    match seconds {
        0 => {
            Err("the sweep would stop before it starts; give a longer time, such as 8h, 90m or 45s"
                .to_owned())
        }
        _ => Ok(Duration::from_secs(seconds)),
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_from_the_largest_to_the_smallest() {
        let seconds = |text| parse_time(text).ok().map(|time| time.as_secs());
        for (text, expected) in [("8h", 28_800), ("1h30m", 5400), ("45s", 45), ("1d1s", 86_401)] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in
            ["", "8", "h", "0s", "30m1h", "1h1h", "-1h", "1.5h", "8 h", "8\u{b5}", "99999999999999999999d"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
