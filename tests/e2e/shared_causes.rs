//! Causes that concern every run, and shortages of the machine: the sweep stops once, says why, charges no run, and
//! the same command finishes it later.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use gansweep_config::RunState;

use crate::interruption::longer;
use crate::processes::{await_checkpoint, await_workers, workers};
use crate::sandbox::{Ended, PROGRAM, SMALL, Sandbox};

fn start(sandbox: &Sandbox, arguments: &[&str]) -> Child {
    let mut command = sandbox.command(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Ended once for a cause of all runs, with exit code 1; no run has failed.
#[track_caller]
fn assert_stopped_once(sandbox: &Sandbox, ended: &Ended, said: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert_eq!(ended.stderr.matches("this affects every run").count(), 1, "{ended:#?}");
    for text in said {
        assert!(ended.stderr.contains(text), "`{text}` is not said: {ended:#?}");
    }
    for run in sandbox.runs_of("small") {
        assert_ne!(run.state, RunState::Failed, "{ended:#?}");
    }
}

/// The same command trains the rest, to the bits of an undisturbed sweep.
#[track_caller]
fn assert_goes_on(sandbox: &Sandbox, toml: String, arguments: &[&str]) {
    sandbox.run(arguments).well();
    let calm = Sandbox::new();
    calm.write("small.toml", toml);
    calm.run(&["sweep", "small.toml"]).well();
    assert_eq!(sandbox.recorded(), calm.recorded());
}

#[test]
fn a_checkpoint_folder_that_cannot_be_written_stops_the_sweep_once() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.write("results/checkpoints", "a file where the folder should be");
    let ended = sandbox.run(&["sweep", "small.toml"]);
    assert_stopped_once(&sandbox, &ended, &["checkpoints"]);
    fs::remove_file(sandbox.path("results/checkpoints")).unwrap();
    assert_goes_on(&sandbox, SMALL.to_owned(), &["sweep", "small.toml"]);
}

#[test]
fn a_results_folder_that_is_not_utf8_is_as_good_as_any() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let mut command = sandbox.command(&["sweep", "small.toml", "--results"]);
    let ended = Ended::of(&command.arg(OsStr::from_bytes(b"m\xe4rz")).output().unwrap());
    assert!(!ended.well().stderr.contains("died"));
}

#[test]
fn more_workers_than_the_limits_allow_are_refused_before_anything_starts() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL.replace("seeds = 2", "seeds = 40"));
    let under = |limit: &str, jobs: &str| {
        let script = format!("ulimit -n {limit} && exec '{PROGRAM}' sweep small.toml --jobs {jobs}");
        let mut command = sandbox.command_of("sh".as_ref(), &["-c", &script]);
        Ended::of(&command.output().unwrap())
    };
    under("64", "64").refused(&["64 workers", "open files", "--jobs", "ulimit -n"]);
    assert!(!sandbox.path("results").exists());
    // With what the answer proposes it works.
    let refused = under("64", "64").stderr;
    let proposed = refused.split("--jobs ").nth(1).unwrap().split(',').next().unwrap().to_owned();
    let ended = under("64", &proposed);
    assert!(ended.code == Some(0) && !ended.stderr.contains("no longer used"), "{ended:#?}");
}

#[test]
fn a_program_that_is_moved_replaced_or_deleted_in_the_middle_changes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", longer());
    let program = sandbox.path("gansweep");
    fs::copy(PROGRAM, &program).unwrap();
    let mut command = sandbox.command_of(&program, &["sweep", "small.toml", "--jobs", "1"]);
    let runner = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    await_workers(runner.id(), 1);
    fs::rename(&program, sandbox.path("moved")).unwrap();
    fs::copy("/bin/false", &program).unwrap();
    let first = workers(runner.id());
    let deadline = Instant::now() + Duration::from_mins(1);
    while workers(runner.id()) == first && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::remove_file(sandbox.path("moved")).unwrap();
    let ended = Ended::of(&runner.wait_with_output().unwrap()).well();
    assert!(!ended.stderr.contains("died"), "{ended:#?}");
    for run in sandbox.runs_of("small") {
        assert_eq!((run.state, run.attempts), (RunState::Completed, 1), "{ended:#?}");
    }
}

