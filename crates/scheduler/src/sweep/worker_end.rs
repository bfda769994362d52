//! Handling of workers that have ended or could not be started.

use gansweep_config::RunState;

use super::Sweep;
use super::worker::{ActiveLane, LaneOutcome, WorkerLoss};
use crate::retry::{LossCause, LostRun, retry};
use crate::{Notice, RunnerError};

/// The sweep ends after this many shortages in a row while no worker runs. The pauses between them double, so that
/// the last comes some seconds after the first.
const MOST_SHORTAGES: u32 = 5;
/// A pause between attempts doubles this often at most.
const MOST_DOUBLINGS: u32 = 8;
/// What helps against a shortage.
const WAY_OUT_OF_SHORTAGE: &str =
    "use fewer workers (--jobs), raise the limits (ulimit -n, ulimit -u), or close other programs";

/// A slot on which no worker has ever sent an event is closed after this many silent failures in a row: the
/// cause is then the slot, not the runs.
const MOST_SILENT_FAILURES: u32 = 6;

impl Sweep<'_> {
    /// Ends the attempts that have reported no end, and decides what happens to their runs.
    pub(super) fn handle_worker_end(
        &mut self,
        slot: usize,
        lanes: &[ActiveLane],
        failures: u32,
        loss: &WorkerLoss,
    ) -> Result<(), RunnerError> {
        let uncharged = loss.requested
            || matches!(
                loss.kind,
                LossCause::Slot | LossCause::Shared | LossCause::Shortage | LossCause::Cluster
            );
        let state = if uncharged { RunState::Interrupted } else { RunState::Failed };
        for lane in lanes.iter().filter(|lane| lane.is_open()) {
            match &lane.halting {
                Some((state, cause)) => self.batcher.end(&lane.id, lane.attempt, *state, cause)?,
                None => self.batcher.end(&lane.id, lane.attempt, state, &loss.cause)?,
            }
        }
        self.renew_checkpoints();
        // A run that the worker was asked to halt is halted at its last checkpoint.
        let (halting, unfinished): (Vec<&ActiveLane>, Vec<&ActiveLane>) = lanes
            .iter()
            .filter(|lane| lane.outcome != LaneOutcome::Over)
            .partition(|lane| lane.is_open() && lane.halting.is_some());
        for lane in halting {
            if let Some((state, cause)) = lane.halting.clone() {
                self.end_run(lane.run, state, cause);
            }
        }
        if unfinished.is_empty() {
            return Ok(());
        }
        if loss.kind == LossCause::Shared {
            self.end_for_shared_cause(loss.cause.clone());
        }
        if loss.requested || loss.kind == LossCause::Shared {
            self.interrupt(&unfinished, loss);
        } else {
            self.count_loss(slot, failures, loss);
            if loss.kind == LossCause::GroupSize {
                self.lower_limit(slot, lanes);
            }
            self.retry(slot, &unfinished, failures, loss);
        }
        Ok(())
    }

    /// The sweep stops: unfinished runs are interrupted, or failed if the worker reported that.
    fn interrupt(&mut self, unfinished: &[&ActiveLane], loss: &WorkerLoss) {
        for lane in unfinished {
            let (state, cause) = match &lane.outcome {
                LaneOutcome::Failed(cause) => (RunState::Failed, cause.clone()),
                LaneOutcome::Interrupted => (RunState::Interrupted, "stopped on request".to_owned()),
                // A shared cause is reported once for the sweep.
                _ if loss.kind == LossCause::Shared => (RunState::Interrupted, String::new()),
                LaneOutcome::Training | LaneOutcome::Over => (RunState::Interrupted, loss.cause.clone()),
            };
            self.end_run(lane.run, state, cause);
        }
    }

    /// Closes the slot if no worker can work there; otherwise pauses it, twice as long after each further failure of the
    /// same group.
    fn count_loss(&mut self, slot: usize, failures: u32, loss: &WorkerLoss) {
        let left = self.slots.iter().filter(|slot| slot.closed.is_none()).count() - 1;
        let (now, rest) = (self.clock.now(), self.request.pacing.rest);
        let others_work = self.slots.iter().any(|slot| slot.worker().is_some());
        let state = &mut self.slots[slot];
        state.rests_until = Some(now.after(rest * 2_u32.pow(failures.min(MOST_DOUBLINGS))));
        state.silent_failures += u32::from(loss.silent && loss.kind == LossCause::Lanes);
        let hopeless = !state.has_worked && state.silent_failures >= MOST_SILENT_FAILURES;
        // With fewer workers, or later, the system may have enough for the others.
        let is_shortage = loss.kind == LossCause::Shortage;
        state.shortages += u32::from(is_shortage);
        if is_shortage && !others_work {
            state.rests_until = Some(now.after(rest * 2_u32.pow(state.shortages.min(MOST_DOUBLINGS))));
            let is_last = state.shortages >= MOST_SHORTAGES;
            if is_last {
                self.end_for_shared_cause(format!("{}; {WAY_OUT_OF_SHORTAGE}", loss.cause));
            }
        } else if is_shortage || loss.kind == LossCause::Slot || hopeless {
            state.closed = Some(loss.cause.clone());
            let (device, cause) = (state.slot.device.clone(), loss.cause.clone());
            self.notify(&Notice::SlotLost { slot, device, cause, left });
        }
    }

    /// Halves the most lanes of this kind on the device: what did not fit once does not fit later.
    fn lower_limit(&mut self, slot: usize, lanes: &[ActiveLane]) {
        let Some(kind) = lanes.first().map(|first| self.table.kind(first.run)) else { return };
        let device = self.slots[slot].slot.device.clone();
        for slot in self.slots.iter_mut().filter(|slot| slot.slot.device == device) {
            if let Some(limit) = slot.limits.get_mut(kind) {
                *limit = lanes.len().div_ceil(2).min(*limit);
            }
        }
    }

    /// Returns runs to the queue or fails them, as the retry policy decides.
    fn retry(&mut self, slot: usize, unfinished: &[&ActiveLane], failures: u32, loss: &WorkerLoss) {
        let halving = loss.kind == LossCause::GroupSize && unfinished.len() > 1;
        // Where no worker has ever worked, the cause may be the slot and not the runs. Their group still
        // comes after the others in the queue.
        let unproven = loss.silent && loss.kind == LossCause::Lanes && !self.slots[slot].has_worked;
        let counted =
            !matches!(loss.kind, LossCause::Slot | LossCause::Shortage | LossCause::Cluster) && !halving;
        // If every lane has advanced since the last failure, none of them crashes every worker.
        let all_advanced = unfinished.iter().all(|lane| self.table.has_advanced(lane.run));
        let failures = match counted {
            false => failures,
            true if all_advanced => 1,
            true => failures + 1,
        };
        let lost = unfinished.iter().map(|lane| LostRun {
            run: lane.run,
            failures: if counted && !unproven {
                self.table.count_failure(lane.run)
            } else {
                self.table.failures(lane.run)
            },
            named: matches!(lane.outcome, LaneOutcome::Failed(_)),
        });
        let decided = retry(failures, &lost.collect::<Vec<_>>(), loss.kind, self.request.max_attempts);
        let requeued: Vec<usize> =
            decided.groups.iter().flat_map(|group| group.runs.iter().copied()).collect();
        let notice = Notice::WorkerLost {
            slot,
            device: self.slots[slot].slot.device.clone(),
            cause: reported_cause(unfinished).unwrap_or(&loss.cause).to_owned(),
            requeued: self.table.names(requeued.iter().copied()),
            groups: decided.groups.len(),
            failed: self.table.names(decided.failed.iter().copied()),
        };
        // Of a shortage the user is told once, by the slot that is closed or by the end of the sweep.
        if loss.kind != LossCause::Shortage {
            self.notify(&notice);
        }
        for run in requeued {
            self.table.requeue(run);
        }
        for group in decided.groups {
            let candidates = group.runs.iter().map(|&run| self.table.candidate(run)).collect();
            self.queue.push_group(candidates, group.failures);
        }
        for run in decided.failed {
            let outcome = unfinished.iter().find(|lane| lane.run == run).map(|lane| &lane.outcome);
            let cause = match outcome {
                Some(LaneOutcome::Failed(cause)) => cause.clone(),
                _ => loss.cause.clone(),
            };
            self.end_run(run, RunState::Failed, cause);
        }
    }
}

/// The cause that the worker reported, if it reported one for every unfinished lane.
fn reported_cause<'a>(unfinished: &[&'a ActiveLane]) -> Option<&'a str> {
    let reported = |lane: &&'a ActiveLane| match &lane.outcome {
        LaneOutcome::Failed(cause) => Some(cause.as_str()),
        _ => None,
    };
    let causes: Option<Vec<&str>> = unfinished.iter().map(reported).collect();
    causes?.first().copied()
}
