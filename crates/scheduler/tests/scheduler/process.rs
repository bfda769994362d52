//! Workers as real processes, and as threads.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gansweep_config::RunState;
use gansweep_protocol::{Command as Request, Envelope, Event, Frame, Job};
use gansweep_scheduler::mock::{Fault, MockLauncher, Script, simulate};
use gansweep_scheduler::{
    EXIT_DEVICE_UNAVAILABLE, Exit, ExitStatus, FrameStream, InProcessLauncher, Launcher, Notice,
    ProcessLauncher, ProcessLimits, Program, StopLevel, StopSignal, Worker, WorkerFailure,
};

use crate::support::{Harness, Memory, runs, undisturbed};

/// A worker program that simulates training, and fails as its arguments say.
fn mock_worker(arguments: &[&str]) -> ProcessLauncher {
    let program = Program::at(env!("CARGO_BIN_EXE_mock-worker").into());
    ProcessLauncher {
        program,
        args: arguments.iter().map(Into::into).collect(),
        limits: ProcessLimits::default(),
    }
}

/// What a worker on all of the harness's runs is to do.
fn job(harness: &Harness) -> Job {
    let mut other = Harness::new(harness.runs.clone(), 1, 8);
    let launcher = MockLauncher::new(|_, _| Script::failing_after(0, Fault::NoDevice));
    other.sweep(&mut Memory::default(), &launcher).unwrap();
    let mut job = launcher.jobs().remove(0);
    harness.folder.path().clone_into(&mut job.results_dir);
    job
}

/// The process id that a worker tells of, and the rest of its events, to be held: a worker whose
/// stream is closed dies of it.
fn pid_of(worker: &mut dyn Worker) -> (i32, FrameStream) {
    let mut events = worker.frames();
    let started = events.find_map(|frame| match frame.unwrap() {
        Frame::Event(Envelope { event: Event::Started(started), .. }) => Some(started.pid),
        _ => None,
    });
    (i32::try_from(started.unwrap()).unwrap(), events)
}

