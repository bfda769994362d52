//! `generate` and `export` of runs whose checkpoint, or the record of it, is not what the program wrote.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::sandbox::{SMALL, Sandbox};

/// Runs SQL on the database, as somebody else's program would.
fn execute(sandbox: &Sandbox, sql: &str) {
    let script =
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2]); c.commit()";
    let database = sandbox.path("results/results.sqlite");
    let done = Command::new("python3").args(["-c", script]).arg(database).arg(sql).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Both commands say that the checkpoint cannot be used, and why, without waiting for anything.
#[track_caller]
fn refused(sandbox: &Sandbox, run: &str, said: &str) {
    for command in
        [&["generate", run, "--out", "images.png"][..], &["export", run, "--format", "safetensors"]]
    {
        let begin = Instant::now();
        let ended = sandbox.run(command);
        assert_eq!(ended.code, Some(1), "{ended:#?}");
        assert!(!ended.stderr.contains("panicked") && ended.stderr.contains(said), "{ended:#?}");
        assert!(begin.elapsed() < Duration::from_secs(30), "something was waited for");
        assert!(!sandbox.path("images.png").exists());
    }
}

#[test]
fn a_checkpoint_that_is_not_what_was_written_is_never_drawn_from() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "small.toml",
        SMALL.replace("[2e-4, 1e-3, 5e-3]", "[2e-4]").replace("epochs = 4", "epochs = 1"),
    );
    sandbox.run(&["sweep", "small.toml"]).well();
    let runs = sandbox.runs_of("small");
    let [run, other] = [&runs[0].id, &runs[1].id].map(ToString::to_string);
    let recorded = sandbox.reader().checkpoint(&runs[0].id).unwrap().unwrap();
    let path = sandbox.path("results").join(&recorded.path);
    let content = fs::read(&path).unwrap();

    // What takes the file's place.
    fs::remove_file(&path).unwrap();
    refused(&sandbox, &run, "the file is missing");
    fs::create_dir(&path).unwrap();
    refused(&sandbox, &run, "it is a folder");
    fs::remove_dir(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    refused(&sandbox, &run, "not a regular file");
    fs::remove_file(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    refused(&sandbox, &run, "not a regular file");
    fs::remove_file(&path).unwrap();
    fs::write(&path, &content[..content.len() / 2]).unwrap();
    refused(&sandbox, &run, "bytes long");
    fs::write(&path, content.iter().map(|byte| byte ^ 1).collect::<Vec<_>>()).unwrap();
    refused(&sandbox, &run, "its content is not what was written");
    fs::write(&path, &content).unwrap();

    // What a row says.
    for outside in ["/etc/passwd", "/dev/zero", "../small.toml", ""] {
        execute(
            &sandbox,
            &format!("UPDATE checkpoints SET path = '{outside}' WHERE path = '{}'", recorded.path),
        );
        refused(&sandbox, &run, "leads outside the results folder");
        execute(
            &sandbox,
            &format!("UPDATE checkpoints SET path = '{}' WHERE path = '{outside}'", recorded.path),
        );
    }
    execute(&sandbox, &format!("UPDATE checkpoints SET bytes = 1 << 50 WHERE path = '{}'", recorded.path));
    refused(&sandbox, &run, "does not fit its config");
    execute(
        &sandbox,
        &format!("UPDATE checkpoints SET bytes = {} WHERE path = '{}'", content.len(), recorded.path),
    );
    // The rows of two runs, exchanged: each digest fits its file.
    execute(
        &sandbox,
        "CREATE TABLE kept AS SELECT run_id, path, bytes, sha256, step FROM checkpoints;
        UPDATE checkpoints SET (path, bytes, sha256, step) =
            (SELECT path, bytes, sha256, step FROM kept WHERE kept.run_id != checkpoints.run_id)",
    );
    refused(&sandbox, &run, &format!("it is of run {other}, not of {run}"));
    execute(&sandbox, "UPDATE checkpoints SET (path, bytes, sha256, step) =
            (SELECT path, bytes, sha256, step FROM kept WHERE kept.run_id = checkpoints.run_id); DROP TABLE kept");

    sandbox.run(&["generate", &run, "--out", "images.png"]).well();
    sandbox.run(&["export", &run, "--format", "safetensors"]).well();
}
