//! Trains all runs of a sweep that are not trained yet, records them, and writes the page.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gansweep_base::{host, text};
use gansweep_config::{
    DataRequest, Dataset, DatasetSpec, Experiment, LoadOptions, Plan, PlannedRun, RunId, RunState,
};
use gansweep_data::{DataSource, OFFLINE, real_grid};
use gansweep_protocol::Resume;
use gansweep_scheduler::{
    self as scheduler, AdaptiveSearch, BestTrial, InProcessLauncher, Launcher, Pacing, PlannedRuns,
    ProcessLimits, RunnerError, SlurmLauncher, StopLevel, StopSignal, Summary, SweepParts, pruner_of,
    run_sweep,
};
use gansweep_store::{Call, DatasetRow, Reader, RealImages, ResultsLock, Store, SweepRecord};
use gansweep_train::checkpoint;
use tracing::info;

use crate::energy::{Energy, Power};
use crate::evaluate::{Counts, TrainedSweep, WithFigures};
use crate::experiment::{self, Specs, UsedDatasets};
use crate::log::LoggingObserver;
use crate::plan::{self, PlanRequest};
use crate::programs::{Programs, WorkerLauncher};
use crate::schedule::{Schedule, Without};
use crate::slots::{self, ExecutionRequest, SweepDevices};
use crate::work_left::step_flops;
use crate::{AppError, Observer, Progress, check, classes, evaluate, limits, report, search, slurm, worker};

/// On a cluster no worker is taken for hung before this time.
const SHORTEST_HANG_ON_CLUSTER: Duration = Duration::from_mins(1);

/// What to train, where, and how the workers are started.
#[derive(Debug, Clone)]
pub struct SweepRequest {
    /// The experiment, the devices and the results folder.
    pub plan: PlanRequest,
    /// How the workers are started.
    pub workers: Workers,
    /// Whether completed runs are trained again whose final checkpoint is missing or damaged.
    pub restore_checkpoints: bool,
    /// Whether the runs that have failed are trained, and no others.
    pub retry_failed: bool,
    /// Whether to leave as soon as all jobs are submitted; only for workers on a cluster.
    pub detach: bool,
}

/// How workers are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// As processes: a crash costs one attempt of one group.
    Processes,
    /// As threads of this process: for debuggers and profilers.
    Threads,
    /// As tasks of Slurm's job arrays, which go on without this process.
    Slurm,
}

/// A sweep that is ready to train: the experiment is read, the devices are selected, the data is available
/// and the runs are known. Nothing is recorded yet.
pub struct PreparedSweep {
    experiment: Experiment,
    plan: Plan,
    /// The part of the plan that is trained; `None` for all of it.
    selected: Option<Vec<PlannedRun>>,
    specs: Specs,
    used_datasets: UsedDatasets,
    devices: SweepDevices,
    /// `None` where it needs the results folder.
    launcher: Option<Box<dyn Launcher>>,
    source: DataSource,
    results: PathBuf,
    execution: ExecutionRequest,
    real_images: Vec<RealImages>,
    restore_checkpoints: bool,
    retry_failed: bool,
    workers: Workers,
    programs: Programs,
    detach: bool,
    schedule: Schedule,
}

/// How a sweep ended.
#[derive(Debug)]
pub enum SweepEnd {
    /// It was stopped before its runs were recorded.
    Cancelled,
    /// It trained until all runs had ended or it was stopped.
    Trained(SweepOutcome),
}

/// The outcome of a sweep, and where it is recorded.
#[derive(Debug)]
pub struct SweepOutcome {
    /// Number of runs by outcome.
    pub summary: Summary,
    /// Whether a request to stop left trained runs without the figures that were asked for.
    pub evaluation_stopped: bool,
    /// The best trial of a search.
    pub best: Option<BestTrial>,
    /// The number of trials of a search and that of those asked for, if it found no further config.
    pub exhausted_after: Option<(usize, usize)>,
    /// The page, or why it is not written. What was trained is recorded all the same.
    pub report: Result<PathBuf, AppError>,
    /// The database.
    pub database: PathBuf,
    /// What its runs have taken so far, if the power of a device is given.
    pub energy: Option<Energy>,
}

