//! Pruning, compared with the algorithms as published (`tests/golden/pruning_values.py`), and on mock workers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gansweep_config::{PlannedRun, Prune, PruneMethod, PruneSeeds, RunId, RunState};
use gansweep_protocol::Metric;
use gansweep_scheduler::mock::{MockLauncher, Script};
use gansweep_scheduler::{
    AddedRun, Decision, EpochReport, MedianPruner, Notice, PlannedRuns, Pruner, RungPruner, StopLevel,
    pruner_of,
};
use gansweep_store::RungDecision;
use serde::Deserialize;

use crate::support::{Harness, Memory, STEPS_PER_EPOCH, config, run, runs, undisturbed};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Golden {
    successive_halving: Vec<Case<Vec<GoldenRung>>>,
    hyperband: Vec<Case<Vec<GoldenBracket>>>,
    asha: Vec<Case<Vec<AshaStep>>>,
    median: Vec<Case<Vec<MedianStep>>>,
}

#[derive(Deserialize)]
struct Case<T> {
    min_epochs: u32,
    factor: u32,
    budget: u32,
    table: Table,
    expected: T,
}

#[derive(Deserialize)]
struct Table {
    ids: Vec<RunId>,
    figures: BTreeMap<RunId, Vec<Option<f64>>>,
    diverges: BTreeMap<RunId, u32>,
}

#[derive(Deserialize)]
struct GoldenRung {
    rung: u32,
    promoted: BTreeSet<RunId>,
}

#[derive(Deserialize)]
struct GoldenBracket {
    bracket: u32,
    configs: BTreeSet<RunId>,
    rungs: Vec<GoldenRung>,
}

#[derive(Deserialize)]
struct AshaStep {
    config: Option<RunId>,
    rung: Option<u32>,
    diverged: Option<u32>,
    free: Option<BTreeSet<RunId>>,
    idle: Option<BTreeSet<RunId>>,
}

#[derive(Deserialize)]
struct MedianStep {
    config: RunId,
    epoch: Option<u32>,
    #[serde(default)]
    stops: bool,
    diverged: Option<u32>,
    completed: Option<u32>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../../tests/golden/pruning.json")).unwrap()
}

impl<T> Case<T> {
    fn prune(&self, method: PruneMethod) -> Prune {
        Prune { min_epochs: self.min_epochs, factor: self.factor, ..prune(method, PruneSeeds::Apart) }
    }

    /// The runs, with the ids of the table.
    fn runs(&self) -> Vec<PlannedRun> {
        let config = config(16);
        let with_id =
            |(seed, id): (u64, &RunId)| PlannedRun { id: id.clone(), ..run(&config, self.budget, seed) };
        (0..).zip(&self.table.ids).map(with_id).collect()
    }

    /// Workers that record the table's figures.
    fn launcher(&self) -> MockLauncher {
        let number =
            |figures: &Vec<Option<f64>>| figures.iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        let figures: Vec<_> = self.table.figures.iter().map(|(id, it)| (id.clone(), number(it))).collect();
        // In the middle of the epoch.
        let at = |epoch: &u32| u64::from(*epoch) * STEPS_PER_EPOCH - 2;
        let diverging: Vec<_> =
            self.table.diverges.iter().map(|(id, epoch)| (id.clone(), at(epoch))).collect();
        MockLauncher::new(move |_, _| Script {
            figures: figures.clone(),
            diverging: diverging.clone(),
            ..Script::healthy()
        })
    }

    fn report(&self, pruner: &mut dyn Pruner, run: &PlannedRun, epoch: u32) -> Vec<Decision> {
        let value = self.table.figures[&run.id][epoch as usize - 1].unwrap_or(f64::NAN);
        let values = [(Metric::Fd, value)];
        let step = u64::from(epoch) * STEPS_PER_EPOCH;
        pruner.observe(&EpochReport { run, epoch, step, values: &values })
    }
}

fn prune(method: PruneMethod, seeds: PruneSeeds) -> Prune {
    Prune { method, metric: "fd".to_owned(), min_epochs: 1, factor: 3, seeds }
}

