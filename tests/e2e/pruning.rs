//! Sweeps with `[prune]`, on small images whose evaluator is trained in a second.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use gansweep_config::RunState;
use gansweep_protocol::Metric;

use crate::evaluating::{images, labels};
use crate::sandbox::{Ended, Recorded, Sandbox};

/// Six configs. With a factor of 3 and 9 epochs, six train for 1, two for 3 and one for 9.
pub(crate) const PRUNED: &str = r#"
name = "pruned"
recipe = "fast"

[data]
dataset = "idx"
path = "images"

[model]
hidden = 16
latent_dim = 4

[train]
epochs = 9
batch_size = 16

[record]
every_epochs = 2
grid_rows = 2
grid_cols = 2

[prune]
method = "successive-halving"

[sweep.grid]
"optimizer.lr" = [1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2]
"#;

pub(crate) fn sandbox(text: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("pruned.toml", text);
    for (split, count) in [("train", 48), ("t10k", 24)] {
        sandbox.write(&format!("images/{split}-images-idx3-ubyte"), images(count));
        sandbox.write(&format!("images/{split}-labels-idx1-ubyte"), labels(count));
    }
    sandbox
}

/// The program with a cache of its own, since the evaluator is.
pub(crate) fn command(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(arguments);
    command.env("XDG_CACHE_HOME", sandbox.path("cache"));
    command
}

pub(crate) fn run(sandbox: &Sandbox, arguments: &[&str]) -> Ended {
    Ended::of(&command(sandbox, arguments).output().expect("the program starts"))
}

fn count(sandbox: &Sandbox, state: RunState) -> usize {
    sandbox.runs_of("pruned").iter().filter(|run| run.state == state).count()
}

/// What both have recorded.
pub(crate) fn common(recorded: &Recorded, other: &Recorded) -> Recorded {
    recorded
        .iter()
        .filter(|(key, _)| other.contains_key(*key))
        .map(|(key, bits)| (key.clone(), bits.clone()))
        .collect()
}

#[test]
fn the_best_third_goes_on_from_each_rung_with_the_bits_of_runs_never_paused() {
    let pruned = sandbox(PRUNED);
    let plan = run(&pruned, &["plan", "pruned.toml"]).well();
    let cost = "pruning (successive-halving, by fd): 16 of 54 epochs in all, fewer where runs diverge";
    assert!(plan.stdout.contains(cost), "{}", plan.stdout);
    let ended = run(&pruned, &["sweep", "pruned.toml"]).well();
    assert!(ended.stderr.contains("6 runs: 1 completed, 5 paused"), "{}", ended.stderr);
    let runs = pruned.runs_of("pruned");
    let mut epochs: Vec<u64> = runs.iter().map(|run| run.step / 3).collect();
    epochs.sort_unstable();
    assert_eq!(epochs, [1, 1, 1, 1, 3, 9]);
    let causes: Vec<&str> = runs.iter().filter_map(|run| run.cause.as_deref()).collect();
    assert!(causes.contains(&"rung of 1 epoch: 6th of 6, 2 go on"), "{causes:?}");
    assert!(causes.contains(&"rung of 3 epochs: 2nd of 2, 1 goes on"), "{causes:?}");

    let whole = sandbox(&PRUNED.replace("method", "# method"));
    run(&whole, &["sweep", "pruned.toml"]).well();
    let (recorded, expected) = (pruned.recorded(), whole.recorded());
    let shared = common(&recorded, &expected);
    assert!(shared.len() > 100, "{}", shared.len());
    assert_eq!(shared, common(&expected, &recorded));
    let best = runs.iter().find(|run| run.state == RunState::Completed).unwrap();
    assert_eq!(pruned.checkpoints()[&best.id], whole.checkpoints()[&best.id]);

    let rows = pruned.reader().query("SELECT epochs, decision, count(*) FROM rungs GROUP BY 1, 2").unwrap();
    let rows: Vec<String> = rows.rows.iter().map(|row| format!("{} {} {}", row[0], row[1], row[2])).collect();
    assert_eq!(rows, ["1 promoted 2", "1 stays 4", "3 promoted 1", "3 stays 1"]);
}

