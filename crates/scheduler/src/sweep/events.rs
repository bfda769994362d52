//! What comes from the workers' threads, and what is told of it.

use std::sync::mpsc::SyncSender;
use std::time::Instant;

use gansweep_config::RunState;
use gansweep_protocol::{Checkpoint, Envelope, Event, Frame, FrameError, Progress};

use super::Sweep;
use super::dispatch::Finding;
use super::station::{ActiveLane, ActiveWorker, Fate, Pulse};
use crate::{FrameStream, Notice, RunnerError, SweepProgress, WorkerProgress, checkpoint};

/// Something from the thread of that launch at that station.
pub(super) struct Message {
    pub(super) station: usize,
    pub(super) launch: u64,
    pub(super) content: Content,
}

pub(super) enum Content {
    /// A group's checkpoints have been verified.
    Checked(Vec<Finding>),
    Frame(Frame),
    /// The worker's stream is at its end, or cannot be read on.
    Closed(Result<(), FrameError>),
}

/// Passes a worker's events on to the sweep until they end or the sweep does.
pub(super) fn relay(
    events: FrameStream,
    station: usize,
    launch: u64,
    pulse: &Pulse,
    outbox: &SyncSender<Message>,
) {
    // Only the sweep's end makes this fail, and then nobody is left to tell.
    let deliver = |content| {
        pulse.beat(true);
        let delivered = outbox.send(Message { station, launch, content }).is_ok();
        pulse.beat(false);
        delivered
    };
    for event in events {
        let (content, last) = match event {
            Ok(Frame::Heartbeat(_)) => continue,
            Ok(frame) => (Content::Frame(frame), false),
            Err(fault) => (Content::Closed(Err(fault)), true),
        };
        if !deliver(content) || last {
            return;
        }
    }
    deliver(Content::Closed(Ok(())));
}

