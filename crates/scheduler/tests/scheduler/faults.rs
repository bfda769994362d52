//! Workers that die, hang, lie or never start: the sweep goes on.

use std::time::Duration;

use gansweep_config::{RunId, RunState};
use gansweep_protocol::Job;
use gansweep_scheduler::mock::{Fault, MockLauncher, Pause, Script};
use gansweep_scheduler::{
    EXIT_DEVICE_UNAVAILABLE, EXIT_OUT_OF_MEMORY, EXIT_SHARED_CAUSE, ExitStatus, Notice, Summary,
};

use crate::support::{Harness, Memory, config, run, runs, slot, undisturbed};

/// The first worker fails in that way after 20 events, and every other is healthy.
fn fails_once(fault: Fault) -> MockLauncher {
    MockLauncher::new(move |_, launches| match launches {
        0 => Script::failing_after(20, fault.clone()),
        _ => Script::healthy(),
    })
}

/// A sweep of two lanes whose first worker fails in that way; gives the cause that was reported.
fn survives(fault: Fault) -> String {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(2, 6), 1, 2);
    if matches!(fault, Fault::Hang | Fault::Stall) {
        harness.request.hang_timeout = Duration::from_secs(1);
    }
    let launcher = fails_once(fault);
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.completed, summary.failed), (2, 0), "{:?}", harness.losses());
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
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
fn a_worker_killed_by_a_signal_is_reported_with_the_signal_and_its_stderr() {
    let fault = Fault::Exit(ExitStatus::Signal(11), "driver: bad address".to_owned());
    assert_eq!(survives(fault), "the worker was killed by SIGSEGV; stderr: driver: bad address");
}

#[test]
fn a_worker_that_exits_with_a_code_is_reported_with_the_code() {
    let fault = Fault::Exit(ExitStatus::Code(101), "thread 'main' panicked".to_owned());
    assert_eq!(survives(fault), "the worker panicked (exit code 101); stderr: thread 'main' panicked");
}

#[test]
fn a_worker_that_ends_well_before_its_runs_do_has_failed() {
    let fault = Fault::Exit(ExitStatus::Code(0), String::new());
    assert_eq!(survives(fault), "the worker ended before its runs did");
}

#[test]
fn a_stream_torn_inside_a_frame_is_told_by_what_killed_its_writer() {
    assert_eq!(survives(Fault::TornFrame), "the worker was killed by SIGSEGV");
}

#[test]
fn a_corrupt_frame_ends_the_worker() {
    assert_eq!(survives(Fault::CorruptFrame), "a frame's checksum does not match its content");
}

#[test]
fn a_worker_that_reports_another_run_is_ended() {
    assert!(survives(Fault::ForeignRun).starts_with("it reported run ffffffffffffffff"));
}

#[test]
fn a_worker_that_leaves_out_an_event_is_ended() {
    assert!(survives(Fault::MissingEvent).contains(" where event "));
}

#[test]
fn a_silent_worker_is_taken_for_hung_and_killed() {
    assert_eq!(survives(Fault::Hang), "it sent nothing for 1 s and was taken for hung");
}

#[test]
fn a_worker_whose_training_thread_is_stuck_is_killed_though_its_heartbeats_come() {
    assert_eq!(
        survives(Fault::Stall),
        "it finished no step and used no processor time for 1 s and was taken for hung"
    );
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
fn a_crashing_lane_is_isolated_and_its_neighbours_complete() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(8, 6), 1, 8);
    let crashing = harness.id(5);
    let crashes = crashing.clone();
    let launcher =
        MockLauncher::new(move |_, _| Script { crashing: vec![(crashes.clone(), 3)], ..Script::healthy() });
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.completed, summary.failed), (7, 1));
    assert_eq!(memory.runs[&crashing].state, RunState::Failed);
    // Twice whole, then the half, the quarter and the eighth with the crashing lane in it.
    let with_crashing = |job: &Job| job.lanes.iter().any(|lane| lane.run == crashing);
    let sizes: Vec<_> =
        launcher.jobs().iter().filter(|job| with_crashing(job)).map(|job| job.lanes.len()).collect();
    assert_eq!(sizes, [8, 8, 4, 2, 1]);
    let (run, state, cause) =
        harness.ends().into_iter().find(|(_, state, _)| *state == RunState::Failed).unwrap();
    assert_eq!((run, state), (crashing, RunState::Failed));
    assert!(cause.starts_with("the worker was killed by SIGSEGV; stderr: step 3"), "{cause}");
}

