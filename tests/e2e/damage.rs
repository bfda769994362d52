//! Damage that SQLite does not notice, and checkpoints that cannot be used: found, named, and made good by one command.

use std::fs;
use std::path::Path;
use std::process::Command;

use gansweep_config::RunState;
use gansweep_store::Reader;

use crate::sandbox::{SMALL, Sandbox};

/// Runs SQL on the database, as another program would.
fn execute(sandbox: &Sandbox, sql: &str) {
    execute_in(&sandbox.path("results"), sql);
}

/// The same on the database of any results folder.
pub(crate) fn execute_in(results: &Path, sql: &str) {
    let script =
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2]); c.commit()";
    let database = results.join("results.sqlite");
    let done = Command::new("python3").args(["-c", script]).arg(database).arg(sql).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A finished sweep of two runs.
fn finished() -> Sandbox {
    let sandbox = Sandbox::new();
    let one_config = SMALL.replace("[2e-4, 1e-3, 5e-3]", "[2e-4]");
    sandbox.write("small.toml", one_config);
    sandbox.run(&["sweep", "small.toml", "--set", "train.epochs=2"]).well();
    sandbox
}

#[test]
fn a_whole_results_folder_passes_the_check() {
    let sandbox = finished();
    let ended = sandbox.run(&["check"]).well();
    assert!(ended.stdout.ends_with(": 2 runs, 2 checkpoint files: no damage\n"), "{ended:#?}");
    Sandbox::new().run(&["check"]).refused(&["no database", "gansweep sweep"]);
}

#[test]
fn damage_is_found_by_the_check_refused_by_a_sweep_and_shown_in_the_report() {
    for (sql, said) in [
        (
            "UPDATE points SET value = value + 1e-9 WHERE step = 8 AND value > 0",
            "they are not those that were summarised",
        ),
        ("UPDATE samples SET png = zeroblob(length(png)) WHERE step > 0", "it is no PNG file"),
        ("UPDATE runs SET seed = seed + 7", "its id is not that of its config, seed and data"),
    ] {
        let sandbox = finished();
        execute(&sandbox, sql);
        let ended = sandbox.run(&["check"]);
        assert_eq!(ended.code, Some(1), "{ended:#?}");
        assert!(ended.stdout.contains(said), "{ended:#?}");
        sandbox.run(&["sweep", "small.toml"]).refused(&["is damaged", "gansweep check"]);
        sandbox.run(&["report", "--out", "page.html"]).well();
        let page = fs::read_to_string(sandbox.path("page.html")).unwrap();
        assert!(page.contains("The database is damaged") && page.contains(said), "{said}");
    }
    let sandbox = finished();
    sandbox.run(&["report", "--out", "page.html"]).well();
    assert!(!fs::read_to_string(sandbox.path("page.html")).unwrap().contains("The database is damaged"));
}

#[test]
fn checkpoints_that_fit_their_digest_and_not_their_run_start_it_afresh_once() {
    let exchange = "CREATE TEMP TABLE kept AS SELECT * FROM checkpoints;
        UPDATE checkpoints SET (path, bytes, sha256) =
            (SELECT path, bytes, sha256 FROM kept WHERE kept.run_id <> checkpoints.run_id)";
    let calm = finished();
    calm.run(&["sweep", "small.toml"]).well();
    let sandbox = finished();
    execute(&sandbox, exchange);
    let found = sandbox.run(&["check"]);
    assert_eq!((found.code, found.stdout.matches("it is of run").count()), (Some(1), 2), "{found:#?}");
    let ended = sandbox.run(&["sweep", "small.toml"]).well();
    assert_eq!(ended.stderr.matches("starts from the beginning").count(), 2, "{ended:#?}");
    for run in sandbox.runs_of("small") {
        assert_eq!((run.state, run.attempts), (RunState::Completed, 2), "{ended:#?}");
    }
    assert_eq!(sandbox.recorded(), calm.recorded());
    sandbox.run(&["check", "--accept"]).well();
}

#[test]
fn final_checkpoints_of_completed_runs_are_made_again_by_one_command() {
    let sandbox = finished();
    let (before, weights) = (sandbox.recorded(), sandbox.checkpoints());
    let runs = sandbox.runs_of("small");
    let checkpoint = |run: usize| {
        let row = sandbox.reader().checkpoint(&runs[run].id).unwrap().unwrap();
        sandbox.path("results").join(row.path)
    };
    let (first, second) = (checkpoint(0), checkpoint(1));
    fs::remove_file(&first).unwrap();
    fs::remove_file(&second).unwrap();
    fs::create_dir_all(second.join("mine")).unwrap();
    let refused = sandbox.run(&["generate", runs[0].id.as_str()]);
    assert!(
        refused.stderr.contains("gansweep sweep small.toml --set 'train.epochs=2' --restore-checkpoints`"),
        "{refused:#?}"
    );
    // A plain sweep has nothing to do: a user may have deleted them for space.
    let arguments = ["sweep", "small.toml", "--set", "train.epochs=2"];
    assert!(sandbox.run(&arguments).well().stderr.contains("2 runs already done"));
    sandbox.run(&[&arguments[..], &["--restore-checkpoints"]].concat()).well();
    assert_eq!(sandbox.recorded(), before);
    assert_eq!(sandbox.checkpoints(), weights);
    sandbox.run(&["check"]).well();
    sandbox.run(&["generate", runs[0].id.as_str()]).well();
    let again = sandbox.run(&[&arguments[..], &["--restore-checkpoints"]].concat()).well();
    assert!(again.stderr.contains("2 runs already done"), "{again:#?}");
}

