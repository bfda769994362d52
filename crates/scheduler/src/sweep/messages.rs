//! Handling of messages.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;

use gansweep_config::RunState;
use gansweep_protocol::{Envelope, Event, FrameError, Points, Progress};

use super::inbox::{Content, Message};
use super::worker::{ActiveLane, ActiveWorker, LaneOutcome};
use super::{IN_FLIGHT, SHORT_TICK, Sweep, TICK};
use crate::clock::AwakeTime;
use crate::{EpochReport, Notice, RunnerError, checkpoint};

impl Sweep<'_> {
    /// Waits for a message until the next check of the workers is due, and handles all that have come.
    pub(super) fn handle_messages(&mut self) -> Result<(), RunnerError> {
        let timeout = if self.a_worker_ends_soon() { SHORT_TICK } else { TICK };
        match self.inbox.recv_timeout(timeout) {
            Ok(message) => {
                self.is_quiet = false;
                self.handle_message(message)?;
            }
            // The sweep holds a sender itself, so the channel is never closed.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => self.is_quiet = true,
        }
        for _ in 0..IN_FLIGHT {
            let Ok(message) = self.inbox.try_recv() else { break };
            self.handle_message(message)?;
        }
        let pacing = &self.request.pacing;
        if self.batcher.is_due(Instant::now(), pacing.batch_interval, pacing.batch_events) {
            self.write()?;
        }
        self.announce_ends();
        Ok(())
    }

    /// Handles a message; one of a worker that has been removed is dropped.
    fn handle_message(&mut self, message: Message) -> Result<(), RunnerError> {
        let Message { slot, launch, content } = message;
        let now = self.clock.now();
        let worker = self.slots[slot].worker_mut().filter(|worker| worker.launch == launch);
        match (content, worker) {
            (Content::Verified(bad), _) => self.launch_verified(slot, launch, bad),
            (_, None) => Ok(()),
            (Content::Event(envelope), Some(_)) => self.handle_event(slot, envelope, now),
            (Content::Progress(progress), Some(_)) => {
                self.handle_progress(slot, progress);
                Ok(())
            }
            (Content::Closed(end), Some(worker)) => {
                // A stream that ends inside a frame means that the worker died; its exit status says why.
                if let Err(fault) = &end
                    && !matches!(fault, FrameError::Torn)
                {
                    worker.kill(now, fault.to_string());
                }
                worker.closed = Some((now, end.err().map(|fault| fault.to_string())));
                Ok(())
            }
        }
    }

    fn handle_event(&mut self, slot: usize, envelope: Envelope, now: AwakeTime) -> Result<(), RunnerError> {
        if self.follow_restart(slot, &envelope)? {
            return Ok(());
        }
        let trusted = |worker: &&mut ActiveWorker| !worker.untrusted;
        let Some(worker) = self.slots[slot].worker_mut().filter(trusted) else { return Ok(()) };
        worker.has_reported = true;
        let lane = match due_lane(&mut worker.lanes, &envelope) {
            Ok(lane) => lane,
            Err(reason) => {
                worker.untrusted = true;
                worker.kill(now, reason);
                return Ok(());
            }
        };
        lane.next_seq += 1;
        if !lane.is_open() {
            return Ok(());
        }
        let run = lane.run;
        let ended = note_end(lane, &envelope.event);
        self.slots[slot].has_worked = true;
        self.slots[slot].silent_failures = 0;
        self.slots[slot].shortages = 0;
        if let Some(step) = envelope.event.step() {
            self.note_step(slot, run, step);
        }
        if matches!(envelope.event, Event::Started(_)) {
            self.table.start(run);
        }
        let points = self.epoch_points(run, &envelope.event);
        self.batcher.push(envelope, Instant::now());
        if let Some(points) = points {
            self.report_epoch(run, &points)?;
        }
        match ended {
            None => Ok(()),
            Some((state, cause)) => {
                // A paused run may be relaunched at once, which needs its checkpoint in the database.
                let written = if state == RunState::Paused { self.write() } else { Ok(()) };
                self.end_run(run, state, cause);
                written
            }
        }
    }

    /// The points of an event, if they are at the end of an epoch.
    fn epoch_points(&self, run: usize, event: &Event) -> Option<Points> {
        match event {
            Event::Points(points) => {
                let planned = self.table.planned(run);
                let per_epoch = u64::from(planned.config.steps_per_epoch(&planned.spec));
                (points.step > 0 && points.step.is_multiple_of(per_epoch)).then(|| points.clone())
            }
            _ => None,
        }
    }

    /// Reports an epoch's values to the pruner and applies its decisions.
    fn report_epoch(&mut self, run: usize, points: &Points) -> Result<(), RunnerError> {
        self.table.set_values(run, &points.values);
        let planned = self.table.planned(run);
        let epoch = (points.step / u64::from(planned.config.steps_per_epoch(&planned.spec))) as u32;
        let report = EpochReport { run: planned, epoch, step: points.step, values: &points.values };
        let decisions = self.pruner.observe(&report);
        self.note_rungs();
        decisions.into_iter().try_for_each(|decision| self.apply(decision))
    }

    fn handle_progress(&mut self, slot: usize, progress: Progress) {
        let Some(worker) = self.slots[slot].worker_mut() else { return };
        let of_lane = |lane: &&mut ActiveLane| {
            lane.is_open() && lane.id == progress.run && lane.attempt == progress.attempt
        };
        if let Some(lane) = worker.lanes.iter_mut().find(of_lane) {
            let (run, step) = (lane.run, progress.step);
            lane.progress = Some(progress);
            self.note_step(slot, run, step);
        }
    }

    /// Takes note of a lane's step, and of training that goes on although the worker was asked to stop.
    fn note_step(&mut self, slot: usize, run: usize, step: u64) {
        let is_new = step > self.table.step(run);
        self.table.reach(run, step);
        let (now, grace) = (self.clock.now(), self.request.pacing.exit_grace);
        if let Some(worker) = self.slots[slot].worker_mut()
            && is_new
            && worker.stop_requested.is_some_and(|asked| now.since(asked) > grace)
            && worker.open_lanes().next().is_none_or(|first| first.run == run)
        {
            worker.steps_after_stop += 1;
        }
    }

    /// Takes over newly recorded checkpoints, and deletes those that they replace.
    pub(super) fn renew_checkpoints(&mut self) {
        for (id, newer) in self.batcher.take_committed() {
            let Some(run) = self.table.place(&id) else { continue };
            let Some(older) = self.table.renew_checkpoint(run, newer.clone()) else { continue };
            for path in older.paths().filter(|path| newer.paths().all(|kept| kept != *path)) {
                if let Err(error) = checkpoint::remove(&self.request.results_dir, &id, path) {
                    self.notify(&Notice::Leftover { path: path.to_owned(), reason: error.to_string() });
                }
            }
        }
    }
}