fn add(pruner: &mut dyn Pruner, runs: &[PlannedRun]) {
    let added = |run| AddedRun { run, state: RunState::Queued, step: 0, confirmed_step: 0, values: &[] };
    pruner.add(&runs.iter().map(added).collect::<Vec<_>>());
}

fn resumed(decisions: Vec<Decision>) -> BTreeSet<RunId> {
    let run = |decision| match decision {
        Decision::Resume { run } => run,
        other => panic!("{other:?}"),
    };
    decisions.into_iter().map(run).collect()
}

/// The runs that went on from each rung of a bracket.
fn promoted(memory: &Memory, bracket: u32) -> BTreeMap<u32, BTreeSet<RunId>> {
    let mut rungs: BTreeMap<u32, BTreeSet<RunId>> = BTreeMap::new();
    for row in memory.rungs.values().filter(|row| row.bracket == bracket && row.epochs > 0) {
        let of_rung = rungs.entry(row.epochs).or_default();
        of_rung.extend((row.decision == RungDecision::Promoted).then(|| row.run.clone()));
    }
    rungs.retain(|_, promoted| !promoted.is_empty());
    rungs
}

fn expected(rungs: &[GoldenRung]) -> BTreeMap<u32, BTreeSet<RunId>> {
    let going = rungs.iter().filter(|rung| !rung.promoted.is_empty());
    going.map(|rung| (rung.rung, rung.promoted.clone())).collect()
}

#[test]
fn successive_halving_promotes_what_the_published_algorithm_promotes() {
    for (number, case) in golden().successive_halving.iter().enumerate() {
        let mut memory = Memory::default();
        let mut harness = Harness::new(case.runs(), 1 + number % 3, 1 + number % 5);
        let mut pruner = pruner_of(&case.prune(PruneMethod::SuccessiveHalving), Metric::Fd);
        let mut searcher = PlannedRuns::new(harness.runs.clone());
        let launcher = case.launcher();
        let summary =
            harness.sweep_through(&mut memory, &launcher, &mut searcher, &mut *pruner, |_, _| {}).unwrap();
        assert_eq!(promoted(&memory, 0), expected(&case.expected), "case {number}");
        assert_eq!(summary.completed + summary.paused + summary.diverged, summary.total, "case {number}");
        for (id, row) in &memory.runs {
            let last =
                case.expected.iter().rev().find(|rung| rung.promoted.contains(id)).map(|rung| rung.rung);
            let stopped = case.expected.iter().map(|rung| rung.rung).find(|rung| Some(*rung) > last);
            let target = stopped.unwrap_or(case.budget);
            let diverges = case.table.diverges.get(id).is_some_and(|epoch| *epoch <= target);
            match row.state {
                RunState::Diverged => assert!(diverges, "case {number}: {id}"),
                _ => assert_eq!(row.step, u64::from(target) * STEPS_PER_EPOCH, "case {number}: {id}"),
            }
        }
    }
}

#[test]
fn hyperband_deals_and_promotes_as_the_published_algorithm() {
    for (number, case) in golden().hyperband.iter().enumerate() {
        let mut memory = Memory::default();
        let mut harness = Harness::new(case.runs(), 2, 4);
        let mut pruner = pruner_of(&case.prune(PruneMethod::Hyperband), Metric::Fd);
        let mut searcher = PlannedRuns::new(harness.runs.clone());
        let launcher = case.launcher();
        harness.sweep_through(&mut memory, &launcher, &mut searcher, &mut *pruner, |_, _| {}).unwrap();
        for bracket in &case.expected {
            let dealt = memory.rungs.values().filter(|row| row.epochs == 0 && row.bracket == bracket.bracket);
            let dealt: BTreeSet<RunId> = dealt.map(|row| row.run.clone()).collect();
            assert_eq!(dealt, bracket.configs, "case {number}, bracket {}", bracket.bracket);
            assert_eq!(promoted(&memory, bracket.bracket), expected(&bracket.rungs), "case {number}");
        }
    }
}

