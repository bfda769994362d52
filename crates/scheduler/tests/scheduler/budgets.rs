//! Sweeps that ask for more of runs, for less, or for several lengths at once.

use gansweep_config::{PlannedRun, RunState};
use gansweep_scheduler::mock::{MockLauncher, Script};
use gansweep_scheduler::{Notice, StopLevel};

use crate::support::{Harness, Memory, STEPS_PER_EPOCH, runs, undisturbed};

/// Another sweep of the same runs in the same folder.
fn ask(harness: &mut Harness, runs: Vec<PlannedRun>) {
    harness.runs = runs;
}

#[test]
fn runs_that_are_asked_for_more_go_on_from_their_checkpoints_to_what_one_sweep_would_have_recorded() {
    let (mut memory, mut harness) = (Memory::default(), Harness::new(runs(3, 2), 2, 4));
    harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap();
    ask(&mut harness, runs(4, 5));
    let launcher = MockLauncher::healthy();
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.completed, summary.extended, summary.resumed, summary.skipped), (4, 3, 0, 0));
    assert!(summary.all_well());
    let jobs = launcher.jobs();
    let mut begun: Vec<(u64, u32, Option<u64>)> = jobs
        .iter()
        .flat_map(|job| &job.lanes)
        .map(|lane| (lane.seed, lane.epochs, lane.resume.as_ref().map(|resume| resume.checkpoint.step)))
        .collect();
    begun.sort_unstable();
    let from = Some(2 * STEPS_PER_EPOCH);
    assert_eq!(begun, [(1, 5, from), (2, 5, from), (3, 5, from), (4, 5, None)]);
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

#[test]
fn runs_that_are_asked_for_less_are_skipped_as_completed_also_while_they_have_more_to_go() {
    let (mut memory, mut harness) = (Memory::default(), Harness::new(runs(1, 300), 1, 1));
    let stop_after_three_epochs = |notice: &Notice, stop: &gansweep_scheduler::StopSignal| {
        if matches!(notice, Notice::Progress { sweep, .. } if sweep.steps_done > 3 * STEPS_PER_EPOCH) {
            stop.raise(StopLevel::Cleanly);
        }
    };
    harness.sweep_with(&mut memory, &MockLauncher::healthy(), stop_after_three_epochs).unwrap();
    ask(&mut harness, runs(1, 2));
    let launcher = MockLauncher::healthy();
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.skipped, summary.all_well(), launcher.jobs().len()), (1, true, 0));
    let skipped = harness
        .notices
        .iter()
        .any(|notice| matches!(notice, Notice::Skipped { state: RunState::Completed, .. }));
    assert!(skipped);
    assert_eq!(memory.runs[&harness.id(0)].state, RunState::Interrupted, "as it is to who asks for more");
}

#[test]
fn a_run_that_is_asked_for_several_budgets_is_trained_once_to_the_largest() {
    let plan = [runs(2, 3), runs(2, 5), runs(1, 1), runs(1, 5)].concat();
    let mut harness = Harness::new(plan, 1, 2);
    let (mut memory, launcher) = (Memory::default(), MockLauncher::healthy());
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.total, summary.completed), (2, 2));
    let lanes = &launcher.jobs()[0].lanes;
    let budgets: Vec<_> =
        lanes.iter().map(|lane| (lane.seed, lane.epochs, lane.milestones.clone())).collect();
    assert_eq!(budgets, [(1, 5, vec![1, 3]), (2, 5, vec![1, 3])], "all runs are compared after the shortest");
}

#[test]
fn a_run_that_has_diverged_is_left_alone_whatever_is_asked_of_it() {
    let (mut memory, mut harness) = (Memory::default(), Harness::new(runs(2, 3), 1, 2));
    let diverging = harness.id(0);
    let launcher = MockLauncher::new(move |_, _| Script {
        diverging: vec![(diverging.clone(), 7)],
        ..Script::healthy()
    });
    harness.sweep(&mut memory, &launcher).unwrap();
    ask(&mut harness, runs(2, 9));
    let launcher = MockLauncher::healthy();
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.skipped, summary.skipped_diverged, summary.extended), (1, 1, 1));
    assert!(!summary.all_well());
    assert_eq!(launcher.jobs().len(), 1);
    ask(&mut harness, runs(2, 1));
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert!(summary.all_well(), "its first epoch is whole: {summary:?}");
}
