//! From the queue to the slots.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use gansweep_config::RunState;
use gansweep_protocol::{Checkpoint, Job, LaneJob};

use super::Sweep;
use super::events::{Content, Message, relay};
use super::settle::Loss;
use super::station::{ActiveLane, ActiveWorker, Duty, Fate, Pulse};
use crate::queue::Group;
use crate::retry::Blame;
use crate::{Notice, RunnerError, Worker, checkpoint};

/// What was found of one lane before its launch.
pub(super) struct Finding {
    run: usize,
    /// What is wrong with its checkpoint.
    unusable: Option<String>,
}

impl Sweep<'_> {
    /// Gives groups to the slots that are ready; gives up what no slot is left for.
    pub(super) fn fill_stations(&mut self) -> Result<(), RunnerError> {
        if self.ending.is_some() || self.trouble.is_some() {
            return Ok(());
        }
        let now = Instant::now();
        let ready: Vec<usize> =
            (0..self.stations.len()).filter(|&station| self.stations[station].is_ready(now)).collect();
        let standing = |run: usize| self.roster.standing(run);
        let limit = |station: usize, run: usize| self.stations[station].slot.limit(run);
        for (station, group) in self.queue.deal_all(&ready, &limit, &standing) {
            self.check(station, group)?;
        }
        if self.stations.iter().all(|station| station.out_of_service.is_some()) {
            self.give_up()
        } else {
            Ok(())
        }
    }

    /// Verifies a group's checkpoints on a thread: reading them may take seconds, during which the
    /// sweep must hear its workers and the user. The thread only reads, so that one that outlives
    /// the sweep does no harm.
    fn check(&mut self, station: usize, group: Group) -> Result<(), RunnerError> {
        self.launches += 1;
        let launch = self.launches;
        let resumes = group.lanes.iter().filter_map(|&run| Some((run, self.roster.checkpoint(run)?.clone())));
        let resumes: Vec<(usize, Checkpoint)> = resumes.collect();
        let (results_dir, outbox) = (self.request.results_dir.clone(), self.outbox.clone());
        let verify_all = move || {
            let findings = resumes.into_iter().map(|(run, resume)| {
                let unusable = checkpoint::verify(&results_dir, &resume).err();
                Finding { run, unusable }
            });
            let content = Content::Checked(findings.collect());
            // The sweep may have ended in the meantime.
            drop(outbox.send(Message { station, launch, content }));
        };
        thread::Builder::new()
            .name("checkpoints".to_owned())
            .spawn(verify_all)
            .map_err(RunnerError::Thread)?;
        self.stations[station].duty = Duty::Checking { launch, group };
        Ok(())
    }

    /// Heeds what was found, clears the runs' folders, and starts the group's worker. Runs that
    /// start afresh and have therefore fallen out of step with the others wait again.
    pub(super) fn launch_checked(
        &mut self,
        station: usize,
        launch: u64,
        findings: Vec<Finding>,
    ) -> Result<(), RunnerError> {
        let group = match &mut self.stations[station].duty {
            Duty::Checking { launch: current, group } if *current == launch => std::mem::take(group),
            _ => return Ok(()),
        };
        self.stations[station].duty = Duty::Free;
        for &run in &group.lanes {
            self.tidy(run);
        }
        for Finding { run, unusable } in findings {
            let Some(reason) = unusable else { continue };
            let path = self.roster.checkpoint(run).map(|resume| resume.path.clone()).unwrap_or_default();
            self.roster.forget_checkpoint(run);
            self.notify(&Notice::CheckpointUnusable { run: self.roster.name(run), path, reason });
        }
        let Group { lanes, failures } = group;
        let standing = |run: usize| self.roster.standing(run);
        let first = lanes.first().map(|&run| standing(run).phase);
        let (lanes, odd) = lanes.into_iter().partition(|&run| Some(standing(run).phase) == first);
        self.queue.push(Group { lanes: odd, failures }, &standing);
        self.launch(station, launch, &Group { lanes, failures })
    }

    /// Clears a run's folder of all checkpoints but the recorded one.
    fn tidy(&mut self, run: usize) {
        let id = &self.roster.planned(run).id;
        let keep = self.roster.checkpoint(run).map(|resume| resume.path.as_str());
        if let Err(error) = checkpoint::tidy(&self.request.results_dir, id, keep) {
            let (path, reason) = (format!("checkpoints/{id}"), error.to_string());
            self.notify(&Notice::Leftover { path, reason });
        }
    }

    fn launch(&mut self, station: usize, launch: u64, group: &Group) -> Result<(), RunnerError> {
        let lanes = self.begin_attempts(station, group)?;
        let job = self.job(station, &lanes);
        match self.launcher.launch(&job) {
            Ok(worker) => self.attend(station, launch, worker, lanes, group.failures),
            Err(error) => {
                let blame = if error.blames_the_slot() { Blame::Slot } else { Blame::Lanes };
                let loss = Loss { cause: error.to_string(), blame, silent: true, asked_for: false };
                self.settle(station, &lanes, group.failures, &loss)
            }
        }
    }

    fn begin_attempts(&mut self, station: usize, group: &Group) -> Result<Vec<ActiveLane>, RunnerError> {
        let device = &self.stations[station].slot.device;
        let mut lanes = Vec::with_capacity(group.lanes.len());
        for &run in &group.lanes {
            let id = self.roster.planned(run).id.clone();
            let attempt = self.ledger.begin(&id, device)?;
            self.roster.begin(run);
            lanes.push(ActiveLane { run, id, attempt, fate: Fate::Training, progress: None });
        }
        Ok(lanes)
    }

    fn job(&self, station: usize, lanes: &[ActiveLane]) -> Job {
        let slot = &self.stations[station].slot;
        let lane_job = |lane: &ActiveLane| {
            let planned = self.roster.planned(lane.run);
            LaneJob {
                run: lane.id.clone(),
                attempt: lane.attempt,
                config: planned.config.clone(),
                spec: planned.spec.clone(),
                seed: planned.seed,
                resume: self.roster.checkpoint(lane.run).cloned(),
            }
        };
        Job {
            device: slot.device.clone(),
            threads: slot.threads,
            data_dir: self.request.data_dir.clone(),
            idx_dir: self.request.idx_dir.clone(),
            results_dir: self.request.results_dir.clone(),
            record: self.request.sweep.record.clone(),
            lanes: lanes.iter().map(lane_job).collect(),
        }
    }

    /// Begins to hear a worker.
    fn attend(
        &mut self,
        station: usize,
        launch: u64,
        mut worker: Box<dyn Worker>,
        lanes: Vec<ActiveLane>,
        failures: u32,
    ) -> Result<(), RunnerError> {
        let (events, outbox) = (worker.frames(), self.outbox.clone());
        let pulse = Arc::new(Pulse::new(Instant::now()));
        let theirs = Arc::clone(&pulse);
        thread::Builder::new()
            .name("worker-events".to_owned())
            .spawn(move || relay(events, station, launch, &theirs, &outbox))
            .map_err(RunnerError::Thread)?;
        for lane in &lanes {
            let run = self.roster.name(lane.run);
            if let Some(step) = self.roster.checkpoint(lane.run).map(|resume| resume.step) {
                self.notify(&Notice::Resuming { run, step });
            }
        }
        let device = self.stations[station].slot.device.clone();
        let runs = self.roster.names(lanes.iter().map(|lane| lane.run));
        self.notify(&Notice::GroupStarted { slot: station, device, runs });
        self.stations[station].duty =
            Duty::Working(Box::new(ActiveWorker::new(launch, worker, lanes, failures, pulse)));
        Ok(())
    }

    /// Fails every run that waits: no slot is left to train it.
    fn give_up(&mut self) -> Result<(), RunnerError> {
        let reasons = self.stations.iter().filter_map(|station| {
            let reason = station.out_of_service.as_ref()?;
            Some(format!("{}: {reason}", station.slot.device))
        });
        let cause = format!("no device is left: {}", reasons.collect::<Vec<_>>().join("; "));
        for run in self.queue.clear() {
            let id = &self.roster.planned(run).id;
            let device = self.stations.first().map_or("none", |station| &station.slot.device);
            let attempt = self.ledger.begin(id, device)?;
            self.ledger.end(id, attempt, RunState::Failed, &cause)?;
            self.give_up_run(run, cause.clone());
        }
        Ok(())
    }
}
