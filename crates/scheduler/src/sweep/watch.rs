//! Looking after workers: deaths, silence, and the wish to stop.

use std::time::{Duration, Instant};

use gansweep_protocol::Command;

use super::Sweep;
use super::settle::Loss;
use super::station::{ActiveWorker, Duty};
use crate::request::Pacing;
use crate::{Notice, RunnerError, StopLevel};

/// A worker that was killed while the sweep ends is waited for so long.
const LAST_PATIENCE: Duration = Duration::from_millis(300);

/// The sweep is ending before its time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    level: StopLevel,
    /// When workers still at work are killed.
    deadline: Instant,
}

impl Sweep<'_> {
    /// Does what the stop signal asks for; trouble asks for a clean stop.
    pub(super) fn obey_stop(&mut self) {
        let troubled = if self.trouble.is_some() { StopLevel::Cleanly } else { StopLevel::Run };
        let level = self.stop.level().max(troubled);
        let now = Instant::now();
        if level > self.ending.map_or(StopLevel::Run, |ending| ending.level) {
            let deadline = self.ending.map_or(now + self.request.pacing.stop_grace, |ending| ending.deadline);
            self.ending = Some(Ending { level, deadline });
            self.ask_to_stop();
            let workers = self.stations.iter().filter(|station| station.worker().is_some()).count();
            self.notify(&Notice::Stopping { level, workers });
        }
        let Some(Ending { level, deadline }) = self.ending else { return };
        if level == StopLevel::AtOnce || now >= deadline {
            let reason = if level == StopLevel::AtOnce {
                "stopped at once".to_owned()
            } else {
                format!(
                    "stopped, and killed because it had not ended within {:?}",
                    self.request.pacing.stop_grace
                )
            };
            for worker in self.stations.iter_mut().filter_map(|station| station.worker_mut()) {
                worker.kill(now, reason.clone());
            }
        }
    }

    /// Asks every worker to stop; what has not begun is not begun.
    fn ask_to_stop(&mut self) {
        for station in &mut self.stations {
            match &mut station.duty {
                Duty::Free => {}
                Duty::Checking { .. } => station.duty = Duty::Free,
                Duty::Working(worker) => {
                    if !worker.asked_to_stop {
                        worker.asked_to_stop = true;
                        worker.worker.send(&Command::StopAll);
                    }
                }
            }
        }
    }

    /// Whether a worker is between closing its stream and being gone, or the reverse.
    pub(super) fn somebody_is_leaving(&self) -> bool {
        let mut workers = self.stations.iter().filter_map(|station| station.worker());
        workers.any(|worker| worker.closed.is_some() || worker.exited.is_some() || worker.killed.is_some())
    }

    /// Notices exits and silence, and settles what is over.
    pub(super) fn look_after_workers(&mut self) -> Result<(), RunnerError> {
        let (pacing, hang_timeout) = (self.request.pacing, self.request.hang_timeout);
        let ending = self.ending.is_some();
        for station in 0..self.stations.len() {
            let now = Instant::now();
            let Some(worker) = self.stations[station].worker_mut() else { continue };
            worker.notice_exit(now);
            worker.lose_patience(now, &pacing, hang_timeout);
            if worker.is_gone(now, &pacing, ending) {
                self.conclude(station)?;
            }
        }
        Ok(())
    }

    /// Takes leave of a worker that is gone.
    fn conclude(&mut self, station: usize) -> Result<(), RunnerError> {
        match std::mem::replace(&mut self.stations[station].duty, Duty::Free) {
            Duty::Working(worker) => {
                let loss = Loss::of(&worker);
                let written = self.write();
                let settled = self.settle(station, &worker.lanes, worker.failures, &loss);
                written.and(settled)
            }
            other => {
                self.stations[station].duty = other;
                Ok(())
            }
        }
    }
}

impl ActiveWorker {
    fn notice_exit(&mut self, now: Instant) {
        if self.exited.is_none() {
            self.exited = self.worker.try_wait().map(|exit| (now, exit));
        }
    }

    /// Kills it if it is silent for too long, or has ended its work or its stream and does not exit.
    fn lose_patience(&mut self, now: Instant, pacing: &Pacing, hang_timeout: Duration) {
        if self.exited.is_some() || self.killed.is_some() {
            return;
        }
        match &self.closed {
            Some((since, _)) if now.duration_since(*since) > pacing.exit_grace => {
                self.kill(now, "it closed its event stream but did not exit");
            }
            None if self.open_lanes().next().is_none() && self.pulse.silence(now) > pacing.exit_grace => {
                self.kill(now, "its runs were over but it did not exit");
            }
            None if self.pulse.silence(now) > hang_timeout => {
                let reason =
                    format!("it sent nothing for {} s and was taken for hung", hang_timeout.as_secs_f64());
                self.kill(now, reason);
            }
            _ => {}
        }
    }

    /// Whether nothing more is to be expected of it: it has exited and its stream is read, or
    /// neither happens in time (a descendant may hold the stream open; a process stuck in a driver
    /// cannot be killed).
    fn is_gone(&self, now: Instant, pacing: &Pacing, ending: bool) -> bool {
        let grace = if ending { LAST_PATIENCE } else { pacing.exit_grace };
        let overdue = |since: Instant| now.duration_since(since) > grace;
        match (&self.exited, &self.closed) {
            (Some(_), Some(_)) => true,
            (Some((since, _)), None) => overdue(*since) && self.pulse.silence(now) > LAST_PATIENCE,
            (None, _) => self.killed.as_ref().is_some_and(|(since, _)| overdue(*since)),
        }
    }
}
