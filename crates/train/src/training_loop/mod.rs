//! The training loop of one group: when to train, record, sample and save.
//!
//! It works with any backend, network and loss: it sees a [`Trainer`] and rows of metrics.

mod best;
mod evaluation;
mod lane;
mod pace;
mod tally;

use std::collections::BTreeMap;
use std::path::PathBuf;

use gansweep_base::{host, text};
use gansweep_config::{Record, RunId};
use gansweep_nn::state::state_bytes;
use gansweep_protocol::{Command, Event, Halted, Job};

use crate::{Latents, OpenTrainer, Trainer, TrainingImages, classes_in_turn, fixed_latents};
use crate::{TrainError, checkpoint};
pub use evaluation::{Drawn, Evaluation, ImageFigures};
pub use lane::Emit;
use lane::LoopLane;
use pace::Pace;
pub use tally::Tally;

/// Cause of a run that pauses by itself. The decision about it replaces the text.
const AT_RUNG: &str = "waits at this rung";

/// Returns the next command from the runner that has arrived, if any.
pub type Commands<'a> = dyn FnMut() -> Option<Command> + 'a;

/// The training of one group.
pub struct TrainingLoop<'a, 'e> {
    trainer: Box<dyn Trainer>,
    lanes: Vec<LoopLane>,
    latents: Latents,
    /// Rows and columns of sample grids.
    grid: [u32; 2],
    record: Record,
    results_dir: PathBuf,
    /// How long a run may train in all of its attempts together.
    run_seconds: Option<f64>,
    pace: Pace,
    emit: &'a mut Emit<'e>,
    evaluation: Option<Evaluation<'a>>,
}

/// How the training of a group ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every lane reached its last step, diverged, or was paused or ended on request.
    Finished,
    /// Stopped on request; every lane that has taken a step and was still training has a checkpoint.
    Interrupted,
}

impl<'a, 'e> TrainingLoop<'a, 'e> {
    /// Loads each lane's checkpoint or initial weights, builds the trainer and sends each lane's `Started`.
    pub fn open(
        job: &Job,
        images: &TrainingImages,
        open_trainer: &OpenTrainer<'_>,
        emit: &'a mut Emit<'e>,
    ) -> Result<Self, TrainError> {
        check_memory(job)?;
        let mut lanes = Vec::new();
        let mut states = Vec::new();
        for lane_job in &job.lanes {
            let (lane, state) = LoopLane::open(lane_job, &job.results_dir)?;
            lanes.push(lane);
            states.push(state);
        }
        check_alignment(&lanes)?;
        let (grid, latents) = sample_inputs(&job.record, &lanes);
        let parts = lanes.iter().map(|lane| lane.lane.clone()).collect();
        let trainer = open_trainer(parts, states, images.clone())?;
        let mut training = Self {
            trainer,
            lanes,
            latents,
            grid,
            record: job.record.clone(),
            results_dir: job.results_dir.clone(),
            run_seconds: job.run_seconds,
            pace: Pace::new(),
            emit,
            evaluation: None,
        };
        training.announce(&job.device)?;
        Ok(training)
    }

    /// Evaluates generated images where the record asks for it.
    #[must_use]
    pub fn with_evaluation(self, evaluation: Option<Evaluation<'a>>) -> Self {
        Self { evaluation, ..self }
    }

    /// Trains until every lane has ended, or until a command stops them all. Commands are handled between
    /// two chunks of steps.
    pub fn run(mut self, commands: &mut Commands<'_>) -> Result<Outcome, TrainError> {
        let mut has_begun = false;
        loop {
            self.complete_finished()?;
            self.pause_at_rungs()?;
            self.end_overdue()?;
            if !self.is_active() {
                return Ok(Outcome::Finished);
            }
            while let Some(command) = commands() {
                match command {
                    Command::StopAll => {
                        self.interrupt()?;
                        return Ok(Outcome::Interrupted);
                    }
                    Command::Stop { run, cause } => self.halt(&run, Event::Pruned, cause)?,
                    Command::Pause { run, cause } => self.halt(&run, Event::Paused, cause)?,
                }
            }
            // After the commands, since a stop may have come while data and checkpoints were read.
            if !std::mem::replace(&mut has_begun, true) {
                self.record_beginnings()?;
            }
            if self.is_active() {
                self.advance()?;
            }
        }
    }

    fn is_active(&self) -> bool {
        self.lanes.iter().any(LoopLane::is_active)
    }

    /// Sends each lane's `Started`.
    fn announce(&mut self, device: &str) -> Result<(), TrainError> {
        let backend = self.trainer.backend();
        let count = self.lanes.len() as u32;
        for (index, lane) in (0..).zip(&mut self.lanes) {
            lane.send(lane.started(device, &backend, index, count), self.emit)?;
        }
        Ok(())
    }

    /// Records the sample grids before training, of the lanes that have not trained yet.
    fn record_beginnings(&mut self) -> Result<(), TrainError> {
        let is_fresh = |lane: &LoopLane| lane.is_active() && lane.step == 0;
        let fresh: Vec<usize> = (0..self.lanes.len()).filter(|&lane| is_fresh(&self.lanes[lane])).collect();
        self.record_samples(&fresh)
    }

