//! Names, paths and folders as users choose them, and variables as shells leave them.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;
use std::process::Stdio;

use crate::processes::{await_handler, signal};
use crate::sandbox::{Ended, SMALL, Sandbox};

/// One run of ten steps under that name.
fn tiny(name: &str) -> String {
    let one = SMALL.replace("seeds = 2", "seeds = 1").replace("[2e-4, 1e-3, 5e-3]", "[1e-3]");
    one.replace("epochs = 4", "epochs = 1").replace("name = \"small\"", &format!("name = '{name}'"))
}

/// The pages in the results folder, sorted.
fn pages(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.path("results")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let is_page = |name: &String| Path::new(name).extension().is_some_and(|it| it == "html");
    let mut pages: Vec<String> = names.filter(is_page).collect();
    pages.sort();
    pages
}

#[test]
fn sweeps_with_similar_names_have_pages_of_their_own_and_leave_the_page_of_all_alone() {
    let sandbox = Sandbox::new();
    let long = "字".repeat(83);
    let names = ["gan/lr", "gan-lr", "report", &long];
    for (number, name) in names.iter().enumerate() {
        let file = format!("{number}.toml");
        sandbox.write(&file, tiny(name));
        let ended = sandbox.run(&["sweep", &file]).well();
        let page = ended.stdout.lines().next().unwrap().split_whitespace().nth(1).unwrap().to_owned();
        assert!(fs::read_to_string(page).unwrap().contains(name), "{name}");
        assert_eq!(pages(&sandbox).len(), number + 1, "{:?}", pages(&sandbox));
    }
    assert!(pages(&sandbox).contains(&"gan-lr.html".to_owned()));
    assert!(!pages(&sandbox).contains(&"report.html".to_owned()));
    sandbox.run(&["report"]).well();
    let all = fs::read_to_string(sandbox.path("results/report.html")).unwrap();
    assert!(names.iter().all(|name| all.contains(name)) && pages(&sandbox).len() == names.len() + 1);
    sandbox.run(&["report", "--sweep", "report"]).well();
    assert_eq!(fs::read_to_string(sandbox.path("results/report.html")).unwrap(), all);
}

#[test]
fn a_files_own_name_is_a_name_by_the_same_rule() {
    let sandbox = Sandbox::new();
    let nameless = tiny("x").replace("name = 'x'", "");
    for name in [&b"line\nfeed.toml"[..], b"\x1b[31mred.toml", b"m\xe4rz.toml", &[b'n'; 101]] {
        let path = sandbox.path("").join(OsStr::from_bytes(name));
        fs::write(&path, &nameless).unwrap();
        for command in [&["plan", "--json"][..], &["plan"], &["sweep"]] {
            let ended = Ended::of(&sandbox.command(command).arg(&path).output().unwrap());
            ended.refused(&["the file's name", "`name = \"...\"` in the file"]);
        }
    }
    assert!(!sandbox.path("results").exists());
}

#[test]
fn paths_that_are_not_utf8_work_where_the_sweep_has_a_name() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("").join(OsString::from_vec(b"m\xe4rz".to_vec()));
    fs::create_dir(&folder).unwrap();
    let (file, results) = (folder.join("lr.toml"), folder.join("results"));
    fs::write(&file, tiny("march")).unwrap();
    let planned = Ended::of(&sandbox.command(&["plan", "--json"]).arg(&file).output().unwrap()).well();
    let json: serde_json::Value = serde_json::from_str(&planned.stdout).unwrap();
    assert!(json["file"].as_str().unwrap().ends_with("m\u{fffd}rz/lr.toml"));
    let sweep = || {
        let mut command = sandbox.command(&["sweep"]);
        command.arg(&file).arg("--results").arg(&results);
        Ended::of(&command.output().unwrap()).well()
    };
    assert!(sweep().stderr.contains("1 completed"));
    assert!(sweep().stderr.contains("1 already done"));
}

