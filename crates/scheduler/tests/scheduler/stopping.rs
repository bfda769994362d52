//! Sweeps that end before their time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gansweep_config::RunState;
use gansweep_scheduler::mock::{Fault, MockLauncher, Pause, Script};
use gansweep_scheduler::{Notice, RunnerError, StopLevel, StopSignal, Summary};
use gansweep_store::StoreError;

use crate::support::{Harness, Memory, Row, runs, undisturbed};

/// Raises the signal to that level once the sweep has done a number of steps.
fn stop_at(steps: u64, level: StopLevel) -> impl FnMut(&Notice, &StopSignal) {
    move |notice, stop| match notice {
        Notice::Progress { sweep, .. } if sweep.steps_done >= steps => stop.raise(level),
        _ => {}
    }
}

fn counts(summary: &Summary) -> (usize, usize, usize) {
    (summary.completed, summary.interrupted, summary.queued)
}

#[test]
fn a_clean_stop_leaves_every_lane_interrupted_at_its_checkpoint() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(5, 300), 2, 2);
    let launcher = MockLauncher::healthy();
    let summary = harness.sweep_with(&mut memory, &launcher, stop_at(30, StopLevel::Cleanly)).unwrap();
    assert!(summary.stopped);
    let begun: usize = harness.group_sizes().iter().sum();
    assert_eq!(counts(&summary), (0, begun, 5 - begun));
    let interrupted = memory.runs.values().filter(|row| row.state == RunState::Interrupted);
    let cause = |row: &Row| row.attempts[0].cause.clone();
    for row in interrupted.clone() {
        let saved = row.resume.as_ref().map_or(0, |resume| resume.checkpoint.step);
        // The sweep may stop before it hears of a worker that has just begun, which is then not waited for.
        match cause(row).as_str() {
            "" => assert_eq!(saved, row.step),
            cause => assert_eq!(cause, "stopped before it began to train"),
        }
    }
    // The sweep has heard of the worker whose progress it waited for.
    assert!(interrupted.clone().any(|row| cause(row).is_empty()));
    assert_eq!(interrupted.count(), begun);
    assert!(harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap().all_well());
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

#[test]
fn a_worker_that_does_not_stop_is_killed_when_it_makes_no_progress_or_trains_on() {
    let short = Duration::from_millis(200);
    let no_progress = "stopped, and killed because it made no progress for 200ms";
    // On a busy machine a worker may take long for its steps, or the runner to hear of them. So each script can run
    // into one of the two limits only.
    let long = Duration::from_mins(1);
    let scripts = [
        (Script::failing_after(400, Fault::Hang), (short, long), no_progress),
        (Script::failing_after(400, Fault::Stall), (short, long), no_progress),
        (Script::healthy(), (long, short), "stopped, and killed because it trained on"),
    ];
    for (script, (stop_grace, exit_grace), cause) in scripts {
        let mut memory = Memory::default();
        let mut harness = Harness::new(runs(1, 100_000), 1, 1);
        harness.request.hang_timeout = long;
        (harness.request.pacing.stop_grace, harness.request.pacing.exit_grace) = (stop_grace, exit_grace);
        let launcher = MockLauncher::new(move |_, _| Script { ignores_commands: true, ..script.clone() });
        let summary = harness.sweep_with(&mut memory, &launcher, stop_at(30, StopLevel::Cleanly)).unwrap();
        assert_eq!(counts(&summary), (0, 1, 0));
        assert_eq!(memory.attempts(&harness.id(0)), [(RunState::Interrupted, cause)]);
        assert!(memory.runs[&harness.id(0)].resume.is_some());
    }
}