    /// Trains one chunk of steps, and records what is due at its end.
    fn advance(&mut self) -> Result<(), TrainError> {
        let active = || self.lanes.iter().filter(|lane| lane.is_active());
        let boundary = active().map(|lane| lane.steps_to_boundary(&self.record)).min().unwrap_or(1);
        let steps = self.pace.chunk(boundary);
        let point = active().any(|lane| lane.records_points_after(steps, &self.record));
        let (chunks, seconds) = self.pace.time(steps, || self.trainer.advance(steps, point))?;
        for (index, chunk) in chunks.into_iter().enumerate() {
            let (Some(chunk), lane) = (chunk, &mut self.lanes[index]) else { continue };
            if !lane.is_active() {
                continue;
            }
            lane.add_chunk(&chunk, seconds);
        }
        self.record_points()?;
        self.record_epoch_ends()?;
        self.report_progress()
    }

    /// Records points and figures of the lanes for which they are due, and the ends of those that have diverged.
    fn record_points(&mut self) -> Result<(), TrainError> {
        let mut evaluated = match &self.evaluation {
            Some(evaluation) => evaluation.of_lanes(&mut *self.trainer, &self.lanes, &self.record)?,
            None => BTreeMap::new(),
        };
        for (index, lane) in self.lanes.iter_mut().enumerate().filter(|(_, lane)| lane.is_active()) {
            let evaluated = evaluated.remove(&index).unwrap_or_default();
            if lane.record_points(&self.record, evaluated, self.emit)? {
                self.trainer.retire(index);
            }
        }
        Ok(())
    }

    /// Records sample grids and checkpoints of the lanes that have reached the end of a recorded epoch.
    fn record_epoch_ends(&mut self) -> Result<(), TrainError> {
        let due = |lane: &LoopLane| lane.is_active() && lane.ends_recorded_epoch(&self.record);
        let ended: Vec<usize> = (0..self.lanes.len()).filter(|&lane| due(&self.lanes[lane])).collect();
        self.record_samples(&ended)?;
        for lane in ended {
            if self.lanes[lane].wants_checkpoint(self.record.checkpoint_seconds) {
                self.save(lane)?;
            }
        }
        Ok(())
    }

    fn record_samples(&mut self, lanes: &[usize]) -> Result<(), TrainError> {
        let Some(&first) = lanes.first() else { return Ok(()) };
        // All lanes of a group have the same sources.
        for &source in self.lanes[first].sources() {
            let images = self.trainer.sample(&self.latents, self.record.sample_mode, source)?;
            for &index in lanes {
                if let Some(values) = &images[index] {
                    let lane = &mut self.lanes[index];
                    lane.send(lane.samples(values, source, self.grid)?, self.emit)?;
                }
            }
        }
        Ok(())
    }

    /// Writes a lane's checkpoint, and sends the event after it, so that the event's reader finds the file.
    ///
    /// Reports progress meanwhile: gigabytes on a slow disk take minutes, and the runner waits for a worker as
    /// long as it makes progress.
    fn save(&mut self, index: usize) -> Result<(), TrainError> {
        let state = self.trainer.state(index)?;
        let Self { lanes, pace, emit, results_dir, .. } = self;
        let lane = &mut lanes[index];
        let mut progress = || match pace.progress_due() {
            true => emit(lane.progress()).map_err(TrainError::Events),
            false => Ok(()),
        };
        let written = checkpoint::write(results_dir, &lane.snapshot(state), &mut progress)?;
        let saved = lane.saved(written);
        lane.send(saved, self.emit)
    }

    fn complete_finished(&mut self) -> Result<(), TrainError> {
        for index in 0..self.lanes.len() {
            let lane = &mut self.lanes[index];
            if lane.is_active() && lane.is_complete() {
                lane.complete(self.emit)?;
                self.trainer.retire(index);
            }
        }
        Ok(())
    }

    fn pause_at_rungs(&mut self) -> Result<(), TrainError> {
        for index in 0..self.lanes.len() {
            if self.lanes[index].is_active() && self.lanes[index].pauses_here() {
                let run = self.lanes[index].run().clone();
                self.halt(&run, Event::Paused, AT_RUNG.to_owned())?;
            }
        }
        Ok(())
    }

    /// Ends the runs that have trained for as long as they may. One that was so long before, in earlier attempts, takes no
    /// further step.
    fn end_overdue(&mut self) -> Result<(), TrainError> {
        let Some(limit) = self.run_seconds else { return Ok(()) };
        for index in 0..self.lanes.len() {
            let lane = &self.lanes[index];
            if lane.is_active() && lane.seconds() >= limit {
                let (run, cause) = (lane.run().clone(), out_of_time(lane.seconds(), limit));
                self.halt(&run, Event::TimedOut, cause)?;
            }
        }
        Ok(())
    }