impl Sweep<'_> {
    /// Takes a message; one of a worker that is no longer there is dropped.
    pub(super) fn receive(&mut self, message: Message) -> Result<(), RunnerError> {
        let Message { station, launch, content } = message;
        if let Content::Checked(findings) = content {
            return self.launch_checked(station, launch, findings);
        }
        let now = Instant::now();
        let Some(worker) = self.stations[station].worker_mut().filter(|worker| worker.launch == launch)
        else {
            return Ok(());
        };
        match content {
            Content::Frame(Frame::Event(envelope)) => self.take_event(station, envelope, now),
            Content::Frame(Frame::Progress(progress)) => self.take_progress(station, progress),
            Content::Checked(_) | Content::Frame(Frame::Heartbeat(_)) => {}
            Content::Closed(Ok(())) => worker.closed = Some((now, None)),
            Content::Closed(Err(fault)) => {
                worker.closed = Some((now, Some(fault.to_string())));
                // A torn stream is the mark of a death, whose cause the exit tells best.
                if !matches!(fault, FrameError::Torn) {
                    worker.kill(now, fault.to_string());
                }
            }
        }
        Ok(())
    }

    fn take_event(&mut self, station: usize, envelope: Envelope, now: Instant) {
        let trusted = |worker: &&mut ActiveWorker| !worker.distrusted;
        let Some(worker) = self.stations[station].worker_mut().filter(trusted) else { return };
        worker.heard = true;
        let of = |lane: &&mut ActiveLane| lane.id == envelope.run && lane.attempt == envelope.attempt;
        let Some(lane) = worker.lanes.iter_mut().find(of) else {
            let (run, attempt) = (&envelope.run, envelope.attempt);
            let reason = format!("it spoke of run {run}, attempt {attempt}, which it does not train");
            worker.distrusted = true;
            return worker.kill(now, reason);
        };
        if lane.fate != Fate::Training {
            return;
        }
        let run = lane.run;
        let ended = note(lane, &envelope.event);
        if let Some(step) = envelope.event.step() {
            self.roster.reach(run, step);
        }
        self.ledger.push(envelope, now);
        self.stations[station].proven = true;
        self.stations[station].stillborn = 0;
        if let Some((state, cause)) = ended {
            self.roster.end(run, state);
            let (run, step) = (self.roster.name(run), self.roster.step(run));
            self.notify(&Notice::RunEnded { run, state, step, cause });
        }
    }

    fn take_progress(&mut self, station: usize, progress: Progress) {
        let Some(worker) = self.stations[station].worker_mut() else { return };
        let of = |lane: &&mut ActiveLane| lane.id == progress.run && lane.attempt == progress.attempt;
        if let Some(lane) = worker.lanes.iter_mut().find(of) {
            self.roster.reach(lane.run, progress.step);
            lane.progress = Some(progress);
        }
    }

    /// Moves on to the checkpoints that have been recorded, and deletes those before them.
    pub(super) fn renew_checkpoints(&mut self) {
        for (id, newer) in self.ledger.take_committed() {
            let Some(run) = self.roster.place(&id) else { continue };
            let path = newer.path.clone();
            let older =
                self.roster.renew_checkpoint(run, newer).filter(|older: &Checkpoint| older.path != path);
            let Some(Checkpoint { path, .. }) = older else { continue };
            if let Err(error) = checkpoint::remove(&self.request.results_dir, &path) {
                self.notify(&Notice::Leftover { path, reason: error.to_string() });
            }
        }
    }

    /// Tells where the sweep stands, if it is time to.
    pub(super) fn tell_progress(&mut self) {
        let now = Instant::now();
        let interval = self.request.pacing.progress_interval;
        if self.told.is_some_and(|told| now.duration_since(told) < interval) {
            return;
        }
        self.told = Some(now);
        let (done, _) = self.roster.work();
        self.eta.observe(self.began.elapsed(), done);
        let sweep = self.progress();
        let stations = self.stations.iter().enumerate();
        let workers = stations.filter_map(|(slot, station)| {
            station.worker().map(|worker| self.worker_progress(slot, &station.slot.device, worker))
        });
        let workers = workers.collect();
        self.notify(&Notice::Progress { sweep, workers });
    }

    /// Where the sweep stands.
    pub(super) fn progress(&self) -> SweepProgress {
        let (_, left) = self.roster.work();
        let remaining = self.eta.remaining(left);
        SweepProgress { elapsed: self.began.elapsed(), remaining, ..self.roster.progress() }
    }

    fn worker_progress(&self, slot: usize, device: &str, worker: &ActiveWorker) -> WorkerProgress {
        let open: Vec<&ActiveLane> = worker.open_lanes().collect();
        let told = || open.iter().filter_map(|lane| lane.progress.as_ref());
        let first = open.first();
        let (steps, goals) = worker.lanes.iter().fold((0, 0), |(steps, goals), lane| {
            (steps + self.roster.step(lane.run), goals + self.roster.goal(lane.run))
        });
        WorkerProgress {
            slot,
            device: device.to_owned(),
            label: first.map(|lane| self.roster.name(lane.run).label).unwrap_or_default(),
            lanes: open.len(),
            epoch: first.and_then(|lane| lane.progress.as_ref()).map_or(0, |progress| progress.epoch),
            epochs: first.map_or(0, |lane| self.roster.planned(lane.run).config.train.epochs),
            d_loss: mean(told().map(|progress| progress.d_loss)),
            g_loss: mean(told().map(|progress| progress.g_loss)),
            images_per_second: told().map(|progress| progress.images_per_second).sum(),
            fraction: if goals > 0 { steps as f64 / goals as f64 } else { 0.0 },
        }
    }
}

/// Notes on a lane what an event says of it; gives the state and cause if its run is over.
fn note(lane: &mut ActiveLane, event: &Event) -> Option<(RunState, String)> {
    let (state, cause) = match event {
        Event::Completed(_) => (RunState::Completed, String::new()),
        Event::Diverged(diverged) => (RunState::Diverged, diverged.cause.clone()),
        Event::Interrupted(_) | Event::Paused(_) | Event::Pruned(_) => {
            lane.fate = Fate::Interrupted;
            return None;
        }
        Event::Failed(failed) => {
            lane.fate = Fate::Failed(failed.cause.clone());
            return None;
        }
        Event::Started(_) | Event::Points(_) | Event::Samples(_) | Event::Checkpoint(_) => return None,
    };
    lane.fate = Fate::Over(state);
    Some((state, cause))
}

/// NaN of nothing.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}
