//! Files that are damaged between two commands: database, checkpoints, caches, images, experiments.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gansweep_store::{Reader, RunFilter};

use crate::processes::signal;
use crate::sandbox::{Recorded, Sandbox};
use crate::{Faults, check, experiment, run, spawn, undisturbed, wait};

/// What is done to a file.
const KINDS: [&str; 8] = ["flip", "bytes", "zeros", "truncate", "append", "empty", "delete", "folder"];

#[test]
fn damage() {
    let expected = undisturbed();
    let template = template();
    let whole = shown(&template).expect("a whole database");
    Faults::of("damage").repeat(|faults| {
        let sandbox = Sandbox::new();
        copy(&template.path(""), &sandbox.path(""));
        let files = files(&sandbox);
        // The database matters most, and is one file of many.
        let file = match faults.below(3) {
            0 => sandbox.path("results/results.sqlite"),
            _ => files[faults.below(files.len())].clone(),
        };
        let kind = faults.pick(&KINDS);
        damage_file(faults, &file, kind);
        faults.count("damaged files");
        let what = format!("{kind} of {}", file.strip_prefix(sandbox.path("")).unwrap().display());
        if file.ends_with("results.sqlite") {
            check_database(faults, &sandbox, &whole, &what);
        }
        read(faults, &sandbox, &what);
        let ended = run(&mut in_sandbox(&sandbox, &["sweep", "small.toml"]), &what);
        check(&what, &ended);
        // Checkpoints and caches can be made again: such damage costs time and nothing else.
        let is_redone = !is_database(&file) && !file.ends_with("small.toml");
        if is_redone && kind != "folder" {
            assert_eq!(ended.code, Some(0), "{what}: {ended:#?}");
            check_equal(&sandbox, expected, &what);
            faults.count("repaired");
        }
        images(faults, &sandbox);
    });
}

/// Everything that commands show of the database; `None` if it cannot be read.
fn shown(sandbox: &Sandbox) -> Option<Vec<String>> {
    let reader = Reader::open(&sandbox.path("results")).ok()?;
    let tables = reader.query("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')").ok()?;
    let rows = |name: &str| Some(reader.query(&format!("SELECT * FROM {name}")).ok()?.to_string());
    tables.rows.iter().map(|row| rows(&row[0].to_string())).collect()
}

/// What a check does not find changes nothing that a command shows.
fn check_database(faults: &mut Faults, sandbox: &Sandbox, whole: &[String], what: &str) {
    let checked = run(&mut in_sandbox(sandbox, &["check"]), what);
    check(what, &checked);
    if checked.code == Some(0) {
        assert_eq!(shown(sandbox).as_deref(), Some(whole), "{what}: not found by the check");
        faults.count("damaged databases without a change that shows");
    } else {
        faults.count("damaged databases found");
    }
}

/// A sweep that was stopped in the middle: it has completed runs, checkpoints and runs that are left to train.
fn template() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", experiment());
    let runner = spawn(&mut in_sandbox(&sandbox, &["sweep", "small.toml", "--jobs", "1"]));
    let pid = runner.id();
    let has_completed_run = || {
        let reader = Reader::open(&sandbox.path("results")).ok()?;
        let runs = reader.runs(&RunFilter::default()).ok()?;
        runs.iter().any(|run| run.state.is_final()).then_some(())
    };
    while has_completed_run().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    signal(pid, "INT");
    wait(runner, "the sweep to be damaged");
    sandbox
}

/// The program with a cache in the sandbox, which may be damaged.
fn in_sandbox(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(arguments);
    command.env("XDG_CACHE_HOME", sandbox.path("cache"));
    command
}