/// How a worker ends, waited for.
fn wait(worker: &mut dyn Worker) -> Exit {
    let deadline = Instant::now() + Duration::from_mins(1);
    while Instant::now() < deadline {
        if let Some(exit) = worker.try_wait() {
            return exit;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("the worker does not end")
}

#[test]
fn a_sweep_of_processes_records_what_a_sweep_of_threads_does() {
    let plan = runs(4, 2);
    for slots in [1, 2] {
        let mut memory = Memory::default();
        let mut harness = Harness::new(plan.clone(), slots, 2);
        let summary = harness.sweep(&mut memory, &mock_worker(&["healthy"])).unwrap();
        assert!(summary.all_well(), "{:?}", harness.losses());
        assert_eq!(memory.lasting(), undisturbed(&plan).lasting());
    }
    let mut memory = Memory::default();
    let launcher = InProcessLauncher::new(|job, stop, emit| simulate(job, &Script::healthy(), stop, emit));
    assert!(Harness::new(plan.clone(), 2, 2).sweep(&mut memory, &launcher).unwrap().all_well());
    assert_eq!(memory.lasting(), undisturbed(&plan).lasting());
}

#[test]
fn a_results_folder_of_any_name_reaches_the_workers() {
    use std::os::unix::ffi::OsStringExt;
    let plan = runs(2, 2);
    let (mut memory, mut harness) = (Memory::default(), Harness::new(plan.clone(), 1, 2));
    let results = harness.folder.path().join(std::ffi::OsString::from_vec(b"m\xe4rz \n".to_vec()));
    std::fs::create_dir(&results).unwrap();
    harness.request.results_dir.clone_from(&results);
    let summary = harness.sweep(&mut memory, &mock_worker(&[])).unwrap();
    assert!(summary.all_well(), "{:?} {:?}", summary.shared_cause, harness.losses());
    assert_eq!(std::fs::read_dir(results.join("checkpoints")).unwrap().count(), 2);
    assert_eq!(memory.lasting(), undisturbed(&plan).lasting());
}

#[test]
fn a_job_longer_than_a_pipe_arrives_whole() {
    let mut harness = Harness::new(runs(200, 1), 1, 200);
    let summary = harness.sweep(&mut Memory::default(), &mock_worker(&[])).unwrap();
    assert!(summary.all_well(), "{:?}", harness.losses());
    assert_eq!(harness.group_sizes(), [200]);
}

/// The cause of the first loss, of a worker that always fails so.
fn cause_of(arguments: &[&str]) -> String {
    let mut harness = Harness::new(runs(1, 50), 1, 1);
    harness.request.hang_timeout = Duration::from_secs(2);
    harness.request.max_attempts = 1;
    let mut memory = Memory::default();
    let summary = harness.sweep(&mut memory, &mock_worker(arguments)).unwrap();
    assert_eq!(summary.failed, 1);
    harness.losses()[0].to_owned()
}

#[test]
fn real_deaths_are_reported_with_their_causes() {
    let abort = cause_of(&["abort", "5"]);
    assert_eq!(abort, "the worker was killed by SIGABRT; stderr: driver: bad address");
    let panic = cause_of(&["panic", "5"]);
    assert!(panic.starts_with("the worker panicked (exit code 101); stderr: "), "{panic}");
    assert!(panic.contains("as the arguments want"), "{panic}");
    assert_eq!(cause_of(&["exit", "7", "5"]), "the worker failed with exit code 7");
    assert_eq!(cause_of(&["freeze", "5"]), "it sent nothing for 2 s and was taken for hung");
    assert_eq!(
        cause_of(&["hang", "5"]),
        "it finished no step and used no processor time for 2 s and was taken for hung"
    );
    assert_eq!(cause_of(&["tear", "5"]), "the event stream ends inside a frame");
    let garbage = cause_of(&["garbage", "5"]);
    assert!(garbage.starts_with("the event stream holds no frame but `thread \\'main`"), "{garbage}");
}

#[test]
fn a_real_device_that_is_unavailable_and_a_missing_program_take_the_slot_out_of_service() {
    let code = EXIT_DEVICE_UNAVAILABLE.to_string();
    let program = Program::at("/nonexistent/worker".into());
    let missing = ProcessLauncher { program, args: Vec::new(), limits: ProcessLimits::default() };
    for launcher in [mock_worker(&["exit", &code, "0"]), missing] {
        let mut harness = Harness::new(runs(2, 1), 1, 2);
        let summary = harness.sweep(&mut Memory::default(), &launcher).unwrap();
        assert_eq!((summary.failed, summary.interrupted), (0, 2));
        assert!(summary.shared_cause.is_some_and(|cause| cause.starts_with("no device is left: ")));
        assert!(harness.notices.iter().any(|notice| matches!(notice, Notice::SlotLost { left: 0, .. })));
    }
}

#[test]
fn real_processes_stop_cleanly_on_request() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(2, 100_000), 2, 1);
    harness.request.pacing.stop_grace = Duration::from_mins(1);
    let stop_soon = |notice: &Notice, stop: &StopSignal| {
        if let Notice::Progress { workers, .. } = notice
            && workers.iter().filter(|worker| worker.fraction > 0.0).count() == 2
        {
            stop.raise(StopLevel::Cleanly);
        }
    };
    let summary = harness.sweep_with(&mut memory, &mock_worker(&[]), stop_soon).unwrap();
    assert_eq!((summary.interrupted, summary.queued), (2, 0));
    for run in 0..2 {
        assert_eq!(memory.attempts(&harness.id(run)), [(RunState::Interrupted, "")]);
        assert_eq!(harness.checkpoints(run).len(), 1);
    }
}

#[test]
fn processes_that_ignore_commands_are_killed_and_leave_nothing_behind() {
    let mut harness = Harness::new(runs(1, 100_000), 1, 1);
    let launcher = mock_worker(&["ignore-commands"]);
    let job = job(&harness);
    let mut worker = launcher.launch(&job).unwrap();
    let (pid, _events) = pid_of(&mut *worker);
    let process = PathBuf::from(format!("/proc/{pid}"));
    worker.send(&Request::StopAll);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(worker.try_wait(), None, "it ignores the command");
    assert!(process.exists());
    worker.kill();
    assert_eq!(wait(&mut *worker).status, ExitStatus::Signal(9));
    assert!(!process.exists());
    let stop = |notice: &Notice, stop: &StopSignal| {
        if matches!(notice, Notice::GroupStarted { .. }) {
            stop.raise(StopLevel::Cleanly);
        }
    };
    let summary = harness.sweep_with(&mut Memory::default(), &launcher, stop).unwrap();
    assert_eq!(summary.interrupted, 1);
}

