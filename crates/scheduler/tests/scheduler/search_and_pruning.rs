//! Sweeps whose runs are proposed, paused and ended while they go on.

use std::collections::HashMap;

use gansweep_config::{PlannedRun, RunId, RunState};
use gansweep_protocol::Metric;
use gansweep_scheduler::mock::{MockLauncher, Script};
use gansweep_scheduler::{
    Decision, EpochReport, ExitStatus, NeverPrune, Notice, PlannedRuns, Proposal, Pruner, RunResult,
    RunnerError, Searcher, StopLevel, StopSignal,
};

use crate::support::{Harness, Memory, STEPS_PER_EPOCH, runs, undisturbed};

/// Proposes a few runs at a time, and no more before all of them are over.
struct Rounds {
    /// In reverse.
    left: Vec<Vec<PlannedRun>>,
    open: usize,
    wanted: Vec<usize>,
    results: Vec<(RunId, RunState, u64, bool)>,
}

impl Rounds {
    fn of(runs: &[PlannedRun], size: usize) -> Self {
        let left = runs.chunks(size).rev().map(<[PlannedRun]>::to_vec).collect();
        Self { left, open: 0, wanted: Vec::new(), results: Vec::new() }
    }
}

impl Searcher for Rounds {
    fn ask(&mut self, wanted: usize) -> Proposal {
        self.wanted.push(wanted);
        if self.open > 0 {
            return Proposal::Later;
        }
        match self.left.pop() {
            Some(round) => {
                self.open = round.len();
                Proposal::Runs(round)
            }
            None => Proposal::Done,
        }
    }

    fn tell(&mut self, result: &RunResult<'_>) {
        self.open -= 1;
        let has_loss = result.values.iter().any(|(metric, _)| *metric == Metric::DLoss);
        self.results.push((result.run.id.clone(), result.state, result.step, has_loss));
    }

    fn is_done(&self) -> bool {
        self.left.is_empty()
    }
}

#[test]
fn a_searcher_is_asked_when_a_slot_is_free_and_told_every_result() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(7, 3), 2, 1);
    let diverging = harness.id(4);
    let launcher = MockLauncher::new(move |_, _| Script {
        diverging: vec![(diverging.clone(), 6)],
        ..Script::healthy()
    });
    let mut searcher = Rounds::of(&harness.runs, 3);
    let summary =
        harness.sweep_through(&mut memory, &launcher, &mut searcher, &mut NeverPrune, |_, _| {}).unwrap();
    assert_eq!((summary.total, summary.completed, summary.diverged), (7, 6, 1));
    assert!(searcher.wanted.iter().all(|wanted| (1..=2).contains(wanted)), "{:?}", searcher.wanted);
    let mut told: Vec<_> = searcher.results.iter().map(|(id, ..)| id.clone()).collect();
    let order = |id: &RunId| harness.runs.iter().position(|run| run.id == *id).unwrap() / 3;
    assert!(told.is_sorted_by_key(order), "a round ends before the next begins");
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), 7, "each run is told once");
    for (id, state, step, has_loss) in &searcher.results {
        let expected = if *id == harness.id(4) { (RunState::Diverged, 6) } else { (RunState::Completed, 12) };
        assert_eq!((*state, *step), expected);
        assert!(has_loss, "the values of the last epoch come with the result");
    }
    assert_eq!(memory.runs.len(), 7);
}

#[test]
fn results_of_earlier_sweeps_are_told_as_soon_as_their_runs_are_proposed() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(4, 1), 1, 1);
    harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap();
    let (launcher, mut searcher) = (MockLauncher::healthy(), Rounds::of(&harness.runs, 2));
    let summary =
        harness.sweep_through(&mut memory, &launcher, &mut searcher, &mut NeverPrune, |_, _| {}).unwrap();
    assert_eq!((summary.skipped, summary.total), (4, 4));
    assert!(summary.all_well() && launcher.jobs().is_empty());
    assert_eq!(searcher.results.len(), 4);
}

