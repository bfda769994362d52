//! A results folder that the program wrote before ids stopped depending on `train.epochs`.
//!
//! `version-1` was made by that program: `first` is a grid with two seeds, of which one run diverged;
//! `second` shares a run with it and sweeps `train.epochs`, so that its three runs have become one; `third` was
//! interrupted. Every third epoch is recorded. The checkpoints of the runs of twelve layers were left out.

use std::fs;
use std::path::Path;

use gansweep_config::RunState;

use crate::sandbox::{Recorded, Sandbox};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

fn experiments(sandbox: &Sandbox) -> &Path {
    let stored = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/e2e/version-1"));
    for name in ["first.toml", "second.toml", "third.toml"] {
        sandbox.write(name, fs::read(stored.join(name)).unwrap());
    }
    stored
}

/// The folder as it was left.
fn stored() -> Sandbox {
    let sandbox = Sandbox::new();
    let folder = experiments(&sandbox);
    fs::create_dir_all(sandbox.path("results")).unwrap();
    fs::copy(folder.join("results.sqlite"), sandbox.path("results/results.sqlite")).unwrap();
    copy(&folder.join("checkpoints"), &sandbox.path("results/checkpoints"));
    sandbox
}

/// What a sweep records in a folder of its own, if this processor rounds sums as the one that wrote
/// the stored folder did: with vectors of the same width.
fn anew(arguments: &[&str], stored: &Sandbox) -> Option<Recorded> {
    let sandbox = Sandbox::new();
    experiments(&sandbox);
    sandbox.run(&[&["sweep"], arguments].concat());
    let backend = |sandbox: &Sandbox| {
        let first = "SELECT backend FROM attempts ORDER BY began_ms LIMIT 1";
        sandbox.reader().query(first).unwrap().rows.remove(0)
    };
    (backend(&sandbox) == backend(stored)).then(|| sandbox.recorded())
}

#[test]
fn it_can_be_read_without_a_sweep_once_gc_has_brought_it_up_to_date() {
    let sandbox = stored();
    sandbox.run(&["gc", "--yes"]).well();
    let runs = sandbox.run(&["runs"]).well();
    assert!(runs.stdout.contains("diverged"), "{runs:#?}");
}

#[test]
fn its_sweeps_are_already_done() {
    let sandbox = stored();
    let refused = sandbox.run(&["runs"]).refused(&["schema version 1", "`gansweep gc --results"]);
    assert!(refused.stdout.is_empty());
    let second = sandbox.run(&["sweep", "second.toml"]).well();
    assert!(second.stderr.contains("1 run: 1 already done"), "{second:#?}");
    let first = sandbox.run(&["sweep", "first.toml"]);
    assert_eq!(first.code, Some(1), "one has diverged: {first:#?}");
    assert!(first.stderr.contains("8 runs: 8 already done"), "{first:#?}");
    let plan = sandbox.run(&["plan", "second.toml"]).well();
    assert!(
        plan.stdout.contains("1 run (3 entries, one for each budget, 1 done before): nothing left"),
        "{plan:#?}"
    );

    let views: Vec<_> = sandbox
        .runs_of("second")
        .iter()
        .map(|run| (run.id.clone(), run.epochs, run.step, run.state))
        .collect();
    let id = sandbox.runs_of("first")[0].id.clone();
    let view = |epochs| (id.clone(), epochs, u64::from(epochs) * 4, RunState::Completed);
    assert_eq!(views, [view(2), view(4), view(6)], "one run, which the first sweep has too");
    for command in
        [&["runs"][..], &["show", id.as_str()], &["report"], &["sql", "SELECT * FROM run_overview"]]
    {
        sandbox.run(command).well();
    }
    if let Some(alone) = anew(&["first.toml"], &sandbox) {
        let recorded = sandbox.recorded();
        // At the end of four epochs the run of six that it was merged into has no point.
        let merged = |key: &(gansweep_config::RunId, u64, String)| key.0 == id && key.1 == 16;
        let compared = alone.iter().filter(|(key, _)| !merged(key) && !is_younger(key));
        assert!(compared.into_iter().all(|(key, bits)| recorded.get(key) == Some(bits)));
    }
}