#[test]
fn two_crashing_lanes_on_two_slots_fail_alone() {
    let mut harness = Harness::new(runs(9, 3), 2, 8);
    let crashes = vec![(harness.id(0), 2), (harness.id(7), 6)];
    let launcher = MockLauncher::new(move |_, _| Script { crashing: crashes.clone(), ..Script::healthy() });
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
fn a_run_that_is_out_of_time_has_failed_at_once_and_the_lanes_beside_it_go_on() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(3, 2), 1, 3);
    harness.request.run_seconds = Some(60.0);
    let slow = harness.id(1);
    let overdue = slow.clone();
    let launcher = MockLauncher::new(move |job, _| {
        assert_eq!(job.run_seconds, Some(60.0));
        Script { overdue: vec![(overdue.clone(), 3)], ..Script::healthy() }
    });
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.completed, summary.failed, launcher.jobs().len()), (2, 1, 1));
    assert_eq!(memory.attempts(&slow), [(RunState::Failed, "out of time as the script wants")]);
    // The next invocation may have another limit.
    let next = MockLauncher::healthy();
    assert!(harness.sweep(&mut memory, &next).unwrap().all_well());
    let resumed = next.jobs().remove(0).lanes.remove(0).resume.unwrap();
    assert_eq!(resumed.checkpoint.step, 3);
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

#[test]
fn a_run_is_failed_after_its_attempts_and_tried_again_by_the_next_invocation() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(1, 2), 1, 1);
    let launcher = MockLauncher::new(|_, _| Script::exiting_after(3, ExitStatus::Code(7)));
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.failed, launcher.jobs().len()), (1, 3));
    let cause = "the worker failed with exit code 7";
    assert_eq!(harness.ends(), [(harness.id(0), RunState::Failed, cause.to_owned())]);
    assert_eq!(memory.attempts(&harness.id(0)), [(RunState::Failed, cause); 3]);
    let summary = harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap();
    assert!(summary.all_well());
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

#[test]
fn a_run_has_as_many_attempts_as_the_request_says_with_a_pause_before_each_twice_as_long_as_before() {
    for (attempts, rest) in [(1, 0), (2, 200), (4, 100)] {
        let mut harness = Harness::new(runs(1, 2), 1, 1);
        harness.request.max_attempts = attempts;
        harness.request.pacing.rest = Duration::from_millis(rest);
        let launcher = MockLauncher::new(|_, _| Script::exiting_after(3, ExitStatus::Code(7)));
        let summary = harness.sweep(&mut Memory::default(), &launcher).unwrap();
        assert_eq!((summary.failed, launcher.jobs().len()), (1, attempts as usize));
        let pauses = Duration::from_millis(rest) * (2_u32.pow(attempts - 1) - 1);
        assert!(summary.elapsed >= pauses, "{:?}", summary.elapsed);
    }
}

#[test]
fn an_attempt_that_brought_a_checkpoint_starts_the_count_anew() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(1, 12), 1, 1);
    harness.request.max_attempts = 2;
    let launcher = MockLauncher::new(|_, _| Script::exiting_after(12, ExitStatus::Signal(6)));
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert!(summary.all_well());
    assert!(launcher.jobs().len() > 4, "{} launches", launcher.jobs().len());
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

/// Every worker of that slot ends in that way after a number of events.
fn bad_slot(device: &'static str, events: u64, fault: Fault) -> MockLauncher {
    MockLauncher::new(move |job, _| {
        if job.device == device { Script::failing_after(events, fault.clone()) } else { Script::healthy() }
    })
}

fn unavailable() -> Fault {
    Fault::Exit(ExitStatus::Code(EXIT_DEVICE_UNAVAILABLE), "no such adapter".to_owned())
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
        assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
    }
}

/// The sweep has ended once, for a cause that all runs share, and has charged it to none.
#[track_caller]
fn assert_ended_for_all(harness: &Harness, memory: &Memory, summary: &Summary, cause: &str) {
    assert_eq!(summary.shared_cause.as_deref(), Some(cause));
    assert_eq!((summary.failed, summary.completed, summary.stopped), (0, 0, false));
    assert_eq!(summary.interrupted + summary.queued, summary.total);
    let shared = harness.notices.iter().filter(|notice| matches!(notice, Notice::SharedCause { .. }));
    assert_eq!(shared.count(), 1);
    assert!(harness.ends().iter().all(|(_, state, told)| *state == RunState::Interrupted && told != cause));
    let attempts = memory.runs.values().flat_map(|row| &row.attempts);
    assert!(
        attempts.clone().all(|attempt| attempt.state != RunState::Completed && !attempt.state.is_active())
    );
}