    fn interrupt(&mut self) -> Result<(), TrainError> {
        for index in 0..self.lanes.len() {
            if self.lanes[index].is_active() {
                // Before its first step a run has nothing that its seed does not give again.
                if self.lanes[index].step > 0 {
                    self.save_unless_saved(index)?;
                }
                self.lanes[index].interrupt(self.emit)?;
            }
        }
        Ok(())
    }

    /// Saves one run and removes it from the group. A run that has ended or is not in the group is ignored:
    /// the runner may send the command before it has read the run's end.
    fn halt(&mut self, run: &RunId, event: fn(Halted) -> Event, cause: String) -> Result<(), TrainError> {
        let of_run = |lane: &LoopLane| lane.is_active() && lane.run() == run;
        let Some(index) = self.lanes.iter().position(of_run) else { return Ok(()) };
        self.save_unless_saved(index)?;
        self.lanes[index].halt(event, cause, self.emit)?;
        self.trainer.retire(index);
        Ok(())
    }

    fn save_unless_saved(&mut self, index: usize) -> Result<(), TrainError> {
        if self.lanes[index].is_saved() { Ok(()) } else { self.save(index) }
    }

    fn report_progress(&mut self) -> Result<(), TrainError> {
        if self.pace.progress_due() {
            for lane in self.lanes.iter().filter(|lane| lane.is_active()) {
                (self.emit)(lane.progress()).map_err(TrainError::Events)?;
            }
        }
        Ok(())
    }
}

/// Cause of a run that has trained for as long as it may.
fn out_of_time(trained: f64, limit: f64) -> String {
    let (trained, limit) = (text::seconds(trained), text::measured(limit / 3600.0));
    format!(
        "out of time: it has trained for {trained}, and execution.run_hours allows {limit} h; raise it to train on"
    )
}

/// The most columns of a grid of a conditional model, which has one for each class.
const MAX_CLASS_COLUMNS: u32 = 50;

/// Rows and columns of the lanes' sample grids, and what they are drawn from. A grid of a conditional model has a column
/// for each class (of a dataset with many, the first ones) and the same latents in all columns of a row. All lanes of a
/// group are conditional or none is.
fn sample_inputs(record: &Record, lanes: &[LoopLane]) -> ([u32; 2], Latents) {
    let (rows, seed) = (record.grid_rows, record.latent_seed);
    let conditional = lanes.first().filter(|lane| lane.config().model.conditional);
    if let Some(first) = conditional {
        let cols = first.spec().classes.min(MAX_CLASS_COLUMNS);
        let repeated = |lane: &LoopLane| {
            let each = fixed_latents(seed, lane.config(), rows as usize);
            let own = each.chunks(lane.config().model.latent_dim as usize);
            own.flat_map(|latents| latents.repeat(cols as usize)).collect()
        };
        let classes = (0..rows).flat_map(|_| (0..cols).map(|class| class as u16)).collect();
        return ([rows, cols], Latents { lanes: lanes.iter().map(repeated).collect(), classes });
    }
    let cells = (rows * record.grid_cols) as usize;
    let own = |lane: &LoopLane| fixed_latents(seed, lane.config(), cells);
    let classes = lanes.first().map_or_else(Vec::new, |lane| classes_in_turn(lane.spec(), cells));
    ([rows, record.grid_cols], Latents { lanes: lanes.iter().map(own).collect(), classes })
}

/// Checks that the lanes' weights and optimiser buffers fit the machine's memory: what cannot be allocated aborts
/// the process. Backends check what they need besides.
fn check_memory(job: &Job) -> Result<(), TrainError> {
    let mut bytes = 0u64;
    for lane in &job.lanes {
        bytes = bytes.saturating_add(state_bytes(&lane.config, &lane.spec)?);
    }
    refuse_beyond_memory(&job.device, bytes)
}

/// Checks that the machine has enough main memory, if the system says how much it has.
///
/// # Errors
///
/// [`TrainError::OutOfMemory`].
pub fn refuse_beyond_memory(device: &str, bytes: u64) -> Result<(), TrainError> {
    match host::memory_bytes() {
        Some(memory) if bytes > memory => Err(TrainError::OutOfMemory {
            device: device.to_owned(),
            cause: format!(
                "training it takes {} MiB by estimate, and the machine has {} MiB; smaller networks or batches take less",
                bytes >> 20,
                memory >> 20
            ),
        }),
        _ => Ok(()),
    }
}

/// Checks that the lanes have batches of equal size at every step.
fn check_alignment(lanes: &[LoopLane]) -> Result<(), TrainError> {
    let Some(first) = lanes.first() else {
        return Err(TrainError::Group("it has no lanes".into()));
    };
    let phase = |lane: &LoopLane| lane.config().phase(lane.spec(), lane.step);
    match lanes.iter().find(|lane| phase(lane) != phase(first)) {
        Some(other) => Err(TrainError::Group(format!(
            "{} stands at step {} of its epoch and {} at step {}, and the epoch's last step is smaller than the others",
            first.run(),
            phase(first),
            other.run(),
            phase(other)
        ))),
        None => Ok(()),
    }
}
