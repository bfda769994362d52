//! The log for bug reports: what is in it, and that it never ends the work.

use std::collections::BTreeSet;
use std::fs;

use gansweep_store::RunFilter;

use crate::sandbox::{Ended, SMALL, Sandbox};

/// Two runs of a few steps.
const TWO_RUNS: [&str; 6] =
    ["sweep", "small.toml", "--set", "sweep.seeds=1", "--set", "sweep.grid.\"optimizer.lr\"=[2e-4, 1e-3]"];

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox
}

/// Trains both runs with the log's variable set.
fn sweep(sandbox: &Sandbox, filter: &str, arguments: &[&str]) -> Ended {
    let mut command = sandbox.command(&[&TWO_RUNS[..], arguments].concat());
    Ended::of(&command.env("GANSWEEP_LOG", filter).output().unwrap())
}

/// The processes that wrote the lines, each of which begins with the time and the process.
fn processes(log: &str) -> BTreeSet<u32> {
    let process = |line: &str| {
        let mut words = line.split(' ');
        let time = words.next().unwrap_or_default();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{line}");
        words.next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{line}"))
    };
    log.lines().map(process).collect()
}

#[track_caller]
fn holds(log: &str, texts: &[&str]) {
    for text in texts {
        assert!(log.contains(text), "`{text}` is not in the log:\n{log}");
    }
}

#[test]
fn a_log_tells_what_a_bug_report_needs_of_the_program_and_its_workers() {
    let sandbox = sandbox();
    sandbox.run(&[&TWO_RUNS[..], &["--log-file", "gansweep.log", "--jobs", "1"]].concat()).well();
    let log = fs::read_to_string(sandbox.path("gansweep.log")).unwrap();
    let version = concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"");
    holds(&log, &[version, "arguments=[\"sweep\", \"small.toml\"", "GANSWEEP_OFFLINE"]);
    holds(&log, &["machine host=", "processor=", "memory_bytes=", "device chosen device=cpu"]);
    holds(
        &log,
        &["experiment read file=small.toml", "dataset available dataset=\"strokes\"", "planned runs=2"],
    );
    holds(&log, &["database opened", "sweep starts", "group started", "run ended", "checkpoint written"]);
    holds(&log, &["writing the report", "gansweep ends"]);
    assert_eq!(processes(&log).len(), 3, "the program and two workers, a group each");

    let before = log.len();
    sandbox.run(&["--log-file", "gansweep.log", "runs"]).well();
    let after = fs::read_to_string(sandbox.path("gansweep.log")).unwrap();
    assert!(after.len() > before && after.starts_with(&log), "a log is appended to");
}

#[test]
fn without_being_asked_for_there_is_no_log() {
    let sandbox = sandbox();
    let ended = sandbox.run(&TWO_RUNS).well();
    assert!(!ended.stderr.contains("INFO") && !ended.stderr.contains("DEBUG"), "{ended:#?}");
    let names: BTreeSet<_> =
        fs::read_dir(sandbox.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, BTreeSet::from(["results".into(), "small.toml".into()]));
}

#[test]
fn the_variable_chooses_crates_and_levels_and_writes_to_stderr_without_a_file() {
    let sandbox = sandbox();
    let ended = sweep(&sandbox, "scheduler=debug", &[]).well();
    holds(&ended.stderr, &["INFO gansweep_scheduler: group started", "2 completed"]);
    assert!(!ended.stderr.contains("gansweep_app") && !ended.stderr.contains("gansweep_store"), "{ended:#?}");
    assert!(!ended.stdout.contains("INFO"), "{ended:#?}");

    let mut silent = sandbox.command(&["runs", "--log-file", "log"]);
    Ended::of(&silent.env("GANSWEEP_LOG", "off").output().unwrap()).well();
    assert_eq!(fs::read_to_string(sandbox.path("log")).unwrap(), "");
}

#[test]
fn a_worker_that_fails_is_quoted_without_its_log() {
    let sandbox = sandbox();
    sandbox.write("results/checkpoints", "no folder");
    let ended = sweep(&sandbox, "trace", &["--log-file", "gansweep.log"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    holds(
        &fs::read_to_string(sandbox.path("gansweep.log")).unwrap(),
        &["ERROR group{device=\"cpu\"", "group failed"],
    );
    // One worker: a second may be stopped before it fails, or while the first one does.
    let ended = sweep(&sandbox, "trace", &["--jobs", "1"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let runs = sandbox.reader().runs(&RunFilter::default()).unwrap();
    let causes: Vec<String> = runs.into_iter().filter_map(|run| run.cause).collect();
    assert!(causes.iter().any(|cause| cause.contains("checkpoints")), "{causes:?}");
    assert!(!causes.iter().any(|cause| cause.contains("TRACE")), "{causes:?}");
}

#[test]
fn a_log_that_cannot_be_written_ends_nothing() {
    let nowhere = sandbox();
    let ended = sweep(&nowhere, "debug", &["--log-file", "nowhere/gansweep.log"]).well();
    holds(&ended.stderr, &["warning: no log is written: nowhere/gansweep.log: No such file", "2 completed"]);

    let full = sandbox();
    let ended = sweep(&full, "trace", &["--log-file", "/dev/full"]).well();
    holds(&ended.stderr, &["2 completed"]);
    assert!(!ended.stderr.contains("log"), "{ended:#?}");
    assert_eq!(full.recorded(), nowhere.recorded());
}

#[test]
fn a_wrong_filter_is_refused_before_anything_is_started() {
    let sandbox = sandbox();
    sweep(&sandbox, "debgu", &[]).refused(&["GANSWEEP_LOG", "debgu", "scheduler=trace"]);
    assert!(!sandbox.path("results").exists());
}