/// Reads the experiment, selects the devices, makes the data available (which may download it) and expands
/// the runs.
pub fn prepare(request: &SweepRequest, observer: &mut dyn Observer) -> Result<PreparedSweep, AppError> {
    let PlanRequest { experiment: asked, execution, results, programs, only } = &request.plan;
    let observer = &mut LoggingObserver(observer);
    let mut experiment = asked.load()?;
    if request.workers == Workers::Slurm {
        search::limit_trials_in_flight(&mut experiment);
    }
    let (name, recipe) = (&experiment.name, &experiment.recipe);
    info!(file = %asked.file.display(), name, recipe, sets = ?asked.options.sets, "experiment read");
    search::check(&experiment, !only.is_empty() || request.retry_failed)?;
    let devices = match request.workers {
        Workers::Slurm => slots::of_cluster(execution, &experiment.execution)?,
        Workers::Processes | Workers::Threads => slots::choose(execution, &experiment.execution, programs)?,
    };
    let source = asked.data_of(&experiment);
    let specs = experiment::specs(&experiment, &source, observer)?;
    let used_datasets = experiment::provide_data(&experiment, &specs, &source, observer)?;
    let plan = experiment::plan(&experiment, &specs, &used_datasets)?;
    let selected = experiment::select(&plan, only)?;
    // A search trains more than its plan has.
    let trials = experiment.search.as_ref().map_or(1, |search| search.trials.div_ceil(search.startup));
    let runs = selected.as_ref().map_or(plan.runs.len(), Vec::len) * trials;
    devices.check_support(&plan)?;
    warn(&experiment, &plan, results, observer);
    if request.workers == Workers::Processes {
        let (workers, threads) = devices.workers();
        limits::check(workers.min(runs), threads)?;
    }
    let schedule = Schedule::new(
        &experiment.record,
        &plan.longest(),
        match request.workers {
            Workers::Slurm => Some(Without::Cluster),
            Workers::Processes | Workers::Threads => devices.without_figures(),
        },
    );
    observer.observe(Progress::Planned(&plan));
    observer.observe(Progress::Scheduled(&schedule));
    experiment.record.clone_from(&schedule.record);
    // Reading the images checks them: damaged ones are reported before there is a results folder.
    let real_images = real_images(&experiment, &plan, &source)?;
    let trained = selected.as_ref().unwrap_or(&plan.runs);
    classes::check(trained, &source)?;
    for part in classes::sorted_parts(trained, &source)? {
        observer.observe(Progress::SortedPart(&part));
    }
    prepare_evaluators(&experiment, &plan, &source, observer)?;
    let programs = programs.clone().with_limits(ProcessLimits {
        niceness: experiment.execution.niceness,
        memory_mib: experiment.execution.memory_mib,
    });
    let launcher = launcher(request.workers, &programs, &devices, &source)?;
    let devices = if request.workers == Workers::Slurm { devices.with_tasks(runs) } else { devices };
    let (results, execution) = (results.clone(), execution.clone());
    Ok(PreparedSweep {
        experiment,
        plan,
        selected,
        specs,
        used_datasets,
        devices,
        launcher,
        source,
        results,
        execution,
        real_images,
        restore_checkpoints: request.restore_checkpoints,
        retry_failed: request.retry_failed,
        workers: request.workers,
        programs,
        detach: request.detach,
        schedule,
    })
}

/// Warns of what is probably a mistake in the experiment.
fn warn(experiment: &Experiment, plan: &Plan, results: &Path, observer: &mut dyn Observer) {
    let name = &experiment.name;
    if let Some(path) = experiment::unused_data_path(experiment) {
        observer.observe(Progress::UnusedDataPath(path));
    }
    if let Some(before) = experiment::other_file(experiment, results) {
        observer.observe(Progress::OtherFile { name, before: &before, now: &experiment.file });
    } else if let runs @ 1.. = experiment::runs_left(experiment, plan, results) {
        observer.observe(Progress::RunsLeft { name, runs });
    }
    if let Some(trials) = experiment.trials_without_proposals() {
        observer.observe(Progress::SearchWithoutProposals(trials));
    }
    // What a search proposes later may match.
    for place in plan.unused_exclusions.iter().filter(|_| experiment.search.is_none()) {
        observer.observe(Progress::UnusedExclusion(place));
    }
    for (variant, earlier) in &plan.merged_variants {
        observer.observe(Progress::MergedVariant { variant, earlier });
    }
    for setting in &plan.without_effect {
        observer.observe(Progress::WithoutEffect(setting));
    }
}

