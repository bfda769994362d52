//! Options and names that a command cannot follow: it says so before it does anything, and names what it can.

use std::fs;
use std::sync::OnceLock;

use crate::sandbox::{SMALL, Sandbox};

/// One sweep of two runs for the tests that only read it.
fn swept() -> &'static Sandbox {
    static SWEPT: OnceLock<Sandbox> = OnceLock::new();
    SWEPT.get_or_init(|| {
        let sandbox = Sandbox::new();
        sandbox.write("small.toml", two_runs());
        sandbox.run(&["sweep", "small.toml"]).well();
        sandbox
    })
}

fn two_runs() -> String {
    SMALL.replace("seeds = 2", "seeds = 1").replace("epochs = 4", "epochs = 1").replace(", 5e-3]", "]")
}

fn run() -> String {
    swept().runs_of("small")[0].id.to_string()
}

#[test]
fn an_ending_that_a_command_cannot_write_is_refused_and_no_file_is_left() {
    let (sandbox, run) = (swept(), run());
    let run = run.as_str();
    for (arguments, out, said) in [
        (&["generate", run][..], "o.jpg", "ends in .png"),
        (&["data", "show", "strokes"], "m.jpg", "ends in .png"),
        // Before anything is downloaded.
        (&["data", "export", "cifar10"], "a.png", "name a folder"),
        (&["data", "export", "cifar10", "--format", "npz"], "a.zip", "ends in .npz"),
        (&["animate", run], "a.mp4", "ends in .gif or .webp"),
        (&["animate", run, "--format", "webp"], "a.gif", "--format webp writes a WebP"),
        (&["animate", run, "--format", "gif"], "a.webp", "--format gif writes a GIF"),
        (&["report"], "page.pdf", "ends in .html"),
        (&["report", "--split"], "page.html", "--split writes a folder"),
        (&["export"], "points.jsonl", "ends in .csv"),
        (&["export", "--format", "jsonl"], "points.csv", "ends in .jsonl"),
        (&["export", "--format", "parquet"], "points.parquet", "name a folder"),
        (&["export", run, "--format", "safetensors"], "run.safetensors", "name a folder"),
    ] {
        sandbox.run(&[arguments, &["-o", out]].concat()).refused(&[out, said]);
        assert!(!sandbox.path(out).exists(), "{out}");
    }
    sandbox.run(&["generate", run, "-n", "1", "-o", "o.PNG"]).well();
    assert!(fs::read(sandbox.path("o.PNG")).unwrap().starts_with(b"\x89PNG"));
    sandbox.run(&["animate", run, "-o", "a.webp"]).well();
    assert!(fs::read(sandbox.path("a.webp")).unwrap().starts_with(b"RIFF"));
}

