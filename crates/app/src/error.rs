//! Errors of the use cases.

use std::io;
use std::path::PathBuf;

use gansweep_base::spelling::did_you_mean;
use gansweep_base::text::shell_word;
use gansweep_compare::CompareError;
use gansweep_config::{Dataset, RunState};
use gansweep_report::ReportError;
use gansweep_store::StoreError;
use gansweep_train::{Problem, TrainError};

/// The error of a use case. Each message names the cause and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// The experiment file or an override is invalid.
    #[error(transparent)]
    Experiment(#[from] gansweep_config::Faults),
    /// A dataset is not available.
    #[error(transparent)]
    Data(#[from] gansweep_data::DataError),
    /// A backend failed, or a checkpoint cannot be read.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The database cannot be used, or has no such run or sweep.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The whole sweep failed.
    #[error(transparent)]
    Scheduler(#[from] gansweep_scheduler::RunnerError),
    /// The report page cannot be written.
    #[error("cannot write the report: {0}")]
    Report(#[from] ReportError),
    /// A file that the caller named cannot be written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// The user has stopped the command.
    #[error("stopped: nothing was written")]
    Interrupted,
    /// So many images would take more memory for their latents than there may be.
    #[error(
        "{count} images of {dim} latents each are too many at once: draw at most {most}, several times with other seeds"
    )]
    TooManyLatents {
        /// Images that were asked for.
        count: u32,
        /// Latents of each.
        dim: u32,
        /// The most images.
        most: u32,
    },
    /// The plan's axes cannot be serialised.
    #[error("the plan's axes cannot be written as JSON: {0}")]
    Axes(#[source] serde_json::Error),
    /// The path of the running program is unknown, so it cannot be started as a worker.
    #[error("the program cannot find its own file to start itself: {0}")]
    OwnProgram(#[source] io::Error),
    /// Not a valid device name.
    #[error(transparent)]
    DeviceName(TrainError),
    /// This machine does not have the device.
    #[error("this machine has no device {name}; it has {}, and `gansweep devices` describes them{}", known.join(", "), did_you_mean(name, known.iter().map(String::as_str)))]
    UnknownDevice {
        /// The name.
        name: String,
        /// The names of the devices that there are.
        known: Vec<String>,
    },
    /// The device exists but cannot be used.
    #[error("device {device} cannot be used: {}; {}", problem.cause, problem.remedy)]
    UnusableDevice {
        /// Its name.
        device: String,
        /// The cause and what to do about it.
        problem: Problem,
    },
    /// A device of the sweep cannot train one of its runs.
    #[error("device {device} cannot train {run}: {reason}; {way_out}")]
    UnsupportedRuns {
        /// The device's name.
        device: String,
        /// The first such run's label.
        run: String,
        /// What the backend lacks.
        reason: gansweep_train::Unsupported,
        /// What to do about it.
        way_out: &'static str,
    },
    /// `--in-process` was given for a device that only another build has.
    #[error(
        "--in-process trains in this program, which cannot use {device}; omit the option, or run {} instead",
        program.display()
    )]
    AnotherProgramsDevice {
        /// Its name.
        device: String,
        /// The program that can use it.
        program: PathBuf,
    },
    /// The system's limits do not allow that number of workers.
    #[error(
        "{workers} workers need about {needed} {resource}, and the limit is {limit}: use --jobs {most}, or raise the \
         limit with `ulimit {option}`"
    )]
    TooManyWorkers {
        /// Workers at the same time.
        workers: u64,
        /// What they need.
        needed: u64,
        /// What there is.
        limit: u64,
        /// The limited resource: `processes`, `open files`.
        resource: &'static str,
        /// The option of `ulimit`.
        option: &'static str,
        /// The most workers within the limit.
        most: u64,
    },
    /// Jobs on a cluster train runs of the results folder.
    #[error(
        "{}: {arrays} job arrays in Slurm train runs of this results folder; go on with --launcher slurm, wait for \
         them and `gansweep collect`, or end them with `gansweep cancel`",
        results.display()
    )]
    JobsInCluster {
        /// The results folder.
        results: PathBuf,
        /// Number of arrays.
        arrays: usize,
    },
    /// The cluster takes no jobs, or cannot be asked for them.
    #[error(transparent)]
    Slurm(#[from] gansweep_scheduler::SlurmError),
    /// No worker can be started on the cluster.
    #[error(transparent)]
    Launch(#[from] gansweep_scheduler::LaunchError),
    /// A device of a cluster's nodes must be named.
    #[error(
        "`auto` cannot know the devices of the cluster's nodes: name one, such as --device cpu or --device vulkan:0"
    )]
    NoDeviceOnCluster,
    /// The database is damaged.
    #[error(
        "{} is damaged: {first}{}; `gansweep check` lists everything. Restore a copy, or move the results folder away",
        path.display(),
        if *more > 0 { format!(", and {more} more") } else { String::new() }
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first finding.
        first: String,
        /// Further findings.
        more: usize,
    },
    /// A run's grids cannot be made an animation.
    #[error("run {run} ({label}) cannot be animated: {source}")]
    Animation {
        /// Its id.
        run: String,
        /// Its label.
        label: String,
        /// Why.
        source: gansweep_report::animation::AnimationError,
    },
    /// Nothing can be served on that address.
    #[error("cannot serve on {address}: {source}; choose another with --port or --host")]
    Serve {
        /// Host and port.
        address: String,
        /// The I/O error.
        source: io::Error,
    },
    /// The user stopped the writing of a page.
    #[error("the report was not written; `gansweep report --sweep {}` writes it", shell_word(sweep))]
    ReportSkipped {
        /// The sweep.
        sweep: String,
    },
    /// The thread that writes the page ended without a result.
    #[error("the report was not written: its thread failed, which is a bug")]
    ReportFailed,
    /// A name is neither that of a sweep nor the beginning of a run's id.
    #[error("there is neither a sweep nor a run `{name}`; {}", if known.is_empty() {
        "the database has no sweep".to_owned()
    } else {
        format!(
            "the sweeps are {}, and `gansweep runs` lists the runs{}",
            known.join(", "), did_you_mean(name, known.iter().map(String::as_str))
        )
    })]
    NeitherSweepNorRun {
        /// The name.
        name: String,
        /// The sweeps.
        known: Vec<String>,
    },
    /// A text that cannot be a name or a tag.
    #[error("`{}` cannot be a name: it must have 1 to 100 characters, on one line", name.escape_debug())]
    BadName {
        /// The text.
        name: String,
    },
    /// A tag with a comma.
    #[error("`{tag}` cannot be a tag: commas separate tags in lists; give each tag in a call of its own")]
    CommaInTag {
        /// The text.
        tag: String,
    },
    /// There is no results folder.
    #[error(
        "{} does not exist: `gansweep sweep FILE` makes a results folder; name another with --results DIR",
        results.display()
    )]
    NoResults {
        /// The folder.
        results: PathBuf,
    },
    /// Another process works in the results folder.
    #[error("{} is in use by another process; run the command again when that has ended", results.display())]
    InUse {
        /// The folder.
        results: PathBuf,
    },
    /// A run's checkpoint cannot be used.
    #[error("checkpoint {} of run {run} cannot be used: {reason}; {way_out}", path.display())]
    UnusableCheckpoint {
        /// The run's id.
        run: String,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: gansweep_train::CheckpointError,
        /// What to do, for a run in its state.
        way_out: String,
    },
    /// No part of the plan can be selected so.
    #[error("{0}")]
    Selection(#[from] gansweep_config::SelectionError),
    /// Unknown dataset name.
    #[error("no dataset `{name}`; {}", one_of(known, name))]
    UnknownDataset {
        /// The name.
        name: String,
        /// The valid names.
        known: Vec<&'static str>,
    },
    /// The folder that a sweep's experiment names does not have the images of its runs any more.
    #[error(
        "sweep `{sweep}` trained on the images in {}, which {problem}; name the folder that has its images with --path",
        folder.display()
    )]
    RecordedFolder {
        /// The sweep.
        sweep: String,
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The real test images of a dataset without any are to be evaluated.
    #[error(
        "the dataset {dataset} has no test images, and these are what is evaluated without a run; `gansweep evaluate \
         RUN|SWEEP` evaluates runs on it"
    )]
    NoTestImages {
        /// The dataset.
        dataset: &'static str,
    },
    /// The evaluator of the dataset knows no classes.
    #[error("the images of {dataset} have no classes, so nothing can be recognised by them")]
    NoClasses {
        /// The dataset.
        dataset: &'static str,
    },
    /// A conditional run would train on no image of a class.
    #[error(
        "the class {class:?} of {} has no image {}, and a conditional model needs images of every class; {}, \
         or leave `model.conditional` out",
        dataset.name(),
        if *images == 0 { "to train on".to_owned() } else { format!("among those of `data.images = {images}`") },
        if *images == 0 { "let the labels count from 0 without gaps" } else { "raise `data.images`" }
    )]
    ClassWithoutImages {
        /// The class's name, or its number where it has none.
        class: String,
        /// The dataset.
        dataset: Dataset,
        /// The value of `data.images`.
        images: u32,
    },
    /// Unknown metric name.
    #[error("there is no metric `{name}`; {}", one_of(known, name))]
    UnknownMetric {
        /// The name.
        name: String,
        /// The valid names.
        known: Vec<&'static str>,
    },
    /// A part of a search is asked for.
    #[error(
        "--only and --retry-failed select runs of a plan, and the runs of a search are not planned; omit them, or set \
         search.method=none"
    )]
    PartOfSearch,
    /// Failed runs are asked for, and there are none.
    #[error(
        "no run of sweep `{sweep}` has failed, so that --retry-failed has nothing to train; omit it to train all others"
    )]
    NothingFailed {
        /// The sweep.
        sweep: String,
    },
    /// The sweep cannot be compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// A class is asked of a run whose model does not know classes.
    #[error(
        "run {run} draws no images of a class: its model is not conditional (`model.conditional = true` trains one)"
    )]
    NotConditional {
        /// Its id.
        run: String,
    },
    /// The run's dataset has no such class.
    #[error("run {run} knows no class \"{asked}\"; expected a number from 0 to {last}{}{}", or_name(names), did_you_mean(asked, names.iter().map(String::as_str)))]
    NoSuchClass {
        /// Its id.
        run: String,
        /// What was asked for.
        asked: String,
        /// The number of the last class.
        last: u32,
        /// The names of the classes; empty if they are not known.
        names: Vec<String>,
    },
    /// The run has no checkpoint to generate from or to export.
    #[error("run {run} ({label}) has no checkpoint: {}", why_no_checkpoint(*state, way_out))]
    NoCheckpoint {
        /// Its id.
        run: String,
        /// Its label.
        label: String,
        /// Its state.
        state: RunState,
        /// How to train it again.
        way_out: String,
    },
    /// The run has no best checkpoint.
    #[error(
        "run {run} ({label}) has no best checkpoint: it needs quality figures during training (`record.evaluate_epochs`) and \
         `record.best`; omit --best to take the last checkpoint"
    )]
    NoBestCheckpoint {
        /// Its id.
        run: String,
        /// Its label.
        label: String,
    },
    /// The run's last checkpoint is deleted, and its best one is there.
    #[error("run {run} ({label}) has its best checkpoint alone: --best takes it")]
    OnlyBestCheckpoint {
        /// Its id.
        run: String,
        /// Its label.
        label: String,
    },
}

