//! Workers that die, hang, lie or never start: the sweep goes on.

use std::time::Duration;

use gansweep_config::{RunId, RunState};
use gansweep_protocol::Job;
use gansweep_scheduler::mock::{Fault, MockLauncher, Script};
use gansweep_scheduler::{EXIT_DEVICE_UNAVAILABLE, EXIT_OUT_OF_MEMORY, ExitStatus, Notice};

use crate::support::{Harness, Memory, config, run, runs, slot, undisturbed};

/// The first worker fails in that way after 20 events, and every other is healthy.
fn fails_once(fault: Fault) -> MockLauncher {
    MockLauncher::new(move |_, launches| match launches {
        0 => Script::failing_after(20, fault.clone()),
        _ => Script::healthy(),
    })
}

/// A sweep of two lanes whose first worker fails in that way; gives the cause that was told.
fn survives(fault: Fault) -> String {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(2, 6), 1, 2);
    if fault == Fault::Hang {
        harness.request.hang_timeout = Duration::from_secs(1);
    }
    let launcher = fails_once(fault);
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.completed, summary.failed), (2, 0), "{:?}", harness.losses());
    assert_eq!(memory.lasting(), undisturbed(&harness.request.runs).lasting());
    let resumes = |job: &Job| job.lanes.iter().all(|lane| lane.resume.is_some() && lane.attempt == 2);
    assert!(launcher.jobs()[1..].iter().all(resumes), "the lanes go on from their checkpoints");
    let cause = harness.losses()[0].to_owned();
    for run in 0..2 {
        assert_eq!(
            memory.attempts(&harness.id(run)),
            [(RunState::Failed, cause.as_str()), (RunState::Completed, "")]
        );
    }
    cause
}

#[test]
fn a_worker_killed_by_a_signal_is_told_by_the_signal_and_its_last_words() {
    let fault = Fault::Die(ExitStatus::Signal(11), "driver: bad address".to_owned());
    assert_eq!(survives(fault), "the worker was killed by SIGSEGV; its last words: driver: bad address");
}

#[test]
fn a_worker_that_exits_with_a_code_is_told_by_the_code() {
    let fault = Fault::Die(ExitStatus::Code(101), "thread 'main' panicked".to_owned());
    assert_eq!(
        survives(fault),
        "the worker panicked (exit code 101); its last words: thread 'main' panicked"
    );
}

#[test]
fn a_worker_that_ends_well_before_its_runs_do_has_failed() {
    let fault = Fault::Die(ExitStatus::Code(0), String::new());
    assert_eq!(survives(fault), "the worker ended before its runs did");
}

#[test]
fn a_stream_torn_inside_a_frame_is_told_by_what_killed_its_writer() {
    assert_eq!(survives(Fault::Tear), "the worker was killed by SIGSEGV");
}

#[test]
fn a_corrupt_frame_ends_the_worker() {
    assert_eq!(survives(Fault::Corrupt), "a frame's checksum does not match its content");
}

#[test]
fn a_worker_that_speaks_of_another_run_is_ended() {
    assert!(survives(Fault::Impersonate).starts_with("it spoke of run ffffffffffffffff"));
}

#[test]
fn a_silent_worker_is_taken_for_hung_and_killed() {
    assert_eq!(survives(Fault::Hang), "it sent nothing for 1 s and was taken for hung");
}

#[test]
fn a_worker_that_closes_its_stream_and_stays_is_killed() {
    assert_eq!(survives(Fault::Linger), "it closed its event stream but did not exit");
}

#[test]
fn a_worker_whose_stream_outlives_it_is_left_behind() {
    assert_eq!(survives(Fault::LeaveOpen), "the worker failed with exit code 7");
}

#[test]
fn a_deadly_lane_is_isolated_and_its_neighbours_complete() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(8, 6), 1, 8);
    let deadly = harness.id(5);
    let lethal = deadly.clone();
    let launcher =
        MockLauncher::new(move |_, _| Script { deadly: vec![(lethal.clone(), 3)], ..Script::healthy() });
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.completed, summary.failed), (7, 1));
    assert_eq!(memory.runs[&deadly].state, RunState::Failed);
    // Twice whole, then the half, the quarter and the eighth with the deadly lane in it.
    let with_deadly = |job: &Job| job.lanes.iter().any(|lane| lane.run == deadly);
    let sizes: Vec<_> =
        launcher.jobs().iter().filter(|job| with_deadly(job)).map(|job| job.lanes.len()).collect();
    assert_eq!(sizes, [8, 8, 4, 2, 1]);
    let (run, state, cause) =
        harness.ends().into_iter().find(|(_, state, _)| *state == RunState::Failed).unwrap();
    assert_eq!((run, state), (deadly, RunState::Failed));
    assert!(cause.starts_with("the worker was killed by SIGSEGV; its last words: step 3"), "{cause}");
}

