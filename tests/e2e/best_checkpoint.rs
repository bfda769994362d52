//! The best checkpoint of a run, kept beside the last one by a quality figure.

use std::fs;
use std::process::{Command, Stdio};

use gansweep_protocol::{BestCheckpoint, Metric};
use gansweep_store::RunRow;

use crate::evaluating::images_in;
use crate::sandbox::{Ended, Sandbox};

/// Two runs of the small experiment, with a learning rate at which images do not get better each epoch.
const SETS: [&str; 7] = [
    "record.evaluate_epochs=1",
    "record.final_images=0",
    "train.epochs=8",
    "sweep.seeds=1",
    "model.hidden=64",
    "record.best=recall",
    "record.checkpoint_seconds=600",
];

fn sweep(sandbox: &Sandbox, sets: &[&str]) -> Ended {
    let sets = SETS.iter().chain(sets).flat_map(|set| ["--set", set]);
    let arguments: Vec<&str> = ["sweep", "tiny.toml"].into_iter().chain(sets).collect();
    cached(sandbox, &arguments)
}

/// Runs the program with a cache of its own, so that the evaluator is trained once.
fn cached(sandbox: &Sandbox, arguments: &[&str]) -> Ended {
    Ended::of(&with_cache(sandbox, arguments).output().unwrap())
}

fn with_cache(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(arguments);
    command.env("XDG_CACHE_HOME", sandbox.path("cache"));
    command
}

fn best(sandbox: &Sandbox, run: &RunRow) -> BestCheckpoint {
    sandbox.reader().best_checkpoint(&run.id).unwrap().unwrap()
}

/// The best checkpoints, without what a clock decides.
fn all_best(sandbox: &Sandbox) -> Vec<(u64, f64)> {
    sandbox.runs_of("tiny").iter().map(|run| best(sandbox, run)).map(|best| (best.step, best.value)).collect()
}