#[test]
fn a_worker_that_makes_progress_is_waited_for_and_the_user_is_told() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(1, 100_000), 1, 1);
    harness.request.pacing.stop_grace = Duration::from_secs(4);
    // A step that lasts until the user is told twice, longer than the grace. Only the processor time says that it goes on.
    let told = Arc::new(AtomicBool::new(false));
    // The 30th frame is the progress of step 16: who knows of it finds the worker in the long step.
    let long_step = (30, Pause::Until(Arc::clone(&told)));
    let launcher =
        MockLauncher::new(move |_, _| Script { long_step: Some(long_step.clone()), ..Script::healthy() });
    let summary = harness
        .sweep_with(&mut memory, &launcher, |notice, stop| match notice {
            Notice::Progress { sweep, .. } if sweep.steps_done >= 16 => stop.raise(StopLevel::Cleanly),
            Notice::WaitingForWorkers { waited, .. } => {
                told.store(*waited > Duration::from_secs(5), Ordering::SeqCst);
            }
            _ => {}
        })
        .unwrap();
    assert_eq!(counts(&summary), (0, 1, 0));
    assert_eq!(memory.attempts(&harness.id(0)), [(RunState::Interrupted, "")]);
    let row = &memory.runs[&harness.id(0)];
    assert_eq!(row.resume.as_ref().unwrap().checkpoint.step, row.step);
    let waiting = harness.notices.iter().find_map(|notice| match notice {
        Notice::WaitingForWorkers { workers, waited } => Some((workers.clone(), *waited)),
        _ => None,
    });
    let (workers, waited) = waiting.expect("the user is told what is waited for");
    assert!(waited >= Duration::from_secs(2));
    assert_eq!((workers.len(), workers[0].label.as_str(), workers[0].lanes), (1, "seed=1", 1));
}

#[test]
fn workers_that_have_not_begun_to_train_are_not_waited_for() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(3, 5), 3, 1);
    harness.request.pacing.stop_grace = Duration::from_mins(10);
    let sleep = Some((0, Pause::For(Duration::from_mins(10))));
    let launcher = MockLauncher::new(move |_, _| Script { sleep: sleep.clone(), ..Script::healthy() });
    let began = Instant::now();
    let stop = |notice: &Notice, stop: &StopSignal| {
        if matches!(notice, Notice::Progress { sweep, .. } if sweep.pending == 3) {
            stop.raise(StopLevel::Cleanly);
        }
    };
    let summary = harness.sweep_with(&mut memory, &launcher, stop).unwrap();
    assert!(began.elapsed() < Duration::from_mins(1));
    assert_eq!(counts(&summary), (0, 3, 0));
    assert!(harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap().all_well());
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

#[test]
fn a_stop_at_once_does_not_wait_for_the_grace() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(2, 100_000), 2, 1);
    harness.request.pacing.stop_grace = Duration::from_mins(10);
    let launcher = MockLauncher::new(|_, _| Script { ignores_commands: true, ..Script::healthy() });
    let mut stops = stop_at(30, StopLevel::Cleanly);
    let began = Instant::now();
    let summary = harness
        .sweep_with(&mut memory, &launcher, |notice, stop| {
            stops(notice, stop);
            if matches!(notice, Notice::Stopping { level: StopLevel::Cleanly, .. }) {
                stop.escalate();
            }
        })
        .unwrap();
    assert!(began.elapsed() < Duration::from_mins(1));
    // A busy machine may come to the second worker only after the stop.
    let begun: usize = harness.group_sizes().iter().sum();
    assert_eq!(counts(&summary), (0, begun, 2 - begun));
    let ids: Vec<_> = (0..2).map(|run| harness.id(run)).collect();
    let attempts: Vec<_> = ids.iter().flat_map(|id| memory.attempts(id)).collect();
    assert_eq!(attempts.len(), begun);
    // A worker that has not begun to train is ended by the first stop.
    for (state, cause) in attempts {
        assert_eq!(state, RunState::Interrupted);
        assert!(["stopped at once", "stopped before it began to train"].contains(&cause), "{cause}");
    }
}

#[test]
fn a_stop_before_the_beginning_begins_nothing() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(3, 1), 1, 1);
    let launcher = MockLauncher::healthy();
    let begun = |notice: &Notice, stop: &StopSignal| {
        if matches!(notice, Notice::Begun { .. }) {
            stop.escalate();
        }
    };
    let summary = harness.sweep_with(&mut memory, &launcher, begun).unwrap();
    assert_eq!(counts(&summary), (0, 0, 3));
    assert!(launcher.jobs().is_empty());
}

#[test]
fn interruptions_by_the_user_cost_no_attempts() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(1, 100), 1, 1);
    harness.request.max_attempts = 1;
    for interruption in 1..=6 {
        let stop = stop_at(20 * interruption, StopLevel::AtOnce);
        let summary = harness.sweep_with(&mut memory, &MockLauncher::healthy(), stop).unwrap();
        assert_eq!(summary.interrupted + summary.completed + summary.skipped, 1);
    }
    let summary = harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap();
    assert!(summary.all_well());
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