#[test]
fn asha_promotes_as_the_published_algorithm_for_any_order_of_arrival() {
    for (number, case) in golden().asha.iter().enumerate() {
        let mut pruner = RungPruner::new(case.prune(PruneMethod::Asha), Metric::Fd);
        let runs = case.runs();
        add(&mut pruner, &runs);
        for step in &case.expected {
            if let Some(config) = &step.config {
                let run = runs.iter().find(|run| run.id == *config).unwrap();
                let at = |epoch: u32| u64::from(epoch) * STEPS_PER_EPOCH;
                match (step.rung, step.diverged) {
                    (Some(rung), _) => {
                        assert_eq!(pruner.pauses_at(config, at(rung) - 1), Some(rung));
                        assert_eq!(case.report(&mut pruner, run, rung), []);
                        pruner.ended(config, RunState::Paused, at(rung));
                    }
                    (None, Some(epoch)) => pruner.ended(config, RunState::Diverged, at(epoch) - 1),
                    (None, None) => {
                        assert_eq!(pruner.pauses_at(config, at(case.budget) - 1), None);
                        pruner.ended(config, RunState::Completed, at(case.budget));
                    }
                }
            }
            if let Some(free) = &step.free {
                assert_eq!(resumed(pruner.on_free_slot(false)), *free, "case {number}");
            }
            if let Some(idle) = &step.idle {
                assert_eq!(resumed(pruner.on_idle()), *idle, "case {number}");
            }
        }
    }
}

#[test]
fn the_median_rule_ends_what_the_published_rule_ends_for_any_order_of_arrival() {
    for (number, case) in golden().median.iter().enumerate() {
        let mut pruner = MedianPruner::new(case.prune(PruneMethod::Median), Metric::Fd);
        let runs = case.runs();
        add(&mut pruner, &runs);
        for MedianStep { config, epoch, stops, diverged, completed } in &case.expected {
            let run = runs.iter().find(|run| run.id == *config).unwrap();
            if let Some(epoch) = epoch {
                let decisions = case.report(&mut pruner, run, *epoch);
                assert_eq!(!decisions.is_empty(), *stops, "case {number}: {config} at {epoch}");
                assert!(decisions.iter().all(|it| matches!(it, Decision::Stop { run, .. } if run == config)));
                if *stops {
                    pruner.ended(config, RunState::Pruned, 0);
                }
            }
            if diverged.is_some() {
                pruner.ended(config, RunState::Diverged, 0);
            }
            if completed.is_some() {
                pruner.ended(config, RunState::Completed, 0);
            }
        }
        let stopped = case.expected.iter().filter(|step| step.stops).count();
        assert_eq!(pruner.take_rungs().len(), stopped);
    }
}

#[test]
fn configs_that_diverged_or_failed_do_not_count_as_completed_for_the_median_rule() {
    let runs = runs(8, 9);
    let mut pruner = MedianPruner::new(prune(PruneMethod::Median, PruneSeeds::Apart), Metric::Fd);
    add(&mut pruner, &runs);
    let report = |pruner: &mut MedianPruner, run: &PlannedRun, value: f64| {
        let values = [(Metric::Fd, value)];
        pruner.observe(&EpochReport { run, epoch: 1, step: STEPS_PER_EPOCH, values: &values })
    };
    let end = |pruner: &mut MedianPruner, run: &PlannedRun, state| {
        assert_eq!(report(pruner, run, 50.0), []);
        pruner.ended(&run.id, state, 9 * STEPS_PER_EPOCH);
    };
    end(&mut pruner, &runs[0], RunState::Diverged);
    end(&mut pruner, &runs[1], RunState::Failed);
    end(&mut pruner, &runs[2], RunState::Diverged);
    end(&mut pruner, &runs[3], RunState::Completed);
    end(&mut pruner, &runs[4], RunState::Completed);
    assert_eq!(report(&mut pruner, &runs[6], 90.0), [], "two are completed");
    end(&mut pruner, &runs[5], RunState::Completed);
    let decisions = report(&mut pruner, &runs[7], 90.0);
    assert_eq!(
        decisions.len(),
        1,
        "90 is worse than the median of three, although as many diverged or failed"
    );
}