fn files(sandbox: &Sandbox, run: &RunRow) -> Vec<String> {
    let folder = sandbox.path("results/checkpoints").join(run.id.as_str());
    let names = fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn the_best_checkpoint_is_kept_beside_the_last_and_every_command_finds_it() {
    let sandbox = images_in(Sandbox::new());
    sweep(&sandbox, &[]).well();
    let runs = sandbox.runs_of("tiny");
    let mut earlier = None;
    for run in &runs {
        let points = sandbox.reader().points(&run.id, Metric::Recall, u64::MAX, usize::MAX).unwrap();
        // Of equal values, the last in this order, which is the first of the run.
        let first = points.iter().rev().max_by(|one, other| one.value.total_cmp(&other.value)).unwrap();
        let found = best(&sandbox, run);
        assert_eq!((found.step, found.value, found.metric), (first.step, first.value, Metric::Recall));
        let steps = if found.step == run.step { vec![run.step] } else { vec![found.step, run.step] };
        let expected: Vec<String> =
            steps.into_iter().map(|step| format!("step-{step:08}.safetensors")).collect();
        assert_eq!(files(&sandbox, run), expected);
        if found.step < run.step {
            earlier = Some((run, found));
        }
    }
    let (run, found) = earlier.expect("a run whose best images are not its last");
    let id = run.id.as_str();
    let shown = sandbox.run(&["show", id]).well().stdout;
    let epoch = found.step * 8 / run.step;
    assert!(shown.contains(&format!("of 2000 images at epoch {epoch}: {}", found.path)), "{shown}");
    let page = fs::read_to_string(sandbox.path("results/tiny.html")).unwrap();
    assert!(page.contains("best epoch</button>") && page.contains("<span title=\"recall "), "{}", page.len());

    let draw = |arguments: &[&str], out: &str| {
        let all = [&["generate", id, "-n", "4", "--out", out], arguments].concat();
        let which = if arguments.is_empty() { "(last checkpoint)" } else { "(best checkpoint)" };
        let said = sandbox.run(&all).well().stderr;
        assert!(
            said.starts_with("drawn with the weights of the generator after ") && said.contains(which),
            "{said}"
        );
        fs::read(sandbox.path(out)).unwrap()
    };
    assert_ne!(draw(&["--best"], "best.png"), draw(&[], "last.png"));
    let export = |arguments: &[&str], out: &str| {
        let all = [&["export", id, "--format", "safetensors", "--out", out], arguments].concat();
        sandbox.run(&all).well();
        fs::read(sandbox.path(out).join("generator.safetensors")).unwrap()
    };
    assert_ne!(export(&["--best"], "best"), export(&[], "last"));
    let evaluate = ["evaluate", id, "--best", "--images", "2000", "--path", "images", "--json"];
    let evaluated = cached(&sandbox, &evaluate).well().stdout;
    let evaluated: serde_json::Value = serde_json::from_str(&evaluated).unwrap();
    let of_run = &evaluated["runs"][0];
    assert_eq!(of_run["step"].as_u64(), Some(found.step));
    assert_eq!(of_run["figures"]["fidelity"]["recall"].as_f64(), Some(found.value));
    sandbox.run(&["check"]).well();
}

#[test]
fn a_sweep_that_is_killed_or_extended_has_the_best_checkpoints_of_one_trained_at_once() {
    let whole = images_in(Sandbox::new());
    sweep(&whole, &[]).well();
    let sandbox = images_in(Sandbox::new());
    sweep(&sandbox, &["train.epochs=3"]).well();
    let sets = SETS.iter().flat_map(|set| ["--set", set]);
    let arguments: Vec<&str> = ["sweep", "tiny.toml"].into_iter().chain(sets).collect();
    let mut killed = with_cache(&sandbox, &arguments).stderr(Stdio::null()).spawn().unwrap();
    let has_gone_on = || sandbox.runs_of("tiny").iter().any(|run| run.epochs == 8 && run.step > 9);
    for _ in 0..500 {
        if has_gone_on() || killed.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // It may have ended, which takes nothing from what follows.
    drop(killed.kill());
    killed.wait().unwrap();
    sweep(&sandbox, &[]).well();
    assert_eq!(all_best(&sandbox), all_best(&whole));
    sandbox.run(&["check"]).well();
}

#[test]
fn a_best_checkpoint_that_is_lost_is_told_and_trained_again_on_request() {
    let sandbox = images_in(Sandbox::new());
    sweep(&sandbox, &[]).well();
    let before = all_best(&sandbox);
    let run = sandbox.runs_of("tiny").into_iter().find(|run| best(&sandbox, run).step < run.step).unwrap();
    let path = sandbox.path("results").join(best(&sandbox, &run).path);
    fs::remove_file(&path).unwrap();
    let damage = sandbox.run(&["check"]);
    assert_eq!(damage.code, Some(1), "{damage:#?}");
    let said = damage.stdout + &damage.stderr;
    assert!(said.contains(&format!("the best checkpoint of run {}", run.id)), "{said}");
    assert!(said.contains("--restore-checkpoints"), "{said}");
    let failed = sandbox.run(&["generate", run.id.as_str(), "--best"]);
    assert!(failed.code == Some(1) && failed.stderr.contains("the file is missing"), "{failed:#?}");
    let sets = SETS.iter().flat_map(|set| ["--set", set]);
    let again: Vec<&str> = ["sweep", "tiny.toml", "--restore-checkpoints"].into_iter().chain(sets).collect();
    cached(&sandbox, &again).well();
    assert!(path.is_file());
    assert_eq!(all_best(&sandbox), before);
    sandbox.run(&["check"]).well();
}

#[test]
fn the_best_weights_outlive_the_others_if_that_is_asked_for_and_go_with_their_run() {
    let sandbox = images_in(Sandbox::new());
    sweep(&sandbox, &[]).well();
    let runs = sandbox.runs_of("tiny");
    let run = runs.iter().find(|run| best(&sandbox, run).step < run.step).unwrap();
    let found = best(&sandbox, run);
    sandbox.run(&["gc", "--keep-weights", "best", "--metric", "recall", "--yes"]).well();
    assert_eq!(files(&sandbox, run), [found.path.rsplit_once('/').unwrap().1]);
    sandbox.run(&["check"]).well();
    let id = run.id.as_str();
    sandbox.run(&["generate", id, "--best", "-n", "1"]).well();
    sandbox.run(&["generate", id, "-n", "1"]).refused(&["has its best checkpoint alone: --best takes it"]);

    sandbox.run(&["merge", "results", "--results", "merged"]).well();
    let merged = gansweep_store::Reader::open(&sandbox.path("merged")).unwrap();
    let brought = merged.best_checkpoint(&run.id).unwrap().unwrap();
    assert_eq!(brought, found);
    assert!(sandbox.path("merged").join(brought.path).is_file());

    sandbox.run(&["rm", "tiny", "--yes"]).well();
    assert!(fs::read_dir(sandbox.path("results/checkpoints")).unwrap().next().is_none());
}

#[test]
fn a_run_without_figures_has_no_best_checkpoint_and_is_told_which_keys_give_one() {
    let sandbox = images_in(Sandbox::new());
    sandbox.run(&["sweep", "tiny.toml", "--set", "record.evaluate_epochs=0"]).well();
    let run = sandbox.runs_of("tiny")[0].id.to_string();
    let refused = ["has no best checkpoint", "record.evaluate_epochs", "record.best"];
    sandbox.run(&["generate", &run, "--best"]).refused(&refused);
    sandbox.run(&["export", &run, "--format", "safetensors", "--best"]).refused(&refused);
    sandbox
        .run(&["sweep", "tiny.toml", "--set", "record.best=d_loss"])
        .refused(&["record.best", "\"recall\""]);
}

#[test]
fn a_plan_says_when_images_are_evaluated_and_what_that_costs() {
    let sandbox = images_in(Sandbox::new());
    let plan = |sets: &[&str]| {
        let all = [&["plan", "tiny.toml"][..], sets].concat();
        sandbox.run(&all).well().stdout
    };
    let short = plan(&[]);
    assert!(short.contains("no quality figures: one evaluation of each run would take about"), "{short}");
    let classifier = "first, once for idx: the evaluator (the classifier for quality figures), about ";
    assert!(!short.contains(classifier), "{short}");
    let asked = plan(&["--set", "record.evaluate_epochs=1"]);
    let text = "quality figures of 2000 images after each epoch, of 10000 images at the end: about ";
    assert!(asked.contains(text) && asked.contains(classifier), "{asked}");
    let every = plan(&["--set", "record.evaluate_epochs=2", "--set", "record.final_images=0"]);
    assert!(
        every.contains("quality figures of 2000 images after every 2 epochs and at the end: about"),
        "{every}"
    );
    assert!(plan(&["--set", "record.evaluate_epochs=0"]).contains("no quality figures while runs train\n"));
    sandbox
        .run(&["plan", "tiny.toml", "--set", "record.evaluate_epochs=often"])
        .refused(&["record.evaluate_epochs", "\"auto\", or an integer from 0 to 100000"]);
}
