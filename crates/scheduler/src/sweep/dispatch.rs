//! Dispatch: groups from the queue to the slots, and the launch of their workers.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread;

use gansweep_config::PlannedRun;
use gansweep_protocol::{CHECKPOINTS, Checkpoint, Job, LaneJob, Resume};

use super::Sweep;
use super::inbox::{BadCheckpoint, Content, FrameSink, Message};
use super::slot::SlotActivity;
use super::worker::{ActiveLane, ActiveWorker, WorkerLoss};
use crate::checkpoint::{CheckpointProblem, DELETED};
use crate::clock::{FrameCounters, Watchdog};
use crate::queue::Group;
use crate::retry::LossCause;
use crate::{LaunchError, Notice, RunnerError, Worker, checkpoint};

/// A run whose checkpoint is to be verified.
struct Resuming {
    run: usize,
    planned: PlannedRun,
    resume: Resume,
}

impl Sweep<'_> {
    /// Gives groups to the ready slots; ends the sweep if runs wait and every slot is closed.
    pub(super) fn fill_slots(&mut self) -> Result<(), RunnerError> {
        if self.stopping.is_some() || self.failure.is_some() {
            return Ok(());
        }
        let now = self.clock.now();
        let ready: Vec<usize> =
            (0..self.slots.len()).filter(|&slot| self.slots[slot].is_ready(now)).collect();
        let all_closed = self.slots.iter().all(|slot| slot.closed.is_some());
        if self.queue.is_empty() && (all_closed || !ready.is_empty()) {
            self.ask_for_runs(ready.len())?;
        }
        if !ready.is_empty() {
            self.ask_pruner()?;
        }
        let slots = &self.slots;
        let groups = self.queue.take_for_all(&ready, &|slot, kind| slots[slot].limit(kind));
        for (slot, group) in groups {
            self.start_group(slot, group)?;
        }
        if !self.queue.is_empty() && all_closed {
            let reason = |slot: &super::SlotState| {
                slot.closed.as_ref().map(|reason| format!("{}: {reason}", slot.slot.device))
            };
            let reasons: Vec<String> = self.slots.iter().filter_map(reason).collect();
            self.end_for_shared_cause(format!("no device is left: {}", reasons.join("; ")));
        }
        Ok(())
    }

    /// Launches a group after its checkpoints have been verified. That happens on a thread: reading them may
    /// take seconds, during which the sweep must handle its workers and Ctrl-C. The thread only reads, so
    /// it may outlive the sweep.
    fn start_group(&mut self, slot: usize, group: Group) -> Result<(), RunnerError> {
        self.launches += 1;
        let launch = self.launches;
        let resuming = |&run: &usize| {
            Some(Resuming {
                run,
                planned: self.table.planned(run).clone(),
                resume: self.table.resume(run)?.clone(),
            })
        };
        let resuming: Vec<Resuming> = group.runs.iter().filter_map(resuming).collect();
        self.slots[slot].activity = SlotActivity::Verifying { launch, group };
        if resuming.is_empty() {
            return self.launch_verified(slot, launch, Vec::new());
        }
        let (results_dir, check) = (self.request.results_dir.clone(), self.request.check_checkpoint);
        let verify_all = move || {
            let verify = |Resuming { run, planned, resume }: &Resuming| {
                let verified =
                    checkpoint::verify(&results_dir, resume, |content| check(content, resume, planned));
                Some(BadCheckpoint { run: *run, problem: verified.err()? })
            };
            resuming.iter().filter_map(verify).collect::<Vec<_>>()
        };
        let (verify_all, outbox) = (Arc::new(verify_all), self.outbox.clone());
        let on_thread = Arc::clone(&verify_all);
        let spawned = thread::Builder::new().name("checkpoints".to_owned()).spawn(move || {
            // The sweep may have ended in the meantime.
            drop(outbox.send(Message { slot, launch, content: Content::Verified(on_thread()) }));
        });
        if spawned.is_ok() {
            return Ok(());
        }
        // Without a thread the sweep waits for the files, which is better than not resuming.
        let bad = verify_all();
        self.launch_verified(slot, launch, bad)
    }

    /// Deletes stale checkpoints and starts the group's worker. Runs that must start from the beginning may
    /// no longer match the phase of the others; those return to the queue.
    pub(super) fn launch_verified(
        &mut self,
        slot: usize,
        launch: u64,
        bad: Vec<BadCheckpoint>,
    ) -> Result<(), RunnerError> {
        let group = match &mut self.slots[slot].activity {
            SlotActivity::Verifying { launch: current, group } if *current == launch => std::mem::take(group),
            _ => return Ok(()),
        };
        self.slots[slot].activity = SlotActivity::Idle;
        for &run in &group.runs {
            if self.table.is_extended_without_checkpoint(run) {
                let (run, reason) = (self.table.name(run), DELETED.to_owned());
                self.notify(&Notice::CheckpointUnusable { run, path: String::new(), reason });
            }
        }
        for BadCheckpoint { run, problem } in bad {
            let path =
                self.table.checkpoint(run).map(|checkpoint| checkpoint.path.clone()).unwrap_or_default();
            match problem {
                CheckpointProblem::Unusable(reason) => {
                    self.table.forget_checkpoint(run);
                    let run = self.table.name(run);
                    self.notify(&Notice::CheckpointUnusable { run, path, reason });
                }
                CheckpointProblem::BestUnusable(reason) => {
                    let path = self.table.forget_best(run).unwrap_or_default();
                    let run = self.table.name(run);
                    self.notify(&Notice::BestUnusable { run, path, reason });
                }
                // The file may be intact: to start the run from the beginning would delete it.
                CheckpointProblem::Unreadable(reason) => {
                    self.end_for_shared_cause(format!("checkpoint {path} cannot be read: {reason}"));
                    return Ok(());
                }
            }
        }
        for &run in &group.runs {
            self.remove_stale_checkpoints(run);
        }
        let candidates: Vec<_> = group.runs.iter().map(|&run| (run, self.table.candidate(run))).collect();
        let Some(phase) = candidates.first().map(|(_, first)| first.phase()) else { return Ok(()) };
        let (ours, odd): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|(_, candidate)| candidate.phase() == phase);
        self.queue.push_group(odd.into_iter().map(|(_, candidate)| candidate).collect(), group.failures);
        let runs = ours.into_iter().map(|(run, _)| run).collect();
        self.launch(slot, launch, &Group { runs, failures: group.failures })
    }

    /// Deletes all checkpoints in a run's folder except the recorded ones.
    pub(super) fn remove_stale_checkpoints(&mut self, run: usize) {
        let id = &self.table.planned(run).id;
        let keep = self.table.checkpoint(run).into_iter().flat_map(Checkpoint::paths);
        if let Err(error) = checkpoint::remove_stale(&self.request.results_dir, id, keep) {
            let (path, reason) = (format!("{CHECKPOINTS}/{id}"), error.to_string());
            self.notify(&Notice::Leftover { path, reason });
        }
    }

    fn launch(&mut self, slot: usize, launch: u64, group: &Group) -> Result<(), RunnerError> {
        let lanes = self.begin_attempts(slot, group)?;
        let job = self.job(slot, &lanes);
        let relayed = self.launcher.launch(&job).and_then(|mut worker| {
            let counters = self.relay_frames(slot, launch, &mut *worker).map_err(LaunchError::Thread)?;
            Ok((worker, counters))
        });
        match relayed {
            Ok((worker, counters)) => {
                self.watch(slot, launch, worker, counters, lanes, group.failures);
                Ok(())
            }
            Err(error) => {
                let loss = WorkerLoss {
                    cause: error.to_string(),
                    kind: loss_cause(&error),
                    silent: true,
                    requested: false,
                };
                self.handle_worker_end(slot, &lanes, group.failures, &loss)
            }
        }
    }

    /// Has a worker's frames forwarded to the sweep.
    pub(super) fn relay_frames(
        &self,
        slot: usize,
        launch: u64,
        worker: &mut dyn Worker,
    ) -> io::Result<Arc<FrameCounters>> {
        let counters = Arc::<FrameCounters>::default();
        let outbox = self.outbox.clone();
        worker.forward(FrameSink { slot, launch, counters: Arc::clone(&counters), outbox })?;
        Ok(counters)
    }

    fn begin_attempts(&mut self, slot: usize, group: &Group) -> Result<Vec<ActiveLane>, RunnerError> {
        let device = &self.slots[slot].slot.device;
        let mut lanes = Vec::with_capacity(group.runs.len());
        for &run in &group.runs {
            let id = self.table.planned(run).id.clone();
            let attempt = self.batcher.begin(&id, device)?;
            self.table.launch(run);
            lanes.push(ActiveLane::new(run, id, attempt));
        }
        Ok(lanes)
    }

    fn job(&self, slot: usize, lanes: &[ActiveLane]) -> Job {
        let slot = &self.slots[slot].slot;
        let lane_job = |lane: &ActiveLane| {
            let planned = self.table.planned(lane.run);
            LaneJob {
                run: lane.id.clone(),
                attempt: lane.attempt,
                config: planned.config.clone(),
                spec: planned.spec.clone(),
                epochs: planned.epochs,
                milestones: self.milestones(lane.run),
                pause_at: self.pruner.pauses_at(&lane.id, self.table.step(lane.run)),
                seed: planned.seed,
                resume: self.table.resume(lane.run).cloned(),
            }
        };
        Job {
            device: slot.device.clone(),
            threads: slot.threads,
            data_dir: self.request.data_dir.clone(),
            idx_dir: self.request.idx_dir.clone(),
            results_dir: self.request.results_dir.clone(),
            record: self.request.sweep.record.clone(),
            run_seconds: self.request.run_seconds,
            lanes: lanes.iter().map(lane_job).collect(),
        }
    }

    /// The smaller budgets that a run is shown or compared at, and where it may pause: it is recorded there as at its end.
    fn milestones(&self, run: usize) -> Vec<u32> {
        let planned = self.table.planned(run);
        let mut milestones: BTreeSet<u32> = self.table.milestones(run).into_iter().collect();
        milestones.extend(self.pruner.rungs(&planned.id));
        milestones.into_iter().collect()
    }

    /// Puts a worker into its slot, and reports the group as started.
    pub(super) fn watch(
        &mut self,
        slot: usize,
        launch: u64,
        worker: Box<dyn Worker>,
        counters: Arc<FrameCounters>,
        lanes: Vec<ActiveLane>,
        failures: u32,
    ) {
        for lane in &lanes {
            let run = self.table.name(lane.run);
            if let Some(step) = self.table.checkpoint(lane.run).map(|checkpoint| checkpoint.step) {
                self.notify(&Notice::Resuming { run, step });
            }
        }
        let device = self.slots[slot].slot.device.clone();
        let runs = self.table.names(lanes.iter().map(|lane| lane.run));
        self.notify(&Notice::GroupStarted { slot, device, runs });
        self.slots[slot].activity = SlotActivity::Training(Box::new(ActiveWorker {
            launch,
            worker,
            lanes,
            failures,
            counters,
            watchdog: Watchdog::new(self.clock.now()),
            has_reported: false,
            closed: None,
            exited: None,
            killed: None,
            stop_requested: None,
            steps_after_stop: 0,
            untrusted: false,
        }));
    }
}

fn loss_cause(error: &LaunchError) -> LossCause {
    if error.affects_sweep() {
        LossCause::Shared
    } else if error.is_shortage() {
        LossCause::Shortage
    } else if error.affects_slot() {
        LossCause::Slot
    } else {
        LossCause::Lanes
    }
}