#[test]
fn cases_have_promotions_stops_ties_and_divergence() {
    let golden = golden();
    assert!(golden.median.iter().any(|case| case.expected.iter().any(|step| step.stops)));
    let early = |case: &Case<Vec<AshaStep>>| {
        case.expected.iter().any(|step| step.free.as_ref().is_some_and(|free| !free.is_empty()))
    };
    assert!(golden.asha.iter().filter(|case| early(case)).count() > 5);
    assert!(golden.successive_halving.iter().any(|case| !case.table.diverges.is_empty()));
}

/// Nine runs with figures in the order of their numbers: the first is best. `fd` falls with each epoch.
fn nine(epochs: u32) -> (Vec<PlannedRun>, Vec<(RunId, Vec<f64>)>) {
    let runs = runs(9, epochs);
    let curve =
        |rank: usize| (1..=30).map(|epoch| (10 * (rank + 1)) as f64 + 30.0 / f64::from(epoch)).collect();
    let figures = runs.iter().enumerate().map(|(rank, run)| (run.id.clone(), curve(rank))).collect();
    (runs, figures)
}

fn recording(figures: &[(RunId, Vec<f64>)]) -> MockLauncher {
    let figures = figures.to_vec();
    MockLauncher::new(move |_, _| Script { figures: figures.clone(), ..Script::healthy() })
}

/// Trains the sweep with a fresh pruner.
fn sweep(
    harness: &mut Harness,
    memory: &mut Memory,
    figures: &[(RunId, Vec<f64>)],
    method: PruneMethod,
) -> gansweep_scheduler::Summary {
    sweep_with(harness, memory, &recording(figures), method)
}

fn sweep_with(
    harness: &mut Harness,
    memory: &mut Memory,
    launcher: &MockLauncher,
    method: PruneMethod,
) -> gansweep_scheduler::Summary {
    let mut pruner = pruner_of(&prune(method, PruneSeeds::Apart), Metric::Fd);
    let mut searcher = PlannedRuns::new(harness.runs.clone());
    harness.sweep_through(memory, launcher, &mut searcher, &mut *pruner, |_, _| {}).expect("a healthy sweep")
}

/// The epochs that each run was trained for.
fn epochs(memory: &Memory, runs: &[PlannedRun]) -> Vec<u64> {
    runs.iter().map(|run| memory.runs[&run.id].step / STEPS_PER_EPOCH).collect()
}

#[test]
fn promoted_runs_have_the_points_of_runs_never_paused_and_paused_ones_say_why() {
    for method in [PruneMethod::SuccessiveHalving, PruneMethod::Asha] {
        let (runs, figures) = nine(9);
        let (mut memory, mut harness) = (Memory::default(), Harness::new(runs.clone(), 1, 9));
        let summary = sweep(&mut harness, &mut memory, &figures, method);
        assert_eq!((summary.completed, summary.paused, summary.total), (1, 8, 9));
        assert!(summary.all_well());
        assert_eq!(epochs(&memory, &runs), [9, 3, 3, 1, 1, 1, 1, 1, 1]);
        let calm = undisturbed(&runs);
        for ((id, step, metric), bits) in &memory.points {
            if *metric != Metric::Fd {
                assert_eq!(calm.points[&(id.clone(), *step, *metric)], *bits, "{id} {metric:?} at {step}");
            }
        }
        let reason = |run: usize, epochs: u32| memory.rungs[&(runs[run].id.clone(), epochs)].reason.as_str();
        assert_eq!(reason(4, 1), "rung of 1 epoch: 5th of 9, 3 go on");
        assert_eq!(reason(1, 3), "rung of 3 epochs: 2nd of 3, 1 goes on");
        assert!(reason(0, 3).starts_with("rung of 3 epochs: 1st of 3"), "{}", reason(0, 3));
    }
}

#[test]
fn a_pruned_sweep_that_is_complete_trains_nothing_again() {
    let (runs, figures) = nine(9);
    let (mut memory, mut harness) = (Memory::default(), Harness::new(runs.clone(), 2, 2));
    sweep(&mut harness, &mut memory, &figures, PruneMethod::SuccessiveHalving);
    let before = memory.events;
    let summary = sweep(&mut harness, &mut memory, &figures, PruneMethod::SuccessiveHalving);
    assert_eq!((memory.events, summary.skipped, summary.paused), (before, 1, 8));
    assert!(summary.all_well());
    assert!(!harness.notices.iter().any(|notice| matches!(notice, Notice::GroupStarted { .. })));
}

