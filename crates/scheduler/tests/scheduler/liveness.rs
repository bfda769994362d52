//! Workers that are silent for a good reason: nobody is killed for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gansweep_config::RunState;
use gansweep_scheduler::Notice;
use gansweep_scheduler::mock::{Fault, MockLauncher, Pause, Script};

use crate::support::{Harness, Memory, runs, undisturbed};

#[test]
fn a_step_longer_than_the_hang_timeout_is_no_hang() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(2, 6), 2, 1);
    harness.request.hang_timeout = Duration::from_millis(200);
    let launcher = MockLauncher::new(|_, _| Script {
        long_step: Some((10, Pause::For(Duration::from_millis(900)))),
        ..Script::healthy()
    });
    assert!(harness.sweep(&mut memory, &launcher).unwrap().all_well());
    assert_eq!(harness.losses(), Vec::<&str>::new());
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

#[test]
fn a_runner_that_slept_takes_no_worker_for_hung() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(4, 6), 4, 1);
    harness.request.hang_timeout = Duration::from_secs(2);
    // The whole machine sleeps for longer than the timeout, and the runner wakes before the workers.
    let woken = Arc::new(AtomicBool::new(false));
    let sleep = (10, Pause::Until(Arc::clone(&woken)));
    let launcher = MockLauncher::new(move |_, _| Script { sleep: Some(sleep.clone()), ..Script::healthy() });
    let (mut before, mut has_slept) = (Vec::new(), false);
    let summary = harness
        .sweep_with(&mut memory, &launcher, |notice, _| {
            let Notice::Progress { workers, .. } = notice else { return };
            let fractions: Vec<f64> = workers.iter().map(|worker| worker.fraction).collect();
            let workers_sleep =
                fractions == before && fractions.iter().filter(|part| **part > 0.0).count() == 4;
            before = fractions;
            if has_slept {
                woken.store(true, Ordering::SeqCst);
            } else if workers_sleep {
                has_slept = true;
                std::thread::sleep(Duration::from_millis(2500));
            }
        })
        .unwrap();
    assert!(summary.all_well() && has_slept);
    assert_eq!(harness.losses(), Vec::<&str>::new());
}

#[test]
fn a_worker_that_never_gives_a_sign_of_life_is_killed_after_the_launchers_time() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(1, 2), 1, 1);
    harness.request.hang_timeout = Duration::from_millis(50);
    let launcher = MockLauncher::new(|_, launches| match launches {
        0 => Script::failing_after(0, Fault::Hang),
        _ => Script::healthy(),
    })
    .with_start_timeout(Duration::from_millis(300));
    assert!(harness.sweep(&mut memory, &launcher).unwrap().all_well());
    assert_eq!(harness.losses(), ["it gave no sign of life for 0.3 s after its start"]);
}

#[test]
fn a_worker_that_waits_for_its_place_is_pending_and_never_taken_for_hung() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(1, 2), 1, 1);
    harness.request.hang_timeout = Duration::from_millis(50);
    let launcher = MockLauncher::new(|_, _| Script {
        sleep: Some((0, Pause::For(Duration::from_millis(500)))),
        ..Script::healthy()
    });
    let mut pending = false;
    let summary = harness
        .sweep_with(&mut memory, &launcher, |notice, _| {
            if let Notice::Progress { sweep, .. } = notice {
                pending |= sweep.pending == 1 && sweep.active == 1;
            }
        })
        .unwrap();
    assert!(summary.all_well() && pending);
    assert_eq!(harness.losses(), Vec::<&str>::new());
    assert_eq!(memory.attempts(&harness.id(0)), [(RunState::Completed, "")]);
}
