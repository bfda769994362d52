//! Results of several machines in one folder.

use std::fs;

use crate::damage::execute_in;
use crate::sandbox::{SMALL, Sandbox};

#[test]
fn halves_of_a_sweep_that_two_machines_trained_become_the_whole_one() {
    let whole = Sandbox::new();
    whole.write("small.toml", SMALL);
    whole.run(&["sweep", "small.toml"]).well();
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    for (seed, results) in [("[0]", "one"), ("[1]", "other")] {
        let seeds = format!("sweep.seeds={seed}");
        sandbox.run(&["sweep", "small.toml", "--set", &seeds, "--results", results]).well();
    }
    let other = fs::read(sandbox.path("other/results.sqlite")).unwrap();
    let merged = sandbox.run(&["merge", "one", "other/results.sqlite"]).well();
    assert_eq!(merged.stdout.matches("3 runs taken, 0 the same, 0 kept as here").count(), 2, "{merged:#?}");
    assert_eq!(sandbox.recorded(), whole.recorded());
    assert_eq!(sandbox.checkpoints(), whole.checkpoints());
    sandbox.run(&["check"]).well();
    assert!(sandbox.run(&["sweep", "small.toml"]).well().stderr.contains("6 runs already done"));
    let again = sandbox.run(&["merge", "other", "one", "results"]).well();
    assert_eq!(again.stdout.matches("0 runs taken, 3 the same, 0 kept as here").count(), 2, "{again:#?}");
    assert_eq!(fs::read(sandbox.path("other/results.sqlite")).unwrap(), other, "it is only read");
}

#[test]
fn the_longer_of_two_runs_is_taken_with_its_checkpoint_and_goes_on() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL.replace("seeds = 2", "seeds = 1"));
    sandbox.run(&["sweep", "small.toml", "--set", "train.epochs=1"]).well();
    sandbox.run(&["sweep", "small.toml", "--set", "train.epochs=3", "--results", "longer"]).well();
    let merged = sandbox.run(&["merge", "longer"]).well();
    assert!(merged.stdout.contains("3 runs taken, 0 the same"), "{merged:#?}");
    assert!(!merged.stderr.contains("conflict") && !merged.stderr.contains(" here and "), "{merged:#?}");
    sandbox.run(&["check"]).well();
    let ended = sandbox.run(&["sweep", "small.toml"]).well();
    assert!(ended.stderr.contains("3 extended"), "{ended:#?}");
    let whole = Sandbox::new();
    whole.write("small.toml", SMALL.replace("seeds = 2", "seeds = 1"));
    whole.run(&["sweep", "small.toml"]).well();
    assert_eq!(sandbox.checkpoints(), whole.checkpoints());
    sandbox.run(&["gc", "--yes"]).well();
    sandbox.run(&["check"]).well();
}

#[test]
fn what_is_missing_or_damaged_is_named_and_nothing_is_lost() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL.replace("seeds = 2", "seeds = 1"));
    sandbox.run(&["sweep", "small.toml", "--results", "other"]).well();
    let itself = sandbox.run(&["merge", "other", "--results", "other"]).well();
    assert!(itself.stderr.contains("nothing to take over"), "{itself:#?}");
    sandbox.run(&["merge", "nowhere"]).refused(&["no database at nowhere"]);
    assert!(!sandbox.path("results").exists());
    fs::remove_dir_all(sandbox.path("other/checkpoints")).unwrap();
    let merged = sandbox.run(&["merge", "other"]).well();
    assert_eq!(merged.stderr.matches("is taken without its checkpoint").count(), 3, "{merged:#?}");
    sandbox.run(&["check"]).well();
    sandbox.run(&["sweep", "small.toml", "--restore-checkpoints"]).well();
    assert_eq!(sandbox.checkpoints().len(), 3);
    sandbox.write("other/results.sqlite", "no database");
    sandbox.run(&["merge", "other"]).refused(&["is not an SQLite database"]);
}

#[test]
fn a_longer_record_that_cannot_go_on_does_not_replace_one_that_can() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL.replace("seeds = 2", "seeds = 1"));
    sandbox.run(&["sweep", "small.toml", "--set", "train.epochs=1"]).well();
    sandbox.run(&["sweep", "small.toml", "--results", "longer"]).well();
    execute_in(&sandbox.path("longer"), "UPDATE runs SET state = 'interrupted'");
    fs::remove_dir_all(sandbox.path("longer/checkpoints")).unwrap();
    let merged = sandbox.run(&["merge", "longer"]).well();
    assert!(merged.stdout.contains("0 runs taken"), "{merged:#?}");
    assert_eq!(merged.stderr.matches("so the record here is kept").count(), 3, "{merged:#?}");
    let ended = sandbox.run(&["sweep", "small.toml"]).well();
    assert!(ended.stderr.contains("3 extended"), "{ended:#?}");
    sandbox.run(&["check"]).well();
}