#[test]
fn a_checkpoint_is_made_again_to_the_last_recorded_epoch_by_a_sweep_of_fewer_epochs_too() {
    let sandbox = finished();
    let (before, weights) = (sandbox.recorded(), sandbox.checkpoints());
    let run = sandbox.runs_of("small").remove(0);
    let row = || sandbox.reader().checkpoint(&run.id).unwrap().unwrap();
    let step = row().step;
    fs::remove_file(sandbox.path("results").join(row().path)).unwrap();
    let shorter = ["sweep", "small.toml", "--set", "train.epochs=1"];
    assert!(sandbox.run(&shorter).well().stderr.contains("2 runs already done"));
    let asked = sandbox.run(&["generate", run.id.as_str()]);
    assert!(asked.stderr.contains("--set 'train.epochs=1' --restore-checkpoints`"), "{asked:#?}");
    sandbox.run(&[&shorter[..], &["--restore-checkpoints"]].concat()).well();
    assert_eq!(row().step, step);
    assert_eq!(sandbox.checkpoints(), weights);
    sandbox.run(&["check"]).well();
    // Everything is there again: the longer budget shows what it showed before.
    let longer = ["sweep", "small.toml", "--set", "train.epochs=2"];
    assert!(sandbox.run(&longer).well().stderr.contains("2 runs already done"));
    assert_eq!(sandbox.recorded(), before);
}

#[test]
fn a_checkpoint_of_an_earlier_epoch_than_the_last_recorded_one_is_found_and_made_again() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL.replace("[2e-4, 1e-3, 5e-3]", "[2e-4]"));
    let shorter = ["sweep", "small.toml", "--set", "train.epochs=1"];
    let longer = ["sweep", "small.toml", "--set", "train.epochs=2"];
    sandbox.run(&shorter).well();
    sandbox.run(&["merge", "results", "--results", "earlier"]).well();
    sandbox.run(&longer).well();
    let (before, weights) = (sandbox.recorded(), sandbox.checkpoints());
    sandbox.run(&shorter).well();
    let run = sandbox.runs_of("small").remove(0);
    let now = sandbox.reader().checkpoint(&run.id).unwrap().unwrap();
    let earlier = Reader::open(&sandbox.path("earlier")).unwrap().checkpoint(&run.id).unwrap().unwrap();
    assert!(earlier.step < now.step);
    fs::remove_file(sandbox.path("results").join(&now.path)).unwrap();
    fs::copy(sandbox.path("earlier").join(&earlier.path), sandbox.path("results").join(&earlier.path))
        .unwrap();
    execute(
        &sandbox,
        &format!(
            "UPDATE checkpoints SET step = {}, path = '{}', bytes = {}, sha256 = '{}'
             WHERE run_id = (SELECT run_id FROM runs WHERE id = '{}')",
            earlier.step, earlier.path, earlier.bytes, earlier.sha256, run.id
        ),
    );
    let found = sandbox.run(&["check"]);
    let said = format!("it is of step {}, and the run is recorded up to step {}", earlier.step, now.step);
    assert_eq!((found.code, found.stdout.matches(&said).count()), (Some(1), 1), "{found:#?}");
    sandbox.run(&[&shorter[..], &["--restore-checkpoints"]].concat()).well();
    // The row was changed from outside.
    sandbox.run(&["check", "--accept"]).well();
    sandbox.run(&longer).well();
    assert_eq!((sandbox.recorded(), sandbox.checkpoints()), (before, weights));
}

#[test]
fn a_text_that_something_else_has_changed_is_found_warned_of_and_accepted() {
    let sandbox = finished();
    execute(&sandbox, "UPDATE sweep_runs SET label = label || '!'; UPDATE sweeps SET description = 'mine'");
    let found = sandbox.run(&["check"]);
    assert_eq!(found.code, Some(1), "{found:#?}");
    assert!(found.stdout.contains("rows of table sweep_runs of run "), "{found:#?}");
    assert!(found.stdout.contains("rows of table sweeps of sweep small: they are not those"), "{found:#?}");
    let arguments = ["sweep", "small.toml", "--set", "train.epochs=3", "--set", "name=\"longer\""];
    let warned = sandbox.run(&arguments).well();
    assert!(warned.stderr.contains("warning: ") && warned.stderr.contains("check --accept"), "{warned:#?}");
    assert_eq!(sandbox.run(&["check"]).code, Some(1), "a change does not pass unnoticed later");
    sandbox.run(&["check", "--accept"]).well();
    sandbox.run(&["check"]).well();
    assert!(sandbox.run(&["runs", "--json"]).well().stdout.contains('!'));
}

#[test]
fn a_database_that_was_tampered_with_is_answered_with_a_way_out_and_never_in_a_circle() {
    let sandbox = finished();
    execute(&sandbox, "PRAGMA user_version = -5");
    for arguments in [&["runs"][..], &["sweep", "small.toml"], &["report"], &["check"]] {
        sandbox.run(arguments).refused(&["schema version -5", "Restore a copy"]);
    }
    let sandbox = finished();
    let endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c";
    sandbox.run(&["sql", endless]).refused(&["--format csv"]);
}
