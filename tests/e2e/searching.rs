//! Sweeps whose configs are proposed from results.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use gansweep_store::{Reader, TrialRow};

use crate::evaluating::{TINY, images_in};
use crate::sandbox::{Ended, Sandbox};

pub(crate) fn search() -> String {
    let axes = TINY.find("[sweep]").unwrap();
    format!(
        "{}evaluate_epochs = 2\n\n[search]\nmethod = \"tpe\"\ntrials = 7\nstartup = 3\n\n[sweep.random.keys]\n\
         \"optimizer.lr\" = {{ log_uniform = [1e-5, 1e-1] }}\n\"model.generator.dropout\" = {{ uniform = [0.0, 0.5] }}\n",
        &TINY[..axes]
    )
}

/// The experiment, its images, and a cache of its own, because the evaluator of these images is quickly trained.
pub(crate) fn sandbox() -> Sandbox {
    let sandbox = images_in(Sandbox::new());
    sandbox.write("tiny.toml", search());
    sandbox
}

pub(crate) fn command(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(arguments);
    command.env("XDG_CACHE_HOME", sandbox.path("cache"));
    command
}

pub(crate) fn run(sandbox: &Sandbox, arguments: &[&str]) -> Ended {
    Ended::of(&command(sandbox, arguments).output().unwrap())
}

pub(crate) fn trials(sandbox: &Sandbox) -> Vec<TrialRow> {
    sandbox.reader().trials("tiny").unwrap()
}

/// They are trials of the search, which would propose without knowing them.
#[test]
fn a_search_knows_the_figures_of_runs_that_were_completed_without_any() {
    let sandbox = sandbox();
    let drawn = ["search.method=none", "sweep.random.n=3", "record.evaluate_epochs=0"];
    let sets = drawn.iter().flat_map(|set| ["--set", set]);
    run(&sandbox, &["sweep", "tiny.toml"].into_iter().chain(sets).collect::<Vec<_>>()).well();
    let ended = run(&sandbox, &["sweep", "tiny.toml", "--jobs", "2"]).well();
    assert!(ended.stderr.contains("7 runs: 4 completed, 3 already done"), "{ended:#?}");
    assert!(ended.stderr.contains("best of 7 trials by fd: "), "{ended:#?}");
    assert!(!ended.stderr.contains("no value"), "{ended:#?}");
}

#[test]
fn a_search_trains_its_trials_names_the_best_and_has_nothing_left_to_do() {
    let sandbox = sandbox();
    let planned = run(&sandbox, &["plan", "tiny.toml"]).well();
    for text in
        ["3 runs of the first 3 of 7 trials; 4 more are proposed to improve fd", "log_uniform [1e-5, 0.1]"]
    {
        assert!(planned.stdout.contains(text), "{planned:#?}");
    }
    let ended = run(&sandbox, &["sweep", "tiny.toml", "--jobs", "2"]).well();
    assert!(ended.stderr.contains("7 runs: 7 completed"), "{ended:#?}");
    assert!(ended.stderr.contains("best of 7 trials by fd: "), "{ended:#?}");
    let best = sandbox
        .run(&["sql", "SELECT trial FROM trials_named ORDER BY value LIMIT 1", "--format", "csv"])
        .well();
    let best = best.stdout.lines().nth(1).unwrap().to_owned();
    assert!(ended.stderr.contains(&format!("(trial {best})")), "{best}: {ended:#?}");
    let before = trials(&sandbox);
    assert_eq!(before.len(), 7);

    let again = run(&sandbox, &["sweep", "tiny.toml", "--jobs", "2"]).well();
    assert!(again.stderr.contains("7 runs: 7 already done"), "{again:#?}");
    assert_eq!(trials(&sandbox), before);

    sandbox.write("tiny.toml", search().replace("trials = 7", "trials = 9"));
    let more = run(&sandbox, &["sweep", "tiny.toml", "--jobs", "2"]).well();
    assert!(more.stderr.contains("9 runs: 2 completed, 7 already done"), "{more:#?}");
    assert_eq!(trials(&sandbox)[..7], before);
}

#[test]
fn a_search_that_finds_no_other_config_says_so() {
    let sandbox = sandbox();
    let (before, _) =
        search().split_once("[sweep.random.keys]").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let text = format!("{before}[sweep.random.keys]\n\"optimizer.lr\" = {{ choice = [1e-4, 1e-3] }}\n");
    sandbox.write("tiny.toml", text.replace("startup = 3", "startup = 1"));
    let ended = run(&sandbox, &["sweep", "tiny.toml"]).well();
    assert!(ended.stderr.contains("the search ended after 2 of 7 trials"), "{ended:#?}");
}

#[test]
fn a_search_that_is_killed_goes_on_to_the_trials_of_one_that_is_not() {
    let calm = sandbox();
    run(&calm, &["sweep", "tiny.toml", "--jobs", "1"]).well();

    let killed = sandbox();
    for wanted in [2, 5] {
        let mut process = command(&killed, &["sweep", "tiny.toml", "--jobs", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_mins(2);
        // The database may be in the making.
        let done = || -> Option<usize> {
            let reader = Reader::open(&killed.path("results")).ok()?;
            let counted = reader.query("SELECT count(*) FROM runs WHERE state = 'completed'").ok()?;
            counted.rows[0][0].to_string().parse().ok()
        };
        while done().is_none_or(|done| done < wanted) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        process.kill().unwrap();
        process.wait().unwrap();
    }
    run(&killed, &["sweep", "tiny.toml", "--jobs", "1"]).well();
    assert_eq!(trials(&killed), trials(&calm));
    assert_eq!(killed.recorded(), calm.recorded());
}

#[test]
fn a_search_that_cannot_work_is_refused_with_the_way_out() {
    let sandbox = sandbox();
    for (arguments, way_out) in [
        (
            &["sweep", "tiny.toml", "--set", "record.evaluate_epochs=0"][..],
            "expected no `record.evaluate_epochs`, or a number of epochs such as 2",
        ),
        (&["plan", "tiny.toml", "--set", "search.metric=\"fdd\""], "did you mean `fd`?"),
        (&["plan", "tiny.toml", "--set", "search.metric=\"d_loss\""], "search.metric: found `\"d_loss\"`"),
        (&["sweep", "tiny.toml", "--only", "lr<1e-3"], "set search.method=none"),
        (&["sweep", "tiny.toml", "--retry-failed"], "set search.method=none"),
    ] {
        let refused = sandbox.run(arguments);
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        assert!(refused.stderr.contains(way_out), "{refused:#?}");
    }
    assert!(!sandbox.path("results/results.sqlite").exists());
}