#[test]
fn two_deadly_lanes_on_two_slots_take_nobody_with_them() {
    let mut harness = Harness::new(runs(9, 3), 2, 8);
    let lethal = vec![(harness.id(0), 2), (harness.id(7), 6)];
    let launcher = MockLauncher::new(move |_, _| Script { deadly: lethal.clone(), ..Script::healthy() });
    let summary = harness.sweep(&mut Memory::default(), &launcher).unwrap();
    assert_eq!((summary.completed, summary.failed), (7, 2));
}

#[test]
fn a_lane_that_its_worker_reports_as_failed_is_tried_again_alone() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(3, 2), 1, 3);
    let failing = harness.id(2);
    let fails = failing.clone();
    let launcher = MockLauncher::new(move |_, launches| Script {
        failing: if launches < 2 { vec![(fails.clone(), 2)] } else { Vec::new() },
        ..Script::healthy()
    });
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.completed, summary.failed), (3, 0));
    assert_eq!(harness.group_sizes(), [3, 1, 1]);
    assert_eq!(harness.losses(), ["failed as the script wants"; 2]);
    let failed = (RunState::Failed, "failed as the script wants");
    assert_eq!(memory.attempts(&failing), [failed, failed, (RunState::Completed, "")]);
}

#[test]
fn a_run_is_failed_after_its_attempts_and_tried_again_by_the_next_invocation() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(1, 2), 1, 1);
    let launcher = MockLauncher::new(|_, _| Script::dying_after(3, ExitStatus::Code(5)));
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.failed, launcher.jobs().len()), (1, 3));
    let cause = "the worker failed with exit code 5";
    assert_eq!(harness.ends(), [(harness.id(0), RunState::Failed, cause.to_owned())]);
    assert_eq!(memory.attempts(&harness.id(0)), [(RunState::Failed, cause); 3]);
    let summary = harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap();
    assert!(summary.all_well());
    assert_eq!(memory.lasting(), undisturbed(&harness.request.runs).lasting());
}

#[test]
fn an_attempt_that_brought_a_checkpoint_starts_the_count_anew() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(1, 12), 1, 1);
    harness.request.max_attempts = 2;
    let launcher = MockLauncher::new(|_, _| Script::dying_after(12, ExitStatus::Signal(6)));
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert!(summary.all_well());
    assert!(launcher.jobs().len() > 4, "{} launches", launcher.jobs().len());
    assert_eq!(memory.lasting(), undisturbed(&harness.request.runs).lasting());
}

/// Every worker of that slot ends in that way after so many events.
fn bad_slot(device: &'static str, events: u64, fault: Fault) -> MockLauncher {
    MockLauncher::new(move |job, _| {
        if job.device == device { Script::failing_after(events, fault.clone()) } else { Script::healthy() }
    })
}

fn unavailable() -> Fault {
    Fault::Die(ExitStatus::Code(EXIT_DEVICE_UNAVAILABLE), "no such adapter".to_owned())
}

#[test]
fn a_device_that_disappears_leaves_its_lanes_to_the_other_slots_at_no_cost() {
    for fault in [unavailable(), Fault::NoDevice, Fault::NoProgram] {
        let mut memory = Memory::default();
        let mut harness = Harness::new(runs(6, 3), 2, 1);
        harness.request.max_attempts = 1;
        let launcher = bad_slot("mock:0", 9, fault);
        let summary = harness.sweep(&mut memory, &launcher).unwrap();
        assert!(summary.all_well(), "{:?}", harness.losses());
        let lost = harness.notices.iter().filter(|notice| matches!(notice, Notice::SlotLost { left: 1, .. }));
        assert_eq!(lost.count(), 1);
        assert_eq!(launcher.jobs().iter().filter(|job| job.device == "mock:0").count(), 1);
        let attempts = memory.runs.values().flat_map(|row| &row.attempts);
        let interrupted = attempts.filter(|attempt| attempt.state == RunState::Interrupted);
        assert_eq!(interrupted.map(|attempt| attempt.device.as_str()).collect::<Vec<_>>(), ["mock:0"]);
        assert_eq!(memory.lasting(), undisturbed(&harness.request.runs).lasting());
    }
}

