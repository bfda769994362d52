//! A sweep from its file to its report.

use std::fs;

use gansweep_config::RunState;
use gansweep_protocol::Metric;
use gansweep_store::RunFilter;

use crate::sandbox::{SMALL, Sandbox};

#[test]
fn a_sweep_trains_every_run_records_it_and_says_where_report_and_database_are() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let ended = sandbox.run(&["sweep", "small.toml"]).well();
    let report = sandbox.path("results/small.html");
    let database = sandbox.path("results/results.sqlite");
    for path in [&report, &database] {
        assert!(ended.stdout.contains(&*path.to_string_lossy()), "{ended:#?}");
        assert!(path.is_file());
    }
    let reader = sandbox.reader();
    let runs = reader.runs(&RunFilter::default()).unwrap();
    assert_eq!(runs.len(), 6);
    for run in &runs {
        assert_eq!((run.state, run.step), (RunState::Completed, 40), "{}", run.label);
        let steps: Vec<u64> = reader
            .points(&run.id, Metric::DLoss, u64::MAX, usize::MAX)
            .unwrap()
            .iter()
            .map(|point| point.step)
            .collect();
        assert_eq!(steps, [4, 8, 10, 12, 16, 20, 24, 28, 30, 32, 36, 40]);
        let grids: Vec<u64> =
            reader.samples_index(&run.id, u64::MAX).unwrap().iter().map(|grid| grid.step).collect();
        assert_eq!(grids, [0, 10, 20, 30, 40]);
    }
    let html = std::fs::read_to_string(report).unwrap();
    assert!(runs.iter().all(|run| html.contains(run.id.as_str())));
}

#[test]
fn the_same_command_again_trains_nothing_and_an_enlarged_sweep_only_what_is_new() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.run(&["sweep", "small.toml"]).well();
    let before = sandbox.recorded();

    let again = sandbox.run(&["sweep", "small.toml"]).well();
    assert!(again.stderr.contains("6 already done"), "{again:#?}");
    assert_eq!(sandbox.recorded(), before);

    sandbox.write("small.toml", SMALL.replace("[2e-4, 1e-3, 5e-3]", "[2e-4, 5e-4, 1e-3, 5e-3]"));
    let larger = sandbox.run(&["sweep", "small.toml"]).well();
    assert!(larger.stderr.contains("2 completed") && larger.stderr.contains("6 already done"), "{larger:#?}");
    let after = sandbox.recorded();
    assert!(before.iter().all(|(key, bits)| after.get(key) == Some(bits)));
    assert_eq!(sandbox.reader().runs(&RunFilter::default()).unwrap().len(), 8);
}

#[test]
fn neither_jobs_nor_lanes_nor_processes_change_a_bit() {
    let reference = Sandbox::new();
    reference.write("small.toml", SMALL);
    reference.run(&["sweep", "small.toml", "--jobs", "1", "--fuse", "off"]).well();
    let expected = reference.recorded();
    for arguments in [&["--jobs", "3"][..], &["--fuse", "4", "--jobs", "1"], &["--in-process", "--jobs", "2"]]
    {
        let sandbox = Sandbox::new();
        sandbox.write("small.toml", SMALL);
        sandbox.run(&[&["sweep", "small.toml"], arguments].concat()).well();
        assert_eq!(sandbox.recorded(), expected, "{arguments:?}");
    }
}

