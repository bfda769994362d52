//! Merging and collecting that are killed at random moments.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::damage::copy;
use crate::housekeeping::{files, recorded};
use crate::processes::signal;
use crate::sandbox::{Recorded, Sandbox};
use crate::{Faults, LIMIT, check, experiment, run, spawn, wait};

fn short() -> String {
    experiment().replace("epochs = 4", "epochs = 1")
}

/// What the experiment records on one machine.
fn whole() -> Recorded {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", short());
    sandbox.run(&["sweep", "small.toml"]).well();
    sandbox.recorded()
}

/// Kills a command a few times, each at another moment, and lets it end the last time. After each, what is recorded is whole.
fn storm(faults: &mut Faults, sandbox: &Sandbox, command: &dyn Fn() -> Command, what: &str) {
    for _ in 0..4 {
        let child = spawn(&mut command());
        sleep(faults.milliseconds(80));
        signal(child.id(), faults.pick(&["KILL", "INT", "TERM"]));
        let ended = wait(child, what);
        assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
        faults.count("interruptions");
        if !sandbox.path("results/results.sqlite").is_file() {
            continue;
        }
        let checked = run(&mut sandbox.command(&["check"]), "check");
        check(what, &checked);
        assert_eq!(checked.code, Some(0), "{checked:#?}");
    }
    let ended = run(&mut command(), what);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}

/// Everything is there, once, and no file is left that no record names.
fn assert_whole(sandbox: &Sandbox, expected: &Recorded) {
    assert!(sandbox.recorded() == *expected, "other rows than those of one machine");
    assert_eq!(run(&mut sandbox.command(&["check"]), "check").code, Some(0));
    assert_eq!(run(&mut sandbox.command(&["gc", "--yes"]), "gc").code, Some(0));
    assert_eq!(files(&sandbox.path("results/checkpoints")), recorded(sandbox), "files without a record");
    let again = run(&mut sandbox.command(&["sweep", "small.toml"]), "sweep");
    assert!(again.code == Some(0) && again.stderr.contains("6 runs already done"), "{again:#?}");
}

#[test]
fn merging() {
    let expected = whole();
    let template = Sandbox::new();
    template.write("small.toml", short());
    for (seed, results) in [("[0]", "one"), ("[1]", "other")] {
        let seeds = format!("sweep.seeds={seed}");
        template.run(&["sweep", "small.toml", "--set", &seeds, "--results", results]).well();
    }
    Faults::of("merging").repeat(|faults| {
        let sandbox = Sandbox::new();
        copy(&template.path(""), &sandbox.path(""));
        let folders = faults.pick(&[["one", "other"], ["other", "one"]]);
        storm(faults, &sandbox, &|| sandbox.command(&["merge", folders[0], folders[1]]), "merge");
        assert_whole(&sandbox, &expected);
        faults.count("folders");
    });
}

/// Runs the tasks of an array one after the other, in the background, once a file says so.
const SBATCH: &str = r#"#!/bin/sh
for script; do :; done
cd "$(dirname "$script")" || exit 1
(
    while [ -e "$script" ] && [ ! -e ../../../begin ]; do sleep 0.02; done
    for job in *.job; do
        SLURM_ARRAY_TASK_ID=${job%.job} sh "$script" >"${job%.job}.log" 2>&1
    done
) </dev/null >/dev/null 2>&1 &
echo 1
"#;

/// Lists the tasks that have not ended.
const SQUEUE: &str = r#"#!/bin/sh
cd "$(dirname "$0")/../results/slurm" || exit 1
for job in */*.job; do
    task=${job%.job}
    [ ! -e "$job" ] || [ -e "$task.exit" ] || echo "gansweep-${task%/*}|${task#*/}|RUNNING"
done
"#;

/// The results folder of a sweep whose tasks have ended, and of which nothing is collected.
fn uncollected() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", short());
    let scontrol = "#!/bin/sh\necho 'MaxArraySize = 4'\n";
    for (name, script) in [("sbatch", SBATCH), ("scontrol", scontrol), ("squeue", SQUEUE)] {
        let path = sandbox.write(&format!("bin/{name}"), script);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let left = run(
        &mut with_cluster(&sandbox, &["sweep", "small.toml", "--launcher", "slurm", "--detach"]),
        "sweep",
    );
    assert!(left.stderr.contains("6 left to Slurm"), "{left:#?}");
    sandbox.write("begin", "");
    let ended = || {
        let arrays = fs::read_dir(sandbox.path("results/slurm")).unwrap().flatten();
        let files = arrays.flat_map(|array| fs::read_dir(array.path()).into_iter().flatten().flatten());
        files.filter(|file| file.path().extension().is_some_and(|it| it == "exit")).count()
    };
    let begin = Instant::now();
    while ended() < 6 {
        assert!(begin.elapsed() < LIMIT, "the tasks do not end");
        sleep(Duration::from_millis(20));
    }
    sandbox
}

fn with_cluster(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(arguments);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", sandbox.path("bin").display()));
    command
}

#[test]
fn collecting() {
    let (expected, template) = (whole(), uncollected());
    Faults::of("collecting").repeat(|faults| {
        let sandbox = Sandbox::new();
        copy(&template.path(""), &sandbox.path(""));
        storm(faults, &sandbox, &|| with_cluster(&sandbox, &["collect"]), "collect");
        let again = run(&mut with_cluster(&sandbox, &["collect"]), "collect");
        assert!(again.stdout.starts_with("0 new events recorded; tasks: 0 ended"), "{again:#?}");
        assert_whole(&sandbox, &expected);
        faults.count("folders");
    });
}
