//! A recorder in memory, with the rules of the database, that fails on demand.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use gansweep_config::{PlannedRun, RunId, RunState};
use gansweep_protocol::{Envelope, Event, Metric, Resume};
use gansweep_scheduler::{ProposedTrials, Recorder};
use gansweep_store::{RunStatus, RungDecision, RungRow, StoreError, SweepRecord, TrialRow};

#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) runs: HashMap<RunId, Row>,
    /// Bits of values, by run, step and metric.
    pub(crate) points: BTreeMap<(RunId, u64, Metric), u64>,
    pub(crate) samples: BTreeMap<(RunId, u64), Vec<u8>>,
    /// Trials of a search, in their order.
    pub(crate) trials: Vec<TrialRow>,
    /// The latest decision about each run and rung.
    pub(crate) rungs: BTreeMap<(RunId, u32), RungRow>,
    /// All decisions, in order.
    pub(crate) decisions: Vec<RungRow>,
    /// Batches recorded.
    pub(crate) transactions: usize,
    /// Events recorded.
    pub(crate) events: usize,
    /// The transaction (counted from 0) from which on the disk is full.
    pub(crate) full_from: Option<usize>,
    /// The transaction from which on the database is no longer at its path.
    pub(crate) moved_from: Option<usize>,
    /// Each batch takes so long.
    pub(crate) delay: Duration,
}

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) state: RunState,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) resume: Option<Resume>,
    pub(crate) step: u64,
    pub(crate) confirmed_step: u64,
    /// The largest budget that the latest plan asks for, in steps.
    pub(crate) goal: u64,
}

impl Default for Row {
    fn default() -> Self {
        Self {
            state: RunState::Queued,
            attempts: Vec::new(),
            resume: None,
            step: 0,
            confirmed_step: 0,
            goal: 0,
        }
    }
}

impl Row {
    fn status(&self) -> RunStatus {
        RunStatus {
            state: self.state,
            attempts: self.attempts.len() as u32,
            resume: self.resume.clone(),
            step: self.step,
            confirmed_step: self.confirmed_step,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) device: String,
    pub(crate) state: RunState,
    pub(crate) cause: String,
    next_seq: u64,
}

/// States, points and grids.
type Lasting<'a> =
    (BTreeMap<RunId, RunState>, &'a BTreeMap<(RunId, u64, Metric), u64>, &'a BTreeMap<(RunId, u64), Vec<u8>>);

impl Memory {
    /// What a run leaves for ever, whatever happened on the way: its state in the eyes of the latest
    /// plan, points and grids.
    pub(crate) fn lasting(&self) -> Lasting<'_> {
        let state = |row: &Row| row.status().state_after(row.goal);
        let states = self.runs.iter().map(|(id, row)| (id.clone(), state(row))).collect();
        (states, &self.points, &self.samples)
    }

    /// States and causes of a run's attempts.
    pub(crate) fn attempts(&self, run: &RunId) -> Vec<(RunState, &str)> {
        self.runs[run].attempts.iter().map(|attempt| (attempt.state, attempt.cause.as_str())).collect()
    }