#[test]
fn a_second_file_of_the_same_sweep_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("one.toml", tiny("shared"));
    sandbox.write("two.toml", tiny("shared").replace("1e-3", "2e-3"));
    let told = |arguments: &[&str]| {
        let Ended { stdout, stderr, .. } = sandbox.run(arguments).well();
        let text = format!("{stdout}{stderr}");
        text.contains("was last recorded from") && text.contains("one.toml") && text.contains("two.toml")
    };
    assert!(!told(&["sweep", "one.toml"]));
    // The same file, edited, and a copy of it elsewhere.
    sandbox.write("one.toml", tiny("shared").replace("epochs = 1", "epochs = 2"));
    assert!(!told(&["sweep", "one.toml"]) && !told(&["sweep", "./one.toml"]));
    sandbox.write("copy/lr.toml", fs::read(sandbox.path("one.toml")).unwrap());
    assert!(!told(&["sweep", "copy/lr.toml"]));
    sandbox.write("one.toml", tiny("shared"));
    sandbox.run(&["sweep", "one.toml"]).well();
    assert!(told(&["plan", "two.toml"]) && told(&["sweep", "--quiet", "two.toml"]));
    assert_eq!(sandbox.runs_of("shared").len(), 1);
}

#[test]
fn a_folder_of_images_that_no_run_uses_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tiny.toml",
        tiny("tiny").replace("dataset = \"strokes\"", "dataset = \"strokes\"\npath = \"faces\""),
    );
    let said =
        "no run trains on the images in faces; `data.path` is for `data.dataset = \"idx\"` and `\"folder\"`";
    assert!(sandbox.run(&["plan", "tiny.toml"]).well().stdout.contains(said));
    assert!(sandbox.run(&["sweep", "--quiet", "tiny.toml"]).well().stderr.contains(said));
}

#[test]
fn a_cache_that_cannot_be_used_matters_only_to_what_needs_it() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", tiny("tiny"));
    sandbox.write("mnist.toml", tiny("mnist").replace("dataset = \"strokes\"", "dataset = \"mnist\""));
    let with_cache = |arguments: &[&str]| {
        Ended::of(&sandbox.command(arguments).env("XDG_CACHE_HOME", "/proc/x").output().unwrap())
    };
    with_cache(&["data"]).well();
    with_cache(&["data", "show", "strokes"]).well();
    with_cache(&["sweep", "tiny.toml"]).well();
    with_cache(&["data", "fetch", "strokes"]).refused(&["cannot write"]);
    with_cache(&["sweep", "mnist.toml", "--results", "elsewhere"]).refused(&["mnist", "GANSWEEP_OFFLINE"]);
    assert!(!sandbox.path("elsewhere").exists());
    with_cache(&["sweep", "mnist.toml", "--set", "data.fallback=strokes"]).well();
}

#[test]
fn a_fifo_in_the_caches_place_is_not_waited_for() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", tiny("tiny"));
    let folder = sandbox.path("cache/gansweep/strokes");
    fs::create_dir_all(&folder).unwrap();
    for file in ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"] {
        let made = std::process::Command::new("mkfifo").arg(folder.join(file)).status().unwrap();
        assert!(made.success());
    }
    let mut command = sandbox.command(&["sweep", "tiny.toml"]);
    Ended::of(&command.env("XDG_CACHE_HOME", sandbox.path("cache")).output().unwrap()).well();
}

#[test]
fn empty_variables_count_as_unset() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", tiny("tiny"));
    let variables = [
        "GANSWEEP_DATA_DIR",
        "GANSWEEP_RESULTS",
        "GANSWEEP_LOG",
        "GANSWEEP_LIBTORCH_PROGRAM",
        "GANSWEEP_TRAIN__EPOCHS",
        "GANSWEEP_NAME",
        "NO_COLOR",
    ];
    for arguments in [&["data"][..], &["plan", "tiny.toml"], &["sweep", "tiny.toml"], &["runs"], &["report"]]
    {
        let mut command = sandbox.command(arguments);
        command.envs(variables.map(|name| (name, "")));
        Ended::of(&command.output().unwrap()).well();
    }
    assert!(sandbox.path("results/tiny.html").exists());
    // A variable that is set holds, and an argument goes before it.
    let with_results = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments);
        Ended::of(&command.env("GANSWEEP_RESULTS", "elsewhere").output().unwrap()).well()
    };
    with_results(&["sweep", "tiny.toml"]);
    assert!(sandbox.path("elsewhere/tiny.html").exists());
    with_results(&["sweep", "tiny.toml", "--results", "third"]);
    assert!(sandbox.path("third/tiny.html").exists());
    sandbox.run(&["runs", "--results", ""]).refused(&["--results"]);
}