impl PreparedSweep {
    /// Waits for the results folder, trains, records and writes the page. `stop` ends the waiting and the
    /// training; everything trained until then is recorded.
    pub fn train(mut self, stop: &StopSignal, observer: &mut dyn Observer) -> Result<SweepEnd, AppError> {
        let observer = &mut LoggingObserver(observer);
        let mut waiting =
            |holder: &str| observer.observe(Progress::WaitingForResults { results: &self.results, holder });
        let cancelled = || stop.level() > StopLevel::Run;
        let Some(_lock) = ResultsLock::acquire(&self.results, &mut waiting, &cancelled)? else {
            info!("stopped while waiting for the results folder");
            return Ok(SweepEnd::Cancelled);
        };
        let mut store = Store::open(&self.results)?;
        if let Some((first, more)) = check::before_sweep(&self.results)? {
            observer.observe(Progress::ChangedRows { first: &first, more });
        }
        let launcher = self.take_launcher()?;
        if self.retry_failed {
            self.selected = Some(self.failed_runs(&store)?);
        }
        if self.schedule.is_on() {
            // Runs that were completed before figures were asked for: a search and a pruner compare them with the others.
            self.evaluate(&mut store, stop, observer);
        }
        let Some((summary, search)) = self.train_runs(&mut store, &*launcher, stop, observer)? else {
            return Ok(SweepEnd::Cancelled);
        };
        let best = search.as_ref().and_then(AdaptiveSearch::best);
        let exhausted_after = search.as_ref().and_then(AdaptiveSearch::exhausted_after);
        let evaluates = self.schedule.is_on() || self.schedule.afterwards;
        let evaluation_stopped = evaluates && !self.evaluate(&mut store, stop, observer);
        let database = store.path().to_owned();
        drop(store);

        let energy = self.energy(observer);
        let report = self.write_page(summary.stopped || evaluation_stopped, stop, observer);
        Ok(SweepEnd::Trained(SweepOutcome {
            summary,
            evaluation_stopped,
            best,
            exhausted_after,
            report,
            database,
            energy,
        }))
    }

    fn take_launcher(&mut self) -> Result<Box<dyn Launcher>, AppError> {
        let Some(launcher) = self.launcher.take() else { return self.slurm_launcher() };
        slurm::refuse_beside_jobs(&self.results)?;
        Ok(launcher)
    }