#[test]
fn a_complete_pruned_sweep_has_nothing_to_do_and_a_larger_budget_goes_on() {
    let pruned = sandbox(PRUNED);
    run(&pruned, &["sweep", "pruned.toml"]).well();
    let again = run(&pruned, &["sweep", "pruned.toml"]).well();
    assert!(again.stderr.contains("6 runs: 1 already done, 5 paused"), "{}", again.stderr);
    let longer = run(&pruned, &["sweep", "pruned.toml", "--set", "train.epochs=12"]).well();
    assert!(
        longer.stderr.contains("6 runs: 1 completed, 5 paused (1 extended from fewer epochs)"),
        "{}",
        longer.stderr
    );
    assert_eq!((count(&pruned, RunState::Completed), count(&pruned, RunState::Paused)), (1, 5));
    // Without pruning all are trained to the end.
    let all = run(&pruned, &["sweep", "pruned.toml", "--set", "prune.method=none"]).well();
    assert!(all.stderr.contains("6 runs: 5 completed, 1 already done"), "{}", all.stderr);
}

#[test]
fn a_pruned_sweep_that_is_killed_makes_the_same_decisions_when_it_is_started_again() {
    let text = PRUNED.replace("batch_size = 16", "batch_size = 4");
    let calm = sandbox(&text);
    run(&calm, &["sweep", "pruned.toml"]).well();
    let decisions =
        "SELECT r.id, g.epochs, g.decision, g.reason, g.value FROM rungs g JOIN runs r USING (run_id)
        ORDER BY 1, 2";
    let expected = calm.reader().query(decisions).unwrap().to_string();
    let killed = sandbox(&text);
    for milliseconds in [300, 600, 1000] {
        let mut command = killed.command(&["sweep", "pruned.toml"]);
        command.env("XDG_CACHE_HOME", calm.path("cache")).stderr(Stdio::null()).stdout(Stdio::null());
        let mut program = command.spawn().unwrap();
        sleep(Duration::from_millis(milliseconds));
        program.kill().unwrap();
        program.wait().unwrap();
    }
    run(&killed, &["sweep", "pruned.toml"]).well();
    assert_eq!(killed.reader().query(decisions).unwrap().to_string(), expected);
    assert_eq!(count(&killed, RunState::Completed), 1);
    let (recorded, calm) = (killed.recorded(), calm.recorded());
    assert_eq!(recorded, calm);
}

#[test]
fn paused_runs_are_not_compared_and_have_not_failed() {
    let pruned = sandbox(PRUNED);
    run(&pruned, &["sweep", "pruned.toml"]).well();
    let compared = run(&pruned, &["compare", "pruned"]).well();
    let said = compared.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = "5 runs were paused or ended by pruning before 9 epochs: not compared, since only values of the same \
                    epoch are.";
    assert!(said.contains(sentence), "{said}");
    assert!(!compared.stdout.contains("NO VALUE"), "{}", compared.stdout);
    assert!(said.contains("N PAUSED ") && !said.contains("PRUNED"), "{}", compared.stdout);
    let points = pruned.reader().query("SELECT DISTINCT metric FROM points_named").unwrap().to_string();
    assert!(points.contains(Metric::Fd.name()), "{points}");
}

#[test]
fn runs_that_went_on_without_figures_are_not_compared_by_old_ones() {
    let pruned = sandbox(PRUNED);
    run(&pruned, &["sweep", "pruned.toml"]).well();
    let without = ["--set", "prune.method=none", "--set", "record.evaluate_epochs=0"];
    run(&pruned, &[&["sweep", "pruned.toml"], &without[..]].concat()).well();
    assert_eq!(count(&pruned, RunState::Completed), 6);
    let compared = run(&pruned, &["compare", "pruned"]).well();
    let said = compared.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = "5 runs have no value (5 with figures of earlier epochs alone), and are in no mean. \
                    `gansweep evaluate pruned` computes the figures of all latest checkpoints.";
    assert!(said.contains(sentence), "{said}");
    assert!(said.contains("Only lr="), "{said}");
}

#[test]
fn every_method_ends_well_with_a_run_that_reached_the_budget() {
    for method in ["asha", "hyperband", "median"] {
        let pruned = sandbox(&PRUNED.replace("successive-halving", method));
        let ended = run(&pruned, &["sweep", "pruned.toml", "--jobs", "2", "--fuse", "2"]).well();
        let runs = pruned.runs_of("pruned");
        assert!(runs.iter().any(|run| run.state == RunState::Completed), "{method}: {}", ended.stderr);
        let others = if method == "median" { RunState::Pruned } else { RunState::Paused };
        let well = |state| state == RunState::Completed || state == others || state == RunState::Diverged;
        assert!(runs.iter().all(|run| well(run.state)), "{method}: {}", ended.stderr);
        let page = std::fs::read_to_string(pruned.path("results/pruned.html")).unwrap();
        let has_rungs = pruned.reader().rungs("pruned").unwrap().iter().any(|row| row.epochs > 0);
        assert_eq!(page.contains("<h3>Pruning</h3>"), has_rungs, "{method}");
        assert!(has_rungs || method == "median", "{method}");
    }
}
