//! Files in the results folder that are not what the program has made: links, leftovers, other people's files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use crate::sandbox::{SMALL, Sandbox};

fn leftovers(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.path("results")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| Path::new(name).extension().is_some_and(|it| it == "part")).collect()
}

#[test]
fn a_lock_that_is_a_link_changes_nothing_of_what_it_leads_to() {
    for hard in [false, true] {
        let sandbox = Sandbox::new();
        sandbox.write("small.toml", SMALL);
        let target = sandbox.write("thesis.tex", "years of work");
        fs::create_dir(sandbox.path("results")).unwrap();
        let lock = sandbox.path("results/.lock");
        if hard { fs::hard_link(&target, &lock) } else { symlink(&target, &lock) }.unwrap();
        let ended = sandbox.run(&["sweep", "small.toml"]);
        if hard {
            ended.well();
        } else {
            ended.refused(&[".lock", "delete it"]);
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "years of work");
    }
}

#[test]
fn a_linked_checkpoint_folder_loses_none_of_its_targets_files() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.run(&["sweep", "small.toml", "--set", "train.epochs=1"]).well();
    let theirs = ["step-00000001.safetensors", "step-by-step.txt", ".step-1.tmp"];
    for name in theirs {
        sandbox.write(&format!("theirs/{name}"), "theirs");
    }
    for run in sandbox.runs_of("small") {
        let folder = sandbox.path("results/checkpoints").join(run.id.as_str());
        fs::remove_dir_all(&folder).unwrap();
        symlink(sandbox.path("theirs"), &folder).unwrap();
    }
    sandbox.run(&["sweep", "small.toml"]).well();
    for name in theirs {
        assert_eq!(fs::read_to_string(sandbox.path("theirs").join(name)).unwrap(), "theirs");
    }
    assert_eq!(fs::read_dir(sandbox.path("theirs")).unwrap().count(), theirs.len(), "nothing is put there");
    for run in sandbox.runs_of("small") {
        let folder = sandbox.path("results/checkpoints").join(run.id.as_str());
        assert!(folder.is_dir() && !folder.is_symlink(), "{}", folder.display());
    }
    sandbox.run(&["check"]).well();
}

#[test]
fn a_linked_page_in_the_results_folder_is_replaced_and_a_named_one_is_written_through() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let target = sandbox.write("thesis.tex", "years of work");
    fs::create_dir(sandbox.path("results")).unwrap();
    let pages = ["results/small.html", "results/report.html"].map(|page| sandbox.path(page));
    for page in &pages {
        symlink(&target, page).unwrap();
    }
    sandbox.run(&["sweep", "small.toml"]).well();
    sandbox.run(&["report"]).well();
    symlink(&target, sandbox.path("small")).unwrap();
    sandbox.run(&["report", "--sweep", "small"]).well();
    assert_eq!(fs::read_to_string(&target).unwrap(), "years of work");
    for page in &pages {
        assert!(page.is_file() && !page.is_symlink(), "{}", page.display());
    }
    let link = sandbox.path("page.html");
    symlink(sandbox.write("site/page.html", "old"), &link).unwrap();
    sandbox.run(&["report", "--out", "page.html"]).well();
    assert!(link.is_symlink() && fs::read_to_string(&link).unwrap().contains("<!doctype html>"));
}

#[test]
fn reports_that_are_killed_leave_nothing_that_the_next_one_does_not_delete() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.run(&["sweep", "small.toml"]).well();
    let target = sandbox.write("precious", "precious");
    symlink(&target, sandbox.path("results/.report.html.linked.part")).unwrap();
    for moment in 0..12 {
        let mut command = sandbox.command(&["report"]);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        sleep(Duration::from_millis(4 * moment));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    sandbox.run(&["report"]).well();
    assert_eq!(leftovers(&sandbox), [".report.html.linked.part"], "a link is not ours");
    assert_eq!(fs::read_to_string(target).unwrap(), "precious");
}