fn read(faults: &mut Faults, sandbox: &Sandbox, what: &str) {
    let first = fs::read_dir(sandbox.path("results/checkpoints")).ok().and_then(|mut it| it.next());
    let run_id = first.map_or("0".to_owned(), |it| it.unwrap().file_name().into_string().unwrap());
    for arguments in [
        &["runs"][..],
        &["show", &run_id],
        &["report"],
        &["export", "--what", "points"],
        &["sql", "SELECT * FROM run_overview", "--format", "json"],
        &["generate", &run_id],
        &["plan", "small.toml", "--device", "cpu"],
    ] {
        // One in two, so that more files are damaged in the time.
        if faults.below(2) == 0 {
            let ended = run(&mut in_sandbox(sandbox, arguments), what);
            check(&format!("{what}, {arguments:?}"), &ended);
        }
    }
}

fn check_equal(sandbox: &Sandbox, expected: &Recorded, what: &str) {
    let recorded = sandbox.recorded();
    let lost = expected.keys().filter(|key| !recorded.contains_key(key)).count();
    assert_eq!(lost, 0, "{what}: rows lost");
    assert!(recorded == *expected, "{what}: bits differ");
}

/// A sweep on images of the user's own, of which a file is damaged.
fn images(faults: &mut Faults, sandbox: &Sandbox) {
    let header = |magic: &[u8], sizes: &[u32]| {
        let sizes = sizes.iter().flat_map(|size| size.to_be_bytes());
        magic.iter().copied().chain(sizes).collect::<Vec<u8>>()
    };
    let mut pixels = header(&[0, 0, 8, 3], &[128, 8, 8]);
    pixels.extend((0..128 * 64).map(|place| (place * 7) as u8));
    let mut labels = header(&[0, 0, 8, 1], &[128]);
    labels.extend((0..128).map(|place| (place % 4) as u8));
    let images = sandbox.write("images/train-images-idx3-ubyte", pixels);
    let labels = sandbox.write("images/train-labels-idx1-ubyte", labels);
    let kind = faults.pick(&KINDS);
    let file = faults.pick(&[&images, &labels]).clone();
    damage_file(faults, &file, kind);
    faults.count("damaged files");
    let text = experiment()
        .replace("name = \"small\"", "name = \"own\"")
        .replace("dataset = \"strokes\"\nimages = 3200", "dataset = \"idx\"\npath = \"images\"")
        .replace("seeds = 2", "seeds = 1")
        .replace("epochs = 4", "epochs = 1");
    sandbox.write("own.toml", text);
    let ended = run(&mut in_sandbox(sandbox, &["sweep", "own.toml", "--results", "own"]), "own images");
    check(&format!("{kind} of {}", file.display()), &ended);
}

fn is_database(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("results.sqlite"))
}

/// The files that the program has written or reads.
fn files(sandbox: &Sandbox) -> Vec<PathBuf> {
    let mut found = vec![sandbox.path("small.toml")];
    for folder in ["results", "cache"] {
        collect(&sandbox.path(folder), &mut found);
    }
    found.retain(|path| path.extension().is_none_or(|extension| extension != "html"));
    found.sort();
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-r").arg(from.join(".")).arg(to).status().unwrap();
    assert!(status.success());
}

fn damage_file(faults: &mut Faults, path: &Path, kind: &str) {
    let mut bytes = fs::read(path).unwrap();
    let place = faults.below(bytes.len());
    let length = (1 + faults.below(64)).min(bytes.len() - place.min(bytes.len()));
    match kind {
        "flip" if !bytes.is_empty() => bytes[place] ^= 1 << faults.below(8),
        "bytes" => bytes[place..place + length].iter_mut().for_each(|byte| *byte = faults.below(256) as u8),
        "zeros" => bytes[place..place + length].fill(0),
        "truncate" => bytes.truncate(place),
        "append" => bytes.extend((0..length).map(|place| place as u8)),
        "empty" => bytes.clear(),
        _ => {}
    }
    match kind {
        "delete" | "folder" => fs::remove_file(path).unwrap(),
        _ => fs::write(path, bytes).unwrap(),
    }
    if kind == "folder" {
        fs::create_dir(path).unwrap();
    }
}