#[test]
fn runs_of_a_runner_that_died_are_reclaimed_and_resumed() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(2, 300), 1, 2);
    let mut dies = stop_at(100, StopLevel::Cleanly);
    let death = catch_unwind(AssertUnwindSafe(|| {
        harness.sweep_with(&mut memory, &MockLauncher::healthy(), |notice, stop| {
            dies(notice, stop);
            assert!(stop.level() == StopLevel::Run, "the runner dies here");
        })
    }));
    assert!(death.is_err());
    assert!(memory.runs.values().all(|row| row.state.is_active()));
    let summary = harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap();
    assert_eq!((summary.completed, summary.resumed), (2, 2));
    let reclaimed = harness.notices.iter().filter(|notice| matches!(notice, Notice::Reclaimed { .. }));
    assert_eq!(reclaimed.count(), 2);
    assert_eq!(
        memory.attempts(&harness.id(0))[0],
        (RunState::Interrupted, "the program ended without notice")
    );
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

#[test]
fn a_full_disk_stops_the_sweep_and_loses_nothing_that_was_recorded() {
    let calm = undisturbed(&runs(4, 200));
    for full_from in [0, 1, 3, 8] {
        let mut memory = Memory { full_from: Some(full_from), ..Memory::default() };
        let mut harness = Harness::new(runs(4, 200), 2, 2);
        let error = harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap_err();
        assert!(matches!(error, RunnerError::Database { source: StoreError::Full { .. }, .. }), "{error}");
        let stopping = Notice::Stopping { level: StopLevel::Cleanly, workers: 0 };
        let reported = |notice: &Notice| std::mem::discriminant(notice) == std::mem::discriminant(&stopping);
        assert!(harness.notices.iter().any(reported));
        let recorded = memory.points.clone();
        memory.full_from = None;
        assert!(harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap().all_well());
        assert!(recorded.iter().all(|(key, value)| memory.points.get(key) == Some(value)));
        assert_eq!(memory.lasting(), calm.lasting());
    }
}

#[test]
fn no_run_is_reported_as_completed_before_it_is_recorded() {
    for full_from in 1..8 {
        let mut memory = Memory { full_from: Some(full_from), ..Memory::default() };
        let mut harness = Harness::new(runs(6, 2), 2, 1);
        harness.request.pacing.batch_interval = Duration::from_millis(50);
        harness.request.pacing.batch_events = 64;
        let _ = harness.sweep(&mut memory, &MockLauncher::healthy());
        for (run, state, _) in harness.ends() {
            let recorded = memory.runs[&run].state;
            assert!(state != RunState::Completed || recorded == RunState::Completed, "batch {full_from}");
        }
    }
}

#[test]
fn a_database_that_is_moved_ends_the_sweep_at_once_with_its_new_place() {
    let mut memory = Memory { moved_from: Some(3), ..Memory::default() };
    let mut harness = Harness::new(runs(4, 100_000), 2, 1);
    harness.request.pacing.stop_grace = Duration::from_mins(10);
    let launcher = MockLauncher::new(|_, _| Script { ignores_commands: true, ..Script::healthy() });
    let error = harness.sweep(&mut memory, &launcher).unwrap_err();
    assert!(error.to_string().contains("--results elsewhere"), "{error}");
    assert_eq!(memory.transactions, 3, "nothing is recorded there any more");
    let at_once = |notice: &&Notice| matches!(notice, Notice::Stopping { level: StopLevel::AtOnce, .. });
    assert_eq!(harness.notices.iter().filter(at_once).count(), 1);
}

#[test]
fn a_database_error_says_what_failed_and_what_to_do() {
    let mut memory = Memory { full_from: Some(2), ..Memory::default() };
    let mut harness = Harness::new(runs(1, 200), 1, 1);
    let error = harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap_err().to_string();
    assert!(error.starts_with("recording events failed: no space is left for results.sqlite"), "{error}");
    assert!(error.ends_with("the same command run again goes on from the last checkpoints"), "{error}");
}