#[test]
fn a_run_whose_loss_explodes_ends_as_diverged_and_the_others_go_on() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "small.toml",
        SMALL
            .replace("[2e-4, 1e-3, 5e-3]", "[2e-4, 1e3]")
            .replace("hidden = 24", "hidden = [24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24]"),
    );
    let ended = sandbox.run(&["sweep", "small.toml"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let runs = sandbox.reader().runs(&RunFilter::default()).unwrap();
    let states: Vec<RunState> = runs.iter().map(|run| run.state).collect();
    let (done, diverged) = (RunState::Completed, RunState::Diverged);
    assert_eq!(states, [done, done, diverged, diverged]);
    let diverged = &runs[2];
    assert!(
        diverged.step < 40 && diverged.cause.as_deref().is_some_and(|cause| cause.contains("loss became"))
    );
    let last = sandbox.reader().points(&diverged.id, Metric::DLoss, u64::MAX, usize::MAX).unwrap().pop();
    let last_g = sandbox.reader().points(&diverged.id, Metric::GLoss, u64::MAX, usize::MAX).unwrap().pop();
    assert!(
        [last, last_g]
            .into_iter()
            .flatten()
            .any(|point| !point.value.is_finite() && point.step == diverged.step)
    );
}

#[test]
fn without_its_dataset_a_sweep_trains_on_the_fallback_and_says_so() {
    let sandbox = Sandbox::new();
    let text = SMALL.replace("dataset = \"strokes\"", "dataset = \"kmnist\"\nfallback = \"strokes\"");
    sandbox.write("small.toml", text);
    let ended = sandbox.run(&["sweep", "small.toml"]).well();
    assert!(ended.stderr.contains("Training on strokes instead"), "{ended:#?}");
    let sweep = sandbox.reader().sweep("small").unwrap();
    assert_eq!((sweep.dataset_requested.name(), sweep.dataset.name()), ("kmnist", "strokes"));
    let html = std::fs::read_to_string(sandbox.path("results/small.html")).unwrap();
    assert!(html.contains("kmnist") && html.contains("strokes"));
}

#[test]
fn a_quiet_sweep_says_nothing_but_where_its_results_are() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let ended = sandbox.run(&["sweep", "small.toml", "--quiet", "--set", "sweep.seeds=1"]).well();
    assert_eq!(ended.stderr, "");
    assert_eq!(ended.stdout.lines().count(), 2);
}

#[test]
fn a_dry_run_writes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let ended = sandbox.run(&["sweep", "small.toml", "--dry-run"]).well();
    assert!(ended.stdout.contains("6 runs"), "{ended:#?}");
    assert!(!sandbox.path("results").exists());
}

#[test]
fn two_sweeps_at_once_in_one_folder_both_end_well() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.write(
        "other.toml",
        SMALL.replace("name = \"small\"", "name = \"other\"").replace("seeds = 2", "seeds = [7]"),
    );
    let first =
        sandbox.command(&["sweep", "small.toml"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let second = sandbox.run(&["sweep", "other.toml"]);
    let first = crate::sandbox::Ended::of(&first.wait_with_output().unwrap());
    assert_eq!((first.code, second.code), (Some(0), Some(0)), "{first:#?} {second:#?}");
    assert_eq!(sandbox.reader().runs(&RunFilter::default()).unwrap().len(), 9);
}

#[test]
fn a_run_at_its_time_limit_has_failed_and_goes_on_with_a_higher_one() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let limited = ["sweep", "small.toml", "--set", "execution.run_hours=1e-9"];
    for attempts in 1..=2 {
        let ended = sandbox.run(&limited);
        assert_eq!(ended.code, Some(1), "{ended:#?}");
        assert!(ended.stderr.contains("6 runs: 6 failed"), "{ended:#?}");
        let runs = sandbox.runs_of("small");
        for run in &runs {
            let cause = run.cause.as_deref().unwrap();
            assert!(cause.contains("execution.run_hours allows 1e-9 h; raise it to train on"), "{cause}");
            assert_eq!((run.state, run.step), (RunState::Failed, 1), "the second time nothing is trained");
        }
        let counted = sandbox.run(&["sql", "SELECT count(*) FROM attempts", "--format", "csv"]).well();
        assert!(counted.stdout.ends_with(&format!("\n{}\n", 6 * attempts)), "{counted:#?}");
    }
    sandbox.run(&["sweep", "small.toml", "--set", "execution.run_hours=1"]).well();
    let calm = Sandbox::new();
    calm.write("small.toml", SMALL);
    calm.run(&["sweep", "small.toml"]).well();
    assert_eq!(sandbox.recorded(), calm.recorded());
}

#[test]
fn a_sweep_for_a_limited_time_stops_cleanly_and_the_same_command_goes_on() {
    let sandbox = Sandbox::new();
    // Longer than any machine trains in that time.
    sandbox.write(
        "small.toml",
        SMALL.replace("seeds = 2", "seeds = 1").replace("epochs = 4", "epochs = 100000"),
    );
    let ended = sandbox.run(&["sweep", "small.toml", "--for", "2s", "--jobs", "3"]);
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    for said in ["the time given with --for is over", "stopped; run the same command to resume"] {
        assert!(ended.stderr.contains(said), "{ended:#?}");
    }
    let runs = sandbox.runs_of("small");
    let stopped = |state| matches!(state, RunState::Interrupted | RunState::Queued);
    assert!(runs.len() == 3 && runs.iter().all(|run| stopped(run.state)), "{runs:?}");
    sandbox.run(&["check"]).well();
    sandbox.run(&["sweep", "small.toml", "--for", "soon"]).refused(&["8h"]);
}

