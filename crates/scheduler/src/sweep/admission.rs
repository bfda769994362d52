//! Which runs the sweep has: proposals of the searcher, decisions of the pruner, ends of runs.

use std::collections::HashMap;
use std::time::Instant;

use gansweep_config::{PlannedRun, RunId, RunState};
use gansweep_protocol::{Command, Resume};
use gansweep_store::RunStatus;

use super::slot::SlotActivity;
use super::{SearchState, Sweep};
use crate::checkpoint::{CheckpointProblem, DELETED};
use crate::run_table::{Phase, RequestedRun, merge_budgets};
use crate::{AddedRun, Decision, Notice, Proposal, RunResult, RunnerError, StopLevel, checkpoint};

impl Sweep<'_> {
    /// Adds runs to the table, and those that are not over to the queue.
    pub(super) fn admit(
        &mut self,
        runs: Vec<PlannedRun>,
        statuses: &HashMap<RunId, RunStatus>,
    ) -> Result<(), RunnerError> {
        let runs = merge_budgets(runs);
        self.tell_pruner_of(&runs, statuses)?;
        for requested in runs {
            let status = statuses.get(&requested.run().id);
            let state = status.map(|status| status.state_after(requested.run().total_steps()));
            let Some(run) = self.table.add(requested, status) else { continue };
            if self.table.kinds() > self.slots.first().map_or(0, |slot| slot.limits.len()) {
                for slot in &mut self.slots {
                    slot.limits.push(slot.slot.limit(self.table.planned(run)));
                }
            }
            if let Some(state) = state.filter(|state| may_be_held(*state))
                && !self.pruner.admits(self.table.planned(run), state)
            {
                self.table.keep_halted(run, state);
            }
            self.limit_goal(run);
            // Reading all files takes minutes where there are many. The runs that are left out stay as they are.
            let restores = self.request.restore_checkpoints && self.stop.level() == StopLevel::Run;
            if let Some(status) = status.filter(|_| restores && state == Some(RunState::Completed)) {
                self.restore_checkpoint(run, status)?;
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
                Phase::Paused => self.tell_result(run, RunState::Paused),
                Phase::Pending | Phase::Running | Phase::Over(_) => {}
            }
        }
        Ok(())
    }

    /// Tells the pruner of runs that are about to be added, with what is recorded of them.
    fn tell_pruner_of(
        &mut self,
        runs: &[RequestedRun],
        statuses: &HashMap<RunId, RunStatus>,
    ) -> Result<(), RunnerError> {
        let Some(metric) = self.pruner.metric() else { return Ok(()) };
        let is_new = |requested: &&RequestedRun| self.table.place(&requested.run().id).is_none();
        let new: Vec<&PlannedRun> = runs.iter().filter(is_new).map(RequestedRun::run).collect();
        let begun = |run: &&&PlannedRun| statuses.get(&run.id).is_some_and(|status| status.attempts > 0);
        let begun: Vec<RunId> = new.iter().filter(begun).map(|run| run.id.clone()).collect();
        let values = self.batcher.values(&begun, metric)?;
        let mut added = Vec::with_capacity(new.len());
        for run in new {
            let status = statuses.get(&run.id);
            let resume = status.and_then(|status| status.resume.as_ref());
            added.push(AddedRun {
                run,
                state: status.map_or(RunState::Queued, |status| status.state_after(run.total_steps())),
                step: resume.map_or(0, |resume| resume.checkpoint.step),
                confirmed_step: status.map_or(0, |status| status.confirmed_step),
                values: values.get(&run.id).map_or(&[], Vec::as_slice),
            });
        }
        self.pruner.add(&added);
        self.note_rungs();
        Ok(())
    }

    /// Counts a run's steps up to where it pauses next: whether it goes on from there is not known yet.
    pub(super) fn limit_goal(&mut self, run: usize) {
        let (planned, step) = (self.table.planned(run), self.table.step(run));
        let epochs = self.pruner.pauses_at(&planned.id, step);
        let steps = epochs.map(|epochs| planned.config.steps(epochs, &planned.spec));
        self.table.limit_goal(run, steps);
    }

    /// Asks the pruner what is to go on, when a slot is free.
    pub(super) fn ask_pruner(&mut self) -> Result<(), RunnerError> {
        if !std::mem::take(&mut self.pruner_has_news) {
            return Ok(());
        }
        let decisions = self.pruner.on_free_slot(self.search == SearchState::Done);
        self.note_rungs();
        decisions.into_iter().try_for_each(|decision| self.apply(decision))
    }

    /// Hands over what the pruner has decided to be recorded.
    pub(super) fn note_rungs(&mut self) {
        let rungs = self.pruner.take_rungs();
        self.batcher.push_rungs(rungs, Instant::now());
    }

    /// Reopens a completed run if its final or its best checkpoint is missing, unusable or not of the last epoch that is recorded.
    /// That may be beyond the sweep's budget. The file is read here and not on a thread: nothing is trained yet.
    fn restore_checkpoint(&mut self, run: usize, status: &RunStatus) -> Result<(), RunnerError> {
        let planned = self.table.planned(run);
        let recorded = status.confirmed_epochs(u64::from(planned.config.steps_per_epoch(&planned.spec)));
        let epochs = u32::try_from(recorded).unwrap_or(u32::MAX).max(planned.epochs);
        let verify = |resume: &Resume| {
            checkpoint::verify(&self.request.results_dir, resume, |content| {
                (self.request.check_checkpoint)(content, resume, planned)
            })
        };
        let (path, reason) = match self.table.resume(run) {
            None => (String::new(), DELETED.to_owned()),
            Some(resume) => match verify(resume) {
                // Restoring was interrupted before.
                Ok(()) if resume.checkpoint.step < planned.config.steps(epochs, &planned.spec) => {
                    let id = planned.id.clone();
                    self.batcher.reopen(&id, false)?;
                    self.table.reopen(run, false, epochs);
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
        self.table.reopen(run, true, epochs);
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
            Proposal::Done => {
                self.search = SearchState::Done;
                self.pruner_has_news = true;
            }
            Proposal::Later => self.search = SearchState::Waits,
            Proposal::Runs(mut runs) => {
                runs.retain(|run| self.table.place(&run.id).is_none());
                if runs.is_empty() {
                    // It would propose the same again.
                    self.search = SearchState::Waits;
                    return Ok(());
                }
                let statuses = self.batcher.add_runs(&runs)?;
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
            let decisions = self.pruner.on_idle();
            self.note_rungs();
            for decision in decisions {
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
        self.pruner.ended(&name.id, state, step);
        self.pruner_has_news = true;
        self.note_rungs();
        self.ended.push(Notice::RunEnded { run: name, state, step, cause });
        if state != RunState::Interrupted {
            self.tell_result(run, state);
        }
    }

    fn tell_result(&mut self, run: usize, state: RunState) {
        let recorded = self.recorded_values(run);
        let recorded = recorded.unwrap_or_else(|error| {
            self.keep_failure(Err(error));
            Vec::new()
        });
        let (planned, step) = (self.table.planned(run), self.table.step(run));
        let values = self.table.values(run);
        self.searcher.tell(&RunResult { run: planned, state, step, values, recorded: &recorded });
        if self.search == SearchState::Waits {
            self.search = SearchState::Asks;
        }
    }

    /// The values that the searcher needs, of this sweep and earlier ones.
    fn recorded_values(&mut self, run: usize) -> Result<Vec<(u64, f64)>, RunnerError> {
        let Some(metric) = self.searcher.metric() else { return Ok(Vec::new()) };
        self.batcher.flush()?;
        let id = self.table.planned(run).id.clone();
        let mut values = self.batcher.values(std::slice::from_ref(&id), metric)?;
        Ok(values.remove(&id).unwrap_or_default())
    }

    /// Applies a decision of the pruner.
    pub(super) fn apply(&mut self, decision: Decision) -> Result<(), RunnerError> {
        match decision {
            Decision::Resume { run } => {
                if let Some(run) = self.table.place(&run)
                    && self.table.phase(run) == Phase::Paused
                {
                    self.table.requeue(run);
                    self.limit_goal(run);
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

/// Whether an earlier sweep, or another one, has begun the run and no worker trains it.
fn may_be_held(state: RunState) -> bool {
    !state.is_final() && !state.is_active() && state != RunState::Queued
}
