//! `gansweep sweep`: train what is not trained yet, record it, write the report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use gansweep_config::{Dataset, Experiment, LoadOptions, Plan};
use gansweep_data::{DataSource, Split, real_grid};
use gansweep_scheduler::{InProcessLauncher, Launcher, Pacing, StopLevel, Summary, SweepRequest, run_sweep};
use gansweep_store::{Call, RealImages, ResultsLock, Store, SweepRecord};

use super::planning::{self, Substitutes};
use super::programs::{Programs, WorkerLauncher};
use super::slots::{self, Places};
use super::{plan as plan_command, report};
use crate::cli::{ExecutionArgs, SweepArgs};
use crate::failure::Failure;
use crate::output;
use crate::progress::Display;
use crate::signals::{INTERRUPTED, Interrupts};

/// Attempts in a row that a run may lose before it is given up.
const MAX_ATTEMPTS: u32 = 3;
/// The variable that forbids downloads.
const OFFLINE: &str = "GANSWEEP_OFFLINE";

/// Runs the command.
pub(crate) fn run(args: &SweepArgs) -> Result<ExitCode, Failure> {
    let interrupts = Interrupts::catch()?;
    let experiment = planning::load(&args.experiment)?;
    let programs = Programs::find()?;
    let places = slots::choose(&args.execution, &experiment.execution, &programs)?;
    if args.dry_run {
        plan_command::show(&experiment, &args.experiment, &places, &args.results.results)?;
        return Ok(ExitCode::SUCCESS);
    }
    let launcher = launcher(args.in_process, programs, &places)?;
    let display = Display::new(args.quiet);
    let source = planning::source(&args.experiment);
    let substitutes = provide_data(&experiment, &source, &display)?;
    let plan = planning::plan(&experiment, &substitutes)?;
    let stop = interrupts.stop_instead();

    let results = &args.results.results;
    let waiting =
        |holder: &str| display.say(&format!("{} is in use by {holder}; waiting for it", results.display()));
    let cancelled = || stop.level() > StopLevel::Run;
    let Some(_lock) = ResultsLock::acquire(results, &mut { waiting }, &cancelled)? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let mut store = Store::open(results)?;
    let record = sweep_record(args, &experiment, &plan, &substitutes)?;
    record_real_images(&mut store, &source, &experiment, &plan)?;

    let request = request(&experiment, record, &plan, &places, args);
    let summary = run_sweep(&request, &mut store, &*launcher, &stop, &mut |notice| display.notice(notice));
    display.finish();
    let summary = summary?;
    drop(store);
    conclude(args, &experiment, &summary, &display)
}

/// Puts every dataset within reach, or its fallback in its place.
fn provide_data(
    experiment: &Experiment,
    source: &DataSource,
    display: &Display,
) -> Result<Substitutes, Failure> {
    let mut substitutes = Substitutes::new();
    for dataset in planning::datasets(experiment)? {
        let substitute = match (planning::provide(source, dataset, display), experiment.fallback) {
            (Ok(()), _) => dataset,
            (Err(error), Some(fallback)) if fallback != dataset && planning::is_missing(&error) => {
                output::warning(&format!(
                    "{error}\nTraining on {} instead, as [data] fallback says; the database and the report say so too.",
                    fallback.name()
                ));
                planning::provide(source, fallback, display)?;
                fallback
            }
            (Err(error), _) => return Err(error.into()),
        };
        substitutes.insert(dataset, substitute);
    }
    Ok(substitutes)
}

fn sweep_record(
    args: &SweepArgs,
    experiment: &Experiment,
    plan: &Plan,
    substitutes: &Substitutes,
) -> Result<SweepRecord, Failure> {
    let requested = experiment.config.data.dataset;
    Ok(SweepRecord {
        name: experiment.name.clone(),
        file: experiment.file.display().to_string(),
        call: call(args, experiment),
        source_toml: experiment.source.clone(),
        description: experiment.description.clone(),
        recipe: experiment.recipe.clone(),
        axes_json: serde_json::to_string(&plan.axes)?,
        dataset_requested: requested,
        dataset: substitutes.get(&requested).copied().unwrap_or(requested),
        record: experiment.record.clone(),
        program_version: env!("CARGO_PKG_VERSION").into(),
        machine: machine(),
    })
}

