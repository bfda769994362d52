//! Checking workers: exits, timeouts, and stop requests.

use std::time::Duration;

use gansweep_protocol::Command;

use super::Sweep;
use super::slot::{ActiveWorker, SlotActivity};
use super::worker_end::WorkerLoss;
use crate::clock::AwakeTime;
use crate::request::Pacing;
use crate::{Notice, RunnerError, StopLevel};

/// A worker that was killed while the sweep ends is waited for so long.
const LAST_WAIT: Duration = Duration::from_millis(300);

/// The sweep is ending before its time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopping {
    level: StopLevel,
    /// When workers that are still there are killed.
    deadline: AwakeTime,
}

/// How long a worker may take for what.
#[derive(Debug, Clone, Copy)]
struct Timeouts {
    /// For its first frame.
    start: Option<Duration>,
    /// Between two signs of life, and between two signs of work.
    hang: Duration,
    pacing: Pacing,
}

impl Sweep<'_> {
    /// Does what the stop signal asks for; a failure asks for a clean stop.
    pub(super) fn handle_stop(&mut self) {
        let failed = if self.failure.is_some() { StopLevel::Cleanly } else { StopLevel::Run };
        let level = self.stop.level().max(failed);
        let now = self.clock.now();
        let grace = self.request.pacing.stop_grace;
        if level > self.stopping.map_or(StopLevel::Run, |stopping| stopping.level) {
            let deadline = self.stopping.map_or(now.after(grace), |stopping| stopping.deadline);
            self.stopping = Some(Stopping { level, deadline });
            self.ask_all_to_stop();
            let workers = self.slots.iter().filter(|slot| slot.worker().is_some()).count();
            self.notify(&Notice::Stopping { level, workers });
        }
        let Some(Stopping { level, deadline }) = self.stopping else { return };
        if level == StopLevel::AtOnce || now >= deadline {
            let reason = if level == StopLevel::AtOnce {
                "stopped at once".to_owned()
            } else {
                format!("stopped, and killed because it had not ended within {grace:?}")
            };
            for worker in self.slots.iter_mut().filter_map(|slot| slot.worker_mut()) {
                worker.kill(now, reason.clone());
            }
        }
    }

    /// Asks every worker to stop; a group that has not begun is not begun.
    fn ask_all_to_stop(&mut self) {
        for slot in &mut self.slots {
            match &mut slot.activity {
                SlotActivity::Idle => {}
                SlotActivity::Verifying { .. } => slot.activity = SlotActivity::Idle,
                SlotActivity::Training(worker) => {
                    if !worker.stop_requested {
                        worker.stop_requested = true;
                        worker.worker.send(&Command::StopAll);
                    }
                }
            }
        }
    }

    /// Whether a worker is between closing its stream and being gone, or the reverse.
    pub(super) fn a_worker_is_ending(&self) -> bool {
        let mut workers = self.slots.iter().filter_map(|slot| slot.worker());
        workers.any(|worker| worker.closed.is_some() || worker.exited.is_some() || worker.killed.is_some())
    }

    /// Notices exits and timeouts, and handles the ends of workers that are gone.
    pub(super) fn check_workers(&mut self) -> Result<(), RunnerError> {
        let timeouts = Timeouts {
            start: self.launcher.start_timeout(),
            hang: self.request.hang_timeout,
            pacing: self.request.pacing,
        };
        let (now, stopping) = (self.clock.now(), self.stopping.is_some());
        for slot in 0..self.slots.len() {
            let Some(worker) = self.slots[slot].worker_mut() else { continue };
            worker.check_exit(now);
            worker.check_timeouts(now, &timeouts);
            if worker.is_gone(now, &timeouts.pacing, stopping) {
                self.remove_worker(slot)?;
            }
        }
        Ok(())
    }

    /// Frees the slot of a worker that is gone, and handles what it leaves.
    fn remove_worker(&mut self, slot: usize) -> Result<(), RunnerError> {
        match std::mem::replace(&mut self.slots[slot].activity, SlotActivity::Idle) {
            SlotActivity::Training(worker) => {
                let loss = WorkerLoss::of(&worker);
                let written = self.write();
                let handled = self.handle_worker_end(slot, &worker.lanes, worker.failures, &loss);
                written.and(handled)
            }
            other => {
                self.slots[slot].activity = other;
                Ok(())
            }
        }
    }
}

impl ActiveWorker {
    fn check_exit(&mut self, now: AwakeTime) {
        if self.exited.is_none() {
            self.exited = self.worker.try_wait().map(|exit| (now, exit));
        }
    }

    /// Kills it if it gives no sign of life or of work for too long, or if it has ended its work or
    /// its stream and does not exit.
    fn check_timeouts(&mut self, now: AwakeTime, timeouts: &Timeouts) {
        self.silence.look(&self.signs, now);
        if self.exited.is_some() || self.killed.is_some() {
            return;
        }
        if let Some(reason) = self.timeout(now, timeouts) {
            self.kill(now, reason);
        }
    }

    /// Why it is to be killed. A step may take longer than the hang timeout as long as heartbeats
    /// come and the processor is used. What cannot be told from a long step, and is therefore not
    /// found, is a training thread that computes for ever.
    fn timeout(&self, now: AwakeTime, timeouts: &Timeouts) -> Option<String> {
        let exit_grace = timeouts.pacing.exit_grace;
        if let Some((since, _)) = &self.closed {
            let overdue = now.since(*since) > exit_grace;
            return overdue.then(|| "it closed its event stream but did not exit".to_owned());
        }
        if let (Some(limit), Some(waited)) = (timeouts.start, self.silence.starting(now)) {
            let overdue = waited > limit;
            return overdue
                .then(|| format!("it gave no sign of life for {} s after its start", limit.as_secs_f64()));
        }
        let (silent, idle) = (self.silence.silent(now)?, self.silence.idle(now)?);
        if self.open_lanes().next().is_none() {
            let overdue = silent.max(idle) > exit_grace;
            return overdue.then(|| "its runs were over but it did not exit".to_owned());
        }
        let hang = timeouts.hang;
        if silent > hang {
            return Some(format!("it sent nothing for {} s and was taken for hung", hang.as_secs_f64()));
        }
        (idle > hang).then(|| {
            let seconds = hang.as_secs_f64();
            format!("it finished no step and used no processor time for {seconds} s and was taken for hung")
        })
    }

    /// Whether nothing more is to be expected of it: it has exited and its stream is read, or
    /// neither happens in time (a descendant may hold the stream open; a process stuck in a driver
    /// cannot be killed).
    fn is_gone(&self, now: AwakeTime, pacing: &Pacing, stopping: bool) -> bool {
        let grace = if stopping { LAST_WAIT } else { pacing.exit_grace };
        let overdue = |since: AwakeTime| now.since(since) > grace;
        match (&self.exited, &self.closed) {
            (Some(_), Some(_)) => true,
            (Some((since, _)), None) => {
                overdue(*since) && self.silence.silent(now).is_none_or(|silent| silent > LAST_WAIT)
            }
            (None, _) => self.killed.as_ref().is_some_and(|(since, _)| overdue(*since)),
        }
    }
}