#[test]
fn a_dropped_worker_does_not_live_on() {
    let harness = Harness::new(runs(1, 100_000), 1, 1);
    let mut worker = mock_worker(&[]).launch(&job(&harness)).unwrap();
    let (pid, _events) = pid_of(&mut *worker);
    drop(worker);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_worker_leads_a_process_group_of_its_own() {
    let harness = Harness::new(runs(1, 100_000), 1, 1);
    let mut worker = mock_worker(&[]).launch(&job(&harness)).unwrap();
    let (pid, _events) = pid_of(&mut *worker);
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    assert_eq!(rustix::process::getpgid(Some(pid)).unwrap(), pid);
}

#[test]
fn a_worker_has_as_much_less_priority_as_is_asked_for() {
    use rustix::process::{Pid, getpriority_process};
    let own = getpriority_process(None).unwrap();
    let harness = Harness::new(runs(1, 100_000), 1, 1);
    for niceness in [0, 7, 19] {
        let launcher = ProcessLauncher {
            limits: ProcessLimits { niceness, ..ProcessLimits::default() },
            ..mock_worker(&[])
        };
        let mut worker = launcher.launch(&job(&harness)).unwrap();
        let (pid, _events) = pid_of(&mut *worker);
        let expected = (own + i32::try_from(niceness).unwrap()).min(19);
        // Its threads too.
        for thread in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
            let id: i32 = thread.file_name().to_str().unwrap().parse().unwrap();
            assert_eq!(getpriority_process(Pid::from_raw(id)).unwrap(), expected, "of {niceness}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_worker_that_allocates_more_than_it_may_ends_for_lack_of_memory() {
    let harness = Harness::new(runs(1, 2), 1, 1);
    for (memory_mib, may) in [(200, false), (2000, true), (0, true)] {
        let limits = ProcessLimits { memory_mib, ..ProcessLimits::default() };
        let launcher = ProcessLauncher { limits, ..mock_worker(&["allocate", "400", "2"]) };
        let mut worker = launcher.launch(&job(&harness)).unwrap();
        let completed = worker
            .frames()
            .flatten()
            .any(|frame| matches!(frame, Frame::Event(event) if matches!(event.event, Event::Completed(_))));
        let exit = wait(&mut *worker);
        assert_eq!(completed, may, "{exit:?}");
        if !may {
            assert_eq!(exit.status, ExitStatus::Signal(6), "{exit:?}");
            assert!(exit.stderr.ends_with("execution.memory_mib allows 200 MiB"), "{exit:?}");
        }
    }
}

#[test]
fn a_worker_stops_cleanly_when_its_runner_is_gone() {
    use std::io::{Read, Write};
    use std::process::Stdio;
    let harness = Harness::new(runs(1, 100_000), 1, 1);
    let launcher = mock_worker(&[]);
    let mut child = launcher.program.command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(job(&harness).to_line().unwrap().as_bytes()).unwrap();
    drop(input);
    let mut frames = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut frames).unwrap();
    assert!(child.wait().unwrap().success());
    let mut frames = frames.as_slice();
    let frames = std::iter::from_fn(|| gansweep_protocol::read_frame(&mut frames).unwrap());
    let last = frames.filter(|frame| matches!(frame, Frame::Event(_))).last().unwrap();
    assert!(matches!(last, Frame::Event(Envelope { event: Event::Interrupted(_), .. })));
}

#[test]
fn threads_stop_cleanly_and_their_panics_and_failures_cost_an_attempt() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(1, 6), 1, 1);
    let launches = std::sync::atomic::AtomicUsize::new(0);
    let launcher = InProcessLauncher::new(move |job, stop, emit| {
        match launches.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => panic!("a thread that panics"),
            1 => Err(WorkerFailure { exit_code: 9, message: "a thread that gives up".to_owned() }),
            _ => simulate(job, &Script::healthy(), stop, emit),
        }
    });
    assert!(harness.sweep(&mut memory, &launcher).unwrap().all_well());
    assert_eq!(
        harness.losses(),
        [
            "the worker panicked (exit code 101); stderr: a thread that panics",
            "the worker failed with exit code 9; stderr: a thread that gives up"
        ]
    );
}

#[test]
fn a_thread_that_is_killed_ends_at_its_next_event() {
    let harness = Harness::new(runs(1, 100_000), 1, 1);
    let launcher =
        InProcessLauncher::new(|job, _, emit| simulate(job, &Script::healthy(), &mut || None, emit));
    let mut worker = launcher.launch(&job(&harness)).unwrap();
    let events = worker.frames();
    let drain = std::thread::spawn(move || events.count());
    worker.send(&Request::StopAll);
    worker.kill();
    assert_eq!(wait(&mut *worker).status, ExitStatus::Code(1));
    drain.join().unwrap();
}