/// Whether the program that wrote the stored results had no such metric yet.
fn is_younger((_, _, name): &(gansweep_config::RunId, u64, String)) -> bool {
    name.contains("accuracy")
}

#[test]
fn its_interrupted_run_goes_on_to_the_bits_of_one_that_was_not() {
    let sandbox = stored();
    let old = sandbox.path("results/checkpoints/02c1410ef14101b7");
    assert!(old.is_dir());
    let ended = sandbox.run(&["sweep", "third.toml"]).well();
    assert!(ended.stderr.contains("1 run: 1 completed (1 resumed from a checkpoint)"), "{ended:#?}");
    assert!(!ended.stderr.contains("warning"), "{ended:#?}");
    let run = &sandbox.runs_of("third")[0];
    assert_eq!((run.state, run.step, run.attempts), (RunState::Completed, 120_000, 2));
    let attempts = sandbox.reader().attempts(&run.id).unwrap();
    assert_eq!(attempts.iter().map(|attempt| attempt.from_step).collect::<Vec<_>>(), [Some(0), Some(54_000)]);
    let checkpoint = sandbox.reader().checkpoint(&run.id).unwrap().unwrap();
    assert!(
        checkpoint.path.starts_with(&format!("checkpoints/{}/", run.id)) && checkpoint.written_for.is_none()
    );
    assert!(!old.exists(), "the folder of the old id has gone with its file");
    if let Some(alone) = anew(&["third.toml"], &sandbox) {
        let (mut recorded, mut alone) = (sandbox.recorded(), alone);
        recorded.retain(|key, _| key.0 == run.id && !is_younger(key));
        alone.retain(|key, _| !is_younger(key));
        assert!(recorded == alone);
    }
}

#[test]
fn its_runs_train_on_when_more_is_asked() {
    let sandbox = stored();
    let more = ["first.toml", "--set", "train.epochs=9"];
    let ended = sandbox.run(&[&["sweep"][..], &more].concat());
    assert_eq!(ended.code, Some(1), "one has diverged: {ended:#?}");
    assert!(
        ended.stderr.contains(
            "8 runs: 7 completed, 1 already done, 1 of them diverged (7 extended from fewer epochs)"
        ),
        "{ended:#?}"
    );
    assert_eq!(ended.stderr.matches("the file is missing").count(), 3, "{ended:#?}");
    let second: Vec<_> = sandbox.runs_of("second").iter().map(|run| (run.step, run.state)).collect();
    assert_eq!(second, [8, 16, 24].map(|step| (step, RunState::Completed)), "as it was");
    let Some(alone) = anew(&more, &sandbox) else { return };
    let recorded = sandbox.recorded();
    // The program that wrote the checkpoints began its sums anew at the end of an epoch that is not
    // recorded. So in the runs that went on from there, the means of the next point are of fewer steps.
    let went_on: Vec<_> = sandbox
        .runs_of("first")
        .into_iter()
        .filter(|run| sandbox.reader().attempts(&run.id).unwrap().last().unwrap().from_step == Some(16))
        .map(|run| run.id)
        .collect();
    assert_eq!(went_on.len(), 3);
    let windows = ["d_loss", "g_loss", "d_real", "d_fake_before", "d_fake_after"];
    let differs = |(id, step, name): &(gansweep_config::RunId, u64, String)| {
        went_on.contains(id) && *step == 18 && windows.contains(&name.as_str())
    };
    for (key, bits) in alone.iter().filter(|(key, _)| !differs(key) && !is_younger(key)) {
        assert_eq!(recorded.get(key), Some(bits), "{key:?}");
    }
}