/// What the program was started with besides the file.
fn call(args: &SweepArgs, experiment: &Experiment) -> Call {
    let LoadOptions { profile, sets, env } = experiment.options.clone();
    let mut variables: BTreeMap<String, String> = env.into_iter().collect();
    // Without a network, a fallback may have taken a dataset's place.
    let offline = std::env::var(OFFLINE).ok();
    variables.extend(offline.map(|value| (OFFLINE.to_owned(), value)));
    let ExecutionArgs { devices, jobs, fuse } = args.execution.clone();
    let data_dir = args.experiment.data_dir.as_ref().map(|folder| folder.display().to_string());
    let results = args.results.results.display().to_string();
    Call { profile, sets, variables, results, data_dir, devices, jobs, fuse }
}

/// One grid of real images per dataset, of the sample grids' geometry.
fn record_real_images(
    store: &mut Store,
    source: &DataSource,
    experiment: &Experiment,
    plan: &Plan,
) -> Result<(), Failure> {
    let datasets: BTreeMap<Dataset, &str> =
        plan.runs.iter().map(|run| (run.config.data.dataset, run.data_fingerprint.as_str())).collect();
    for (dataset, fingerprint) in datasets {
        let images = source.load(dataset, Split::Train)?;
        let (png, geometry) = real_grid(&images, experiment.record.grid_rows, experiment.record.grid_cols)?;
        store.put_real_images(&RealImages {
            dataset,
            data_fingerprint: fingerprint.into(),
            geometry,
            png,
        })?;
    }
    Ok(())
}

fn request(
    experiment: &Experiment,
    sweep: SweepRecord,
    plan: &Plan,
    places: &Places,
    args: &SweepArgs,
) -> SweepRequest {
    let runs = plan.longest();
    SweepRequest {
        sweep,
        slots: places.slots(&runs),
        plan: plan.runs.clone(),
        runs,
        results_dir: args.results.results.clone(),
        data_dir: args.experiment.data_dir.clone(),
        max_attempts: MAX_ATTEMPTS,
        hang_timeout: Duration::from_secs_f64(experiment.execution.hang_seconds),
        pacing: Pacing::default(),
    }
}

/// What starts the workers of those places.
fn launcher(in_process: bool, programs: Programs, places: &Places) -> Result<Box<dyn Launcher>, Failure> {
    if !in_process {
        return Ok(Box::new(WorkerLauncher(programs)));
    }
    match places.devices().find(|device| !programs.is_own(device)) {
        None => Ok(Box::new(InProcessLauncher::new(super::worker::work_in_process))),
        Some(device) => Err(Failure::Wrong(format!(
            "--in-process trains in this program alone, and {device} is another's; leave it out, or start {} instead",
            programs.of_device(&device).display()
        ))),
    }
}

/// Writes the report, says where everything is, and chooses the exit code.
fn conclude(
    args: &SweepArgs,
    experiment: &Experiment,
    summary: &Summary,
    display: &Display,
) -> Result<ExitCode, Failure> {
    let results = &args.results.results;
    let page = report::page_of(results, &experiment.name);
    report::write(results, std::slice::from_ref(&experiment.name), &page)?;
    display.say(&describe(summary));
    if summary.stopped {
        display.say("stopped; the same command goes on from here");
    }
    print_places(results, &page)?;
    Ok(ExitCode::from(match summary {
        Summary { stopped: true, interrupted, queued, .. } if interrupted + queued > 0 => INTERRUPTED,
        summary if summary.all_well() => 0,
        _ => 1,
    }))
}

fn print_places(results: &Path, page: &Path) -> Result<(), Failure> {
    use std::io::Write;
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let mut out = std::io::stdout().lock();
    writeln!(out, "report    {}", absolute(page.to_owned()).display())?;
    writeln!(out, "database  {}", absolute(results.join("results.sqlite")).display())?;
    Ok(())
}

/// `16 runs: 12 completed, 4 already done (8 extended) in 3 min 20 s`.
fn describe(summary: &Summary) -> String {
    let parts = [
        (summary.completed, "completed"),
        (summary.skipped, "already done"),
        (summary.diverged, "diverged"),
        (summary.failed, "failed"),
        (summary.interrupted, "interrupted"),
        (summary.queued, "not begun"),
    ];
    let said: Vec<String> = parts
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
        output::count(summary.total, "run"),
        said.join(", "),
        output::duration(summary.elapsed)
    )
}

/// Host, processor and cores in a few words.
fn machine() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim()));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let processor = model.unwrap_or(std::env::consts::ARCH);
    format!(
        "{}{processor}, {}",
        if host.trim().is_empty() { String::new() } else { format!("{}: ", host.trim()) },
        output::count(cores, "core")
    )
}