#[test]
fn a_larger_budget_goes_on_from_the_rungs() {
    for method in [PruneMethod::SuccessiveHalving, PruneMethod::Asha] {
        let (runs, figures) = nine(9);
        let (mut memory, mut harness) = (Memory::default(), Harness::new(runs.clone(), 1, 4));
        sweep(&mut harness, &mut memory, &figures, method);
        let (longer, _) = nine(27);
        harness.runs.clone_from(&longer);
        let summary = sweep(&mut harness, &mut memory, &figures, method);
        assert_eq!((summary.completed, summary.paused), (1, 8));
        assert_eq!(epochs(&memory, &runs), [27, 3, 3, 1, 1, 1, 1, 1, 1]);
        // Only what is new was trained.
        assert_eq!(memory.runs[&runs[3].id].attempts.len(), 1);
        let decision = &memory.rungs[&(runs[0].id.clone(), 9)];
        assert_eq!(decision.decision, RungDecision::Promoted);
        assert_eq!(decision.reason, "rung of 9 epochs: 1st of 1, 1 goes on");
    }
}

#[test]
fn without_pruning_paused_runs_are_trained_to_the_end() {
    let (runs, figures) = nine(9);
    let (mut memory, mut harness) = (Memory::default(), Harness::new(runs.clone(), 1, 4));
    sweep(&mut harness, &mut memory, &figures, PruneMethod::SuccessiveHalving);
    let summary = sweep(&mut harness, &mut memory, &figures, PruneMethod::None);
    assert_eq!((summary.completed, summary.skipped, summary.resumed), (8, 1, 8));
    assert_eq!(epochs(&memory, &runs), [9; 9]);
}

#[test]
fn a_sweep_that_is_stopped_anywhere_makes_the_same_decisions_when_it_goes_on() {
    let (runs, figures) = nine(9);
    for method in [PruneMethod::SuccessiveHalving, PruneMethod::Hyperband] {
        let (mut calm, mut harness) = (Memory::default(), Harness::new(runs.clone(), 1, 3));
        sweep(&mut harness, &mut calm, &figures, method);
        let notices = harness.notices.len();
        for stop_at in (1..notices).step_by(7) {
            let (mut memory, mut harness) = (Memory::default(), Harness::new(runs.clone(), 1, 3));
            let mut pruner = pruner_of(&prune(method, PruneSeeds::Apart), Metric::Fd);
            let mut searcher = PlannedRuns::new(runs.clone());
            let mut seen = 0;
            let stop = |_: &Notice, stop: &gansweep_scheduler::StopSignal| {
                seen += 1;
                if seen == stop_at {
                    stop.raise(StopLevel::Cleanly);
                }
            };
            let launcher = recording(&figures);
            let _ = harness.sweep_through(&mut memory, &launcher, &mut searcher, &mut *pruner, stop);
            sweep(&mut harness, &mut memory, &figures, method);
            let decided = |memory: &Memory| -> Vec<_> {
                let rows = memory.rungs.iter().map(|(key, row)| (key.clone(), row.bracket, row.decision));
                rows.collect()
            };
            assert_eq!(decided(&memory), decided(&calm), "stopped at notice {stop_at}");
            assert_eq!(epochs(&memory, &runs), epochs(&calm, &runs), "stopped at notice {stop_at}");
        }
    }
}

#[test]
fn seeds_of_a_config_go_on_together_by_their_mean() {
    let configs = [8, 16, 24];
    let runs: Vec<PlannedRun> =
        configs.iter().flat_map(|width| (1..=2).map(|seed| run(&config(*width), 3, seed))).collect();
    // The best single run is of the first config, the best mean of the second.
    let firsts = [1.0, 90.0, 20.0, 22.0, 30.0, 40.0];
    let figures: Vec<_> = runs.iter().zip(firsts).map(|(run, fd)| (run.id.clone(), vec![fd; 3])).collect();
    let (mut memory, mut harness) = (Memory::default(), Harness::new(runs.clone(), 2, 1));
    let mut pruner = pruner_of(&prune(PruneMethod::SuccessiveHalving, PruneSeeds::Together), Metric::Fd);
    let mut searcher = PlannedRuns::new(runs.clone());
    let launcher = recording(&figures);
    harness.sweep_through(&mut memory, &launcher, &mut searcher, &mut *pruner, |_, _| {}).unwrap();
    assert_eq!(epochs(&memory, &runs), [1, 1, 3, 3, 1, 1]);
    assert_eq!(memory.rungs[&(runs[0].id.clone(), 1)].reason, "rung of 1 epoch: 3rd of 3, 1 goes on");
}

