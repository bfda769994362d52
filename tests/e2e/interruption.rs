//! Interrupted anywhere and started again: the record has the same bits as if nothing had been.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use gansweep_config::RunState;
use gansweep_store::RunFilter;

use crate::processes::{await_checkpoint, await_handler, await_workers, catches, kill_all, signal, workers};
use crate::sandbox::{CACHE_HOME, Ended, Recorded, SMALL, Sandbox};

/// The same small sweep with many more steps, so that there is something to interrupt, and with averages.
pub(crate) fn longer() -> String {
    let longer = SMALL.replace("images = 640", "images = 6400").replace("hidden = 24", "hidden = 64");
    longer.replace("batch_size = 64", "batch_size = 64\nema = 0.99")
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
    sandbox.run(&["check"]).well();
}

#[test]
fn the_runs_of_a_killed_sweep_are_not_shown_as_running() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", longer());
    let mut runner = start(&sandbox);
    await_checkpoint(&sandbox);
    // The worker tells the program what it does, and that is recorded a moment later.
    let deadline = Instant::now() + Duration::from_mins(1);
    while !sandbox.run(&["runs"]).well().stdout.contains(" running ") {
        assert!(Instant::now() < deadline, "no run is recorded as running");
    }
    let orphans = workers(runner.id());
    signal(runner.id(), "KILL");
    kill_all(&orphans);
    runner.wait().unwrap();
    let listed = sandbox.run(&["runs"]).well();
    assert!(!listed.stdout.contains(" running "), "{listed:#?}");
    assert!(listed.stdout.contains("the program ended without notice"), "{listed:#?}");
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
fn a_signal_that_is_ignored_at_the_start_stays_ignored() {
    for (name, number) in [("HUP", 1), ("INT", 2), ("TERM", 15)] {
        let sandbox = Sandbox::new();
        sandbox.write("small.toml", longer());
        let command = sandbox.command(&["sweep", "small.toml"]);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("trap '' {name}; exec \"$@\""), "sh"]).arg(command.get_program());
        shell.args(command.get_args()).current_dir(sandbox.path("")).stdin(Stdio::null());
        shell.env("XDG_CACHE_HOME", CACHE_HOME).stdout(Stdio::null()).stderr(Stdio::piped());
        let runner = shell.spawn().unwrap();
        let workers = await_workers(runner.id(), 1);
        for pid in workers.into_iter().chain([runner.id()]) {
            assert!(!catches(pid, number), "{name}");
            signal(pid, name);
        }
        let ended = Ended::of(&runner.wait_with_output().unwrap()).well();
        assert!(ended.stderr.contains("6 runs: 6 completed in"), "{name}: {ended:#?}");
    }
}

#[test]
fn a_service_manager_that_signals_all_processes_loses_nothing() {
    // Two runs that are not over before the signals come.
    let text = longer().replace("epochs = 4", "epochs = 40").replace("[2e-4, 1e-3, 5e-3]", "[1e-3]");
    let whole = Sandbox::new();
    whole.write("small.toml", &text);
    whole.run(&["sweep", "small.toml"]).well();
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", text);
    for name in ["TERM", "HUP", "INT"] {
        let runner = start(&sandbox);
        let workers = await_workers(runner.id(), 1);
        for &pid in &workers {
            await_handler(pid);
        }
        // Of the first sweep something is saved, however slow the machine is.
        await_checkpoint(&sandbox);
        signal(runner.id(), name);
        for &pid in &workers {
            signal(pid, name);
        }
        let ended = Ended::of(&runner.wait_with_output().unwrap());
        assert!(matches!(ended.code, Some(0 | 130)), "{name}: {ended:#?}");
        assert!(!ended.stderr.contains("signal"), "a worker was killed: {ended:#?}");
    }
    let saved = sandbox.runs_of("small").iter().map(|run| run.step).max();
    assert!(saved > Some(0), "nothing was saved");
    finish(&sandbox);
    assert_eq!(sandbox.recorded(), whole.recorded());
}