/// Stops the sweep as soon as that many runs are over or paused.
fn stop_after(ends: usize) -> impl FnMut(&Notice, &StopSignal) {
    let mut ended = 0;
    move |notice, stop| {
        ended += usize::from(matches!(notice, Notice::RunEnded { .. }));
        if ended == ends {
            stop.raise(StopLevel::Cleanly);
        }
    }
}

#[test]
fn a_search_that_is_stopped_between_two_trials_was_stopped_and_one_that_is_over_was_not() {
    for (ends, stopped) in [(2, true), (4, false)] {
        let mut memory = Memory::default();
        let mut harness = Harness::new(runs(4, 1), 1, 1);
        let (launcher, mut searcher) = (MockLauncher::healthy(), Rounds::of(&harness.runs, 2));
        let summary = harness
            .sweep_through(&mut memory, &launcher, &mut searcher, &mut NeverPrune, stop_after(ends))
            .unwrap();
        assert_eq!((summary.completed, summary.interrupted, summary.queued), (ends, 0, 0));
        assert_eq!(summary.stopped, stopped, "after {ends}");
    }
}

#[test]
fn pruning_that_is_stopped_while_all_runs_are_paused_was_stopped() {
    let slow = Script { pace: std::time::Duration::from_micros(200), ..Script::healthy() };
    // Two pauses; one run is pruned and the other goes on to its budget.
    for (ends, stopped) in [(2, true), (4, false)] {
        let mut memory = Memory::default();
        let mut harness = Harness::new(runs(2, 40), 1, 1);
        let (slow, mut searcher) = (slow.clone(), PlannedRuns::new(harness.runs.clone()));
        let launcher = MockLauncher::new(move |_, _| slow.clone());
        let summary = harness
            .sweep_through(&mut memory, &launcher, &mut searcher, &mut Halving::default(), stop_after(ends))
            .unwrap();
        assert_eq!((summary.interrupted, summary.queued), (0, 0));
        assert_eq!((summary.paused, summary.stopped), (if stopped { 2 } else { 0 }, stopped), "after {ends}");
    }
}

/// Proposes the same run whenever it is asked.
struct Stubborn(PlannedRun);

impl Searcher for Stubborn {
    fn ask(&mut self, _wanted: usize) -> Proposal {
        Proposal::Runs(vec![self.0.clone()])
    }

    fn tell(&mut self, _result: &RunResult<'_>) {}

    fn is_done(&self) -> bool {
        false
    }
}

#[test]
fn a_run_that_is_proposed_again_is_trained_once_and_the_sweep_ends() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(1, 1), 2, 1);
    let (launcher, mut searcher) = (MockLauncher::healthy(), Stubborn(harness.runs[0].clone()));
    let summary =
        harness.sweep_through(&mut memory, &launcher, &mut searcher, &mut NeverPrune, |_, _| {}).unwrap();
    assert_eq!((summary.total, summary.completed, launcher.jobs().len()), (1, 1, 1));
}

/// Never has anything.
struct Waiting;

impl Searcher for Waiting {
    fn ask(&mut self, _wanted: usize) -> Proposal {
        Proposal::Later
    }

    fn tell(&mut self, _result: &RunResult<'_>) {}

    fn is_done(&self) -> bool {
        false
    }
}

#[test]
fn a_searcher_that_waits_for_results_that_cannot_come_ends_the_sweep() {
    let mut harness = Harness::new(runs(1, 1), 1, 1);
    let (mut memory, launcher) = (Memory::default(), MockLauncher::healthy());
    let summary =
        harness.sweep_through(&mut memory, &launcher, &mut Waiting, &mut NeverPrune, |_, _| {}).unwrap();
    assert_eq!(summary.total, 0);
}

/// Two rungs of successive halving: pauses every run after its first epoch, and lets the better half
/// of them go on once all have come so far.
#[derive(Default)]
struct Halving {
    losses: HashMap<RunId, f64>,
    promoted: bool,
    epochs: Vec<(RunId, u32)>,
}

impl Pruner for Halving {
    fn observe(&mut self, report: &EpochReport<'_>) -> Vec<Decision> {
        let run = report.run.id.clone();
        self.epochs.push((run.clone(), report.epoch));
        assert_eq!(report.step, u64::from(report.epoch) * STEPS_PER_EPOCH);
        if report.epoch > 1 {
            return Vec::new();
        }
        let loss = report.values.iter().find(|(metric, _)| *metric == Metric::DLoss).unwrap().1;
        self.losses.insert(run.clone(), loss);
        vec![Decision::Pause { run, cause: "rung 1".to_owned() }]
    }