#[test]
fn a_run_of_an_earlier_sweep_counts_where_it_has_been() {
    let (runs, figures) = nine(9);
    let (mut memory, mut harness) = (Memory::default(), Harness::new(runs[3..4].to_vec(), 1, 1));
    sweep(&mut harness, &mut memory, &figures, PruneMethod::None);
    harness.runs.clone_from(&runs);
    let summary = sweep(&mut harness, &mut memory, &figures, PruneMethod::SuccessiveHalving);
    // It is fourth at the first rung, and has gone on all the same; the best three go on as without it.
    assert_eq!(epochs(&memory, &runs), [9, 3, 3, 9, 1, 1, 1, 1, 1]);
    assert_eq!((summary.completed, summary.skipped, summary.paused), (1, 1, 7));
    let reason = &memory.rungs[&(runs[4].id.clone(), 1)].reason;
    assert_eq!(reason, "rung of 1 epoch: 5th of 9, 3 go on, 1 went on earlier");
}

#[test]
fn a_run_that_is_over_before_it_hears_of_its_end_is_recorded_as_what_it_is() {
    let case = &golden().median[0];
    let runs = case.runs();
    let (step, epoch) =
        case.expected.iter().find_map(|step| Some((step, step.epoch.filter(|_| step.stops)?))).unwrap();
    let run = runs.iter().find(|run| run.id == step.config).unwrap();
    let judged = |end: RunState| {
        let mut pruner = MedianPruner::new(case.prune(PruneMethod::Median), Metric::Fd);
        add(&mut pruner, &runs);
        for earlier in case.expected.iter().take_while(|earlier| !std::ptr::eq(*earlier, step)) {
            if let Some(epoch) = earlier.epoch {
                let run = runs.iter().find(|run| run.id == earlier.config).unwrap();
                case.report(&mut pruner, run, epoch);
            }
            if earlier.completed.is_some() {
                pruner.ended(&earlier.config, RunState::Completed, 0);
            }
            if earlier.diverged.is_some() {
                pruner.ended(&earlier.config, RunState::Diverged, 0);
            }
        }
        assert_eq!(case.report(&mut pruner, run, epoch).len(), 1);
        pruner.ended(&run.id, end, 0);
        let rows = pruner.take_rungs().len();
        (rows, case.report(&mut pruner, run, epoch).len())
    };
    assert_eq!(judged(RunState::Pruned), (1, 0));
    assert_eq!(judged(RunState::Completed).0, 0);
    assert_eq!(judged(RunState::Interrupted), (0, 1), "it is judged again");
}

#[test]
fn the_median_rule_ends_runs_that_stay_ended() {
    let (runs, figures) = nine(30);
    let (mut memory, mut harness) = (Memory::default(), Harness::new(runs.clone(), 1, 1));
    // Slow enough that a command comes before the run ends.
    let (of_runs, pace) = (figures.clone(), Duration::from_micros(200));
    let launcher =
        MockLauncher::new(move |_, _| Script { figures: of_runs.clone(), pace, ..Script::healthy() });
    let summary = sweep_with(&mut harness, &mut memory, &launcher, PruneMethod::Median);
    assert!(summary.all_well());
    assert_eq!(summary.completed + summary.pruned, 9);
    assert!(summary.completed >= 3 && summary.pruned >= 1, "{summary:?}");
    let ended = memory.decisions.iter().filter(|row| row.decision == RungDecision::Stopped).count();
    assert_eq!(ended, summary.pruned);
    let again = sweep(&mut harness, &mut memory, &figures, PruneMethod::Median);
    assert_eq!((again.skipped, again.completed), (9, 0));
}