#[test]
fn an_option_that_says_nothing_of_what_is_asked_is_refused_with_where_it_belongs() {
    let (sandbox, run) = (swept(), run());
    let run = run.as_str();
    let slurm = ["sweep", "small.toml", "--launcher", "slurm"];
    let on_slurm = |arguments: &[&'static str]| [&slurm, arguments].concat();
    for (arguments, said) in [
        (vec!["sweep", "small.toml", "--detach"], "--launcher slurm"),
        (vec!["sweep", "small.toml", "--dry-run", "--retry-failed"], "cannot be used with"),
        (vec!["sweep", "small.toml", "--dry-run", "--restore-checkpoints"], "cannot be used with"),
        (on_slurm(&["--in-process"]), "omit one of them"),
        (on_slurm(&["--jobs", "2"]), "execution.slurm.concurrency"),
        (on_slurm(&["--device", "cpu", "--device", "flex"]), "all tasks train on one device"),
        (vec!["export", "--raw"], "--format safetensors"),
        (vec!["export", "--format", "jsonl", "--best"], "--format safetensors"),
        (vec!["export", "--format", "parquet", "--prefix", "x"], "--format safetensors"),
        (vec!["export", "--format", "mlflow", "--what", "runs"], "--format csv, jsonl and parquet"),
        (vec!["export", run, "--format", "safetensors", "--sweep", "small"], "omit --sweep"),
        (vec!["gc", "--metric", "fd", "--yes"], "--keep-weights best"),
        (vec!["sweeps", "--json", "--watts", "65"], "cannot be used with"),
        (vec!["evaluate", "--dataset", "strokes", "--best"], "cannot be used with"),
        (vec!["evaluate", "--dataset", "strokes", "--raw"], "cannot be used with"),
        (vec!["evaluate", "--dataset", "strokes", "--path", "."], "`idx` and `folder`"),
        (vec!["recognize", "x.png", "--path", "."], "`idx` and `folder`"),
        (vec!["data", "show", "strokes", "--skip-damaged"], "`folder`"),
        (vec!["data", "fetch", "strokes", "-o", "x.png"], "data show"),
        (vec!["data", "-o", "x.png"], "data show"),
        (vec!["serve", "--host", "example.org"], "an IP address such as 127.0.0.1"),
    ] {
        sandbox.run(&arguments).refused(&[said]);
    }
}

#[test]
fn a_name_that_is_nearly_right_is_answered_with_the_right_one() {
    let (sandbox, run) = (swept(), run());
    for (arguments, meant) in [
        (&["compare", "small", "--metric", "fdd"][..], "fd"),
        (&["compare", "small", "--by", "optimizer.lrr"], "optimizer.lr"),
        (&["compare", "smal"], "small"),
        (&["evaluate", "smal"], "small"),
        (&["rm", "smal", "--yes"], "small"),
        (&["runs", "--sweep", "Small"], "small"),
        (&["export", "--sweep", "smal"], "small"),
        (&["report", "--sweep", "smal"], "small"),
        (&["report", "smal"], "small"),
        (&["report", "--objective", "recal"], "recall"),
        (&["gc", "--keep-weights", "best", "--metric", "precison"], "precision"),
        (&["evaluate", "--dataset", "mnits"], "mnist"),
        // The name of the option in earlier versions.
        (&["evaluate", "--data", "mnits"], "mnist"),
        (&["data", "show", "stroke"], "strokes"),
        (&["plan", "small.toml", "--device", "cpuu"], "cpu"),
        (&["sql", "SELECT lable FROM run_overview"], "label"),
        (&["runs", "--where", "sttae = 'failed'"], "state"),
    ] {
        sandbox.run(arguments).refused(&[&format!("did you mean `{meant}`?")]);
    }
    sandbox.run(&["show", "small"]).refused(&["`small` is a sweep", "gansweep runs --sweep small"]);
    sandbox.run(&["compare", &run]).refused(&["no sweep is named"]);
}

#[test]
fn a_results_folder_that_does_not_exist_is_named_and_not_made() {
    let sandbox = Sandbox::new();
    for command in [
        &["status"][..],
        &["collect"],
        &["cancel"],
        &["runs"],
        &["sweeps"],
        &["check"],
        &["check", "--accept"],
        &["gc"],
        &["report"],
        &["tag", "abc", "x"],
        &["rename", "a", "b"],
    ] {
        let arguments = [command, &["--results", "nowhere"]].concat();
        sandbox.run(&arguments).refused(&["nowhere", "gansweep sweep FILE", "--results DIR"]);
        assert!(!sandbox.path("nowhere").exists(), "{command:?}");
    }
    let refused =
        sandbox.run(&["merge", "nowhere"]).refused(&["no database at nowhere", "of another machine"]);
    assert!(!refused.stderr.contains("--results"), "{refused:#?}");
}

#[test]
fn nothing_is_asked_about_a_sweep_that_does_not_exist() {
    let refused = swept().run(&["rename", "smal", "large"]).refused(&["no sweep is named `smal`"]);
    assert!(!refused.stderr.contains("becomes"), "{refused:#?}");
    let refused = swept().run(&["rm", "smal"]).refused(&["neither a sweep nor a run `smal`"]);
    assert!(!refused.stderr.contains("--yes"), "{refused:#?}");
}

#[test]
fn a_tag_has_no_comma() {
    let run = run();
    swept().run(&["tag", &run, "good, fast"]).refused(&["`good, fast`", "commas separate tags"]);
    swept().run(&["tag", &run, "good, fast", "--remove"]).well();
}

#[test]
fn a_file_that_cannot_be_written_is_named_as_it_was_asked_for() {
    let (sandbox, run) = (swept(), run());
    fs::create_dir_all(sandbox.path("folder.html")).unwrap();
    for arguments in [
        &["report", "--out", "/proc/none/page.html"][..],
        &["generate", &run, "-n", "1", "--out", "/proc/none/page.png"],
        &["generate", &run, "-n", "1", "--out", "/proc/none/images.npz"],
        &["generate", &run, "-n", "1", "--out", "/proc/none/images/"],
        &["animate", &run, "--out", "/proc/none/page.gif"],
        &["data", "show", "strokes", "--out", "/proc/none/page.png"],
        &["export", "--out", "/proc/none/page.csv"],
        &["export", "--format", "parquet", "--out", "/proc/none/page"],
        &["export", &run, "--format", "safetensors", "--out", "/proc/none/page"],
    ] {
        let ended = sandbox.run(arguments);
        assert_eq!(ended.code, Some(1), "{ended:#?}");
        assert!(ended.stderr.contains("/proc/none") && !ended.stderr.contains(".part"), "{ended:#?}");
    }
}

#[test]
fn a_file_is_written_into_a_folder_that_does_not_exist_yet() {
    let (sandbox, run) = (swept(), run());
    for arguments in [
        &["generate", &run, "--out", "new/a/page.png"][..],
        &["export", "--out", "new/b/points.csv"],
        &["data", "show", "strokes", "--out", "new/d/page.png"],
        &["report", "--out", "new/e/page.html"],
        &["export", "--format", "jsonl", "--out", "new/c/points.jsonl"],
    ] {
        sandbox.run(arguments).well();
        let file = sandbox.path(arguments.last().unwrap());
        assert!(std::fs::metadata(&file).unwrap().len() > 0, "{}", file.display());
    }
}

#[test]
fn a_file_in_place_of_the_results_folder_is_called_a_file() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", two_runs());
    sandbox.write("afile", "notes");
    for results in ["afile", "afile/below"] {
        let refused = sandbox.run(&["sweep", "small.toml", "--results", results]);
        let said = refused.refused(&["afile is a file, and results need a folder", "--results DIR"]);
        assert!(!said.stderr.contains("make it writable"), "{said:#?}");
    }
    assert_eq!(std::fs::read(sandbox.path("afile")).unwrap(), b"notes");
}