/// The names that are expected instead of a wrong one, for the end of a sentence.
fn one_of(known: &[&str], wrong: &str) -> String {
    format!("expected one of {}{}", known.join(", "), did_you_mean(wrong, known.iter().copied()))
}

/// The names of classes, for the end of a sentence. A dataset may have thousands.
fn or_name(names: &[String]) -> String {
    const MOST: usize = 60;
    let named = names.get(..MOST).unwrap_or(names).join(", ");
    match names.len() {
        0 => String::new(),
        all if all > MOST => format!(", or one of {named} and {} more names", all - MOST),
        _ => format!(", or one of {named}"),
    }
}

/// Why a run in that state has no checkpoint, and what to do.
fn why_no_checkpoint(state: RunState, way_out: &str) -> String {
    let why = match state {
        RunState::Completed => return format!("it has been deleted; {way_out}"),
        RunState::Diverged => {
            "it diverged before it was saved, and is not continued; its recorded curves and samples remain"
        }
        RunState::Failed => "it failed before it was saved; run the sweep again to retry it",
        RunState::Running => "it is running and is not saved yet",
        RunState::Queued | RunState::Pending => "it has not started; run its sweep first",
        RunState::Interrupted | RunState::Paused | RunState::Pruned => {
            "it ended without one; run its sweep again"
        }
    };
    why.to_owned()
}

