//! Workers that pretend to train, and fail by script: what happens around workers is tested with
//! them in milliseconds.
//!
//! The pretended training is a pure function of run and step, as a real one is, and its
//! checkpoints are real files. So a sweep that was disturbed in any way must end with exactly the
//! records of one that was not.

mod training;
mod worker;

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gansweep_config::{
    DataIdentity, Dataset, DatasetSpec, Experiment, Faults, ImageShape, LoadOptions, Palette, Plan,
    PlannedRun, Record, RunId, SampleMode,
};
use gansweep_protocol::Job;
use gansweep_store::{Call, SweepRecord};

use self::training::Training;
use self::worker::MockWorker;
use crate::{Exit, ExitStatus, LaunchError, Launcher, SendFrame, TakeCommand, Worker, WorkerFailure};

/// What one worker does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script {
    /// How it fails, and after how many frames.
    pub fault: Option<(u64, Fault)>,
    /// One long step: after so many frames, only heartbeats come for so long.
    pub long_step: Option<(u64, Duration)>,
    /// After so many frames nothing comes for so long, as if the machine slept.
    pub sleep: Option<(u64, Duration)>,
    /// It obeys no commands.
    pub ignores_commands: bool,
    /// It does not exit when its runs are over.
    pub never_exits: bool,
    /// Runs whose loss becomes NaN, and at which step.
    pub diverging: Vec<(RunId, u64)>,
    /// Runs that the worker reports as failed at that step, while their neighbours train on.
    pub failing: Vec<(RunId, u64)>,
    /// Runs that kill their worker with SIGSEGV at that step.
    pub deadly: Vec<(RunId, u64)>,
    /// Waits so long before each step.
    pub pace: Duration,
}

/// How a worker fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It exits in that way, with that on stderr.
    Exit(ExitStatus, String),
    /// It sends nothing until it is killed.
    Hang,
    /// It sends heartbeats, but trains nothing and uses no processor time, until it is killed.
    Stall,
    /// It is killed in the middle of a frame.
    TornFrame,
    /// It sends a frame whose checksum is wrong, and goes on.
    CorruptFrame,
    /// It closes its stream and does not exit.
    Linger,
    /// It exits, but something else holds its stream open.
    LeaveOpen,
    /// It reports a run that is not its own.
    ForeignRun,
    /// It leaves out an event.
    MissingEvent,
    /// It cannot be started: no such program.
    NoProgram,
    /// It cannot be started: no such device.
    NoDevice,
    /// It cannot be started: no thread to be had.
    NoThread,
}

impl Script {
    /// Trains to the end.
    pub fn healthy() -> Self {
        Self::default()
    }

    /// Fails in that way after so many frames.
    pub fn failing_after(frames: u64, fault: Fault) -> Self {
        Self { fault: Some((frames, fault)), ..Self::default() }
    }

    /// Exits in that way after so many frames.
    pub fn exiting_after(frames: u64, status: ExitStatus) -> Self {
        Self::failing_after(frames, Fault::Exit(status, String::new()))
    }
}

/// Trains a job as a healthy worker does, in this thread, until it is over or asked to stop. Of the
/// script, what concerns runs and the pace is obeyed; the rest is for the caller to play.
pub fn pretend(
    job: Job,
    script: &Script,
    take_command: &mut TakeCommand<'_>,
    send_frame: &mut SendFrame<'_>,
) -> Result<(), WorkerFailure> {
    let mut training = Training::new(job, script);
    loop {
        match training.next(take_command) {
            Ok(Some(frame)) => send_frame(frame).map_err(|error| failure(1, error.to_string()))?,
            Ok(None) => return Ok(()),
            Err(Exit { status: ExitStatus::Code(code), stderr }) => return Err(failure(code, stderr)),
            Err(Exit { stderr, .. }) => return Err(failure(101, stderr)),
        }
    }
}

fn failure(exit_code: i32, message: String) -> WorkerFailure {
    WorkerFailure { exit_code, message }
}

