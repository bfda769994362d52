//! Sweeps recorded in the real database.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use gansweep_config::RunState;
use gansweep_protocol::{Metric, SampleSource};
use gansweep_scheduler::mock::{Fault, MockLauncher, Script};
use gansweep_scheduler::{ExitStatus, Notice, StopLevel, StopSignal};
use gansweep_store::{Reader, Store};

use crate::support::{Harness, runs};

/// What the database says of a run: its state, points (as bits) and grids.
type Lasting = (RunState, BTreeMap<(&'static str, u64), u64>, BTreeMap<u64, Vec<u8>>);

fn lasting(harness: &Harness, run: usize) -> Lasting {
    let reader = Reader::open(harness.folder.path()).unwrap();
    let id = harness.id(run);
    let mut points = BTreeMap::new();
    for metric in [Metric::DLoss, Metric::GLoss] {
        for point in reader.points(&id, metric, u64::MAX, usize::MAX).unwrap() {
            points.insert((metric.name(), point.step), point.value.to_bits());
        }
    }
    let steps = reader.samples_index(&id, u64::MAX).unwrap().into_iter().map(|info| info.step);
    let png = |step| reader.sample(&id, step, SampleSource::Raw).unwrap().unwrap().png;
    let samples = steps.map(|step| (step, png(step))).collect();
    (reader.run(id.as_str()).unwrap().state, points, samples)
}

/// A whole sweep of two runs of six epochs that nothing disturbs.
fn calm() -> Harness {
    let mut harness = Harness::new(runs(2, 6), 1, 1);
    let mut store = Store::open(harness.folder.path()).unwrap();
    assert!(harness.sweep(&mut store, &MockLauncher::healthy()).unwrap().all_well());
    harness
}

#[test]
fn a_sweep_fills_the_database() {
    let harness = calm();
    for run in 0..2 {
        let (state, points, samples) = lasting(&harness, run);
        assert_eq!(state, RunState::Completed);
        assert_eq!((points.len(), samples.len()), (2 * 12, 6));
        let reader = Reader::open(harness.folder.path()).unwrap();
        let attempts = reader.attempts(&harness.id(run)).unwrap();
        assert_eq!((attempts.len(), attempts[0].device.as_str()), (1, "mock:0"));
        let checkpoint = reader.checkpoint(&harness.id(run)).unwrap().unwrap();
        assert_eq!(checkpoint.step, 24);
        assert!(harness.folder.path().join(checkpoint.path).exists());
    }
}

/// The first worker dies, and the sweep is stopped at once during the second attempt.
fn dies_then_stops(harness: &mut Harness) {
    let segfault = MockLauncher::new(|_, launches| match launches {
        0 => Script::exiting_after(50, ExitStatus::Signal(11)),
        _ => Script::failing_after(30, Fault::Hang),
    });
    let mut store = Store::open(harness.folder.path()).unwrap();
    let mut lost = false;
    let stop_after_loss = |notice: &Notice, stop: &StopSignal| {
        lost |= matches!(notice, Notice::WorkerLost { .. });
        if lost && matches!(notice, Notice::GroupStarted { .. }) {
            stop.raise(StopLevel::AtOnce);
        }
    };
    let summary = harness.sweep_with(&mut store, &segfault, stop_after_loss).unwrap();
    assert_eq!((summary.interrupted, summary.completed), (2, 0));
}

#[test]
fn disturbed_sweeps_leave_the_database_of_a_calm_one() {
    let calm = calm();
    let mut harness = Harness::new(runs(2, 6), 1, 2);
    // A death, then a stop at once, then a runner that dies, each with a database opened anew.
    dies_then_stops(&mut harness);
    let mut store = Store::open(harness.folder.path()).unwrap();
    let dies = |notice: &Notice, _: &StopSignal| {
        assert!(!matches!(notice, Notice::GroupStarted { .. }), "the runner dies here, as it shall");
    };
    let hanging = MockLauncher::new(|_, _| Script::failing_after(0, Fault::Hang));
    assert!(catch_unwind(AssertUnwindSafe(|| harness.sweep_with(&mut store, &hanging, dies))).is_err());
    drop(store);
    let mut store = Store::open(harness.folder.path()).unwrap();
    let summary = harness.sweep(&mut store, &MockLauncher::healthy()).unwrap();
    assert_eq!((summary.completed, summary.resumed), (2, 2));
    for run in 0..2 {
        assert_eq!(lasting(&harness, run), lasting(&calm, run));
        let reader = Reader::open(harness.folder.path()).unwrap();
        let attempts = reader.attempts(&harness.id(run)).unwrap();
        let reported = attempts.iter().map(|attempt| (attempt.state, attempt.cause.as_deref().unwrap_or("")));
        let expected = [
            (RunState::Failed, "the worker was killed by SIGSEGV"),
            (RunState::Interrupted, "stopped at once"),
            (RunState::Interrupted, "the program ended without notice"),
            (RunState::Completed, ""),
        ];
        assert_eq!(reported.collect::<Vec<_>>(), expected);
    }
}
