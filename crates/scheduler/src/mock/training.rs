//! Simulated training: every value is a function of run and step.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::time::Duration;

use gansweep_base::digest::sha256;
use gansweep_config::RunId;
use gansweep_protocol::{
    Checkpoint, Command, Diverged, Ended, Envelope, Event, Failed, Frame, Geometry, Halted, Job, LaneJob,
    Metric, Points, Progress, SampleSource, Samples, Started, checkpoint_path,
};

use super::script::Script;
use crate::{Exit, ExitStatus, SendFrame, TakeCommand, WorkerFailure};

/// Simulates a worker on this thread, until its runs are over or it is asked to stop. Of the script, the
/// lists of runs and the pace apply; faults are for the caller to simulate.
pub fn simulate(
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

/// The lanes of a job, trained in turn, step by step.
pub(super) struct Training {
    job: Job,
    lanes: Vec<Lane>,
    ready: VecDeque<Frame>,
    crashing: Vec<(RunId, u64)>,
    diverging: Vec<(RunId, u64)>,
    failing: Vec<(RunId, u64)>,
    overdue: Vec<(RunId, u64)>,
    figures: Vec<(RunId, Vec<f64>)>,
    pace: Duration,
}

struct Lane {
    step: u64,
    seq: u64,
    over: bool,
}

impl Training {
    pub(super) fn new(job: Job, script: &Script) -> Self {
        let lanes = job.lanes.iter().map(|_| Lane { step: 0, seq: 0, over: false }).collect();
        let mut training = Self {
            job,
            lanes,
            ready: VecDeque::new(),
            crashing: script.crashing.clone(),
            diverging: script.diverging.clone(),
            failing: script.failing.clone(),
            overdue: script.overdue.clone(),
            figures: script.figures.clone(),
            pace: script.pace,
        };
        (0..training.lanes.len()).for_each(|lane| training.start(lane));
        training
    }

    /// The next frame; `None` when every lane is over. The error is the exit of a worker that dies.
    pub(super) fn next(&mut self, take_command: &mut TakeCommand<'_>) -> Result<Option<Frame>, Exit> {
        let failed = |error: io::Error| Exit { status: ExitStatus::Code(1), stderr: error.to_string() };
        while self.ready.is_empty() && self.lanes.iter().any(|lane| !lane.over) {
            while let Some(command) = take_command() {
                self.obey(&command).map_err(failed)?;
            }
            for lane in 0..self.lanes.len() {
                if !self.lanes[lane].over && !self.pause(lane).map_err(failed)? {
                    self.advance(lane)?.map_err(failed)?;
                }
            }
        }
        Ok(self.ready.pop_front())
    }

    /// Pauses a lane that has come to where it waits.
    fn pause(&mut self, lane: usize) -> io::Result<bool> {
        let LaneJob { pause_at, config, spec, .. } = &self.job.lanes[lane];
        let step = self.lanes[lane].step;
        let is_due = pause_at.is_some_and(|epochs| step >= config.steps(epochs, spec));
        if is_due {
            self.checkpoint(lane)?;
            let cause = "waits at this rung".to_owned();
            self.finish(lane, Event::Paused(Halted { step, cause, seconds: 0.0 }));
        }
        Ok(is_due)
    }

    fn obey(&mut self, command: &Command) -> io::Result<()> {
        for lane in 0..self.lanes.len() {
            let is_meant = |run: &RunId| self.job.lanes[lane].run == *run;
            let step = self.lanes[lane].step;
            let event = match command {
                _ if self.lanes[lane].over => continue,
                Command::StopAll => Event::Interrupted(Ended { step, seconds: 0.0 }),
                Command::Stop { run, cause } if is_meant(run) => {
                    Event::Pruned(Halted { step, cause: cause.clone(), seconds: 0.0 })
                }
                Command::Pause { run, cause } if is_meant(run) => {
                    Event::Paused(Halted { step, cause: cause.clone(), seconds: 0.0 })
                }
                Command::Stop { .. } | Command::Pause { .. } => continue,
            };
            self.checkpoint(lane)?;
            self.finish(lane, event);
        }
        Ok(())
    }

    /// Skips a number of the first lane's events.
    pub(super) fn skip_event(&mut self) {
        if let Some(lane) = self.lanes.first_mut() {
            lane.seq += 1;
        }
        // Frames that are ready already have their numbers.
        self.ready.clear();
    }

    /// An event of a run that is not this worker's.
    pub(super) fn foreign_event(&self) -> Frame {
        let foreign = RunId::parse("ffffffffffffffff").unwrap_or_else(|| self.job.lanes[0].run.clone());
        let event = Event::Completed(Ended { step: 1, seconds: 0.0 });
        Frame::Event(Envelope { run: foreign, attempt: 1, seq: 0, at_unix_ms: 0, event })
    }

    fn start(&mut self, lane: usize) {
        if let Some(resume) = self.job.lanes[lane].resume.clone() {
            if let Err(cause) = self.load(lane, &resume.checkpoint) {
                self.send(lane, Event::Failed(Failed { step: 0, cause }));
                self.lanes[lane].over = true;
                return;
            }
            self.lanes[lane].step = resume.checkpoint.step;
        }
        let started = Started {
            device: self.job.device.clone(),
            backend: "mock".to_owned(),
            lane: lane as u32,
            lanes: self.lanes.len() as u32,
            pid: std::process::id(),
            host: "mock".to_owned(),
            checkpoint: self.job.lanes[lane].resume.clone().map(|resume| resume.checkpoint),
        };
        self.send(lane, Event::Started(started));
    }

    fn load(&self, lane: usize, resume: &Checkpoint) -> Result<(), String> {
        let content = fs::read(self.job.results_dir.join(&resume.path)).map_err(|error| error.to_string())?;
        let expected = checkpoint_content(&self.job.lanes[lane], resume.step);
        if content == expected { Ok(()) } else { Err("the checkpoint is of another run or step".to_owned()) }
    }

    /// One step of one lane.
    fn advance(&mut self, lane: usize) -> Result<io::Result<()>, Exit> {
        std::thread::sleep(self.pace);
        self.lanes[lane].step += 1;
        let (step, run) = (self.lanes[lane].step, self.job.lanes[lane].run.clone());
        let due = |list: &[(RunId, u64)]| list.iter().any(|(id, at)| *id == run && *at == step);
        if due(&self.crashing) {
            return Err(Exit { status: ExitStatus::Signal(11), stderr: format!("step {step} of {run}") });
        }
        if due(&self.failing) {
            let cause = "failed as the script wants".to_owned();
            self.finish(lane, Event::Failed(Failed { step: step - 1, cause }));
        } else if due(&self.overdue) {
            let cause = "out of time as the script wants".to_owned();
            let saved = self.checkpoint(lane);
            self.finish(lane, Event::TimedOut(Halted { step, cause, seconds: 0.0 }));
            return Ok(saved);
        } else if due(&self.diverging) {
            let cause = "d_loss is NaN".to_owned();
            self.finish(lane, Event::Diverged(Diverged { step, cause, seconds: 0.0 }));
        } else {
            return Ok(self.record(lane, step));
        }
        Ok(Ok(()))
    }

    /// Reports a step: points, and at the end of an epoch a grid and a checkpoint.
    fn record(&mut self, lane: usize, step: u64) -> io::Result<()> {
        let LaneJob { run, attempt, config, epochs, spec, seed, .. } = &self.job.lanes[lane];
        let (per_epoch, total) = (u64::from(config.steps_per_epoch(spec)), config.steps(*epochs, spec));
        let (seed, epochs) = (*seed, *epochs);
        let epoch = (step / per_epoch) as u32;
        let d_loss = value(seed, step);
        let progress = Progress {
            run: run.clone(),
            attempt: *attempt,
            step,
            total_steps: total,
            epoch: (epoch + 1).min(epochs),
            epochs,
            d_loss,
            g_loss: 1.0 - d_loss,
            images_per_second: 1000.0,
        };
        self.ready.push_back(Frame::Progress(progress));
        if step.is_multiple_of(u64::from(self.job.record.every_steps)) || step.is_multiple_of(per_epoch) {
            let mut values = vec![(Metric::DLoss, d_loss), (Metric::GLoss, 1.0 - d_loss)];
            values.extend(self.figure(lane, step).map(|fd| (Metric::Fd, fd)));
            self.send(lane, Event::Points(Points { step, values }));
        }
        if step.is_multiple_of(per_epoch) {
            let geometry = Geometry { rows: 1, cols: 1, height: 1, width: 8 };
            let png = d_loss.to_le_bytes().to_vec();
            let source = SampleSource::Raw;
            self.send(lane, Event::Samples(Samples { step, epoch, source, geometry, png }));
            self.checkpoint(lane)?;
        }
        if step >= total {
            self.finish(lane, Event::Completed(Ended { step, seconds: 0.0 }));
        }
        Ok(())
    }

    /// The `fd` of a run at the end of an epoch.
    fn figure(&self, lane: usize, step: u64) -> Option<f64> {
        let LaneJob { run, config, spec, .. } = &self.job.lanes[lane];
        let per_epoch = u64::from(config.steps_per_epoch(spec));
        let epoch = step.is_multiple_of(per_epoch).then_some((step / per_epoch) as usize)?;
        let (_, figures) = self.figures.iter().find(|(id, _)| id == run)?;
        figures.get(epoch.checked_sub(1)?).copied()
    }

    /// Writes a checkpoint and reports it; a run that has done nothing needs none.
    fn checkpoint(&mut self, lane: usize) -> io::Result<()> {
        let step = self.lanes[lane].step;
        if step == 0 {
            return Ok(());
        }
        let content = checkpoint_content(&self.job.lanes[lane], step);
        let path = checkpoint_path(&self.job.lanes[lane].run, step);
        let file = self.job.results_dir.join(&path);
        file.parent().map_or(Ok(()), fs::create_dir_all)?;
        // Neither flushed nor renamed: it is reported once it is complete, and no power cut is simulated.
        fs::write(&file, &content)?;
        let sha256 = sha256(&content);
        let checkpoint = Checkpoint { step, path, bytes: content.len() as u64, sha256, best: None };
        self.send(lane, Event::Checkpoint(checkpoint));
        Ok(())
    }

    fn finish(&mut self, lane: usize, event: Event) {
        self.send(lane, event);
        self.lanes[lane].over = true;
    }

    fn send(&mut self, lane: usize, event: Event) {
        let LaneJob { run, attempt, .. } = &self.job.lanes[lane];
        let seq = self.lanes[lane].seq;
        self.lanes[lane].seq += 1;
        let envelope = Envelope { run: run.clone(), attempt: *attempt, seq, at_unix_ms: 0, event };
        self.ready.push_back(Frame::Event(envelope));
    }
}

fn checkpoint_content(lane: &LaneJob, step: u64) -> Vec<u8> {
    format!("run {} seed {} step {step}", lane.run, lane.seed).into_bytes()
}

/// A pseudo-random value in `[0, 1)` (`SplitMix64`).
fn value(seed: u64, step: u64) -> f64 {
    let mut bits =
        seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(step.wrapping_mul(0xD1B5_4A32_D192_ED03));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}
