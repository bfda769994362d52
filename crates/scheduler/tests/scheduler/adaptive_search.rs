//! Sweeps whose configs are proposed from results.

use std::collections::HashSet;

use gansweep_config::{Experiment, RunState, SearchSpace};
use gansweep_protocol::Metric;
use gansweep_scheduler::mock::{self, MockLauncher, Script};
use gansweep_scheduler::{AdaptiveSearch, Notice, StopLevel, Summary, pruner_of};
use gansweep_store::{TrialRow, TrialSource};

use crate::support::{Harness, Memory};

fn experiment(settings: &str) -> Experiment {
    let text = format!(
        "[search]\nmethod = \"tpe\"\n{settings}\n[sweep]\nseeds = 2\n[sweep.random.keys]\n\
         \"optimizer.lr\" = {{ log_uniform = [1e-5, 1e-2] }}\n\
         \"penalty.kind\" = {{ choice = [\"none\", \"r1\"] }}\n\
         \"penalty.weight\" = {{ uniform = [0.1, 10.0] }}\n"
    );
    mock::experiment(&text, 2).unwrap()
}

/// Searches on from what is recorded, and stops after `stop_after` runs have ended.
fn search(experiment: &Experiment, memory: &mut Memory, slots: usize, stop_after: usize) -> Summary {
    search_with(experiment, memory, slots, stop_after, &MockLauncher::healthy())
}

fn search_with(
    experiment: &Experiment,
    memory: &mut Memory,
    slots: usize,
    stop_after: usize,
    launcher: &MockLauncher,
) -> Summary {
    let mut harness = Harness::new(Vec::new(), slots, 1);
    let space = SearchSpace::new(experiment, &mock::data).unwrap();
    let prune = experiment.prune.clone();
    let mut pruner = pruner_of(&prune, Metric::DLoss);
    let mut searcher = AdaptiveSearch::new(space, prune, Metric::DLoss, &memory.trials.clone());
    let mut ended = 0;
    harness
        .sweep_through(memory, launcher, &mut searcher, &mut *pruner, |notice, stop| {
            ended += usize::from(matches!(notice, Notice::RunEnded { .. }));
            if ended == stop_after {
                stop.raise(StopLevel::Cleanly);
            }
        })
        .unwrap()
}

fn proposals(memory: &Memory) -> Vec<String> {
    memory.trials.iter().map(|trial| serde_json::to_string(&trial.assignments).unwrap()).collect()
}

#[test]
fn a_search_draws_first_proposes_then_and_trains_every_seed_of_a_trial() {
    let mut memory = Memory::default();
    let summary = search(&experiment("trials = 12\nstartup = 4"), &mut memory, 2, usize::MAX);
    assert_eq!((summary.total, summary.completed), (24, 24));
    let numbers: Vec<u32> = memory.trials.iter().map(|trial| trial.trial).collect();
    assert!(numbers.into_iter().eq(0..12));
    let is_drawn = |trial: &TrialRow| trial.source == TrialSource::Drawn;
    assert!(memory.trials[..4].iter().all(is_drawn) && !memory.trials[4..].iter().any(is_drawn));
    let distinct: HashSet<&str> = memory.trials.iter().map(|trial| trial.config_hash.as_str()).collect();
    assert_eq!(distinct.len(), 12, "nothing is tried twice");
    for trial in &memory.trials {
        assert!(trial.open.iter().all(|open| *open < trial.trial));
        assert!(trial.open.len() <= 2, "with two workers and two seeds: {:?}", trial.open);
    }
}

#[test]
fn an_interrupted_search_goes_on_as_if_it_had_not_been_interrupted() {
    let experiment = experiment("trials = 12\nstartup = 4");
    let mut calm = Memory::default();
    search(&experiment, &mut calm, 1, usize::MAX);
    let mut stopped = Memory::default();
    for stop_after in [1, 5, 3, 7] {
        let summary = search(&experiment, &mut stopped, 1, stop_after);
        assert!(summary.stopped, "after {stop_after}");
    }
    search(&experiment, &mut stopped, 1, usize::MAX);
    assert_eq!(proposals(&stopped), proposals(&calm));
    assert_eq!(stopped.points, calm.points);
    assert!(stopped.runs.values().all(|row| row.state == RunState::Completed));
}

