//! Workers that outlive their runner: left behind by one, adopted by the next.

use gansweep_config::RunState;
use gansweep_protocol::{Envelope, Job, LaneJob};

use super::Sweep;
use super::slot::{SlotActivity, SlotState};
use super::worker::{ActiveLane, LaneOutcome};
use crate::run_table::Phase;
use crate::{AdoptedWorker, LaunchError, RunnerError, SlurmError, StopLevel, Worker};

/// Why the next attempt of a lane began: the worker was started again.
const RESTARTED: &str = "the worker was started again";
/// Why an attempt ended before its worker was handed over.
const NOT_SUBMITTED: &str = "the sweep stopped before the job was submitted";

impl Sweep<'_> {
    /// Takes over the workers that train runs of this sweep. Workers of other sweeps go on by themselves.
    pub(super) fn adopt(&mut self, adopted: Vec<AdoptedWorker>) -> Result<(), RunnerError> {
        for (job, worker) in adopted {
            let places: Vec<Option<usize>> =
                job.lanes.iter().map(|lane| self.table.place(&lane.run)).collect();
            match places.iter().copied().collect::<Option<Vec<usize>>>() {
                Some(places) => self.adopt_worker(&job, worker, &places)?,
                None if places.iter().all(Option::is_none) => {}
                None => return Err(LaunchError::from(self.partly_ours(&job)).into()),
            }
        }
        Ok(())
    }

    /// Why a job is not adopted that trains runs of this sweep and others.
    fn partly_ours(&self, job: &Job) -> SlurmError {
        // `plan` has the runs that --only and --retry-failed leave out, too.
        let plan = self.request.plan.as_deref().unwrap_or_default();
        let is_planned = |lane: &LaneJob| plan.iter().any(|run| run.id == lane.run);
        match job.lanes.iter().all(is_planned) {
            true => SlurmError::PartlySelected,
            false => SlurmError::PartlyInPlan,
        }
    }

    fn adopt_worker(
        &mut self,
        job: &Job,
        mut worker: Box<dyn Worker>,
        places: &[usize],
    ) -> Result<(), RunnerError> {
        let mut lanes = Vec::with_capacity(places.len());
        for (lane, &run) in job.lanes.iter().zip(places) {
            let mut active = ActiveLane::new(run, lane.run.clone(), lane.attempt);
            if let Some((attempt, next_seq)) = self.batcher.next_event(&lane.run)?
                && attempt >= lane.attempt
            {
                (active.attempt, active.next_seq) = (attempt, next_seq);
            }
            if self.table.phase(run) == Phase::Queued {
                self.queue.remove(&self.table.candidate(run));
                self.table.launch(run);
            } else {
                active.outcome = LaneOutcome::Over;
            }
            lanes.push(active);
        }
        let slot = self.slot_for(&job.device);
        self.launches += 1;
        let launch = self.launches;
        let counters = self.relay_frames(slot, launch, &mut *worker).map_err(LaunchError::Thread)?;
        self.watch(slot, launch, worker, counters, lanes, 0);
        Ok(())
    }

    /// An idle slot of that device; a new one if there is none, since the worker is there already.
    fn slot_for(&mut self, device: &str) -> usize {
        let is_idle =
            |state: &SlotState| state.slot.device == device && matches!(state.activity, SlotActivity::Idle);
        if let Some(slot) = self.slots.iter().position(is_idle) {
            return slot;
        }
        if let Some(first) = self.slots.first() {
            let mut state = SlotState::new(first.slot.clone());
            device.clone_into(&mut state.slot.device);
            state.limits.clone_from(&first.limits);
            self.slots.push(state);
        }
        self.slots.len() - 1
    }

    /// Whether the runner leaves now: on request, or because all groups are handed over and it was to leave then.
    pub(super) fn leaves_workers(&mut self) -> bool {
        if !self.launcher.outlives_runner() {
            return false;
        }
        if let Some(stopping) = self.stopping {
            // Workers that are being handed over are waited for, so that it is known which go on. Those that only wait for
            // it are not: the cluster may take no jobs for a long time.
            return self.launcher.stop_handing_over() || stopping.level == StopLevel::AtOnce;
        }
        if self.launcher.is_handing_over() {
            return false;
        }
        let verifies = |slot: &SlotState| matches!(slot.activity, SlotActivity::Verifying { .. });
        self.request.detach
            && self.launcher.has_caught_up()
            && self.is_quiet
            && self.queue.is_empty()
            && !self.a_worker_is_ending()
            && !self.slots.iter().any(verifies)
    }

    /// Ends the attempts of workers that were not handed over: nothing trains them when the sweep has left.
    pub(super) fn end_waiting_workers(&mut self) -> Result<(), RunnerError> {
        if !self.launcher.outlives_runner() {
            return Ok(());
        }
        for state in &mut self.slots {
            let Some(worker) = state.worker().filter(|worker| !worker.worker.is_handed_over()) else {
                continue;
            };
            for lane in worker.open_lanes() {
                self.batcher.end(&lane.id, lane.attempt, RunState::Interrupted, NOT_SUBMITTED)?;
                self.table.requeue(lane.run);
            }
            state.activity = SlotActivity::Idle;
        }
        Ok(())
    }

    /// Whether a worker that was started again has sent an event before: then the event is to be ignored. Moves a
    /// lane on to its next attempt when that begins.
    pub(super) fn follow_restart(&mut self, slot: usize, envelope: &Envelope) -> Result<bool, RunnerError> {
        let Some(worker) = self.slots[slot].worker_mut().filter(|worker| worker.worker.may_restart()) else {
            return Ok(false);
        };
        let of_run = |lane: &&mut ActiveLane| lane.id == envelope.run;
        let Some(lane) = worker.lanes.iter_mut().find(of_run) else { return Ok(false) };
        if envelope.attempt < lane.attempt
            || (envelope.attempt == lane.attempt && envelope.seq < lane.next_seq)
        {
            return Ok(true);
        }
        if envelope.attempt > lane.attempt && envelope.seq == 0 && lane.outcome != LaneOutcome::Over {
            let (run, before) = (lane.id.clone(), lane.attempt);
            (lane.attempt, lane.next_seq) = (envelope.attempt, 0);
            lane.outcome = LaneOutcome::Training;
            // No effect if the worker reported the end of the attempt before it ended.
            self.batcher.end(&run, before, RunState::Interrupted, RESTARTED)?;
        }
        Ok(false)
    }
}