#[test]
fn when_no_slot_is_left_the_sweep_ends_once_with_the_reason() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(3, 1), 1, 1);
    harness.request.max_attempts = 1;
    let launcher = bad_slot("mock:0", 0, unavailable());
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    let cause = "no device is left: mock:0: the device is unavailable; stderr: no such adapter";
    assert_ended_for_all(&harness, &memory, &summary, cause);
    assert_eq!((summary.interrupted, launcher.jobs().len()), (1, 1));
    assert!(harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap().all_well());
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

#[test]
fn a_slot_on_which_nothing_ever_worked_is_given_up_and_no_run_is_charged() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(64, 1), 1, 64);
    let launcher = MockLauncher::new(|_, _| Script::exiting_after(0, ExitStatus::Code(127)));
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!(launcher.jobs().len(), 6);
    let cause = "no device is left: mock:0: the worker failed with exit code 127";
    assert_ended_for_all(&harness, &memory, &summary, cause);
    assert!(harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap().all_well());
}

#[test]
fn a_cause_that_all_runs_share_ends_the_sweep_once_and_the_other_workers_save() {
    let full = "checkpoints/x.safetensors: no space left on device";
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(8, 500), 3, 2);
    harness.request.max_attempts = 1;
    let launcher = MockLauncher::new(move |_, launches| match launches {
        0 => {
            let fault = Fault::Exit(ExitStatus::Code(EXIT_SHARED_CAUSE), full.to_owned());
            Script::failing_after(40, fault)
        }
        _ => Script::healthy(),
    });
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!(summary.shared_cause.as_deref(), Some(full));
    assert_eq!((summary.failed, summary.stopped), (0, false));
    assert!(!summary.all_well());
    let shared = harness.notices.iter().filter(|notice| matches!(notice, Notice::SharedCause { .. }));
    assert_eq!(shared.count(), 1);
    assert!(harness.losses().is_empty());
    // Those of the first worker end with the cause; those of the others as at any clean stop.
    let causes = memory.runs.values().flat_map(|row| &row.attempts).map(|attempt| attempt.cause.as_str());
    assert_eq!(causes.filter(|cause| *cause == full).count(), launcher.jobs()[0].lanes.len());
    assert!(harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap().all_well());
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

#[test]
fn a_limit_on_file_sizes_ends_the_sweep_once() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(4, 50), 2, 2);
    let launcher = MockLauncher::new(|_, _| Script::exiting_after(30, ExitStatus::Signal(25)));
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    let cause = "a file became larger than this user may write (raise the limit with `ulimit -f`)";
    assert_ended_for_all(&harness, &memory, &summary, cause);
}

#[test]
fn several_workers_that_meet_the_same_cause_report_it_once() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(6, 50), 3, 2);
    let launcher = MockLauncher::new(move |_, _| {
        Script::failing_after(
            30,
            Fault::Exit(ExitStatus::Code(EXIT_SHARED_CAUSE), "the disk is full".to_owned()),
        )
    });
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_ended_for_all(&harness, &memory, &summary, "the disk is full");
}

#[test]
fn a_passing_shortage_costs_no_attempt() {
    for fault in [Fault::NoThread, Fault::NoFile, shortage_of_the_worker()] {
        let mut memory = Memory::default();
        let mut harness = Harness::new(runs(1, 1), 1, 1);
        harness.request.max_attempts = 1;
        let launcher = MockLauncher::new(move |_, launches| match launches {
            0..3 => Script::failing_after(0, fault.clone()),
            _ => Script::healthy(),
        });
        assert!(harness.sweep(&mut memory, &launcher).unwrap().all_well());
        let states: Vec<RunState> = memory.attempts(&harness.id(0)).iter().map(|attempt| attempt.0).collect();
        assert_eq!(states[..3], [RunState::Interrupted; 3]);
        assert_eq!(harness.losses(), Vec::<&str>::new());
    }
}