/// Whether any work had been started when the error occurred. Callers derive exit codes from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The request is invalid or asks for something that does not exist. Nothing was started.
    Refused,
    /// Something failed after the work had started. What was recorded before is kept.
    Failed,
}

impl AppError {
    /// Whether an output file that the caller named is a pipe whose reader has gone away (`--out /dev/stdout`).
    pub fn is_closed_pipe(&self) -> bool {
        match self {
            Self::File { source, .. }
            | Self::Store(StoreError::Output(source))
            | Self::Report(ReportError::Write { source, .. }) => source.kind() == io::ErrorKind::BrokenPipe,
            _ => false,
        }
    }

    /// The class of this error.
    pub fn class(&self) -> ErrorClass {
        match self {
            // The rows were there; whoever was to take them could not.
            Self::Store(StoreError::Output(_) | StoreError::OutputFile { .. }) => ErrorClass::Failed,
            Self::Experiment(_)
            | Self::Selection(_)
            | Self::Data(_)
            | Self::Store(_)
            | Self::Report(
                ReportError::UnknownSweep { .. } | ReportError::Store(_) | ReportError::Compare(_),
            )
            | Self::DeviceName(_)
            | Self::UnknownDevice { .. }
            | Self::UnusableDevice { .. }
            | Self::UnsupportedRuns { .. }
            | Self::AnotherProgramsDevice { .. }
            | Self::TooManyWorkers { .. }
            | Self::TooManyLatents { .. }
            | Self::Damaged { .. }
            | Self::InUse { .. }
            | Self::Animation { .. }
            | Self::Serve { .. }
            | Self::NeitherSweepNorRun { .. }
            | Self::BadName { .. }
            | Self::CommaInTag { .. }
            | Self::NoResults { .. }
            | Self::UnknownDataset { .. }
            | Self::RecordedFolder { .. }
            | Self::NoTestImages { .. }
            | Self::NoClasses { .. }
            | Self::ClassWithoutImages { .. }
            | Self::UnknownMetric { .. }
            | Self::PartOfSearch
            | Self::NothingFailed { .. }
            | Self::Compare(_)
            | Self::JobsInCluster { .. }
            | Self::Slurm(_)
            | Self::Launch(_)
            | Self::NoDeviceOnCluster
            | Self::NotConditional { .. }
            | Self::NoSuchClass { .. }
            | Self::NoCheckpoint { .. }
            | Self::NoBestCheckpoint { .. }
            | Self::OnlyBestCheckpoint { .. } => ErrorClass::Refused,
            Self::Train(_)
            | Self::UnusableCheckpoint { .. }
            | Self::Scheduler(_)
            | Self::Report(_)
            | Self::ReportSkipped { .. }
            | Self::ReportFailed
            | Self::Interrupted
            | Self::File { .. }
            | Self::Axes(_)
            | Self::OwnProgram(_) => ErrorClass::Failed,
        }
    }
}
