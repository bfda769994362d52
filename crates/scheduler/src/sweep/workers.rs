//! Checks of workers at every tick: exits, time limits, stop requests.

use std::time::Duration;

use gansweep_protocol::Command;
use gansweep_store::StoreError;

use super::slot::SlotActivity;
use super::worker::{Timeouts, WorkerLoss};
use super::{Failure, Stopping, Sweep};
use crate::clock::AwakeTime;
use crate::{Notice, RunnerError, StopLevel, StoppingWorker};

/// The user is told what is waited for after this time, then at growing intervals.
const FIRST_REPORT: Duration = Duration::from_secs(2);
/// The longest interval between two such reports.
const LONGEST_REPORT_INTERVAL: Duration = Duration::from_secs(30);
/// The cause of the end of a run whose worker is killed without being asked.
const STOPPED_AT_ONCE: &str = "stopped at once";

impl Sweep<'_> {
    /// Handles the stop signal. A failure of the sweep asks for a clean stop too.
    pub(super) fn handle_stop(&mut self) {
        let failed = match &self.failure {
            None => StopLevel::Run,
            // Workers would save into a folder that was moved away, or into a new one in its place.
            Some(Failure::Error(RunnerError::Database {
                source: StoreError::Moved { .. } | StoreError::Deleted { .. },
                ..
            })) => StopLevel::AtOnce,
            Some(_) => StopLevel::Cleanly,
        };
        let level = self.stop.level().max(failed);
        let now = self.clock.now();
        if level > self.stopping.map_or(StopLevel::Run, |stopping| stopping.level) {
            let (since, next_report) =
                self.stopping.map_or((now, FIRST_REPORT), |stopping| (stopping.since, stopping.next_report));
            self.stopping = Some(Stopping { level, since, next_report });
            self.begin_to_stop(level, now);
        }
        match self.stopping {
            _ if self.launcher.outlives_runner() => {}
            Some(Stopping { level: StopLevel::AtOnce, .. }) => {
                for worker in self.slots.iter_mut().filter_map(|slot| slot.worker_mut()) {
                    worker.kill(now, STOPPED_AT_ONCE);
                }
            }
            Some(stopping) => self.wait_for_workers(stopping, now),
            None => {}
        }
    }

    /// Asks the workers to stop, unless they go on without the sweep, and tells the user.
    fn begin_to_stop(&mut self, level: StopLevel, now: AwakeTime) {
        let workers = self.slots.iter().filter_map(|slot| slot.worker());
        if self.launcher.outlives_runner() {
            let (left, waiting): (Vec<_>, Vec<_>) =
                workers.partition(|worker| worker.worker.is_handed_over());
            let notice = Notice::Leaving { workers: left.len(), waiting: waiting.len() };
            self.drop_unlaunched();
            self.notify(&notice);
            return;
        }
        let workers = workers.count();
        self.ask_all_to_stop(level, now);
        self.notify(&Notice::Stopping { level, workers });
    }

    /// Kills workers that do not stop, and tells which ones are waited for.
    fn wait_for_workers(&mut self, stopping: Stopping, now: AwakeTime) {
        let timeouts = self.timeouts();
        for worker in self.slots.iter_mut().filter_map(|slot| slot.worker_mut()) {
            if let Some(reason) = worker.stop_overdue(now, &timeouts) {
                worker.kill(now, reason);
            }
        }
        let waited = now.since(stopping.since);
        if waited < stopping.next_report {
            return;
        }
        let next_report = waited + (waited * 2).min(LONGEST_REPORT_INTERVAL);
        self.stopping = Some(Stopping { next_report, ..stopping });
        let workers: Vec<StoppingWorker> = self
            .slots
            .iter()
            .filter_map(|slot| {
                let worker = slot.worker()?;
                let mut open = worker.open_lanes();
                let label = self.table.name(open.next()?.run).label;
                Some(StoppingWorker { device: slot.slot.device.clone(), label, lanes: 1 + open.count() })
            })
            .collect();
        if !workers.is_empty() {
            self.notify(&Notice::WaitingForWorkers { workers, waited });
        }
    }

    fn timeouts(&self) -> Timeouts {
        Timeouts {
            start: self.launcher.start_timeout(),
            hang: self.request.hang_timeout,
            pacing: self.request.pacing,
        }
    }

    /// Groups whose checkpoints are being verified are not launched.
    fn drop_unlaunched(&mut self) {
        for slot in &mut self.slots {
            if matches!(slot.activity, SlotActivity::Verifying { .. }) {
                slot.activity = SlotActivity::Idle;
            }
        }
    }

    /// Asks every worker to stop. A worker that has sent
    /// no event has trained nothing that could be saved, and one that is killed at once has no time to save: neither
    /// is asked, so that how it ends does not depend on what it did before it was killed.
    fn ask_all_to_stop(&mut self, level: StopLevel, now: AwakeTime) {
        self.drop_unlaunched();
        for worker in self.slots.iter_mut().filter_map(|slot| slot.worker_mut()) {
            if worker.stop_requested.is_none() {
                worker.stop_requested = Some(now);
                match level {
                    StopLevel::AtOnce => worker.kill(now, STOPPED_AT_ONCE),
                    _ if !worker.has_reported => worker.kill(now, "stopped before it began to train"),
                    _ => worker.worker.send(&Command::StopAll),
                }
            }
        }
    }

    /// Whether a worker has closed its stream, exited or been killed, and is not yet removed.
    pub(super) fn a_worker_is_ending(&self) -> bool {
        let mut workers = self.slots.iter().filter_map(|slot| slot.worker());
        workers.any(|worker| worker.closed.is_some() || worker.exited.is_some() || worker.killed.is_some())
    }

    /// The same, leaving out tasks of a cluster, which may take minutes to end.
    pub(super) fn a_worker_ends_soon(&self) -> bool {
        let mut workers = self.slots.iter().filter_map(|slot| slot.worker());
        workers.any(|worker| {
            let is_ending = worker.closed.is_some() || worker.killed.is_some();
            worker.exited.is_some() || (is_ending && !worker.worker.may_restart())
        })
    }

    /// Checks exits and time limits, and removes workers that have ended.
    pub(super) fn check_workers(&mut self) -> Result<(), RunnerError> {
        let timeouts = self.timeouts();
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
                let mut worker = worker;
                let written = self.write();
                let handled = self.handle_worker_end(slot, &worker.lanes, worker.failures, &loss);
                let recorded = written.and(handled);
                if recorded.is_ok() && !self.batcher.is_closed() {
                    worker.worker.discard();
                }
                recorded
            }
            other => {
                self.slots[slot].activity = other;
                Ok(())
            }
        }
    }
}