#[test]
fn failed_runs_are_retried_alone_if_that_is_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.run(&["sweep", "small.toml", "--retry-failed"]).refused(&["no run of sweep `small` has failed"]);
    let limited = ["sweep", "small.toml", "--only", "seed=1", "--set", "execution.run_hours=1e-9"];
    assert_eq!(sandbox.run(&limited).code, Some(1));
    let ended = sandbox.run(&["sweep", "small.toml", "--retry-failed", "--only", "lr=1e-3"]).well();
    assert!(ended.stderr.contains("1 run: 1 completed"), "{ended:#?}");
    let ended = sandbox.run(&["sweep", "small.toml", "--retry-failed"]).well();
    assert!(ended.stderr.contains("2 runs: 2 completed (2 resumed from a checkpoint)"), "{ended:#?}");
    let states = |state| sandbox.runs_of("small").iter().filter(|run| run.state == state).count();
    assert_eq!((states(RunState::Completed), states(RunState::Queued)), (3, 3));
    sandbox.run(&["sweep", "small.toml", "--retry-failed"]).refused(&["--retry-failed has nothing to train"]);
}

#[test]
fn only_the_selected_runs_are_trained_and_the_others_stay_in_the_plan() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let only = ["--only", "lr=0.001", "--only", "seed<1"];
    let plan = sandbox.run(&[&["plan", "small.toml"][..], &only].concat()).well();
    assert!(plan.stdout.contains("1 run (5 not selected) -> 1 group"), "{plan:#?}");
    let ended = sandbox.run(&[&["sweep", "small.toml"][..], &only].concat()).well();
    assert!(ended.stderr.contains("1 run: 1 completed"), "{ended:#?}");
    let states = |state| sandbox.runs_of("small").iter().filter(|run| run.state == state).count();
    assert_eq!((states(RunState::Completed), states(RunState::Queued)), (1, 5));

    let ended = sandbox.run(&["sweep", "small.toml", "--only", "lr=1e-3"]).well();
    assert!(ended.stderr.contains("2 runs: 1 completed, 1 already done"), "{ended:#?}");
    let ended = sandbox.run(&["sweep", "small.toml"]).well();
    assert!(ended.stderr.contains("6 runs: 4 completed, 2 already done"), "{ended:#?}");
    let whole = Sandbox::new();
    whole.write("small.toml", SMALL);
    whole.run(&["sweep", "small.toml"]).well();
    assert_eq!(sandbox.recorded(), whole.recorded());
}

#[test]
fn a_selection_that_means_nothing_is_refused_before_anything_is_recorded() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let sweep = |only| sandbox.run(&["sweep", "small.toml", "--only", only]);
    sweep("sed=1").refused(&["a key `sed`", "did you mean `seed`?", "they differ in lr, seed"]);
    sweep("lr=7").refused(&["no run of the plan satisfies lr=7", "lr=2e-4,1e-3,5e-3"]);
    sweep("lr").refused(&["`lr` is no condition"]);
    assert!(!sandbox.path("results").exists());
}

#[test]
fn variants_are_planned_trained_recorded_and_shown_by_their_names() {
    let sandbox = Sandbox::new();
    let (head, _) = SMALL.split_once("[sweep]").unwrap();
    let variants = "[sweep]\nseeds = [3]\n[sweep.variants]\nplain = {}\n\
                    wgan-gp = { loss.kind = \"wasserstein\", penalty.kind = \"wgan-gp\", model.discriminator.dropout = 0 }\n";
    sandbox.write("small.toml", format!("{head}{variants}"));
    let plan = sandbox.run(&["plan", "small.toml"]).well().stdout;
    for line in ["variant  grid  plain  wgan-gp", "wgan-gp  loss.kind ", "         penalty.kind "] {
        assert!(plan.lines().any(|found| found.starts_with(line)), "{line}: {plan}");
    }
    sandbox.run(&["sweep", "small.toml", "--only", "variant=wgan-gp"]).well();
    sandbox.run(&["sweep", "small.toml"]).well();
    let swept = "SELECT swept ->> '$.variant', label FROM run_overview ORDER BY position";
    let rows = sandbox.run(&["sql", swept, "--format", "csv"]).well().stdout;
    let rows: Vec<&str> = rows.lines().skip(1).collect();
    assert_eq!(rows, ["plain,variant=plain seed=3", "wgan-gp,variant=wgan-gp seed=3"]);
    let page = fs::read_to_string(sandbox.path("results/small.html")).unwrap();
    assert!(page.contains("What each variant sets") && page.contains("<code>penalty.kind</code> wgan-gp"));
}
