//! Interrupted anywhere and started again: the record has the same bits as if nothing had been.

use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use gansweep_config::RunState;
use gansweep_store::RunFilter;

use crate::sandbox::{Ended, PROGRAM, Recorded, SMALL, Sandbox};

/// The same small sweep with many more steps, so that there is something to interrupt.
fn longer() -> String {
    SMALL.replace("images = 640", "images = 6400").replace("hidden = 24", "hidden = 64")
}

fn uninterrupted() -> Recorded {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", longer());
    sandbox.run(&["sweep", "small.toml"]).well();
    sandbox.recorded()
}

/// Runs the same command once more, which ends the sweep.
#[track_caller]
fn finish(sandbox: &Sandbox) {
    let ended = sandbox.run(&["sweep", "small.toml"]).well();
    let runs = sandbox.reader().runs(&RunFilter::default()).unwrap();
    assert!(runs.iter().all(|run| run.state == RunState::Completed), "{ended:#?}");
}

fn start(sandbox: &Sandbox) -> Child {
    sandbox.command(&["sweep", "small.toml"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until a program catches Ctrl-C, which it does before anything else: a machine with much to do
/// may take its time to start one.
pub(crate) fn await_handler(pid: u32) {
    const SIGINT: u32 = 2;
    let deadline = Instant::now() + Duration::from_mins(1);
    let caught = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).map(str::trim);
        mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0)
    };
    while caught() >> (SIGINT - 1) & 1 == 0 {
        assert!(Instant::now() < deadline, "Ctrl-C is not caught");
        sleep(Duration::from_millis(1));
    }
}

pub(crate) fn signal(pid: u32, name: &str) {
    // A process that has ended meanwhile is fine: the test is about any moment.
    let _ = std::process::Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// Waits until a runner has so many workers.
fn await_workers(runner: u32, count: usize) -> Vec<u32> {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let workers = workers(runner);
        if workers.len() >= count {
            return workers;
        }
        assert!(Instant::now() < deadline, "only {} workers were started", workers.len());
        sleep(Duration::from_millis(5));
    }
}

fn kill_all(pids: &[u32]) {
    for &pid in pids {
        signal(pid, "KILL");
    }
}

/// The workers that a runner has started and that still live.
fn workers(runner: u32) -> Vec<u32> {
    let path = format!("/proc/{runner}/task/{runner}/children");
    let listed = std::fs::read_to_string(path).unwrap_or_default();
    let is_worker = |pid: &u32| {
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.ends_with(b"\0worker\0"))
    };
    listed.split_whitespace().filter_map(|pid| pid.parse().ok()).filter(is_worker).collect()
}

/// Moments of a sweep, spread over its first second and a bit (multiples of the golden ratio,
/// which leave no gap): the same ones in every test run.
fn moments(count: u32) -> impl Iterator<Item = Duration> {
    (1..=count).map(|index| Duration::from_secs_f64(0.05 + 1.2 * (f64::from(index) * 0.618_034).fract()))
}

#[test]
fn killed_runners_and_killed_workers_lose_nothing_but_time() {
    let expected = uninterrupted();
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", longer());
    for (index, moment) in moments(9).enumerate() {
        let mut runner = start(&sandbox);
        sleep(moment);
        match index % 3 {
            0 => signal(runner.id(), "KILL"),
            1 => kill_all(&workers(runner.id())),
            _ => {
                let orphans = workers(runner.id());
                signal(runner.id(), "KILL");
                kill_all(&orphans);
            }
        }
        runner.wait().unwrap();
    }
    finish(&sandbox);
    assert_eq!(sandbox.recorded(), expected);
}

#[test]
fn ctrl_c_ends_a_sweep_cleanly_within_two_seconds_and_the_same_command_goes_on() {
    let expected = uninterrupted();
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", longer());
    for moment in moments(6) {
        let runner = start(&sandbox);
        await_handler(runner.id());
        sleep(moment);
        let asked = Instant::now();
        signal(runner.id(), "INT");
        let ended = Ended::of(&runner.wait_with_output().unwrap());
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(10), "took {took:?}");
        assert!(matches!(ended.code, Some(0 | 130)), "{ended:#?}");
    }
    finish(&sandbox);
    assert_eq!(sandbox.recorded(), expected);
}

#[test]
fn a_killed_worker_is_recorded_as_an_attempt_with_its_cause() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", longer());
    let runner = start(&sandbox);
    signal(await_workers(runner.id(), 1)[0], "ABRT");
    let ended = Ended::of(&runner.wait_with_output().unwrap()).well();
    assert!(ended.stderr.contains("SIGABRT"), "{ended:#?}");
    let reader = sandbox.reader();
    let causes: Vec<String> = reader
        .runs(&RunFilter::default())
        .unwrap()
        .iter()
        .flat_map(|run| reader.attempts(&run.id).unwrap())
        .filter_map(|attempt| attempt.cause)
        .collect();
    assert!(causes.iter().any(|cause| cause.contains("SIGABRT")), "{causes:?}");
}

#[test]
fn a_runner_that_slept_takes_no_worker_for_hung() {
    let (lanes, _) = SMALL.split_once("[sweep.grid]").unwrap();
    // What a run sends does not fit a pipe: no worker ends while nobody reads.
    let long = lanes.replace("epochs = 4", "epochs = 200").replace("checkpoint_seconds = 0", "");
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", long.replace("seeds = 2", "seeds = 8") + "[execution]\nhang_seconds = 2\n");
    let mut command = sandbox.command(&["sweep", "small.toml", "--jobs", "8"]);
    let runner = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    await_workers(runner.id(), 8);
    sleep(Duration::from_millis(300));
    signal(runner.id(), "STOP");
    sleep(Duration::from_secs(4));
    let waiting = workers(runner.id()).len();
    signal(runner.id(), "CONT");
    let ended = Ended::of(&runner.wait_with_output().unwrap()).well();
    assert_eq!(waiting, 8, "{ended:#?}");
    for run in sandbox.runs_of("small") {
        assert_eq!((run.state, run.attempts), (RunState::Completed, 1), "{ended:#?}");
    }
}

#[test]
fn a_cause_that_all_runs_share_ends_the_sweep_once_and_is_no_fault_of_theirs() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", longer());
    let program = sandbox.path("gansweep");
    std::fs::copy(PROGRAM, &program).unwrap();
    let mut command = sandbox.command_of(&program, &["sweep", "small.toml", "--jobs", "1"]);
    let runner = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    await_workers(runner.id(), 1);
    std::fs::remove_file(&program).unwrap();
    let ended = Ended::of(&runner.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert_eq!(ended.stderr.matches("this affects every run").count(), 1, "{ended:#?}");
    assert!(ended.stderr.contains("run the same command to resume"), "{ended:#?}");
    let runs = sandbox.runs_of("small");
    let count = |state| runs.iter().filter(|run| run.state == state).count();
    assert!((1..6).contains(&count(RunState::Completed)), "{ended:#?}");
    assert_eq!(count(RunState::Failed), 0, "{ended:#?}");
    finish(&sandbox);
}
