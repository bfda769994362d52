//! What becomes of the runs of a worker that is gone.

use std::time::Instant;

use gansweep_config::RunState;

use super::Sweep;
use super::station::{ActiveLane, ActiveWorker, Fate};
use crate::exit::with_last_words;
use crate::retry::{Blame, Lost, judge};
use crate::{EXIT_DEVICE_UNAVAILABLE, Exit, ExitStatus, Notice, RunnerError};

/// A slot on which nothing has ever worked is put out of service after so many workers in a row
/// that died without a word: it is not the runs that are at fault.
const MOST_STILLBORN: u32 = 6;

/// How a worker was lost, or how it could not be started.
pub(super) struct Loss {
    /// In words for the user.
    pub(super) cause: String,
    pub(super) blame: Blame,
    /// Whether no event ever came.
    pub(super) silent: bool,
    /// Whether the runner asked it to end.
    pub(super) asked_for: bool,
}

impl Loss {
    /// How this worker was lost.
    pub(super) fn of(worker: &ActiveWorker) -> Self {
        let unknown = Exit::silent(ExitStatus::Unknown);
        let exit = worker.exited.as_ref().map_or(&unknown, |(_, exit)| exit);
        let fault = worker.closed.as_ref().and_then(|(_, fault)| fault.as_ref());
        let cause = match (&worker.killed, fault) {
            (Some((_, reason)), _) => with_last_words(reason.clone(), &exit.last_words),
            (None, Some(fault)) if exit.status == ExitStatus::Code(0) => {
                with_last_words(fault.clone(), &exit.last_words)
            }
            _ => exit.describe(),
        };
        let blame = match exit.status {
            _ if worker.killed.is_some() => Blame::Lanes,
            ExitStatus::Code(EXIT_DEVICE_UNAVAILABLE) => Blame::Slot,
            _ if exit.is_out_of_memory() => Blame::Memory,
            _ => Blame::Lanes,
        };
        Self { cause, blame, silent: !worker.heard, asked_for: worker.asked_to_stop }
    }
}

