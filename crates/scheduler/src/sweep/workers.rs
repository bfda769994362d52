//! Checks of workers at every tick: exits, time limits, stop requests.

use gansweep_protocol::Command;

use super::slot::SlotActivity;
use super::worker::{Timeouts, WorkerLoss};
use super::{Stopping, Sweep};
use crate::{Notice, RunnerError, StopLevel};

impl Sweep<'_> {
    /// Handles the stop signal. A failure of the sweep asks for a clean stop too.
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

    /// Asks every worker to stop; groups whose checkpoints are being verified are not launched.
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

    /// Whether a worker has closed its stream, exited or been killed, and is not yet removed.
    pub(super) fn a_worker_is_ending(&self) -> bool {
        let mut workers = self.slots.iter().filter_map(|slot| slot.worker());
        workers.any(|worker| worker.closed.is_some() || worker.exited.is_some() || worker.killed.is_some())
    }

    /// Checks exits and time limits, and removes workers that have ended.
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

    /// Frees the slot of a worker that has ended, and handles its unfinished runs.
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
