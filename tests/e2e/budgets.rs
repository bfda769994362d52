//! Sweeps that ask for more epochs of their runs, for fewer, or for several numbers at once.

use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use gansweep_config::RunState;
use gansweep_protocol::Metric;

use crate::sandbox::{Recorded, SMALL, Sandbox};

fn with_epochs(text: &str, epochs: u32) -> String {
    text.replace("epochs = 4", &format!("epochs = {epochs}"))
}

/// The same small sweep, recorded every third epoch only: the end of most budgets is an extra.
fn every_third() -> String {
    SMALL.replace("every_steps = 4", "every_steps = 4\nevery_epochs = 3")
}

/// What is recorded at those steps that the other has too.
fn common(recorded: Recorded, other: &Recorded) -> Recorded {
    recorded.into_iter().filter(|(key, _)| other.contains_key(key)).collect()
}

#[test]
fn two_epochs_and_then_five_have_the_bits_of_five_at_once() {
    for text in [SMALL.to_owned(), every_third()] {
        let at_once = Sandbox::new();
        at_once.write("small.toml", with_epochs(&text, 5));
        at_once.run(&["sweep", "small.toml"]).well();
        let expected = at_once.recorded();

        let sandbox = Sandbox::new();
        sandbox.write("small.toml", with_epochs(&text, 2));
        sandbox.run(&["sweep", "small.toml"]).well();
        let short = sandbox.recorded();
        sandbox.write("small.toml", with_epochs(&text, 5));
        let plan = sandbox.run(&["plan", "small.toml"]).well();
        assert!(plan.stdout.contains("6 runs (6 to extend from 2 to 5 epochs) -> 6 groups"), "{plan:#?}");
        assert_eq!(plan.stdout.lines().filter(|line| line.ends_with("  to extend")).count(), 6, "{plan:#?}");
        let ended = sandbox.run(&["sweep", "small.toml"]).well();
        assert!(ended.stderr.contains("6 runs: 6 completed (6 extended from fewer epochs)"), "{ended:#?}");

        assert_eq!(sandbox.checkpoints(), at_once.checkpoints());
        let recorded = sandbox.recorded();
        assert!(short.iter().all(|(key, bits)| recorded.get(key) == Some(bits)), "what was there stays");
        let more = recorded.keys().filter(|key| !expected.contains_key(key));
        let steps: Vec<u64> = more.map(|(_, step, _)| *step).collect();
        assert!(steps.iter().all(|&step| step == 20), "only where two epochs end: {steps:?}");
        assert_eq!(common(recorded, &expected), expected);
        for run in sandbox.runs_of("small") {
            assert_eq!((run.state, run.step, run.epochs), (RunState::Completed, 50, 5));
            let attempts = sandbox.reader().attempts(&run.id).unwrap();
            assert_eq!(
                attempts.iter().map(|attempt| attempt.from_step).collect::<Vec<_>>(),
                [Some(0), Some(20)]
            );
        }
    }
}

#[test]
fn fewer_epochs_train_nothing_and_show_the_shorter_view_everywhere() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.run(&["sweep", "small.toml"]).well();
    let before = sandbox.recorded();
    let fewer = &["sweep", "small.toml", "--set", "train.epochs=2"];
    let ended = sandbox.run(fewer).well();
    assert!(ended.stderr.contains("6 runs: 6 already done"), "{ended:#?}");
    assert_eq!(sandbox.recorded(), before);

    let run = &sandbox.runs_of("small")[0];
    assert_eq!((run.state, run.step, run.total_steps, run.epochs), (RunState::Completed, 20, 20, 2));
    let listed = sandbox.run(&["runs"]).well();
    assert!(listed.stdout.contains("20/20") && !listed.stdout.contains("40"), "{listed:#?}");
    let shown = sandbox.run(&["show", run.id.as_str()]).well();
    assert!(shown.stdout.contains("completed, step 20 of 20 (2 epochs)"), "{shown:#?}");
    let shown = sandbox.run(&["show", run.id.as_str(), "--json"]).well();
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["samples"].as_array().unwrap().last().unwrap()["step"], 20);
    assert!(shown["summaries"].as_array().unwrap().iter().all(|summary| summary["last_step"] == 20));
    let points = sandbox.run(&["export", "--sweep", "small"]).well();
    let last =
        points.stdout.lines().skip(1).filter_map(|line| line.split(',').nth(2)?.parse::<u64>().ok()).max();
    assert_eq!(last, Some(20));
    let html = std::fs::read_to_string(sandbox.path("results/small.html")).unwrap();
    let data =
        html.split("id=\"report-data\">").nth(1).and_then(|rest| rest.split("</script>").next()).unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    let row = &data["sweeps"][0]["runs"][0];
    assert_eq!((&row["step"], &row["epochs"]), (&20.into(), &2.into()));
    assert_eq!(row["grids"].as_array().unwrap().last().unwrap()["epoch"], 2);

    let more = sandbox.run(&["sweep", "small.toml"]).well();
    assert!(more.stderr.contains("6 already done"), "nothing was lost: {more:#?}");
    assert_eq!(sandbox.runs_of("small")[0].step, 40);
}