#[test]
fn when_no_slot_is_left_the_rest_is_failed_with_the_reason() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(3, 1), 1, 1);
    let summary = harness.sweep(&mut memory, &bad_slot("mock:0", 0, unavailable())).unwrap();
    assert_eq!(summary.failed, 3);
    let cause = "no device is left: mock:0: the device is unavailable; its last words: no such adapter";
    assert!(harness.ends().iter().all(|(_, state, told)| *state == RunState::Failed && told == cause));
    for run in 0..3 {
        assert_eq!(memory.attempts(&harness.id(run)).last(), Some(&(RunState::Failed, cause)));
    }
}

#[test]
fn a_slot_on_which_nothing_ever_worked_is_given_up() {
    let mut harness = Harness::new(runs(64, 1), 1, 64);
    let launcher = MockLauncher::new(|_, _| Script::dying_after(0, ExitStatus::Code(127)));
    let summary = harness.sweep(&mut Memory::default(), &launcher).unwrap();
    assert_eq!((summary.failed, launcher.jobs().len()), (64, 6));
}

#[test]
fn a_passing_shortage_of_threads_costs_an_attempt() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(1, 1), 1, 1);
    let launcher = fails_once(Fault::NoThread);
    assert!(harness.sweep(&mut memory, &launcher).unwrap().all_well());
    assert_eq!(memory.attempts(&harness.id(0))[0].0, RunState::Failed);
}

#[test]
fn a_group_that_does_not_fit_in_memory_is_halved_until_it_does() {
    for status in [ExitStatus::Code(EXIT_OUT_OF_MEMORY), ExitStatus::Signal(9)] {
        let mut memory = Memory::default();
        let mut harness = Harness::new(runs(7, 2), 1, 7);
        harness.request.max_attempts = 1;
        let launcher = MockLauncher::new(move |job, _| {
            if job.lanes.len() > 2 { Script::dying_after(0, status) } else { Script::healthy() }
        });
        let summary = harness.sweep(&mut memory, &launcher).unwrap();
        assert!(summary.all_well());
        assert_eq!(harness.group_sizes(), [7, 4, 2, 1, 2, 2], "the waiting three are not tried in one");
        assert_eq!(memory.lasting(), undisturbed(&harness.request.runs).lasting());
    }
}

#[test]
fn what_did_not_fit_once_is_not_tried_again_on_that_device() {
    let (mut alike, other) = (runs(12, 2), run(&config(4096), 2, 1));
    alike.push(other);
    let mut harness = Harness::new(alike, 1, 4);
    harness.request.slots = vec![slot("mock:0", 4, 13), slot("mock:0", 4, 13), slot("mock:1", 4, 13)];
    let launcher = MockLauncher::new(|job, _| {
        let too_many = job.device == "mock:0" && job.lanes.len() > 2;
        if too_many {
            Script::dying_after(0, ExitStatus::Code(EXIT_OUT_OF_MEMORY))
        } else {
            Script::healthy()
        }
    });
    assert!(harness.sweep(&mut Memory::default(), &launcher).unwrap().all_well());
    let tried = launcher.jobs().into_iter().filter(|job| job.device == "mock:0" && job.lanes.len() > 2);
    assert!((1..=2).contains(&tried.count()), "both slots may have begun before the first failed");
    assert!(launcher.jobs().iter().any(|job| job.device == "mock:1" && job.lanes.len() == 4));
}

#[test]
fn a_lane_that_does_not_fit_alone_is_failed() {
    let mut harness = Harness::new(runs(2, 1), 1, 2);
    let large: RunId = harness.id(0);
    let launcher = MockLauncher::new(move |job, _| {
        let too_large = job.lanes.iter().any(|lane| lane.run == large);
        if too_large {
            Script::dying_after(0, ExitStatus::Code(EXIT_OUT_OF_MEMORY))
        } else {
            Script::healthy()
        }
    });
    let summary = harness.sweep(&mut Memory::default(), &launcher).unwrap();
    assert_eq!((summary.completed, summary.failed), (1, 1));
    let (_, _, cause) = harness.ends().into_iter().find(|(_, state, _)| *state == RunState::Failed).unwrap();
    assert_eq!(cause, "the device or the machine is out of memory");
}

#[test]
fn a_worker_that_does_not_exit_when_its_runs_are_over_costs_them_nothing() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(3, 6), 1, 1);
    harness.request.pacing.exit_grace = Duration::from_millis(50);
    let launcher = MockLauncher::new(|_, _| Script { outstays: true, ..Script::healthy() });
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.completed, summary.failed), (3, 0), "{:?}", harness.losses());
    assert_eq!(memory.lasting(), undisturbed(&harness.request.runs).lasting());
    assert!(harness.losses().is_empty(), "{:?}", harness.losses());
}