    fn admits(&mut self, _run: &PlannedRun, state: RunState) -> bool {
        !matches!(state, RunState::Paused | RunState::Pruned)
    }

    fn on_idle(&mut self) -> Vec<Decision> {
        if std::mem::replace(&mut self.promoted, true) {
            return Vec::new();
        }
        let mut runs: Vec<(&RunId, f64)> = self.losses.iter().map(|(run, loss)| (run, *loss)).collect();
        runs.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        let (best, rest) = runs.split_at(runs.len() / 2);
        let resume = best.iter().map(|(run, _)| Decision::Resume { run: (*run).clone() });
        let stop = rest.iter().map(|(run, loss)| Decision::Stop {
            run: (*run).clone(),
            cause: format!("rung 1: loss {loss:.3}"),
        });
        resume.chain(stop).collect()
    }
}

#[test]
fn runs_are_paused_at_a_rung_and_the_better_half_goes_on_with_the_bits_of_runs_never_paused() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(8, 40), 2, 4);
    // Slow enough that a pause comes before the end.
    let launcher =
        MockLauncher::new(|_, _| Script { pace: std::time::Duration::from_micros(200), ..Script::healthy() });
    let mut pruner = Halving::default();
    let mut searcher = PlannedRuns::new(harness.runs.clone());
    let summary =
        harness.sweep_through(&mut memory, &launcher, &mut searcher, &mut pruner, |_, _| {}).unwrap();
    assert_eq!((summary.completed, summary.pruned, summary.paused), (4, 4, 0));
    assert!(summary.all_well());
    let calm = undisturbed(&harness.runs);
    for (id, row) in &memory.runs {
        let points = |memory: &Memory| {
            let of_run = memory.points.iter().filter(|((run, step, _), _)| run == id && *step <= row.step);
            of_run.map(|(key, bits)| (key.clone(), *bits)).collect::<Vec<_>>()
        };
        assert_eq!(points(&memory), points(&calm));
        let attempts = memory.attempts(id);
        assert_eq!(attempts[0], (RunState::Paused, "rung 1"));
        match row.state {
            RunState::Completed => assert_eq!(attempts.len(), 2),
            RunState::Pruned => assert_eq!(row.resume.as_ref().unwrap().checkpoint.step, row.step),
            other => panic!("run {id} is {other:?}"),
        }
    }
    let of_first = pruner.epochs.iter().filter(|(run, _)| *run == harness.id(0)).map(|(_, epoch)| *epoch);
    assert!(of_first.is_sorted(), "each recorded epoch is reported, in order");
}

/// Ends a run for good at an epoch, and its neighbour, and one that has not begun.
struct StopAll {
    at: u32,
    runs: Vec<RunId>,
}

impl Pruner for StopAll {
    fn observe(&mut self, report: &EpochReport<'_>) -> Vec<Decision> {
        let stop = |run: &RunId| Decision::Stop { run: run.clone(), cause: "median".to_owned() };
        if report.epoch == self.at { self.runs.iter().map(stop).collect() } else { Vec::new() }
    }

    fn admits(&mut self, _run: &PlannedRun, state: RunState) -> bool {
        !matches!(state, RunState::Paused | RunState::Pruned)
    }

    fn on_idle(&mut self) -> Vec<Decision> {
        Vec::new()
    }
}

fn slowly() -> MockLauncher {
    MockLauncher::new(|_, _| Script { pace: std::time::Duration::from_micros(200), ..Script::healthy() })
}

