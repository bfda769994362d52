//! Housekeeping that is killed at random moments.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread::sleep;

use gansweep_store::Reader;

use crate::damage::copy;
use crate::processes::signal;
use crate::sandbox::Sandbox;
use crate::{Faults, check, experiment, run, spawn, wait};

#[test]
fn housekeeping() {
    let template = Sandbox::new();
    template.write("small.toml", experiment().replace("epochs = 4", "epochs = 1"));
    template.write(
        "other.toml",
        experiment()
            .replace("epochs = 4", "epochs = 1")
            .replace("5e-3", "6e-3")
            .replace("\"small\"", "\"other\""),
    );
    for file in ["small.toml", "other.toml"] {
        assert_eq!(run(&mut template.command(&["sweep", file]), file).code, Some(0));
    }
    Faults::of("housekeeping").repeat(|faults| {
        let sandbox = Sandbox::new();
        copy(&template.path(""), &sandbox.path(""));
        for _ in 0..4 {
            let arguments = faults.pick(&[
                &["rm", "small", "--yes"][..],
                &["gc", "--keep-weights", "none", "--yes"],
                &["rename", "small", "renamed", "--yes"],
                &["rename", "renamed", "small", "--yes"],
                &["gc", "--yes"],
            ]);
            let child = spawn(&mut sandbox.command(arguments));
            sleep(faults.milliseconds(60));
            signal(child.id(), faults.pick(&["KILL", "INT", "TERM"]));
            let ended = wait(child, "housekeeping");
            assert!(!ended.stderr.contains("panicked"), "{arguments:?}: {ended:#?}");
            faults.count("interruptions");
            // Whatever is recorded is whole, and its files are there.
            let checked = run(&mut sandbox.command(&["check"]), "check");
            check(&format!("{arguments:?}"), &checked);
            assert_eq!(checked.code, Some(0), "{arguments:?}: {checked:#?}");
        }
        let cleaned = run(&mut sandbox.command(&["gc", "--yes"]), "gc");
        assert_eq!(cleaned.code, Some(0), "{cleaned:#?}");
        assert_eq!(files(&sandbox.path("results/checkpoints")), recorded(&sandbox), "files without a record");
        // What other sweeps have is not lost.
        let reader = Reader::open(&sandbox.path("results")).unwrap();
        assert_eq!(reader.sweep("other").unwrap().runs, 6);
        let again = run(&mut sandbox.command(&["sweep", "other.toml"]), "other");
        assert!(again.code == Some(0) && again.stderr.contains("6 runs already done"), "{again:#?}");
        faults.count("folders");
    });
}

/// The files in the folders of runs, as `RUN/FILE`.
pub(crate) fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for run in std::fs::read_dir(folder).into_iter().flatten() {
        let run = run.unwrap();
        for file in std::fs::read_dir(run.path()).unwrap() {
            let (run, file) = (run.file_name(), file.unwrap().file_name());
            found.insert(format!("checkpoints/{}/{}", run.to_string_lossy(), file.to_string_lossy()));
        }
    }
    found
}

/// The files of checkpoints that the database names.
pub(crate) fn recorded(sandbox: &Sandbox) -> BTreeSet<String> {
    let reader = Reader::open(&sandbox.path("results")).unwrap();
    reader.run_files().unwrap().into_iter().filter_map(|run| run.checkpoint).collect()
}
