//! Whatever happens on the way, in whatever order: enough invocations end with every run completed
//! and with exactly the records of a sweep that was never disturbed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use gansweep_scheduler::mock::{Fault, MockLauncher, Script};
use gansweep_scheduler::{
    EXIT_DEVICE_UNAVAILABLE, EXIT_OUT_OF_MEMORY, EXIT_SHARED_CAUSE, ExitStatus, Notice, StopLevel, StopSignal,
};
use proptest::prelude::*;

use crate::support::{Harness, Memory, runs, slot, undisturbed};

/// How an invocation ends, if not by itself.
#[derive(Debug, Clone, Copy)]
enum End {
    Natural,
    Stop(StopLevel, usize),
    Crash(usize),
    FullDisk(usize),
}

#[derive(Debug, Clone)]
struct Invocation {
    end: End,
    /// Of its first workers; the rest are healthy.
    scripts: Vec<Script>,
    slots: usize,
    max_lanes: usize,
    batch_events: usize,
}

fn fault() -> impl Strategy<Value = Fault> {
    let status = prop_oneof![
        Just(ExitStatus::Signal(11)),
        Just(ExitStatus::Signal(9)),
        Just(ExitStatus::Code(0)),
        Just(ExitStatus::Code(101)),
        Just(ExitStatus::Code(EXIT_OUT_OF_MEMORY)),
        Just(ExitStatus::Code(EXIT_DEVICE_UNAVAILABLE)),
        Just(ExitStatus::Code(EXIT_SHARED_CAUSE)),
    ];
    prop_oneof![
        6 => status.prop_map(|status| Fault::Exit(status, String::new())),
        1 => Just(Fault::Hang),
        1 => Just(Fault::Stall),
        1 => Just(Fault::MissingEvent),
        1 => Just(Fault::TornFrame),
        1 => Just(Fault::CorruptFrame),
        1 => Just(Fault::Linger),
        1 => Just(Fault::ForeignRun),
        1 => Just(Fault::NoProgram),
        1 => Just(Fault::NoThread),
    ]
}

fn script() -> impl Strategy<Value = Script> {
    (0_u64..120, fault(), any::<bool>()).prop_map(|(frames, fault, ignores_commands)| Script {
        ignores_commands,
        ..Script::failing_after(frames, fault)
    })
}

fn invocation() -> impl Strategy<Value = Invocation> {
    let end = prop_oneof![
        2 => Just(End::Natural),
        2 => (1_usize..40).prop_map(|notices| End::Stop(StopLevel::Cleanly, notices)),
        2 => (1_usize..40).prop_map(|notices| End::Stop(StopLevel::AtOnce, notices)),
        2 => (1_usize..40).prop_map(End::Crash),
        1 => (0_usize..12).prop_map(End::FullDisk),
    ];
    (end, prop::collection::vec(script(), 0..6), 1_usize..4, 1_usize..6, 1_usize..64).prop_map(
        |(end, scripts, slots, max_lanes, batch_events)| Invocation {
            end,
            scripts,
            slots,
            max_lanes,
            batch_events,
        },
    )
}

/// Invokes the sweep once, in a folder and on records that outlive it.
fn invoke(harness: &mut Harness, memory: &mut Memory, invocation: &Invocation) {
    let Invocation { end, scripts, slots, max_lanes, batch_events } = invocation.clone();
    harness.request.slots = vec![slot("mock:0", max_lanes); slots];
    harness.request.pacing.batch_events = batch_events;
    memory.full_from = match end {
        End::FullDisk(batches) => Some(memory.transactions + batches),
        _ => None,
    };
    let launcher = MockLauncher::new(move |_, launches| scripts.get(launches).cloned().unwrap_or_default())
        .with_start_timeout(Duration::from_millis(100));
    let mut notices = 0;
    let at = |_: &Notice, stop: &StopSignal| {
        notices += 1;
        match end {
            End::Stop(level, at) if notices == at => stop.raise(level),
            End::Crash(at) => assert!(notices < at, "the runner dies here, as it shall"),
            _ => {}
        }
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| harness.sweep_with(memory, &launcher, at)));
    match end {
        End::Crash(_) => {}
        End::FullDisk(_) => {
            outcome.expect("no panic").ok();
        }
        End::Natural | End::Stop(..) => {
            let summary = outcome.expect("no panic").expect("no error");
            let over = summary.skipped + summary.completed + summary.diverged;
            assert_eq!(over + summary.failed + summary.interrupted + summary.queued, summary.total);
            assert!(memory.runs.values().all(|row| !row.state.is_active()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn any_disturbances_end_with_the_records_of_an_undisturbed_sweep(
        invocations in prop::collection::vec(invocation(), 1..5),
        count in 1_u64..6,
        epochs in 1_u32..5,
    ) {
        let plan = runs(count, epochs);
        let mut harness = Harness::new(plan.clone(), 1, 1);
        harness.request.hang_timeout = Duration::from_millis(100);
        harness.request.pacing.stop_grace = Duration::from_millis(20);
        harness.request.pacing.exit_grace = Duration::from_millis(20);
        let mut memory = Memory::default();
        for invocation in &invocations {
            invoke(&mut harness, &mut memory, invocation);
        }
        memory.full_from = None;
        harness.request.hang_timeout = Duration::from_mins(1);
        let summary = harness.sweep(&mut memory, &MockLauncher::healthy()).expect("no error");
        prop_assert!(summary.all_well());
        let calm = undisturbed(&plan);
        prop_assert_eq!(memory.lasting(), calm.lasting());
        for (run, planned) in plan.iter().enumerate() {
            let last = format!("step-{:08}.safetensors", planned.total_steps());
            prop_assert_eq!(harness.checkpoints(run), [last]);
        }
    }
}