/// An IDX file of bytes that are all alike.
fn idx(dimensions: &[u32], byte: u8) -> Vec<u8> {
    let header = [0x0800 + dimensions.len() as u32].into_iter().chain(dimensions.iter().copied());
    let length = dimensions.iter().product::<u32>() as usize;
    header.flat_map(u32::to_be_bytes).chain(std::iter::repeat_n(byte, length)).collect()
}

#[test]
fn broken_data_is_told_with_a_way_out_and_leaves_no_results() {
    let sandbox = Sandbox::new();
    sandbox.write("mnist.toml", tiny("mnist").replace("dataset = \"strokes\"", "dataset = \"mnist\""));
    for (name, dimensions) in [
        ("train-images-idx3-ubyte", &[60_000, 28, 28][..]),
        ("train-labels.idx1-ubyte", &[60_000]),
        ("t10k-images.idx3-ubyte", &[10_000, 28, 28]),
        ("t10k-labels-idx1-ubyte", &[10_000]),
    ] {
        sandbox.write(&format!("data/MNIST/raw/{name}"), idx(dimensions, 3));
    }
    let sweep = &["sweep", "mnist.toml", "--data-dir", "data", "--set", "data.fallback=strokes"];
    let said = &["data/MNIST/raw/train-images-idx3-ubyte", "SHA-256", "leave --data-dir"];
    sandbox.run(sweep).refused(said);
    assert!(!sandbox.path("results").exists(), "something was written");
    // What the message advises is no further error.
    sandbox.run(&["sweep", "mnist.toml", "--set", "data.fallback=strokes"]).well();
    fs::remove_dir_all(sandbox.path("results")).unwrap();
    fs::remove_file(sandbox.path("data/MNIST/raw/t10k-labels-idx1-ubyte")).unwrap();
    sandbox
        .run(sweep)
        .refused(&["data/MNIST/raw: t10k-labels-idx1-ubyte of mnist missing", "leave --data-dir"]);
    fs::remove_dir_all(sandbox.path("data/MNIST")).unwrap();
    let ended = sandbox.run(sweep).well();
    assert!(ended.stderr.contains("data has no files of mnist"), "{}", ended.stderr);
}

#[test]
fn a_folder_of_another_datasets_files_is_described() {
    let sandbox = Sandbox::new();
    sandbox.write("data/emnist-letters-train-images-idx3-ubyte", idx(&[5, 28, 28], 0));
    sandbox.write("data/emnist-letters-train-labels-idx1-ubyte", idx(&[5], 26));
    let listed = sandbox.run(&["data", "--data-dir", "data"]).well().stdout;
    for text in [
        "mnist",
        "strokes",
        "emnist-letters-train-images-idx3-ubyte: 5 images of 28 x 28",
        "dataset = \"idx\"",
    ] {
        assert!(listed.contains(text), "{text} in {listed}");
    }
    // The same files with MNIST's names.
    sandbox.write("data/train-images-idx3-ubyte", idx(&[5, 28, 28], 0));
    sandbox.write("data/train-labels-idx1-ubyte", idx(&[5], 26));
    let listed = sandbox.run(&["data", "--data-dir", "data"]).well().stdout;
    for text in
        ["strokes", "cannot be used, see below", "data/train-labels-idx1-ubyte", "5 labels", "fashion-mnist"]
    {
        assert!(listed.contains(text), "{text} in {listed}");
    }
    sandbox.run(&["data", "--data-dir", "typo"]).refused(&["typo", "--data-dir"]);
}

#[test]
fn a_sweep_that_is_being_planned_can_be_interrupted() {
    let sandbox = Sandbox::new();
    let many = "seeds = 10000\n[sweep.zip]\n\"train.d_steps\" = { linear = [1, 40], n = 40 }\n";
    sandbox.write("many.toml", tiny("many").replace("seeds = 1\n", many));
    let mut command = sandbox.command(&["sweep", "many.toml"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    await_handler(child.id());
    signal(child.id(), "INT");
    let ended = Ended::of(&child.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(130), "{ended:#?}");
}