/// The runs of an experiment on 64 tiny images in batches of 16, four steps an epoch; `sweep` is the rest
/// of the experiment file.
pub fn plan(sweep: &str, epochs: u32) -> Result<Vec<PlannedRun>, Faults> {
    let small = ["data.dataset=strokes", "train.batch_size=16", "model.latent_dim=8"];
    let mut sets: Vec<String> = small.iter().map(ToString::to_string).collect();
    sets.push(format!("train.epochs={epochs}"));
    let options = LoadOptions { sets, ..LoadOptions::default() };
    let source = format!("name = \"mock\"\nrecipe = \"fast\"\n{sweep}\n");
    let experiment = Experiment::parse(Path::new("mock.toml"), source, &options)?;
    let spec = DatasetSpec {
        image: ImageShape { channels: 1, height: 8, width: 8 },
        classes: 10,
        train_images: 64,
        test_images: 16,
        fingerprint: "mock".to_owned(),
    };
    let identity = |dataset| DataIdentity { dataset, spec: spec.clone() };
    Ok(Plan::new(&experiment, &identity)?.runs)
}

/// What is recorded of a sweep on such a plan: a checkpoint after every epoch, and points every two steps.
pub fn sweep_record(name: &str) -> SweepRecord {
    SweepRecord {
        name: name.to_owned(),
        file: format!("{name}.toml"),
        call: Call::default(),
        source_toml: String::new(),
        description: String::new(),
        recipe: "fast".to_owned(),
        axes_json: "[]".to_owned(),
        dataset_requested: Dataset::Strokes,
        dataset: Dataset::Strokes,
        record: Record {
            every_steps: 2,
            every_epochs: 1,
            grid_rows: 1,
            grid_cols: 1,
            sample_mode: SampleMode::Eval,
            latent_seed: 0,
            palette: Palette::Gray,
            checkpoint_seconds: 0.0,
        },
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: "mock".to_owned(),
    }
}

/// Decides what a worker does, from its job and the number of launches before it.
type ScriptOf = dyn Fn(&Job, usize) -> Script + Send + Sync;

/// Starts workers that do as a script says.
pub struct MockLauncher {
    script_of: Box<ScriptOf>,
    start_timeout: Option<Duration>,
    launched: Mutex<Launched>,
}

#[derive(Debug, Default)]
struct Launched {
    count: usize,
    /// `None` if jobs are not kept.
    jobs: Option<Vec<Job>>,
}

impl MockLauncher {
    /// Each worker does what `script_of` says, given its job and the number of launches before it.
    pub fn new(script_of: impl Fn(&Job, usize) -> Script + Send + Sync + 'static) -> Self {
        let launched = Launched { count: 0, jobs: Some(Vec::new()) };
        Self { script_of: Box::new(script_of), start_timeout: None, launched: Mutex::new(launched) }
    }

    /// Every worker trains to the end.
    pub fn healthy() -> Self {
        Self::new(|_, _| Script::healthy())
    }

    /// Workers must send their first frame within that time.
    #[must_use]
    pub fn with_start_timeout(self, start_timeout: Duration) -> Self {
        Self { start_timeout: Some(start_timeout), ..self }
    }

    /// Forgets jobs once they are launched, to measure the memory of a large sweep.
    #[must_use]
    pub fn without_jobs(self) -> Self {
        Self { launched: Mutex::default(), ..self }
    }

    /// The jobs so far, those that could not be started included.
    pub fn jobs(&self) -> Vec<Job> {
        self.launched.lock().unwrap_or_else(PoisonError::into_inner).jobs.clone().unwrap_or_default()
    }

    /// What the next worker, on that job, is to do.
    fn next_script(&self, job: &Job) -> Script {
        let mut launched = self.launched.lock().unwrap_or_else(PoisonError::into_inner);
        let script = (self.script_of)(job, launched.count);
        launched.count += 1;
        if let Some(jobs) = &mut launched.jobs {
            jobs.push(job.clone());
        }
        script
    }
}

impl std::fmt::Debug for MockLauncher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MockLauncher").field("launched", &self.launched).finish_non_exhaustive()
    }
}

impl Launcher for MockLauncher {
    fn launch(&self, job: &Job) -> Result<Box<dyn Worker>, LaunchError> {
        let script = self.next_script(job);
        match script.fault {
            Some((_, Fault::NoProgram)) => {
                let source = io::ErrorKind::NotFound.into();
                Err(LaunchError::Program { program: "no-such-program".into(), source })
            }
            Some((_, Fault::NoDevice)) => {
                let reason = "no driver".to_owned();
                Err(LaunchError::DeviceUnavailable { device: job.device.clone(), reason })
            }
            Some((_, Fault::NoThread)) => Err(LaunchError::Thread(io::ErrorKind::WouldBlock.into())),
            _ => Ok(Box::new(MockWorker::new(job.clone(), script))),
        }
    }

    fn start_timeout(&self) -> Option<Duration> {
        self.start_timeout
    }
}
