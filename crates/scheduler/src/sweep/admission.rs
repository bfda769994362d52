//! Which runs the sweep has: proposals of the searcher, decisions of the pruner, ends of runs.

use std::collections::HashMap;

use gansweep_config::{PlannedRun, RunId, RunState};
use gansweep_protocol::{Command, Metric, Resume};
use gansweep_store::RunStatus;

use super::slot::SlotActivity;
use super::{SearchState, Sweep};
use crate::checkpoint::CheckpointProblem;
use crate::run_table::{Phase, merge_budgets};
use crate::{Decision, Notice, Proposal, RunResult, RunnerError, checkpoint};

impl Sweep<'_> {
    /// Adds runs to the table, and those that are not over to the queue.
    pub(super) fn admit(
        &mut self,
        runs: Vec<PlannedRun>,
        statuses: &HashMap<RunId, RunStatus>,
    ) -> Result<(), RunnerError> {
        for requested in merge_budgets(runs) {
            let status = statuses.get(&requested.run().id);
            let state = status.map(|status| status.state_after(requested.run().total_steps()));
            let Some(run) = self.table.add(requested, status) else { continue };
            if self.table.kinds() > self.slots.first().map_or(0, |slot| slot.limits.len()) {
                for slot in &mut self.slots {
                    slot.limits.push(slot.slot.limit(self.table.planned(run)));
                }
            }
            if let Some(state) = state.filter(|state| is_halted(*state))
                && !self.pruner.admits(self.table.planned(run), state)
            {
                self.table.keep_halted(run, state);
            }
            if state == Some(RunState::Completed) && self.request.restore_checkpoints {
                self.restore_checkpoint(run)?;
            }
            match self.table.phase(run) {
                Phase::Queued => self.queue.push(self.table.candidate(run)),
                Phase::Skipped(state) => {
                    let name = self.table.name(run);
                    self.notify(&Notice::Skipped { run: name, state });
                    // It may have died after recording a run's last checkpoint and before deleting the
                    // older ones.
                    if self.runner_died {
                        self.remove_stale_checkpoints(run);
                    }
                    self.tell_result(run, state);
                }
                Phase::Pending | Phase::Running | Phase::Paused | Phase::Over(_) => {}
            }
        }
        Ok(())
    }

    /// Reopens a completed run if its final or its best checkpoint is missing or unusable. The file is read here and not on a
    /// thread: nothing is trained yet.
    fn restore_checkpoint(&mut self, run: usize) -> Result<(), RunnerError> {
        let planned = self.table.planned(run);
        let verify = |resume: &Resume| {
            checkpoint::verify(&self.request.results_dir, resume, |content| {
                (self.request.check_checkpoint)(content, resume, planned)
            })
        };
        let (path, reason) = match self.table.resume(run) {
            None => (String::new(), "none is recorded".to_owned()),
            Some(resume) => match verify(resume) {
                // Restoring was interrupted before.
                Ok(()) if resume.checkpoint.step < planned.total_steps() => {
                    let id = planned.id.clone();
                    self.batcher.reopen(&id, false)?;
                    self.table.reopen(run, false);
                    return Ok(());
                }
                Ok(()) => return Ok(()),
                Err(CheckpointProblem::Unusable(reason)) => (resume.checkpoint.path.clone(), reason),
                Err(CheckpointProblem::BestUnusable(reason)) => {
                    let best = resume.checkpoint.best.as_ref();
                    (best.map(|best| best.path.clone()).unwrap_or_default(), reason)
                }
                Err(CheckpointProblem::Unreadable(reason)) => {
                    let path = &resume.checkpoint.path;
                    let cause = format!("checkpoint {path} cannot be read: {reason}");
                    self.end_for_shared_cause(cause);
                    return Ok(());
                }
            },
        };
        let id = planned.id.clone();
        self.batcher.reopen(&id, true)?;
        self.table.reopen(run, true);
        let run = self.table.name(run);
        self.notify(&Notice::CheckpointUnusable { run, path, reason });
        Ok(())
    }

    /// Asks the searcher for `wanted` runs.
    pub(super) fn ask_for_runs(&mut self, wanted: usize) -> Result<(), RunnerError> {
        if self.search != SearchState::Asks {
            return Ok(());
        }
        match self.searcher.ask(wanted) {
            Proposal::Done => self.search = SearchState::Done,
            Proposal::Later => self.search = SearchState::Waits,
            Proposal::Runs(mut runs) => {
                runs.retain(|run| self.table.place(&run.id).is_none());
                if runs.is_empty() {
                    // It would propose the same again.
                    self.search = SearchState::Waits;
                    return Ok(());
                }
                let statuses = self.batcher.add_runs(&self.request.sweep.name, &runs)?;
                self.admit(runs, &statuses)?;
            }
            Proposal::Trials(proposed) => {
                let statuses = self.batcher.add_trials(&self.request.sweep.name, &proposed)?;
                self.admit(proposed.runs, &statuses)?;
            }
        }
        Ok(())
    }

    /// Whether a run is queued, the pruner resumes a paused one, or the searcher has more. Called when no
    /// worker runs: a searcher that still waits for a result then gets none.
    pub(super) fn has_more_to_train(&mut self) -> bool {
        if !self.queue.is_empty() || self.search == SearchState::Asks {
            return true;
        }
        if self.table.is_idle() {
            for decision in self.pruner.on_idle() {
                let applied = self.apply(decision);
                self.keep_failure(applied);
            }
        }
        !self.queue.is_empty()
    }

    /// Counts and reports a run that is over or paused, and tells the searcher.
    pub(super) fn end_run(&mut self, run: usize, state: RunState, cause: String) {
        if state == RunState::Paused {
            self.table.pause(run);
        } else {
            self.table.end(run, state);
        }
        let (name, step) = (self.table.name(run), self.table.step(run));
        self.ended.push(Notice::RunEnded { run: name, state, step, cause });
        if !matches!(state, RunState::Paused | RunState::Interrupted) {
            self.tell_result(run, state);
        }
    }

    fn tell_result(&mut self, run: usize, state: RunState) {
        let recorded = self.recorded_value(run);
        let recorded = recorded.unwrap_or_else(|error| {
            self.keep_failure(Err(error));
            None
        });
        let mut values = self.table.values(run).to_vec();
        values.extend(recorded);
        let step = self.table.step(run);
        self.searcher.tell(&RunResult { run: self.table.planned(run), state, step, values: &values });
        if self.search == SearchState::Waits {
            self.search = SearchState::Asks;
        }
    }

    /// The value that the searcher needs, if the run has not recorded it in this sweep.
    fn recorded_value(&mut self, run: usize) -> Result<Option<(Metric, f64)>, RunnerError> {
        let Some(metric) = self.searcher.metric() else { return Ok(None) };
        if self.table.values(run).iter().any(|(known, _)| *known == metric) {
            return Ok(None);
        }
        let planned = self.table.planned(run);
        let value = self.batcher.last_value(&planned.id, metric, planned.total_steps())?;
        Ok(value.map(|value| (metric, value)))
    }

    /// Applies a decision of the pruner.
    pub(super) fn apply(&mut self, decision: Decision) -> Result<(), RunnerError> {
        match decision {
            Decision::Resume { run } => {
                if let Some(run) = self.table.place(&run)
                    && self.table.phase(run) == Phase::Paused
                {
                    self.table.requeue(run);
                    self.queue.push(self.table.candidate(run));
                }
                Ok(())
            }
            Decision::Stop { run, cause } => self.halt(&run, RunState::Pruned, cause),
            Decision::Pause { run, cause } => self.halt(&run, RunState::Paused, cause),
        }
    }

    /// Stops or pauses a run: by a command to its worker, or in the queue.
    fn halt(&mut self, id: &RunId, state: RunState, cause: String) -> Result<(), RunnerError> {
        let Some(run) = self.table.place(id) else { return Ok(()) };
        match self.table.phase(run) {
            Phase::Pending | Phase::Running => {
                self.ask_worker_to_halt(run, id, state, cause);
                Ok(())
            }
            Phase::Queued => {
                if !self.queue.remove(&self.table.candidate(run)) {
                    self.withdraw(run);
                }
                self.halt_waiting(run, id, state, cause)
            }
            Phase::Paused if state == RunState::Pruned => self.halt_waiting(run, id, state, cause),
            Phase::Paused | Phase::Skipped(_) | Phase::Over(_) => Ok(()),
        }
    }

    fn ask_worker_to_halt(&mut self, run: usize, id: &RunId, state: RunState, cause: String) {
        let (id, reason) = (id.clone(), cause.clone());
        let command = match state {
            RunState::Paused => Command::Pause { run: id, cause: reason },
            _ => Command::Stop { run: id, cause: reason },
        };
        for worker in self.slots.iter_mut().filter_map(|slot| slot.worker_mut()) {
            if let Some(lane) = worker.lanes.iter_mut().find(|lane| lane.run == run && lane.is_open()) {
                lane.halting = Some((state, cause));
                worker.worker.send(&command);
                return;
            }
        }
    }

    /// Removes a run from a group whose checkpoints are being verified.
    fn withdraw(&mut self, run: usize) {
        for slot in &mut self.slots {
            if let SlotActivity::Verifying { group, .. } = &mut slot.activity {
                group.runs.retain(|other| *other != run);
            }
        }
    }

    fn halt_waiting(
        &mut self,
        run: usize,
        id: &RunId,
        state: RunState,
        cause: String,
    ) -> Result<(), RunnerError> {
        self.batcher.set_state(id, state, &cause)?;
        self.end_run(run, state, cause);
        Ok(())
    }
}

/// Whether a pruner stopped the run.
const fn is_halted(state: RunState) -> bool {
    matches!(state, RunState::Paused | RunState::Pruned)
}
