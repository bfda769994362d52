//! One run of a group: its progress, and its events.

use std::path::Path;
use std::time::Instant;

use gansweep_base::host;
use gansweep_config::{Config, DatasetSpec, Record, RunId};
use gansweep_protocol::{
    Checkpoint, Diverged, Ended, Envelope, Evaluated, Event, Frame, Halted, LaneJob, Metric, Points,
    Progress, SampleSource, Samples, Started,
};

use super::best::Best;
use super::tally::Tally;
use crate::checkpoint::{self, Expected, Snapshot, Written};
use crate::trainer::failed_metric;
use crate::{Lane, LaneChunk};
use crate::{TrainError, pixels};
use gansweep_nn::average;
use gansweep_nn::state::LaneState;

/// Sends a frame to the runner.
pub type Emit<'a> = dyn FnMut(Frame) -> std::io::Result<()> + 'a;

/// One run of a group.
pub(super) struct LoopLane {
    pub(super) lane: Lane,
    pub(super) step: u64,
    run: RunId,
    attempt: u32,
    /// The budget: epochs to train for.
    epochs: u32,
    /// Steps at which one of the smaller budgets ends.
    milestones: Vec<u64>,
    /// The step at which it pauses by itself.
    pause_at: Option<u64>,
    seq: u64,
    tally: Tally,
    /// Metrics of the next point, in the order of [`Metric::of_points`].
    point: Option<Vec<f32>>,
    /// The row of the latest step, in the order of [`Metric::of_steps`].
    latest: Option<Vec<f32>>,
    images_per_second: f64,
    saved_at: Instant,
    /// The checkpoint that was written or loaded last.
    saved: Option<Checkpoint>,
    best: Best,
    active: bool,
}

impl LoopLane {
    /// Loads the run's checkpoint, or its initial weights if it has none.
    pub(super) fn open(job: &LaneJob, results_dir: &Path) -> Result<(Self, LaneState), TrainError> {
        let snapshot = match &job.resume {
            Some(resume) => {
                let run = Some(resume.written_for.as_ref().unwrap_or(&job.run));
                let expected = Expected { run, config: &job.config, spec: &job.spec };
                let snapshot = checkpoint::read(results_dir, &resume.checkpoint, &expected);
                snapshot.map_err(|source| TrainError::Checkpoint {
                    path: results_dir.join(&resume.checkpoint.path),
                    source,
                })?
            }
            None => Snapshot {
                run: job.run.clone(),
                state: LaneState::initial(&job.config, &job.spec, job.seed)?,
                tally: Tally::default(),
            },
        };
        let step = snapshot.state.step;
        let lane = Self {
            lane: Lane { config: job.config.clone(), spec: job.spec.clone(), seed: job.seed },
            step,
            run: job.run.clone(),
            attempt: job.attempt,
            epochs: job.epochs,
            milestones: job.milestones.iter().map(|&epochs| job.config.steps(epochs, &job.spec)).collect(),
            pause_at: job.pause_at.map(|epochs| job.config.steps(epochs, &job.spec)),
            seq: 0,
            tally: snapshot.tally,
            point: None,
            latest: None,
            images_per_second: 0.0,
            saved_at: Instant::now(),
            best: Best::new(job.resume.as_ref().and_then(|resume| resume.checkpoint.best.clone())),
            saved: job.resume.as_ref().map(|resume| resume.checkpoint.clone()),
            active: true,
        };
        Ok((lane, snapshot.state))
    }

    pub(super) fn config(&self) -> &Config {
        &self.lane.config
    }

    pub(super) fn spec(&self) -> &DatasetSpec {
        &self.lane.spec
    }

    fn steps_per_epoch(&self) -> u32 {
        self.config().steps_per_epoch(self.spec())
    }

    pub(super) fn run(&self) -> &RunId {
        &self.run
    }

    pub(super) fn is_active(&self) -> bool {
        self.active
    }

    /// Steps of the whole budget.
    fn total_steps(&self) -> u64 {
        self.config().steps(self.epochs, self.spec())
    }

    pub(super) fn is_complete(&self) -> bool {
        self.step >= self.total_steps()
    }

    /// Whether it is to wait for the pruner's decision.
    pub(super) fn pauses_here(&self) -> bool {
        self.pause_at.is_some_and(|step| self.step >= step)
    }

    /// Seconds of training over all attempts.
    pub(super) fn seconds(&self) -> f64 {
        self.tally.seconds
    }

    /// Whether the last checkpoint is of the current step.
    pub(super) fn is_saved(&self) -> bool {
        self.saved.as_ref().is_some_and(|saved| saved.step == self.step)
    }

    /// Steps until the next point or the end of the epoch, whichever comes first.
    pub(super) fn steps_to_boundary(&self, record: &Record) -> u32 {
        let to_multiple = |of: u32| of - (self.step % u64::from(of)) as u32;
        to_multiple(record.every_steps).min(to_multiple(self.steps_per_epoch()))
    }