    /// Trains and records the runs, those of a search as it proposes them; `None` if the sweep was stopped before its runs were
    /// recorded.
    fn train_runs(
        &self,
        store: &mut Store,
        launcher: &dyn Launcher,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<Option<(Summary, Option<AdaptiveSearch<'_>>)>, AppError> {
        let request = self.request()?;
        for images in &self.real_images {
            store.put_real_images(images)?;
        }
        let trials = store.trials(&self.experiment.name)?;
        let mut search = search::searcher(&self.experiment, &self.specs, &self.used_datasets, &trials)?;
        let mut planned = PlannedRuns::new(self.selected.as_ref().unwrap_or(&self.plan.runs).clone());
        let prune = &self.experiment.prune;
        let mut pruner = pruner_of(prune, plan::prune_metric(prune)?);
        let parts = SweepParts {
            searcher: match &mut search {
                Some(search) => search,
                None => &mut planned,
            },
            pruner: &mut *pruner,
            launcher,
            recorder: store,
            stop,
            observer: &mut |notice| observer.observe(Progress::Sweep(notice)),
        };
        let summary = match run_sweep(&request, parts) {
            Err(RunnerError::Cancelled) => return Ok(None),
            ended => ended?,
        };
        info!(?summary, "sweep ends");
        Ok(Some((summary, search)))
    }

    /// Writes the page, and returns its path. A further request to stop cancels it.
    fn write_page(
        &self,
        stopped: bool,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<PathBuf, AppError> {
        let name = &self.experiment.name;
        let page = report::page_of(&self.results, name);
        observer.observe(Progress::WritingReport { page: &page, sweep: name, stopped });
        let requests = stop.requests();
        report::write_unless(&self.results, name, &page, &|| stop.requests() > requests)?;
        Ok(page)
    }

    /// What the sweep has taken of energy; `None` if nobody says of how much power, or if its times cannot be read: what was
    /// trained is reported all the same.
    fn energy(&self, observer: &mut dyn Observer) -> Option<Energy> {
        let execution = &self.experiment.execution;
        let power = Power::of(execution.watts, execution.price_per_kwh)?;
        let name = &self.experiment.name;
        match Reader::open(&self.results).and_then(|reader| reader.device_seconds(name)) {
            Ok(seconds) => Some(power.over(seconds)),
            Err(error) => {
                observer.observe(Progress::EnergyUnknown(&error));
                None
            }
        }
    }

    /// The selected runs that have failed, with all of their budgets.
    fn failed_runs(&self, store: &Store) -> Result<Vec<PlannedRun>, AppError> {
        let runs = self.selected.as_ref().unwrap_or(&self.plan.runs);
        let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
        let statuses = store.statuses(&ids)?;
        let has_failed =
            |run: &&PlannedRun| statuses.get(&run.id).is_some_and(|it| it.state == RunState::Failed);
        let failed: Vec<PlannedRun> = runs.iter().filter(has_failed).cloned().collect();
        match failed.is_empty() {
            true => Err(AppError::NothingFailed { sweep: self.experiment.name.clone() }),
            false => Ok(failed),
        }
    }

    /// Evaluates the completed runs that no worker has evaluated. A request to stop ends it, and the next call of the sweep goes
    /// on from there: then it returns false. An error is told: what was trained is reported all the same.
    fn evaluate(&self, store: &mut Store, stop: &StopSignal, observer: &mut dyn Observer) -> bool {
        let sweep = TrainedSweep {
            results: &self.results,
            name: &self.experiment.name,
            source: &self.source,
            images: self.experiment.record.evaluate_images,
            with_figures: if self.schedule.is_on() { WithFigures::Leave } else { WithFigures::Complete },
            store,
            is_stopped: &|| stop.level() > StopLevel::Run,
        };
        match sweep.evaluate(observer) {
            Ok(is_complete) => is_complete,
            Err(error) => {
                let label = &self.experiment.name;
                observer.observe(Progress::NotEvaluated { label, error: &error });
                true
            }
        }
    }

    fn request(&self) -> Result<scheduler::SweepRequest, AppError> {
        Ok(scheduler::SweepRequest {
            sweep: self.record()?,
            plan: self.selected.as_ref().map(|_| self.plan.runs.clone()),
            slots: self.devices.slots(),
            step_flops,
            check_checkpoint,
            detach: self.detach,
            restore_checkpoints: self.restore_checkpoints,
            results_dir: self.results.clone(),
            data_dir: self.source.data_dir.clone(),
            idx_dir: self.source.idx_dir.clone(),
            max_attempts: self.experiment.execution.attempts,
            run_seconds: Some(self.experiment.execution.run_hours * 3600.0).filter(|seconds| *seconds > 0.0),
            hang_timeout: self.hang_timeout(),
            pacing: Pacing {
                rest: Duration::from_secs_f64(self.experiment.execution.retry_seconds),
                ..Pacing::default()
            },
        })
    }

    /// Tasks of a cluster write heartbeats rarely, and other nodes see them late.
    fn hang_timeout(&self) -> Duration {
        let asked = Duration::from_secs_f64(self.experiment.execution.hang_seconds);
        if self.workers == Workers::Slurm { asked.max(SHORTEST_HANG_ON_CLUSTER) } else { asked }
    }

    fn slurm_launcher(&self) -> Result<Box<dyn Launcher>, AppError> {
        let device = self.devices.names().next().unwrap_or_default();
        let program = self.programs.file_of_device(&device);
        let config = self.experiment.execution.slurm.clone();
        Ok(Box::new(SlurmLauncher::start(&self.results, program, config)?))
    }

    fn record(&self) -> Result<SweepRecord, AppError> {
        let experiment = &self.experiment;
        let requested = DataRequest::from(&experiment.config.data);
        Ok(SweepRecord {
            name: experiment.name.clone(),
            file: experiment.file.display().to_string(),
            call: self.call(),
            source_toml: experiment.source.clone(),
            description: experiment.description.clone(),
            recipe: experiment.recipes().join(", "),
            axes_json: serde_json::to_string(&self.plan.axes).map_err(AppError::Axes)?,
            dataset_requested: requested.dataset,
            dataset: self.used_datasets.get(&requested).copied().unwrap_or(requested).dataset,
            record: experiment.record.clone(),
            program_version: env!("CARGO_PKG_VERSION").into(),
            machine: machine(),
        })
    }

    /// The record of the call: everything needed to start the same sweep again.
    fn call(&self) -> Call {
        let LoadOptions { profile, sets, env } = self.experiment.options.clone();
        let mut variables: BTreeMap<String, String> = env.into_iter().collect();
        // Offline, the fallback may have been used: the repeated sweep must use it too.
        if self.source.offline {
            variables.insert(OFFLINE.to_owned(), "1".to_owned());
        }
        let ExecutionRequest { devices, jobs, fuse } = self.execution.clone();
        let data_dir = self.source.data_dir.as_ref().map(|folder| folder.display().to_string());
        let results = self.results.display().to_string();
        Call { profile, sets, variables, results, data_dir, devices, jobs, fuse }
    }
}

/// One grid of real images per dataset, with the geometry of the sample grids.
fn real_images(
    experiment: &Experiment,
    plan: &Plan,
    source: &DataSource,
) -> Result<Vec<RealImages>, AppError> {
    let runs = plan.runs.iter();
    let datasets: BTreeMap<&str, (Dataset, &DatasetSpec)> =
        runs.map(|run| (run.spec.fingerprint.as_str(), (run.config.data.dataset, &run.spec))).collect();
    let (rows, cols) = (experiment.record.grid_rows, experiment.record.grid_cols);
    let grid = |(dataset, spec): (Dataset, &DatasetSpec)| {
        let images = source.load_planned(dataset, spec)?.some(dataset, rows as usize * cols as usize);
        let (png, geometry) = real_grid(&images, rows, cols)?;
        Ok(RealImages { dataset, data_fingerprint: spec.fingerprint.clone(), geometry, png })
    };
    datasets.into_values().map(grid).collect()
}

/// Whether a run can resume from the content of a checkpoint file.
fn check_checkpoint(content: &[u8], resume: &Resume, run: &PlannedRun) -> Result<(), String> {
    let written_for = resume.written_for.as_ref().unwrap_or(&run.id);
    checkpoint::check(content, written_for, resume.checkpoint.step, &run.config, &run.spec)
}

/// The launcher for those devices.
fn launcher(
    workers: Workers,
    programs: &Programs,
    devices: &SweepDevices,
    source: &DataSource,
) -> Result<Option<Box<dyn Launcher>>, AppError> {
    match workers {
        Workers::Processes => return Ok(Some(Box::new(WorkerLauncher(programs.clone())))),
        Workers::Slurm => return Ok(None),
        Workers::Threads => {}
    }
    if let Some(device) = devices.names().find(|device| !programs.is_own(device)) {
        let program = programs.of_device(&device).path().to_owned();
        return Err(AppError::AnotherProgramsDevice { device, program });
    }
    let source = source.clone();
    Ok(Some(Box::new(InProcessLauncher::new(move |job, commands, emit| {
        worker::work_on_thread(&job, &source, commands, emit)
    }))))
}

/// Host name, processor and number of cores.
fn machine() -> String {
    format!("{}: {}, {}", host::name(), host::processor(), text::count(host::threads(), "core"))
}

/// Puts the evaluators that the workers need into the cache, so that each is trained once.
fn prepare_evaluators(
    experiment: &Experiment,
    plan: &Plan,
    source: &DataSource,
    observer: &mut dyn Observer,
) -> Result<(), AppError> {
    let mut prepared = BTreeSet::new();
    for run in plan.runs.iter().filter(|_| experiment.record.evaluate_epochs.period().is_some()) {
        if prepared.insert(&run.spec.fingerprint) {
            let data = DatasetRow { dataset: run.config.data.dataset, spec: run.spec.clone() };
            let counts = Counts::while_training(&experiment.record);
            evaluate::RealImages::prepare(&data, source, counts, observer)?;
        }
    }
    Ok(())
}
