//! The backends of this build, and the training of a job on one of them.

use gansweep_config::{Config, DatasetSpec};
use gansweep_cpu::CpuTrainer;
use gansweep_data::{DataSource, Images};
use gansweep_nn::state::LaneState;
use gansweep_protocol::{Frame, Job, LaneJob};
use gansweep_store::DatasetRow;
use gansweep_train::{
    Commands, DeviceName, Drawn, Emit, Evaluation, Lane, Outcome, TrainError, Trainer, TrainingImages,
    TrainingLoop, Unsupported,
};
use tracing::{debug, error, info, info_span};

use crate::Progress;
use crate::evaluate::{Counts, RealImages};
use crate::log::log_frame;
use crate::out_of_memory::detect_out_of_memory;

/// Trains a job's lanes on images from `source` until all lanes have ended or a command stops them.
/// `commands` is polled between chunks of steps; `emit` receives every frame.
pub fn work(
    job: &Job,
    source: &DataSource,
    commands: &mut Commands<'_>,
    emit: &mut Emit<'_>,
) -> Result<Outcome, TrainError> {
    let first = job.lanes.first().map(|lane| lane.run.as_str());
    let _in_group = info_span!("group", device = job.device, first).entered();
    debug!(lanes = job.lanes.len(), threads = job.threads, "group received");
    let mut commands = || commands().inspect(|command| info!(?command, "asked by the runner"));
    let mut emit = |frame: Frame| {
        log_frame(&frame);
        emit(frame)
    };
    let ended = detect_out_of_memory(&job.device, || train(job, source, &mut commands, &mut emit));
    match &ended {
        Ok(outcome) => debug!(?outcome, "group ended"),
        Err(failure) => error!(%failure, "group failed"),
    }
    ended
}

fn train(
    job: &Job,
    source: &DataSource,
    commands: &mut Commands<'_>,
    emit: &mut Emit<'_>,
) -> Result<Outcome, TrainError> {
    let images = loaded_images(job, source)?;
    let real = real_images(job, source, &images);
    let images = training_images(job, images)?;
    let open = |lanes: Vec<Lane>, states: Vec<LaneState>, images: TrainingImages| {
        open_trainer(&job.device, job.threads as usize, lanes, states, images)
    };
    let figures = real.as_ref().map(RealImages::figures);
    let figures = figures.as_ref().map(|figures| |drawn: &Drawn<'_>| figures.of_drawn(drawn));
    let evaluation = figures.as_ref().map(|figures| Evaluation { figures });
    TrainingLoop::open(job, &images, &open, emit)?.with_evaluation(evaluation).run(commands)
}

/// The real images that generated ones are compared with, if the job asks for figures. The runner has put their evaluator
/// and its features into the cache.
fn real_images(job: &Job, source: &DataSource, train: &Images) -> Option<RealImages> {
    let record = &job.record;
    let lane = job.lanes.first().filter(|_| record.evaluate_epochs.period().is_some())?;
    let data = DatasetRow { dataset: lane.config.data.dataset, spec: lane.spec.clone() };
    let counts = Counts::while_training(record);
    Some(RealImages::of(&data, source, (train, None), counts, &mut |_: Progress<'_>| ()))
}

/// Opens the trainer for a device, with at most `threads` threads on the CPU.
pub fn open_trainer(
    device: &str,
    threads: usize,
    lanes: Vec<Lane>,
    states: Vec<LaneState>,
    images: TrainingImages,
) -> Result<Box<dyn Trainer>, TrainError> {
    match device.parse()? {
        DeviceName::Cpu => Ok(Box::new(CpuTrainer::new(lanes, states, images, threads)?)),
        named => open_tensor_trainer(named, threads, lanes, states, &images),
    }
}

/// Whether a device's backend can train runs of that config on that data.
///
/// # Errors
///
/// The reason why not.
pub fn supports(device: DeviceName, config: &Config, spec: &DatasetSpec) -> Result<(), Unsupported> {
    match device {
        DeviceName::Cpu => gansweep_cpu::supports(config, spec),
        _ => tensor_supports(config, spec),
    }
}

#[cfg(feature = "tensor")]
use gansweep_tensor::supports as tensor_supports;

/// A build without Burn has no such device.
#[cfg(not(feature = "tensor"))]
#[expect(clippy::unnecessary_wraps, reason = "with Burn it can fail")]
fn tensor_supports(_: &Config, _: &DatasetSpec) -> Result<(), Unsupported> {
    Ok(())
}

/// Opens the hand-written CPU backend with one thread. Every build has it.
pub fn open_on_cpu(
    lanes: Vec<Lane>,
    states: Vec<LaneState>,
    images: TrainingImages,
) -> Result<Box<dyn Trainer>, TrainError> {
    Ok(Box::new(CpuTrainer::new(lanes, states, images, 1)?))
}

#[cfg(feature = "tensor")]
fn open_tensor_trainer(
    device: DeviceName,
    threads: usize,
    lanes: Vec<Lane>,
    states: Vec<LaneState>,
    images: &TrainingImages,
) -> Result<Box<dyn Trainer>, TrainError> {
    gansweep_tensor::device::limit_threads(device, threads);
    let opened = gansweep_tensor::device::open(device)?;
    Ok(Box::new(gansweep_tensor::TensorTrainer::new(&opened, lanes, states, images)?))
}

#[cfg(not(feature = "tensor"))]
fn open_tensor_trainer(
    device: DeviceName,
    _: usize,
    _: Vec<Lane>,
    _: Vec<LaneState>,
    _: &TrainingImages,
) -> Result<Box<dyn Trainer>, TrainError> {
    let cause =
        "this build only has the device `cpu`; `gansweep devices` says how to build the others".into();
    Err(TrainError::Device { device: device.to_string(), cause })
}

/// The images that all lanes of a job train on.
fn loaded_images(job: &Job, source: &DataSource) -> Result<Images, TrainError> {
    let Some(first) = job.lanes.first() else {
        return Err(TrainError::Group("it has no lanes".into()));
    };
    let data = &first.config.data;
    let differs = |lane: &&LaneJob| lane.config.data != *data || lane.spec != first.spec;
    if let Some(other) = job.lanes.iter().find(differs) {
        return Err(TrainError::Group(format!("{} and {} train on different data", first.run, other.run)));
    }
    Ok(source.load_planned(data.dataset, &first.spec)?)
}

fn training_images(job: &Job, images: Images) -> Result<TrainingImages, TrainError> {
    let Some(first) = job.lanes.first() else {
        return Err(TrainError::Group("it has no lanes".into()));
    };
    let data = &first.config.data;
    let images = images.trained_on(data);
    Ok(TrainingImages::first(images.count, images, data.pixels).with_flips(data))
}