#[test]
fn a_worker_that_is_asked_to_end_saves_and_its_run_goes_on_elsewhere() {
    let expected = uninterrupted();
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", longer());
    let runner = start(&sandbox);
    let worker = await_workers(runner.id(), 1)[0];
    await_handler(worker);
    sleep(Duration::from_millis(150));
    signal(worker, "TERM");
    let ended = Ended::of(&runner.wait_with_output().unwrap()).well();
    assert!(!ended.stderr.contains("signal"), "{ended:#?}");
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
    let mut waiting = 0;
    for _ in 0..3 {
        signal(runner.id(), "STOP");
        sleep(Duration::from_secs(4));
        waiting = waiting.max(workers(runner.id()).len());
        signal(runner.id(), "CONT");
        sleep(Duration::from_millis(100));
    }
    let ended = Ended::of(&runner.wait_with_output().unwrap()).well();
    assert_eq!(waiting, 8, "{ended:#?}");
    for run in sandbox.runs_of("small") {
        assert_eq!((run.state, run.attempts), (RunState::Completed, 1), "{ended:#?}");
    }
}

#[test]
fn a_machine_that_sleeps_again_and_again_costs_no_attempt() {
    let (lanes, _) = SMALL.split_once("[sweep.grid]").unwrap();
    let long = lanes.replace("epochs = 4", "epochs = 400").replace("checkpoint_seconds = 0", "");
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", long.replace("seeds = 2", "seeds = 4") + "[execution]\nhang_seconds = 2\n");
    let mut command = sandbox.command(&["sweep", "small.toml", "--jobs", "4"]);
    let runner = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    await_workers(runner.id(), 4);
    for _ in 0..3 {
        // Everything stops, and the runner wakes before its workers.
        let workers = workers(runner.id());
        signal(runner.id(), "STOP");
        for &worker in &workers {
            signal(worker, "STOP");
        }
        sleep(Duration::from_secs(3));
        signal(runner.id(), "CONT");
        sleep(Duration::from_millis(500));
        for &worker in &workers {
            signal(worker, "CONT");
        }
        sleep(Duration::from_millis(300));
    }
    let ended = Ended::of(&runner.wait_with_output().unwrap()).well();
    for run in sandbox.runs_of("small") {
        assert_eq!((run.state, run.attempts), (RunState::Completed, 1), "{ended:#?}");
    }
}

/// One run whose only step takes longer than `hang_seconds`.
const ONE_LONG_STEP: &str = r#"
name = "small"
recipe = "fast"
[data]
dataset = "strokes"
images = 2048
[model]
hidden = [1536, 1536]
[train]
epochs = 1
batch_size = 2048
[execution]
hang_seconds = 1
"#;

#[test]
fn a_step_longer_than_hang_seconds_is_no_hang() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", ONE_LONG_STEP);
    let ended = sandbox.run(&["sweep", "small.toml", "--jobs", "1"]).well();
    let run = &sandbox.runs_of("small")[0];
    assert_eq!((run.state, run.attempts), (RunState::Completed, 1), "{ended:#?}");
}

#[test]
fn ctrl_c_waits_for_a_worker_that_needs_time_to_save_and_says_so() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", longer().replace("epochs = 4", "epochs = 400"));
    let mut command = sandbox.command(&["sweep", "small.toml", "--jobs", "1"]);
    let runner = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    await_checkpoint(&sandbox);
    let worker = await_workers(runner.id(), 1)[0];
    // A worker that does nothing for some seconds stands for one whose disk is slow.
    signal(worker, "STOP");
    signal(runner.id(), "INT");
    sleep(Duration::from_millis(4500));
    signal(worker, "CONT");
    let ended = Ended::of(&runner.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    assert!(ended.stderr.contains("still waiting for 1 worker to finish a step and save: cpu"), "{ended:#?}");
    let reader = sandbox.reader();
    let begun = sandbox.runs_of("small").into_iter().find(|run| run.attempts == 1).expect("a run has begun");
    let checkpoint = reader.checkpoint(&begun.id).unwrap().expect("it was saved");
    assert_eq!((begun.state, begun.step), (RunState::Interrupted, checkpoint.step), "{ended:#?}");
}

#[test]
fn a_second_ctrl_c_ends_a_worker_that_does_not_end() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", longer().replace("epochs = 4", "epochs = 400"));
    let mut command = sandbox.command(&["sweep", "small.toml", "--jobs", "1"]);
    let runner = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    await_checkpoint(&sandbox);
    let worker = await_workers(runner.id(), 1)[0];
    signal(worker, "STOP");
    signal(runner.id(), "INT");
    sleep(Duration::from_millis(300));
    let asked = Instant::now();
    signal(runner.id(), "INT");
    let ended = Ended::of(&runner.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    assert!(asked.elapsed() < Duration::from_secs(20), "{ended:#?}");
    assert!(sandbox.runs_of("small").iter().all(|run| run.state != RunState::Failed), "{ended:#?}");
}
