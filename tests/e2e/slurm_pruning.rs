//! Pruning, search and best checkpoints on a real Slurm cluster. `scripts/check-slurm` starts it and these tests.

use std::process::Stdio;

use gansweep_config::RunState;
use gansweep_protocol::Metric;

use crate::processes::signal;
use crate::pruning::{self, PRUNED, common};
use crate::sandbox::{Ended, Sandbox};
use crate::searching;
use crate::slurm::{await_that, has_checkpoint, held_by, jobs, leave, on_cluster};

const DECISIONS: &str = "SELECT r.id, g.epochs, g.decision, g.reason, g.value FROM rungs g JOIN runs r USING (run_id) ORDER BY 1, 2";

fn query(sandbox: &Sandbox, sql: &str) -> String {
    sandbox.reader().query(sql).unwrap().to_string()
}

/// Comes back until nothing is left to do; returns how often something was left to Slurm. Each time the sweep leaves at
/// once, and what the tasks did is collected when they have ended.
fn come_back(sandbox: &Sandbox, run: impl Fn(&Sandbox, &[&str]) -> Ended, file: &str) -> usize {
    for rounds in 0..20 {
        let left = leave(sandbox, || run(sandbox, &["sweep", file, "--launcher", "slurm", "--detach"]));
        if !left.stderr.contains("left to Slurm") {
            left.well();
            return rounds;
        }
        await_that("the end of all jobs", || jobs() == 0);
        run(sandbox, &["collect"]).well();
    }
    panic!("there is no end to it");
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn successive_halving_decides_as_here_whether_the_program_stays_or_leaves() {
    let local = pruning::sandbox(PRUNED);
    pruning::run(&local, &["sweep", "pruned.toml"]).well();
    let text = on_cluster(PRUNED, "");

    let attached = pruning::sandbox(&text);
    let ended = pruning::run(&attached, &["sweep", "pruned.toml", "--launcher", "slurm"]).well();
    assert!(ended.stderr.contains("6 runs: 1 completed, 5 paused"), "{ended:#?}");

    let detached = pruning::sandbox(&text);
    detached.write("pruned.toml", on_cluster(PRUNED, &held_by(&detached)));
    let rounds = come_back(&detached, pruning::run, "pruned.toml");
    assert_eq!(rounds, 3, "a round for each rung, and one to the budget");

    for sandbox in [&attached, &detached] {
        assert_eq!(query(sandbox, DECISIONS), query(&local, DECISIONS));
        assert!(sandbox.recorded() == local.recorded(), "other bits than those of the local sweep");
        sandbox.run(&["check"]).well();
    }
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn asha_goes_on_after_its_runner_was_killed_with_the_bits_of_runs_never_paused() {
    let whole = pruning::sandbox(&PRUNED.replace("method", "# method"));
    pruning::run(&whole, &["sweep", "pruned.toml"]).well();
    let sandbox = pruning::sandbox(&on_cluster(&PRUNED.replace("successive-halving", "asha"), ""));
    let sweep = ["sweep", "pruned.toml", "--launcher", "slurm"];
    let mut runner =
        pruning::command(&sandbox, &sweep).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    await_that("a checkpoint", || has_checkpoint(&sandbox));
    signal(runner.id(), "KILL");
    runner.wait().unwrap();
    pruning::run(&sandbox, &sweep).well();
    let runs = sandbox.runs_of("pruned");
    let count = |state| runs.iter().filter(|run| run.state == state).count();
    assert!(count(RunState::Completed) > 0);
    assert_eq!(count(RunState::Completed) + count(RunState::Paused), 6, "{runs:?}");
    let (recorded, expected) = (sandbox.recorded(), whole.recorded());
    let shared = common(&recorded, &expected);
    assert!(shared.len() > 100, "{}", shared.len());
    assert!(shared == common(&expected, &recorded), "other bits than those of runs never paused");
    sandbox.run(&["check"]).well();
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn a_search_proposes_as_here_whether_the_program_stays_or_leaves() {
    let text = searching::search().replace("trials = 7", "trials = 5\nparallel = 1");
    let local = searching::sandbox();
    local.write("tiny.toml", &text);
    searching::run(&local, &["sweep", "tiny.toml", "--jobs", "1"]).well();
    let (attached, detached) = (searching::sandbox(), searching::sandbox());
    for sandbox in [&attached, &detached] {
        sandbox.write("tiny.toml", on_cluster(&text, &held_by(sandbox)));
    }
    let ended = searching::run(&attached, &["sweep", "tiny.toml", "--launcher", "slurm"]).well();
    assert!(ended.stderr.contains("5 runs: 5 completed"), "{ended:#?}");
    let rounds = come_back(&detached, searching::run, "tiny.toml");
    assert_eq!(rounds, 3, "one for the drawn trials, one for each proposal");
    for sandbox in [&attached, &detached] {
        assert_eq!(searching::trials(sandbox), searching::trials(&local));
        assert!(sandbox.recorded() == local.recorded(), "other bits than those of the local search");
    }
}

/// The quick one of these.
#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn a_search_with_asha_keeps_best_checkpoints_and_knows_every_result() {
    let tables = searching::search().replace("trials = 7", "trials = 8\nparallel = 4");
    let text = format!("{tables}\n[prune]\nmethod = \"asha\"\nfactor = 2\n");
    let sandbox = searching::sandbox();
    sandbox.write("tiny.toml", on_cluster(&text, ""));
    let ended = searching::run(&sandbox, &["sweep", "tiny.toml", "--launcher", "slurm"]).well();
    assert!(ended.stderr.contains("best of 8 trials by fd: "), "{ended:#?}");
    let trials = searching::trials(&sandbox);
    assert_eq!(trials.len(), 8);
    assert!(trials.iter().all(|trial| trial.open.len() < 4), "{trials:?}");
    let reader = sandbox.reader();
    let runs = sandbox.runs_of("tiny");
    assert_eq!(runs.len(), 8);
    for run in runs {
        let points = reader.points(&run.id, Metric::Fd, u64::MAX, usize::MAX).unwrap();
        let lowest = points.iter().map(|point| point.value).min_by(f64::total_cmp).unwrap();
        let best = reader.best_checkpoint(&run.id).unwrap().unwrap();
        assert_eq!(best.value.to_bits(), lowest.to_bits(), "{}", run.label);
        assert!(sandbox.path("results").join(best.path).is_file());
    }
    sandbox.run(&["check"]).well();
}