#[test]
fn a_plan_warns_of_an_objective_that_a_collapsed_generator_can_lead() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", two_runs());
    let said = "a collapsed generator";
    let planned = sandbox.run(&["plan", "small.toml", "--set", "record.best=precision"]).well();
    assert!(planned.stdout.contains(&format!("record.best = \"precision\": {said}")), "{planned:#?}");
    let planned = sandbox.run(&["plan", "small.toml"]).well();
    assert!(!planned.stdout.contains(said), "{planned:#?}");
}

#[test]
fn an_exclusion_that_matches_no_run_is_named() {
    let sandbox = Sandbox::new();
    let text = two_runs() + "\n[[sweep.exclude]]\n\"optimizer.lr\" = 0.5\n";
    let line = text.lines().count() - 1;
    sandbox.write("small.toml", text);
    let said = format!("small.toml:{line}: this exclusion matches no run");
    let planned = sandbox.run(&["plan", "small.toml"]).well();
    assert!(planned.stdout.contains(&said), "{planned:#?}");
    let swept = sandbox.run(&["sweep", "small.toml", "--quiet"]).well();
    assert!(swept.stderr.contains(&said), "{swept:#?}");
}

#[test]
fn a_plan_that_other_runs_leave_says_how_many() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", two_runs() + "\n[profile.one.sweep.grid]\n\"optimizer.lr\" = [1e-3, 2e-3]\n");
    let first = sandbox.run(&["sweep", "small.toml"]).well();
    assert!(!first.stderr.contains("last plan"), "{first:#?}");
    let said = "1 run of the last plan of sweep small is not in this one";
    let other = ["small.toml", "--profile", "one"];
    let planned = sandbox.run(&[&["plan"], &other[..]].concat()).well();
    assert!(planned.stdout.contains(said), "{planned:#?}");
    let second = sandbox.run(&[&["sweep"], &other[..]].concat()).well();
    assert!(second.stderr.contains(said), "{second:#?}");
    let again = sandbox.run(&[&["sweep"], &other[..], &["--only", "lr=1e-3"]].concat()).well();
    assert!(!again.stderr.contains("last plan"), "{again:#?}");
}

#[test]
fn data_commands_name_their_own_options() {
    let sandbox = Sandbox::new();
    sandbox.write("x.png", "no picture");
    sandbox.write("pictures/a/broken.png", "no picture");
    for arguments in [
        &["recognize", "x.png", "--dataset", "folder"][..],
        &["recognize", "x.png", "--dataset", "folder", "--path", "nowhere"],
        &["recognize", "x.png", "--dataset", "idx", "--path", "."],
        &["evaluate", "--dataset", "idx"],
        &["data", "show", "folder", "--path", "pictures"],
        &["data", "show", "idx", "--path", "nowhere"],
    ] {
        let refused = sandbox.run(arguments).refused(&["--"]);
        assert!(!refused.stderr.contains("`data."), "{refused:#?}");
    }
}

#[test]
fn a_time_of_nothing_is_refused_with_the_reason() {
    let arguments = ["sweep", "small.toml", "--for", "0s"];
    swept().run(&arguments).refused(&["would stop before it starts", "8h"]);
}

#[test]
fn the_help_names_every_exit_code() {
    let help = swept().run(&["--help"]).well().stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let readme = include_str!("../../README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "`check` found damage",
        "`compare` or `evaluate` found no value",
        "`recognize` could not use a picture",
        "`collect` found runs that ended early",
        "nothing was started",
        "a signal or `--for` stopped the command",
    ] {
        assert!(help.contains(said) && readme.contains(said), "{said}: {help}");
    }
}