#[test]
fn runs_are_ended_wherever_they_are_and_stay_so_for_that_pruner_alone() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(4, 100), 1, 2);
    // Two train together; the third and the fourth wait.
    let pruned = vec![harness.id(0), harness.id(2)];
    let mut pruner = StopAll { at: 2, runs: pruned.clone() };
    let mut searcher = PlannedRuns::new(harness.runs.clone());
    let launcher = slowly();
    let summary =
        harness.sweep_through(&mut memory, &launcher, &mut searcher, &mut pruner, |_, _| {}).unwrap();
    assert_eq!((summary.completed, summary.pruned), (2, 2));
    assert_eq!(launcher.jobs().len(), 2, "the neighbour trains on");
    for run in &pruned {
        assert_eq!(memory.runs[run].state, RunState::Pruned);
    }
    assert!(memory.runs[&pruned[1]].attempts.is_empty());
    // The same pruner leaves them as they are, and a sweep without one goes on with them.
    let launcher = MockLauncher::healthy();
    let mut searcher = PlannedRuns::new(harness.runs.clone());
    let summary =
        harness.sweep_through(&mut memory, &launcher, &mut searcher, &mut pruner, |_, _| {}).unwrap();
    assert_eq!((summary.skipped, launcher.jobs().len()), (4, 0));
    assert!(summary.all_well());
    let summary = harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap();
    assert_eq!((summary.completed, summary.skipped, summary.resumed), (2, 2, 1));
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

#[test]
fn a_run_that_was_to_be_ended_is_ended_though_its_worker_dies_first() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(2, 100), 1, 2);
    let dies = |_: &_, launches| match launches {
        0 => Script { ignores_commands: true, ..Script::exiting_after(200, ExitStatus::Signal(11)) },
        _ => Script::healthy(),
    };
    let mut pruner = StopAll { at: 1, runs: vec![harness.id(0)] };
    let mut searcher = PlannedRuns::new(harness.runs.clone());
    let launcher = MockLauncher::new(dies);
    let summary =
        harness.sweep_through(&mut memory, &launcher, &mut searcher, &mut pruner, |_, _| {}).unwrap();
    assert_eq!((summary.completed, summary.pruned, summary.failed), (1, 1, 0));
    assert_eq!(memory.attempts(&harness.id(0)), [(RunState::Pruned, "median")]);
    assert_eq!(launcher.jobs()[1].lanes.len(), 1, "only the other one is tried again");
}

#[test]
fn paused_runs_of_a_stopped_sweep_stay_paused_until_a_pruner_admits_them() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(2, 200), 1, 2);
    let mut pruner = Halving { promoted: true, ..Halving::default() };
    let mut searcher = PlannedRuns::new(harness.runs.clone());
    let summary =
        harness.sweep_through(&mut memory, &slowly(), &mut searcher, &mut pruner, |_, _| {}).unwrap();
    assert_eq!((summary.paused, summary.completed), (2, 0));
    assert!(summary.all_well(), "pausing is what the pruner wanted");
    let told = harness.notices.iter().filter(|notice| {
        matches!(notice, Notice::RunEnded { state: RunState::Paused, cause, .. } if cause == "rung 1")
    });
    assert_eq!(told.count(), 2);
    let launcher = MockLauncher::healthy();
    let mut searcher = PlannedRuns::new(harness.runs.clone());
    let summary =
        harness.sweep_through(&mut memory, &launcher, &mut searcher, &mut pruner, |_, _| {}).unwrap();
    assert_eq!((summary.paused, launcher.jobs().len()), (2, 0));
    let summary = harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap();
    assert_eq!((summary.completed, summary.resumed), (2, 2));
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

#[test]
fn a_full_disk_while_runs_are_added_ends_the_sweep_with_the_databases_error() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(4, 1), 1, 1);
    let mut searcher = Rounds::of(&harness.runs, 1);
    memory.full_from = Some(2);
    let launcher = MockLauncher::healthy();
    let error =
        harness.sweep_through(&mut memory, &launcher, &mut searcher, &mut NeverPrune, |_, _| {}).unwrap_err();
    assert!(matches!(error, RunnerError::Database { .. }), "{error}");
    let stopping = |notice: &&Notice| matches!(notice, Notice::Stopping { level: StopLevel::Cleanly, .. });
    assert_eq!(harness.notices.iter().filter(stopping).count(), 1);
}