    /// Whether points are due when `steps` more are done.
    pub(super) fn records_points_after(&self, steps: u32, record: &Record) -> bool {
        self.points_due(self.step + u64::from(steps), record)
    }

    pub(super) fn ends_recorded_epoch(&self, record: &Record) -> bool {
        self.epoch_recorded(self.step, record)
    }

    /// Whether the generated images are evaluated at this step: where it is regular, and where a budget ends.
    pub(super) fn wants_evaluation(&self, record: &Record) -> bool {
        let Some(period) = record.evaluate_epochs.period() else { return false };
        let has_failed = self.latest.as_deref().and_then(failed_metric).is_some();
        if has_failed || !self.is_active() || !self.ends_recorded_epoch(record) {
            return false;
        }
        let is_regular = |epochs: u64| epochs.is_multiple_of(u64::from(period));
        self.ends_budget() || self.ended_epochs(self.step).is_some_and(is_regular)
    }

    /// Whether a budget of the run ends at this step.
    pub(super) fn ends_budget(&self) -> bool {
        self.is_complete() || self.milestones.contains(&self.step)
    }

    /// The best images so far make a checkpoint due whatever its age: so the best checkpoint is never newer than the last
    /// one, and a run that goes on from there has it.
    pub(super) fn wants_checkpoint(&self, seconds: f64) -> bool {
        self.is_complete() || self.best.is_found() || self.saved_at.elapsed().as_secs_f64() >= seconds
    }

    fn points_due(&self, step: u64, record: &Record) -> bool {
        self.points_regular(step, record) || self.epoch_recorded(step, record)
    }

    /// Whether a point is due after that step for any budget.
    fn points_regular(&self, step: u64, record: &Record) -> bool {
        step.is_multiple_of(u64::from(record.every_steps)) || self.epoch_regular(step, record)
    }

    fn epoch_recorded(&self, step: u64, record: &Record) -> bool {
        let budget_ends = step >= self.total_steps() || self.milestones.contains(&step);
        self.epoch_regular(step, record) || (budget_ends && self.ended_epochs(step).is_some())
    }

    fn epoch_regular(&self, step: u64, record: &Record) -> bool {
        self.ended_epochs(step).is_some_and(|epochs| epochs.is_multiple_of(u64::from(record.every_epochs)))
    }

    /// The number of epochs after that step, if it is the last step of one.
    fn ended_epochs(&self, step: u64) -> Option<u64> {
        let per_epoch = u64::from(self.steps_per_epoch());
        (step > 0 && step.is_multiple_of(per_epoch)).then(|| step / per_epoch)
    }

    /// Adds the metrics of a chunk.
    pub(super) fn add_chunk(&mut self, chunk: &LaneChunk, seconds: f64) {
        let per_epoch = u64::from(self.steps_per_epoch());
        for row in chunk.steps.iter() {
            if self.step.is_multiple_of(per_epoch) {
                self.tally.epoch = super::tally::Sums::default();
            }
            self.tally.window.add(row);
            self.tally.epoch.add(row);
            self.step += 1;
        }
        self.latest = chunk.steps.iter().next_back().map(<[f32]>::to_vec).or(self.latest.take());
        self.point.clone_from(&chunk.point);
        self.tally.seconds += seconds;
    }

    /// Records points if they are due, and the run's end if its losses are no longer finite.
    /// Returns whether the lane has diverged.
    ///
    /// Figures that were measured at this step come before the points, which contain those of the run's curve.
    pub(super) fn record_points(
        &mut self,
        record: &Record,
        evaluated: Vec<Evaluated>,
        emit: &mut Emit<'_>,
    ) -> Result<bool, TrainError> {
        let failed = self.latest.as_deref().and_then(failed_metric);
        let diverged = failed.is_some();
        if diverged || self.points_due(self.step, record) {
            let mut points = self.points(record, !diverged && self.ends_recorded_epoch(record));
            for evaluated in evaluated {
                if evaluated.is_curve {
                    points.values.extend(&evaluated.figures);
                    self.best.consider(&evaluated, record);
                }
                self.send(Event::Evaluated(evaluated), emit)?;
            }
            self.send(Event::Points(points), emit)?;
        }
        if let Some((metric, value)) = failed {
            self.active = false;
            let cause = format!("{} became {value}", metric.declaration().measures);
            let event = Diverged { step: self.step, cause, seconds: self.tally.seconds };
            self.send(Event::Diverged(event), emit)?;
        }
        Ok(diverged)
    }

