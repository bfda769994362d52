//! A writer killed at any moment leaves whole batches and nothing else.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use gansweep_config::RunState;
use gansweep_protocol::Metric;

use super::support::{NEW_YEAR_MS, Script, plan, sweep};
use crate::{Reader, Store};

/// Where a child process finds its folder.
pub(super) const FOLDER_VARIABLE: &str = "GANSWEEP_STORE_TEST_FOLDER";

const METRICS: [Metric; 3] = [Metric::DLoss, Metric::GLoss, Metric::DReal];

/// Runs one ignored test of a test program, this one or a copy of it, as a child with a folder.
pub(super) fn child_of(program: &Path, test: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", &format!("tests::{test}"), "--ignored", "--nocapture"]);
    command.env(FOLDER_VARIABLE, folder).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// The child's folder; `None` when the test is run by hand.
pub(super) fn child_folder() -> Option<PathBuf> {
    env::var_os(FOLDER_VARIABLE).map(PathBuf::from)
}

#[test]
#[ignore = "runs as the child that is killed"]
fn a_child_that_writes_until_it_is_killed() {
    let Some(folder) = child_folder() else { return };
    let mut store = Store::open_with_clock(&folder, || NEW_YEAR_MS).unwrap();
    let runs = plan(&[1e-4], &[128], &[1]);
    store.register_sweep(&sweep("lr"), &runs).unwrap();
    let attempt = store.begin_attempt(&runs[0].id, "cpu").unwrap();
    let from_step = store.statuses(&[runs[0].id.clone()]).unwrap()[&runs[0].id]
        .resume
        .as_ref()
        .map_or(0, |c| c.checkpoint.step);
    let mut script = Script::new(runs[0].id.clone(), attempt);
    script.started(from_step);
    for step in from_step + 1.. {
        script.points(step, &METRICS.map(|metric| (metric, step as f64)));
        script.samples(step, 0).checkpoint(step);
        store.record(&script.take()).unwrap();
        println!("recorded {step}");
    }
}

#[test]
fn what_a_killed_writer_recorded_is_whole_and_can_be_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let program = env::current_exe().unwrap();
    let mut recorded = 0;
    for (attempt, batches) in (1..).zip([1, 7, 40]) {
        let mut child = child_of(&program, "killed::a_child_that_writes_until_it_is_killed", folder.path())
            .spawn()
            .unwrap();
        recorded = last_recorded(&mut child, batches);
        // On Unix this is SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        check(folder.path(), recorded, attempt);
    }
    assert!(recorded >= 48);
}

/// The last step that the child says it has recorded, after a number of batches.
fn last_recorded(child: &mut Child, batches: usize) -> u64 {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // The harness may write before the child's first line, and on the same line.
    let steps = lines.filter_map(|line| line.rsplit_once("recorded ")?.1.parse().ok());
    steps.take(batches).last().expect("the child records")
}

fn check(folder: &Path, recorded: u64, attempt: u32) {
    // A reader while nobody has cleaned up yet, then the next writer.
    let reader = Reader::open(folder).unwrap();
    assert_eq!(reader.query("PRAGMA integrity_check").unwrap().rows[0][0].to_string(), "ok");
    let run = &plan(&[1e-4], &[128], &[1])[0].id;
    let checkpoint = reader.checkpoint(run).unwrap().unwrap().step;
    assert!(checkpoint >= recorded, "{checkpoint} is before {recorded}, which was recorded");
    for metric in METRICS {
        let points = reader.points(run, metric, u64::MAX, usize::MAX).unwrap();
        let expected: Vec<u64> = (1..=checkpoint).collect();
        assert_eq!(points.iter().map(|point| point.step).collect::<Vec<_>>(), expected);
    }
    assert_eq!(reader.samples_index(run, u64::MAX).unwrap().len() as u64, checkpoint);
    assert_eq!(reader.summaries(run, u64::MAX).unwrap()[0].last_step, checkpoint);
    drop(reader);
    let mut store = Store::open_with_clock(folder, || NEW_YEAR_MS).unwrap();
    assert_eq!(store.reclaim_stale().unwrap(), [(run.clone(), attempt)]);
    let status = &store.statuses(std::slice::from_ref(run)).unwrap()[run];
    assert_eq!((status.state, status.step), (RunState::Interrupted, checkpoint));
    drop(store);
    assert!(!fs::exists(folder.join("results.sqlite-wal")).unwrap(), "the last writer merges its log");
}
