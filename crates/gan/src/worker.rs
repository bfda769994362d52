//! What a worker process does: one job from its first line of input to its last event.

use std::sync::Arc;

use gansweep_data::{DataSource, Split};
use gansweep_experiment::{IMAGE_PIXELS, Job};

use crate::GanError;
use crate::device::{DeviceName, tell_shortage};
use crate::native::NativeTrainer;
use crate::session::{Emit, Outcome, Session};
use crate::state::LaneState;
use crate::trainer::{Lane, Trainer, TrainingImages};

/// Trains a job's lanes until they end or `stop` says so.
pub fn work(job: &Job, stop: &dyn Fn() -> bool, emit: &mut Emit<'_>) -> Result<Outcome, GanError> {
    tell_shortage(&job.device, || train(job, stop, emit))
}

fn train(job: &Job, stop: &dyn Fn() -> bool, emit: &mut Emit<'_>) -> Result<Outcome, GanError> {
    let images = training_images(job)?;
    let open = |lanes: Vec<Lane>, states: Vec<LaneState>, images: TrainingImages| {
        open_trainer(&job.device, job.threads as usize, lanes, states, images)
    };
    Session::open(job, &images, &open, emit)?.run(stop)
}

/// The trainer for lanes on a device, with at most `threads` threads on the CPU.
pub fn open_trainer(
    device: &str,
    threads: usize,
    lanes: Vec<Lane>,
    states: Vec<LaneState>,
    images: TrainingImages,
) -> Result<Box<dyn Trainer>, GanError> {
    match device.parse()? {
        DeviceName::Cpu => Ok(Box::new(NativeTrainer::new(lanes, states, images, threads)?)),
        named => open_burn(named, threads, lanes, states, &images),
    }
}

#[cfg(feature = "burn-path")]
fn open_burn(
    device: DeviceName,
    threads: usize,
    lanes: Vec<Lane>,
    states: Vec<LaneState>,
    images: &TrainingImages,
) -> Result<Box<dyn Trainer>, GanError> {
    crate::device::limit_threads(device, threads);
    let opened = crate::device::open(device)?;
    Ok(Box::new(crate::burn_path::BurnTrainer::new(&opened, lanes, states, images)?))
}

#[cfg(not(feature = "burn-path"))]
fn open_burn(
    device: DeviceName,
    _: usize,
    _: Vec<Lane>,
    _: Vec<LaneState>,
    _: &TrainingImages,
) -> Result<Box<dyn Trainer>, GanError> {
    let cause =
        "this build has the `cpu` device alone; `gansweep devices` says how to build the others".into();
    Err(GanError::Device { device: device.to_string(), cause })
}

/// The images that all lanes of a job train on.
fn training_images(job: &Job) -> Result<TrainingImages, GanError> {
    let Some(first) = job.lanes.first() else {
        return Err(GanError::Group("it has no lanes".into()));
    };
    let data = &first.config.data;
    if let Some(other) = job.lanes.iter().find(|lane| lane.config.data != *data) {
        return Err(GanError::Group(format!("{} and {} train on different data", first.run, other.run)));
    }
    let mut images = DataSource::from_environment(job.data_dir.clone()).load(data.dataset, Split::Train)?;
    if data.images > 0 {
        images.pixels.truncate(data.images as usize * IMAGE_PIXELS);
    }
    let count = images.pixels.len() / IMAGE_PIXELS;
    Ok(TrainingImages { dataset: data.dataset, bytes: Arc::new(images.pixels), count, pixels: data.pixels })
}