    fn check_space(&self) -> Result<(), StoreError> {
        match self.full_from {
            Some(from) if self.transactions >= from => {
                Err(StoreError::Full { path: "results.sqlite".into() })
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, run: &RunId, attempt: u32, state: RunState, cause: &str) {
        let row = self.runs.get_mut(run).expect("a registered run");
        let tried = &mut row.attempts[attempt as usize - 1];
        if tried.state.is_active() {
            (tried.state, tried.cause) = (state, cause.to_owned());
            row.state = state;
        }
    }

    /// Each run is asked for the largest of the budgets that the plan has for it.
    fn raise_goals(&mut self, runs: &[PlannedRun]) {
        for run in runs {
            let row = self.runs.entry(run.id.clone()).or_default();
            row.goal = row.goal.max(run.total_steps());
        }
    }

    fn take(&mut self, envelope: &Envelope) {
        let Envelope { run, attempt, seq, event, .. } = envelope;
        let row = self.runs.get_mut(run).expect("an event of a registered run");
        assert!(!row.state.is_final(), "an event of run {run}, whose attempt is over: {event:?}");
        let tried = &mut row.attempts[*attempt as usize - 1];
        assert_eq!(tried.next_seq, *seq, "events of run {run} in order, each once, without a gap");
        tried.next_seq = seq + 1;
        match event {
            Event::Started(started) => {
                let known = row.resume.as_ref().map_or(0, |resume| resume.checkpoint.step);
                assert!([0, known].contains(&started.from_step()), "run {run} goes on from what is recorded");
                tried.state = RunState::Running;
                row.state = RunState::Running;
            }
            Event::Evaluated(_) => {}
            Event::Points(points) => {
                for (metric, value) in &points.values {
                    self.points.insert((run.clone(), points.step, *metric), value.to_bits());
                }
            }
            Event::Samples(samples) => {
                self.samples.insert((run.clone(), samples.step), samples.png.clone());
            }
            Event::Checkpoint(checkpoint) => {
                row.resume = Some(checkpoint.clone().into());
                row.confirmed_step = row.confirmed_step.max(checkpoint.step);
            }
            Event::Completed(ended) => {
                row.step = ended.step;
                row.confirmed_step = row.confirmed_step.max(ended.step);
                self.end(run, *attempt, RunState::Completed, "");
            }
            Event::Interrupted(ended) => {
                row.step = ended.step;
                self.end(run, *attempt, RunState::Interrupted, "");
            }
            Event::Diverged(diverged) => {
                row.step = diverged.step;
                row.confirmed_step = row.confirmed_step.max(diverged.step - 1);
                self.end(run, *attempt, RunState::Diverged, &diverged.cause);
            }
            Event::Paused(halted) => {
                row.step = halted.step;
                self.end(run, *attempt, RunState::Paused, &halted.cause);
            }
            Event::Pruned(halted) => {
                row.step = halted.step;
                self.end(run, *attempt, RunState::Pruned, &halted.cause);
            }
            Event::Failed(failed) => self.end(run, *attempt, RunState::Failed, &failed.cause),
            Event::TimedOut(halted) => {
                row.step = halted.step;
                self.end(run, *attempt, RunState::Failed, &halted.cause);
            }
        }
    }
}

impl Recorder for Memory {
    fn register_sweep(
        &mut self,
        _sweep: &SweepRecord,
        runs: &[PlannedRun],
        _cancelled: &dyn Fn() -> bool,
    ) -> Result<(), StoreError> {
        for run in runs {
            self.runs.entry(run.id.clone()).or_default().goal = 0;
        }
        self.raise_goals(runs);
        Ok(())
    }

    fn add_runs(&mut self, _sweep: &str, runs: &[PlannedRun]) -> Result<(), StoreError> {
        self.check_space()?;
        self.raise_goals(runs);
        Ok(())
    }

    fn replace_trials(&mut self, _sweep: &str, trials: &[TrialRow]) -> Result<(), StoreError> {
        self.trials = trials.to_vec();
        Ok(())
    }

    fn add_trials(&mut self, _sweep: &str, proposed: &ProposedTrials) -> Result<(), StoreError> {
        self.check_space()?;
        self.raise_goals(&proposed.runs);
        self.trials.extend(proposed.trials.iter().cloned());
        Ok(())
    }

    fn reopen(&mut self, run: &RunId, forget_checkpoint: bool) -> Result<(), StoreError> {
        let row = self.runs.get_mut(run).expect("a registered run");
        row.state = RunState::Interrupted;
        if forget_checkpoint {
            row.resume = None;
        }
        Ok(())
    }

    fn check_place(&mut self) -> Result<(), StoreError> {
        match self.moved_from {
            Some(from) if self.transactions >= from => Err(StoreError::Moved {
                path: "results.sqlite".into(),
                now: "elsewhere/results.sqlite".into(),
            }),
            _ => Ok(()),
        }
    }

    fn set_state(&mut self, run: &RunId, state: RunState, _cause: &str) -> Result<(), StoreError> {
        self.check_space()?;
        let row = self.runs.get_mut(run).expect("a registered run");
        assert!(
            !row.state.is_active() && !row.status().state_after(row.goal).is_final(),
            "run {run} is {:?}",
            row.state
        );
        row.state = state;
        Ok(())
    }

    fn values(
        &mut self,
        runs: &[RunId],
        metric: Metric,
    ) -> Result<HashMap<RunId, Vec<(u64, f64)>>, StoreError> {
        let of_run = |id: &RunId| {
            let points = self.points.iter().filter(|((run, _, of), _)| run == id && *of == metric);
            (id.clone(), points.map(|((_, step, _), bits)| (*step, f64::from_bits(*bits))).collect())
        };
        Ok(runs.iter().map(of_run).collect())
    }

    fn rungs(&mut self, _sweep: &str) -> Result<Vec<RungRow>, StoreError> {
        Ok(self.rungs.values().cloned().collect())
    }

    fn record_rungs(&mut self, _sweep: &str, rows: &[RungRow]) -> Result<(), StoreError> {
        self.check_space()?;
        self.decisions.extend(rows.iter().cloned());
        for row in rows {
            self.rungs.insert((row.run.clone(), row.epochs), row.clone());
            let of_run = self.runs.get_mut(&row.run).expect("a registered run");
            let over = of_run.status().state_after(of_run.goal).is_final();
            if row.decision == RungDecision::Stays && !of_run.state.is_active() && !over {
                of_run.state = RunState::Paused;
            }
        }
        Ok(())
    }

    fn next_event(&mut self, run: &RunId) -> Result<Option<(u32, u64)>, StoreError> {
        let latest = self.runs.get(run).and_then(|row| Some((row.attempts.len(), row.attempts.last()?)));
        Ok(latest.map(|(number, attempt)| (number as u32, attempt.next_seq)))
    }

    fn reclaim_stale(&mut self, alive: &HashSet<RunId>) -> Result<Vec<(RunId, u32)>, StoreError> {
        let running = self.runs.iter().filter(|(id, row)| row.state.is_active() && !alive.contains(*id));
        let stale: Vec<(RunId, u32)> =
            running.map(|(id, row)| (id.clone(), row.attempts.len() as u32)).collect();
        for (run, attempt) in &stale {
            self.end(run, *attempt, RunState::Interrupted, "the program ended without notice");
        }
        Ok(stale)
    }

    fn statuses(&mut self, runs: &[RunId]) -> Result<HashMap<RunId, RunStatus>, StoreError> {
        let status = |id: &RunId| Some((id.clone(), self.runs.get(id)?.status()));
        Ok(runs.iter().filter_map(status).collect())
    }

    fn begin_attempt(&mut self, run: &RunId, device: &str) -> Result<u32, StoreError> {
        self.check_space()?;
        let row = self.runs.get_mut(run).expect("a registered run");
        let over = row.state == RunState::Diverged || row.state.is_active();
        assert!(!over, "run {run} is {:?}", row.state);
        row.state = RunState::Pending;
        let (device, cause) = (device.to_owned(), String::new());
        row.attempts.push(Attempt { device, state: RunState::Pending, cause, next_seq: 0 });
        Ok(row.attempts.len() as u32)
    }

    fn record(&mut self, events: &[Envelope]) -> Result<(), StoreError> {
        std::thread::sleep(self.delay);
        self.check_space()?;
        for envelope in events {
            self.take(envelope);
        }
        self.transactions += 1;
        self.events += events.len();
        Ok(())
    }

    fn end_attempt(
        &mut self,
        run: &RunId,
        attempt: u32,
        state: RunState,
        cause: &str,
    ) -> Result<(), StoreError> {
        self.check_space()?;
        self.end(run, attempt, state, cause);
        Ok(())
    }
}