impl Sweep<'_> {
    /// Ends the attempts that did not end themselves, and decides what becomes of their runs.
    pub(super) fn settle(
        &mut self,
        station: usize,
        lanes: &[ActiveLane],
        failures: u32,
        loss: &Loss,
    ) -> Result<(), RunnerError> {
        let unfinished: Vec<&ActiveLane> =
            lanes.iter().filter(|lane| !matches!(lane.fate, Fate::Over(_))).collect();
        let guiltless = loss.asked_for || loss.blame == Blame::Slot;
        let state = if guiltless { RunState::Interrupted } else { RunState::Failed };
        for lane in unfinished.iter().filter(|lane| lane.fate == Fate::Training) {
            self.ledger.end(&lane.id, lane.attempt, state, &loss.cause)?;
        }
        self.renew_checkpoints();
        if loss.asked_for {
            self.leave(&unfinished, &loss.cause);
        } else if !unfinished.is_empty() {
            self.retire_if_broken(station, loss);
            if loss.blame == Blame::Memory {
                self.train_fewer_at_a_time(station, lanes);
            }
            self.requeue(station, &unfinished, failures, loss);
        }
        Ok(())
    }

    /// The sweep ends: what is not over is interrupted, or failed if its worker said so.
    fn leave(&mut self, unfinished: &[&ActiveLane], cause: &str) {
        for lane in unfinished {
            let (state, cause) = match &lane.fate {
                Fate::Failed(cause) => (RunState::Failed, cause.clone()),
                Fate::Interrupted => (RunState::Interrupted, "stopped on request".to_owned()),
                Fate::Training | Fate::Over(_) => (RunState::Interrupted, cause.to_owned()),
            };
            self.roster.end(lane.run, state);
            let (run, step) = (self.roster.name(lane.run), self.roster.step(lane.run));
            self.notify(&Notice::RunEnded { run, state, step, cause });
        }
    }

    /// Puts the slot out of service if the loss says that nothing can work there.
    fn retire_if_broken(&mut self, station: usize, loss: &Loss) {
        let left = self.stations.iter().filter(|station| station.out_of_service.is_none()).count() - 1;
        let broken = &mut self.stations[station];
        broken.stillborn += u32::from(loss.silent);
        broken.rests_until = Some(Instant::now() + self.request.pacing.rest);
        let hopeless = !broken.proven && broken.stillborn >= MOST_STILLBORN;
        if loss.blame == Blame::Slot || hopeless {
            broken.out_of_service = Some(loss.cause.clone());
            let (device, cause) = (broken.slot.device.clone(), loss.cause.clone());
            self.notify(&Notice::SlotLost { slot: station, device, cause, left });
        }
    }

    /// From now on the device trains no more than half as many such lanes at a time: what did not
    /// fit once would not fit the next time.
    fn train_fewer_at_a_time(&mut self, station: usize, lanes: &[ActiveLane]) {
        let Some(first) = lanes.first() else { return };
        let alike = self.roster.alike(first.run);
        let device = self.stations[station].slot.device.clone();
        for station in self.stations.iter_mut().filter(|station| station.slot.device == device) {
            station.slot.lower_limit(&alike, lanes.len().div_ceil(2));
        }
    }

    /// Sends the runs back to the queue, or gives them up.
    fn requeue(&mut self, station: usize, unfinished: &[&ActiveLane], failures: u32, loss: &Loss) {
        let halving = loss.blame == Blame::Memory && unfinished.len() > 1;
        let charged = loss.blame != Blame::Slot && !halving;
        // When every lane has come further since the last failure, no lane is deadly.
        let all_advanced = unfinished.iter().all(|lane| self.roster.advanced(lane.run));
        let failures = match charged {
            false => failures,
            true if all_advanced => 1,
            true => failures + 1,
        };
        let lost = unfinished.iter().map(|lane| Lost {
            run: lane.run,
            tries: if charged { self.roster.charge(lane.run) } else { self.roster.charges(lane.run) },
            named: matches!(lane.fate, Fate::Failed(_)),
        });
        let verdict = judge(failures, &lost.collect::<Vec<_>>(), loss.blame, self.request.max_attempts);
        let requeued =
            verdict.groups.iter().flat_map(|group| group.lanes.iter().copied()).collect::<Vec<_>>();
        let notice = Notice::WorkerLost {
            slot: station,
            device: self.stations[station].slot.device.clone(),
            cause: told_cause(unfinished).unwrap_or(&loss.cause).to_owned(),
            requeued: self.roster.names(requeued.iter().copied()),
            groups: verdict.groups.len(),
            failed: self.roster.names(verdict.failed.iter().copied()),
        };
        self.notify(&notice);
        for run in requeued {
            self.roster.put_back(run);
        }
        for group in verdict.groups {
            self.queue.push(group, &|run| self.roster.standing(run));
        }
        for run in verdict.failed {
            let told = unfinished.iter().find(|lane| lane.run == run).map(|lane| &lane.fate);
            let cause = if let Some(Fate::Failed(cause)) = told { cause.clone() } else { loss.cause.clone() };
            self.give_up_run(run, cause);
        }
    }

    /// Counts a run as failed and tells so.
    pub(super) fn give_up_run(&mut self, run: usize, cause: String) {
        self.roster.end(run, RunState::Failed);
        let (run, step) = (self.roster.name(run), self.roster.step(run));
        self.notify(&Notice::RunEnded { run, state: RunState::Failed, step, cause });
    }
}

/// What the worker itself gave as a cause, if it gave one for every lane it left unfinished.
fn told_cause<'a>(unfinished: &[&'a ActiveLane]) -> Option<&'a str> {
    let told = |lane: &&'a ActiveLane| match &lane.fate {
        Fate::Failed(cause) => Some(cause.as_str()),
        _ => None,
    };
    let causes: Option<Vec<&str>> = unfinished.iter().map(told).collect();
    causes?.first().copied()
}