/// The lane whose next event this is; an error if the event is none that this worker may send.
fn due_lane<'l>(lanes: &'l mut [ActiveLane], envelope: &Envelope) -> Result<&'l mut ActiveLane, String> {
    let Envelope { run, attempt, seq, .. } = envelope;
    let Some(lane) = lanes.iter_mut().find(|lane| lane.id == *run && lane.attempt == *attempt) else {
        return Err(format!("it reported run {run}, attempt {attempt}, which it does not train"));
    };
    if lane.next_seq == *seq {
        Ok(lane)
    } else {
        Err(format!("it sent event {seq} of run {run} where event {} was due", lane.next_seq))
    }
}

/// Sets a lane's outcome if the event ends it; returns state and cause if its run is over or paused.
fn note_end(lane: &mut ActiveLane, event: &Event) -> Option<(RunState, String)> {
    let (state, cause) = match event {
        Event::Completed(_) => (RunState::Completed, String::new()),
        Event::Diverged(diverged) => (RunState::Diverged, diverged.cause.clone()),
        Event::Paused(halted) => (RunState::Paused, halted.cause.clone()),
        Event::Pruned(halted) => (RunState::Pruned, halted.cause.clone()),
        // Another attempt would end at once, so that there is nothing to retry.
        Event::TimedOut(halted) => (RunState::Failed, halted.cause.clone()),
        Event::Interrupted(_) => {
            lane.outcome = LaneOutcome::Interrupted;
            return None;
        }
        Event::Failed(failed) => {
            lane.outcome = LaneOutcome::Failed(failed.cause.clone());
            return None;
        }
        Event::Started(_)
        | Event::Points(_)
        | Event::Samples(_)
        | Event::Evaluated(_)
        | Event::Checkpoint(_) => return None,
    };
    lane.outcome = LaneOutcome::Over;
    Some((state, cause))
}