#[test]
fn data_that_disappears_in_the_middle_stops_the_sweep_once() {
    let sandbox = Sandbox::new();
    let toml = longer().replace("dataset = \"strokes\"", "dataset = \"idx\"\npath = \"own\"");
    sandbox.write("small.toml", &toml);
    let (count, side) = (6400_usize, 8_usize);
    let numbers =
        |values: &[usize]| values.iter().flat_map(|&it| (it as u32).to_be_bytes()).collect::<Vec<u8>>();
    let images: Vec<u8> = (0..count * side * side).map(|index| (index * 7 % 251) as u8).collect();
    let head = [vec![0, 0, 8, 3], numbers(&[count, side, side])].concat();
    sandbox.write("own/train-images-idx3-ubyte", [head, images].concat());
    let labels: Vec<u8> = (0..count).map(|index| (index % 10) as u8).collect();
    let head = [vec![0, 0, 8, 1], numbers(&[count])].concat();
    sandbox.write("own/train-labels-idx1-ubyte", [head, labels].concat());
    let arguments = ["sweep", "small.toml", "--jobs", "1"];
    let runner = start(&sandbox, &arguments);
    await_workers(runner.id(), 1);
    fs::rename(sandbox.path("own"), sandbox.path("unmounted")).unwrap();
    let ended = Ended::of(&runner.wait_with_output().unwrap());
    assert_stopped_once(&sandbox, &ended, &["own"]);
    fs::rename(sandbox.path("unmounted"), sandbox.path("own")).unwrap();
    let ended = sandbox.run(&arguments).well();
    for run in sandbox.runs_of("small") {
        assert_eq!(run.state, RunState::Completed, "{ended:#?}");
    }
}

/// A sweep of one worker at a time that has recorded something.
fn under_way(sandbox: &Sandbox) -> Child {
    let runner = start(sandbox, &["sweep", "small.toml", "--jobs", "1"]);
    await_checkpoint(sandbox);
    runner
}

#[test]
fn a_results_folder_that_is_moved_in_the_middle_is_said_to_be_where_it_is() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", longer());
    let runner = under_way(&sandbox);
    fs::rename(sandbox.path("results"), sandbox.path("moved")).unwrap();
    let ended = Ended::of(&runner.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("the work is in") && ended.stderr.contains("moved"), "{ended:#?}");
    assert!(!sandbox.path("results").exists(), "nothing is written to a new folder");
    let arguments = ["sweep", "small.toml", "--results", "moved"];
    sandbox.run(&arguments).well();
    let calm = Sandbox::new();
    calm.write("small.toml", longer());
    calm.run(&["sweep", "small.toml"]).well();
    assert_eq!(crate::sandbox::recorded(&sandbox.path("moved")), calm.recorded());
}

#[test]
fn a_database_that_is_deleted_in_the_middle_is_saved_and_no_run_is_reported_that_is_not_in_it() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", longer());
    let runner = under_way(&sandbox);
    fs::remove_file(sandbox.path("results/results.sqlite")).unwrap();
    let ended = Ended::of(&runner.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("rename that file to results.sqlite"), "{ended:#?}");
    for file in ["results.sqlite-wal", "results.sqlite-shm"] {
        let _ = fs::remove_file(sandbox.path("results").join(file));
    }
    fs::rename(sandbox.path("results/rescued-1.sqlite"), sandbox.path("results/results.sqlite")).unwrap();
    let completed = sandbox.runs_of("small").iter().filter(|run| run.state == RunState::Completed).count();
    assert_eq!(ended.stderr.matches(" completed\n").count(), completed, "{ended:#?}");
    assert_goes_on(&sandbox, longer(), &["sweep", "small.toml"]);
}

#[test]
fn a_second_sweep_waits_though_the_lock_file_was_deleted() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", longer());
    let runner = under_way(&sandbox);
    fs::remove_file(sandbox.path("results/.lock")).unwrap();
    let second = sandbox.run(&["sweep", "small.toml"]).well();
    assert!(second.stderr.contains("is in use by"), "{second:#?}");
    assert!(second.stderr.contains("6 runs already done"), "{second:#?}");
    Ended::of(&runner.wait_with_output().unwrap()).well();
}

#[test]
fn a_page_that_cannot_be_written_is_told_after_the_summary() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.write("results/small.html/taken", "by a folder");
    let ended = sandbox.run(&["sweep", "small.toml"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let place =
        |text: &str| ended.stderr.find(text).unwrap_or_else(|| panic!("`{text}` is not said: {ended:#?}"));
    assert!(place("6 runs: 6 completed") < place("error: cannot write the report: "), "{ended:#?}");
    assert!(ended.stdout.starts_with("database  "), "{ended:#?}");
    fs::remove_dir_all(sandbox.path("results/small.html")).unwrap();
    assert!(sandbox.run(&["sweep", "small.toml"]).well().stdout.starts_with("report    "));
}