#[test]
fn two_sweeps_share_their_runs_each_up_to_its_own_budget() {
    let sandbox = Sandbox::new();
    let other = |epochs| with_epochs(&SMALL.replace("name = \"small\"", "name = \"other\""), epochs);
    sandbox.write("small.toml", with_epochs(SMALL, 2));
    sandbox.write("other.toml", other(3).replace("[2e-4, 1e-3, 5e-3]", "[1e-3, 7e-3]"));
    sandbox.run(&["sweep", "small.toml"]).well();
    let plan = sandbox.run(&["plan", "other.toml"]).well();
    assert!(plan.stdout.contains("4 runs (2 to extend from 2 to 3 epochs)"), "{plan:#?}");
    let ended = sandbox.run(&["sweep", "other.toml"]).well();
    assert!(ended.stderr.contains("4 runs: 4 completed (2 extended from fewer epochs)"), "{ended:#?}");
    let steps = |sweep| sandbox.runs_of(sweep).iter().map(|run| (run.state, run.step)).collect::<Vec<_>>();
    assert_eq!(steps("small"), [(RunState::Completed, 20); 6]);
    assert_eq!(steps("other"), [(RunState::Completed, 30); 4]);

    let longer = sandbox.run(&["sweep", "small.toml", "--set", "train.epochs=4"]).well();
    assert!(longer.stderr.contains("6 runs: 6 completed (6 extended from fewer epochs)"), "{longer:#?}");
    assert_eq!(steps("small"), [(RunState::Completed, 40); 6]);
    assert_eq!(steps("other"), [(RunState::Completed, 30); 4], "as it was");
    let alone = Sandbox::new();
    alone.write("small.toml", SMALL);
    alone.run(&["sweep", "small.toml"]).well();
    let expected = alone.recorded();
    assert_eq!(common(sandbox.recorded(), &expected), expected);
}

#[test]
fn an_extension_that_is_killed_again_and_again_ends_with_the_same_bits() {
    let text = every_third().replace("images = 640", "images = 6400").replace("hidden = 24", "hidden = 64");
    let at_once = Sandbox::new();
    at_once.write("small.toml", with_epochs(&text, 5));
    at_once.run(&["sweep", "small.toml"]).well();
    let expected = at_once.recorded();

    let sandbox = Sandbox::new();
    sandbox.write("small.toml", with_epochs(&text, 2));
    sandbox.run(&["sweep", "small.toml"]).well();
    sandbox.write("small.toml", with_epochs(&text, 5));
    for milliseconds in [150, 400, 700, 250] {
        let mut runner = sandbox
            .command(&["sweep", "small.toml"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(milliseconds));
        // On Unix this is SIGKILL; the workers end when they notice.
        runner.kill().unwrap();
        runner.wait().unwrap();
        let lower = sandbox.run(&["sweep", "small.toml", "--set", "train.epochs=2"]).well();
        assert!(lower.stderr.contains("6 already done"), "the shorter view is whole meanwhile: {lower:#?}");
    }
    sandbox.run(&["sweep", "small.toml"]).well();
    assert_eq!(common(sandbox.recorded(), &expected), expected);
    assert_eq!(sandbox.checkpoints(), at_once.checkpoints());
}

#[test]
fn a_swept_budget_is_one_run_with_several_views() {
    let text = every_third().replace("[2e-4, 1e-3, 5e-3]", "[1e-3]\n\"train.epochs\" = [1, 5, 2]");
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", &text);
    let plan = sandbox.run(&["plan", "small.toml"]).well();
    assert!(plan.stdout.contains("2 runs (6 entries, one for each budget) -> 2 groups"), "{plan:#?}");
    let ended = sandbox.run(&["sweep", "small.toml"]).well();
    assert!(ended.stderr.contains("2 runs: 2 completed"), "{ended:#?}");
    let runs = sandbox.runs_of("small");
    let views: Vec<_> = runs.iter().map(|run| (run.seed, run.epochs, run.step, run.state)).collect();
    let view = |seed, epochs| (seed, epochs, u64::from(epochs) * 10, RunState::Completed);
    assert_eq!(views, [view(0, 1), view(1, 1), view(0, 5), view(1, 5), view(0, 2), view(1, 2)]);
    for run in &runs {
        let last = sandbox.reader().points(&run.id, Metric::EpochDLoss, run.total_steps, usize::MAX).unwrap();
        assert_eq!(last.last().map(|point| point.step), Some(run.total_steps), "each view has its end");
    }
    let again = sandbox.run(&["sweep", "small.toml"]).well();
    assert!(again.stderr.contains("2 runs: 2 already done"), "{again:#?}");
    let html = std::fs::read_to_string(sandbox.path("results/small.html")).unwrap();
    assert!(html.contains("epochs=5 seed=1"), "the rate is that of all runs");
}

#[test]
fn more_epochs_leave_a_diverged_run_as_it_is() {
    let text = SMALL
        .replace("[2e-4, 1e-3, 5e-3]", "[2e-4, 1e3]")
        .replace("hidden = 24", "hidden = [24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24]");
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", &text);
    assert_eq!(sandbox.run(&["sweep", "small.toml"]).code, Some(1));
    let diverged = |sandbox: &Sandbox| {
        let runs = sandbox.runs_of("small").into_iter().filter(|run| run.state == RunState::Diverged);
        runs.map(|run| (run.id, run.step, run.cause, run.attempts)).collect::<Vec<_>>()
    };
    let before = diverged(&sandbox);
    assert_eq!(before.len(), 2);
    let ended = sandbox.run(&["sweep", "small.toml", "--set", "train.epochs=6"]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains(
            "4 runs: 2 completed, 2 already done, 2 of them diverged (2 extended from fewer epochs)"
        ),
        "{ended:#?}"
    );
    assert_eq!(diverged(&sandbox), before);
}