    fn points(&mut self, record: &Record, epoch_end: bool) -> Points {
        let images = self.images_seen();
        let elapsed = self.tally.seconds - self.tally.seconds_at_point;
        if elapsed > 0.0 {
            self.images_per_second = images.saturating_sub(self.tally.images_at_point) as f64 / elapsed;
        }
        let mut values: Vec<_> = self.tally.window.window_means().collect();
        if let Some(point) = &self.point {
            values.extend(Metric::of_points().zip(point.iter().map(|&value| f64::from(value))));
        }
        if epoch_end {
            values.extend(self.tally.epoch.epoch_means());
        }
        values.push((Metric::Epoch, self.step as f64 / f64::from(self.steps_per_epoch())));
        values.push((Metric::ImagesSeen, images as f64));
        values.push((Metric::Seconds, self.tally.seconds));
        values.push((Metric::ImagesPerSecond, self.images_per_second));
        // A point that exists only because a budget ends does not reset the sums, so that a run that is
        // extended later records the same bits as one that was trained at once.
        if self.points_regular(self.step, record) {
            self.tally.window = super::tally::Sums::default();
            self.tally.seconds_at_point = self.tally.seconds;
            self.tally.images_at_point = images;
        }
        Points { step: self.step, values }
    }

    /// Real images that the discriminator has seen so far.
    fn images_seen(&self) -> u64 {
        let (per_epoch, train) = (u64::from(self.steps_per_epoch()), &self.config().train);
        let images = u64::from(self.config().images_per_epoch(self.spec()));
        let per_step = u64::from(train.batch_size) * u64::from(train.d_steps);
        self.step / per_epoch * images + (self.step % per_epoch * per_step).min(images)
    }

    pub(super) fn started(&self, device: &str, backend: &str, lane: u32, lanes: u32) -> Event {
        Event::Started(Started {
            device: device.to_owned(),
            backend: backend.to_owned(),
            lane,
            lanes,
            pid: std::process::id(),
            host: host::name(),
            checkpoint: self.saved.clone(),
        })
    }

    /// The weights that draw the run's grids.
    pub(super) fn sources(&self) -> &'static [SampleSource] {
        if average::is_kept(&self.config().train) { &SampleSource::ALL } else { &[SampleSource::Raw] }
    }

    /// A grid of `values`, `[rows * cols, image size]` in the config's pixel range.
    pub(super) fn samples(
        &self,
        values: &[f32],
        source: SampleSource,
        [rows, cols]: [u32; 2],
    ) -> Result<Event, TrainError> {
        let bytes = pixels::to_bytes(values, self.config().data.pixels);
        let (png, geometry) = gansweep_data::grid(&bytes, self.spec().image, rows, cols)?;
        let epoch = (self.step / u64::from(self.steps_per_epoch())) as u32;
        Ok(Event::Samples(Samples { step: self.step, epoch, source, geometry, png }))
    }

    pub(super) fn snapshot(&self, state: LaneState) -> Snapshot {
        Snapshot { run: self.run.clone(), state, tally: self.tally.clone() }
    }

    pub(super) fn saved(&mut self, written: Written) -> Event {
        let best = self.best.written(self.step, &written);
        let Written { path, bytes, sha256 } = written;
        let checkpoint = Checkpoint { step: self.step, path, bytes, sha256, best };
        self.saved_at = Instant::now();
        self.saved = Some(checkpoint.clone());
        Event::Checkpoint(checkpoint)
    }

    pub(super) fn progress(&self) -> Frame {
        let epoch = (self.step / u64::from(self.steps_per_epoch())) as u32 + 1;
        let latest = |metric: Metric| {
            let mut row = Metric::of_steps().zip(self.latest.iter().flatten());
            row.find(|(candidate, _)| *candidate == metric).map_or(f64::NAN, |(_, &value)| value.into())
        };
        Frame::Progress(Progress {
            run: self.run.clone(),
            attempt: self.attempt,
            step: self.step,
            total_steps: self.total_steps(),
            epoch: epoch.min(self.epochs),
            epochs: self.epochs,
            d_loss: latest(Metric::DLoss),
            g_loss: latest(Metric::GLoss),
            images_per_second: self.images_per_second,
        })
    }

    pub(super) fn complete(&mut self, emit: &mut Emit<'_>) -> Result<(), TrainError> {
        self.active = false;
        self.send(Event::Completed(self.ended()), emit)
    }

    pub(super) fn interrupt(&mut self, emit: &mut Emit<'_>) -> Result<(), TrainError> {
        self.active = false;
        self.send(Event::Interrupted(self.ended()), emit)
    }

    pub(super) fn halt(
        &mut self,
        event: fn(Halted) -> Event,
        cause: String,
        emit: &mut Emit<'_>,
    ) -> Result<(), TrainError> {
        self.active = false;
        let Ended { step, seconds } = self.ended();
        self.send(event(Halted { step, cause, seconds }), emit)
    }

    fn ended(&self) -> Ended {
        Ended { step: self.step, seconds: self.tally.seconds }
    }

    /// Sends an event of this lane.
    pub(super) fn send(&mut self, event: Event, emit: &mut Emit<'_>) -> Result<(), TrainError> {
        let envelope = Envelope {
            run: self.run.clone(),
            attempt: self.attempt,
            seq: self.seq,
            at_unix_ms: host::unix_ms(),
            event,
        };
        self.seq += 1;
        emit(Frame::Event(envelope)).map_err(TrainError::Events)
    }
}