fn shortage_of_the_worker() -> Fault {
    let stderr = "thread 'main' panicked: failed to spawn thread: Os { code: 11, kind: WouldBlock }";
    Fault::Exit(ExitStatus::Code(101), stderr.to_owned())
}

#[test]
fn more_workers_than_the_system_allows_are_fewer_workers_and_no_failed_run() {
    for fault in [Fault::NoThread, Fault::NoFile] {
        let mut memory = Memory::default();
        let mut harness = Harness::new(runs(40, 3), 16, 1);
        harness.request.max_attempts = 1;
        // Only the workers of the first four slots can be started.
        let launcher = MockLauncher::new(move |job, _| {
            let slot: usize = job.device.trim_start_matches("mock:").parse().unwrap();
            if slot < 4 { Script::healthy() } else { Script::failing_after(0, fault.clone()) }
        });
        let summary = harness.sweep(&mut memory, &launcher).unwrap();
        assert!(summary.all_well(), "{summary:?}");
        let closed =
            harness.notices.iter().filter(|notice| matches!(notice, Notice::SlotLost { .. })).count();
        assert!((1..=12).contains(&closed), "{closed}");
        assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
    }
}

#[test]
fn a_lasting_shortage_ends_the_sweep_once_with_the_way_out() {
    for fault in [Fault::NoThread, Fault::NoFile, shortage_of_the_worker()] {
        let mut memory = Memory::default();
        let mut harness = Harness::new(runs(9, 1), 3, 1);
        harness.request.max_attempts = 1;
        let always = fault.clone();
        let launcher = MockLauncher::new(move |_, _| Script::failing_after(0, always.clone()));
        let summary = harness.sweep(&mut memory, &launcher).unwrap();
        let cause = summary.shared_cause.clone().unwrap();
        assert!(cause.contains("--jobs") && cause.contains("ulimit"), "{cause}");
        assert_ended_for_all(&harness, &memory, &summary, &cause);
        assert!(harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap().all_well());
        assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
    }
}

#[test]
fn a_training_thread_that_computes_for_ever_is_found_in_the_end() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(1, 2), 1, 1);
    harness.request.hang_timeout = Duration::from_millis(50);
    let launcher = MockLauncher::new(|_, launches| match launches {
        0 => Script { long_step: Some((5, Pause::For(Duration::from_hours(1)))), ..Script::healthy() },
        _ => Script::healthy(),
    });
    assert!(harness.sweep(&mut memory, &launcher).unwrap().all_well());
    let cause = "it finished no step for 1 s, 20 times execution.hang_seconds, and was taken for stuck";
    assert_eq!(harness.losses(), [cause]);
}

#[test]
fn a_group_that_does_not_fit_in_memory_is_halved_until_it_does() {
    for status in [ExitStatus::Code(EXIT_OUT_OF_MEMORY), ExitStatus::Signal(9)] {
        let mut memory = Memory::default();
        let mut harness = Harness::new(runs(7, 2), 1, 7);
        harness.request.max_attempts = 1;
        let launcher = MockLauncher::new(move |job, _| {
            if job.lanes.len() > 2 { Script::exiting_after(0, status) } else { Script::healthy() }
        });
        let summary = harness.sweep(&mut memory, &launcher).unwrap();
        assert!(summary.all_well());
        assert_eq!(harness.group_sizes(), [7, 4, 2, 1, 2, 2], "the waiting three are not tried in one");
        assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
    }
}

#[test]
fn what_did_not_fit_once_is_not_tried_again_on_that_device() {
    let (mut alike, other) = (runs(12, 2), run(&config(4096), 2, 1));
    alike.push(other);
    let mut harness = Harness::new(alike, 1, 4);
    harness.request.slots = vec![slot("mock:0", 4), slot("mock:0", 4), slot("mock:1", 4)];
    let launcher = MockLauncher::new(|job, _| {
        let too_many = job.device == "mock:0" && job.lanes.len() > 2;
        if too_many {
            Script::exiting_after(0, ExitStatus::Code(EXIT_OUT_OF_MEMORY))
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
            Script::exiting_after(0, ExitStatus::Code(EXIT_OUT_OF_MEMORY))
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
    let launcher = MockLauncher::new(|_, _| Script { never_exits: true, ..Script::healthy() });
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.completed, summary.failed), (3, 0), "{:?}", harness.losses());
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
    assert!(harness.losses().is_empty(), "{:?}", harness.losses());
}