/// Rungs at 1, 2 and 4 epochs; runs are interrupted and paused again and again.
#[test]
fn an_interrupted_search_with_pruning_makes_the_same_proposals_and_the_same_promotions() {
    let text = "[prune]\nmethod = \"asha\"\nfactor = 2\n[search]\nmethod = \"tpe\"\ntrials = 16\nstartup = 6\n\
                [sweep.random.keys]\n\"optimizer.lr\" = { log_uniform = [1e-5, 1e-2] }\n";
    let experiment = mock::experiment(text, 8).unwrap();
    let mut calm = Memory::default();
    let summary = search(&experiment, &mut calm, 1, usize::MAX);
    assert!(summary.completed > 0 && summary.paused > 4, "{summary:?}");
    assert_eq!(summary.completed + summary.paused, 16);
    let mut stopped = Memory::default();
    for stop_after in [3, 4, 5, 6, 2, 3] {
        let summary = search(&experiment, &mut stopped, 1, stop_after);
        assert!(summary.stopped, "after {stop_after}");
    }
    search(&experiment, &mut stopped, 1, usize::MAX);
    assert_eq!(proposals(&stopped), proposals(&calm));
    assert_eq!(stopped.rungs, calm.rungs);
    assert_eq!(stopped.points, calm.points);
}

#[test]
fn a_larger_number_of_trials_goes_on_from_the_earlier_ones() {
    let mut memory = Memory::default();
    search(&experiment("trials = 6\nstartup = 4"), &mut memory, 1, usize::MAX);
    let before = proposals(&memory);
    let summary = search(&experiment("trials = 9\nstartup = 4"), &mut memory, 1, usize::MAX);
    assert_eq!((summary.skipped, summary.completed), (12, 6));
    assert_eq!(proposals(&memory)[..6], before);
    assert_eq!(memory.trials.len(), 9);
    let mut at_once = Memory::default();
    search(&experiment("trials = 9\nstartup = 4"), &mut at_once, 1, usize::MAX);
    assert_eq!(proposals(&memory), proposals(&at_once));
}

#[test]
fn trials_outside_of_a_narrower_space_are_left_out() {
    let mut memory = Memory::default();
    search(&experiment("trials = 8\nstartup = 4"), &mut memory, 1, usize::MAX);
    let before: HashSet<String> = proposals(&memory).into_iter().collect();
    let text = "[search]\nmethod = \"tpe\"\ntrials = 8\nstartup = 4\n[sweep.random.keys]\n\
         \"optimizer.lr\" = { log_uniform = [1e-3, 1e-2] }\n\
         \"penalty.kind\" = { choice = [\"none\", \"r1\"] }\n\
         \"penalty.weight\" = { uniform = [0.1, 10.0] }\n";
    search(&mock::experiment(text, 2).unwrap(), &mut memory, 1, usize::MAX);
    assert_eq!(memory.trials.len(), 8);
    let numbers: HashSet<u32> = memory.trials.iter().map(|trial| trial.trial).collect();
    assert_eq!(numbers.len(), 8);
    let kept = proposals(&memory).iter().filter(|trial| before.contains(*trial)).count();
    assert!(kept > 0 && kept < 8, "{kept} of 8 kept");
    for trial in &memory.trials {
        assert!(trial.assignments[0].value.as_f64().unwrap() >= 1e-3);
    }
}

#[test]
fn a_diverged_trial_does_not_end_the_search() {
    let experiment = experiment("trials = 8\nstartup = 3");
    let space = SearchSpace::new(&experiment, &mock::data).unwrap();
    let diverging = space.runs(&space.startup()[0])[1].id.clone();
    let launcher = MockLauncher::new(move |_, _| Script {
        diverging: vec![(diverging.clone(), 3)],
        ..Script::healthy()
    });
    let mut memory = Memory::default();
    let summary = search_with(&experiment, &mut memory, 1, usize::MAX, &launcher);
    assert_eq!((summary.completed, summary.diverged), (15, 1));
}

#[test]
fn a_space_with_few_points_is_searched_to_its_end() {
    let text = "[search]\nmethod = \"tpe\"\ntrials = 50\nstartup = 2\n[sweep.random.keys]\n\
         \"train.d_steps\" = { integer = [1, 3] }\n\"model.hidden\" = { choice = [8, 16] }\n";
    let mut memory = Memory::default();
    let summary = search(&mock::experiment(text, 1).unwrap(), &mut memory, 2, usize::MAX);
    assert_eq!((summary.total, summary.completed, memory.trials.len()), (6, 6, 6));
}

#[test]
fn no_more_trials_are_in_flight_than_asked_for() {
    let mut memory = Memory::default();
    search(&experiment("trials = 10\nstartup = 2\nparallel = 1"), &mut memory, 4, usize::MAX);
    assert!(memory.trials[2..].iter().all(|trial| trial.open.is_empty()), "{:?}", memory.trials);
}
