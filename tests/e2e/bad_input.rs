//! Bad input of every kind: a clear answer, exit code 2, nothing started, nothing half-written.

use std::fs;

use crate::sandbox::{SMALL, Sandbox};

/// The small experiment with one text replaced.
fn with(from: &str, to: &str) -> (Sandbox, usize) {
    assert!(SMALL.contains(from));
    let sandbox = Sandbox::new();
    let text = SMALL.replace(from, to);
    let line = text.lines().position(|line| line.contains(to.lines().last().unwrap())).unwrap() + 1;
    sandbox.write("small.toml", text);
    (sandbox, line)
}

#[track_caller]
fn refused(from: &str, to: &str, said: &[&str]) {
    let (sandbox, line) = with(from, to);
    let place = format!("small.toml:{line}");
    let said: Vec<&str> = said.iter().copied().chain([place.as_str()]).collect();
    sandbox.run(&["sweep", "small.toml"]).refused(&said);
    assert!(!sandbox.path("results").exists(), "something was written");
}

#[test]
fn a_misspelt_key_is_answered_with_the_right_one() {
    refused("batch_size = 64", "batchsize = 64", &["train.batchsize", "batch_size"]);
}

#[test]
fn a_wrong_type_is_answered_with_the_right_one() {
    refused("epochs = 4", "epochs = \"four\"", &["train.epochs", "four"]);
}

#[test]
fn an_empty_axis_is_refused() {
    refused("[2e-4, 1e-3, 5e-3]", "[]", &["optimizer.lr"]);
}

#[test]
fn a_value_out_of_range_is_answered_with_the_range() {
    refused("[2e-4, 1e-3, 5e-3]", "[2e-4, -1.0]", &["optimizer.lr", "-1"]);
}

#[test]
fn two_axes_on_one_key_are_refused() {
    let (sandbox, line) = with("[sweep.grid]", "[sweep.zip]\n\"optimizer.lr\" = [1e-4, 1e-3]\n[sweep.grid]");
    let (first, second) = (format!("small.toml:{}", line - 1), format!("small.toml:{}", line + 1));
    sandbox.run(&["sweep", "small.toml"]).refused(&["two axes on one key", "optimizer.lr", &first, &second]);
}

#[test]
fn an_unknown_recipe_is_answered_with_those_that_there_are() {
    refused("recipe = \"fast\"", "recipe = \"fats\"", &["fats", "fast", "jovian"]);
}

#[test]
fn an_unknown_dataset_is_answered_with_those_that_there_are() {
    refused("dataset = \"strokes\"", "dataset = \"minst\"", &["minst", "mnist"]);
}

#[test]
fn a_syntax_error_is_shown_with_its_place() {
    refused("epochs = 4", "epochs = = 4", &[]);
}

#[test]
fn all_faults_of_a_file_are_reported_together() {
    let sandbox = Sandbox::new();
    let text = SMALL
        .replace("epochs = 4", "epochs = 0")
        .replace("latent_dim", "latent_dims")
        .replace("\"fast\"", "\"quick\"");
    sandbox.write("small.toml", text);
    sandbox.run(&["plan", "small.toml"]).refused(&["train.epochs", "latent_dims", "quick"]);
}

#[test]
fn a_missing_experiment_file_is_named() {
    Sandbox::new().run(&["sweep", "nowhere.toml"]).refused(&["nowhere.toml"]);
}

#[test]
fn a_wrong_override_is_refused_by_name() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.run(&["sweep", "small.toml", "--set", "train.epoch=3"]).refused(&["train.epoch", "train.epochs"]);
    sandbox.run(&["sweep", "small.toml", "--set", "nonsense"]).refused(&["nonsense"]);
}

#[test]
fn an_unknown_profile_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.run(&["sweep", "small.toml", "--profile", "laptop"]).refused(&["laptop"]);
}

#[test]
fn a_wrong_device_is_answered_with_the_way_out() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    for device in ["gpu", "cuda:0", "vulkan:9"] {
        sandbox.run(&["sweep", "small.toml", "--device", device]).refused(&[device, "gansweep devices"]);
    }
    assert!(!sandbox.path("results").exists());
}

#[test]
fn a_dataset_that_cannot_be_had_is_answered_with_every_way_out() {
    let (sandbox, _) = with("dataset = \"strokes\"", "dataset = \"kmnist\"");
    sandbox.run(&["sweep", "small.toml"]).refused(&["kmnist", "GANSWEEP_OFFLINE", "fallback"]);
    assert!(!sandbox.path("results").exists());
}

#[test]
fn damaged_data_files_are_named_with_what_is_wrong() {
    let (sandbox, _) = with("dataset = \"strokes\"", "dataset = \"mnist\"");
    let lying = [0, 0, 8, 3, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 28, 0, 0, 0, 28];
    let truncated = [0, 0, 8];
    let other_magic = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17];
    for content in [&lying[..], &truncated, &other_magic] {
        for name in [
            "train-images-idx3-ubyte",
            "train-labels-idx1-ubyte",
            "t10k-images-idx3-ubyte",
            "t10k-labels-idx1-ubyte",
        ] {
            sandbox.write(&format!("data/{name}"), content);
        }
        sandbox
            .run(&["sweep", "small.toml", "--data-dir", "data"])
            .refused(&["-ubyte: no file of mnist", "data fetch mnist"]);
    }
    sandbox.write("data/mnist/train-images-idx3-ubyte", lying);
    sandbox
        .run(&["sweep", "small.toml", "--data-dir", "data"])
        .refused(&["train-labels-idx1-ubyte", "missing"]);
    sandbox.run(&["sweep", "small.toml", "--data-dir", "elsewhere"]).refused(&["elsewhere"]);
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let content = "these are my notes, not a database ".repeat(40);
    let path = sandbox.write("results/results.sqlite", &content);
    for arguments in [&["sweep", "small.toml"][..], &["runs"], &["report"]] {
        sandbox.run(arguments).refused(&["results.sqlite", "not an SQLite database"]);
    }
    assert_eq!(fs::read_to_string(path).unwrap(), content);
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.run(&["sweep", "small.toml", "--set", "train.epochs=1", "--set", "sweep.seeds=1"]).well();
    let path = sandbox.path("results/results.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    // SQLite keeps `user_version` in bytes 60 to 63 of the file.
    bytes[60..64].copy_from_slice(&9999u32.to_be_bytes());
    fs::write(&path, bytes).unwrap();
    sandbox.run(&["sweep", "small.toml"]).refused(&["9999", "newer"]);
    sandbox.run(&["runs"]).refused(&["9999", "newer"]);
}

#[test]
fn a_results_folder_that_cannot_be_written_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.write("occupied", "a file where the folder should be");
    sandbox.run(&["sweep", "small.toml", "--results", "occupied"]).refused(&["occupied"]);
    sandbox.run(&["sweep", "small.toml", "--results", "/proc/gansweep"]).refused(&["/proc/gansweep"]);
}

#[test]
fn questions_before_the_first_sweep_are_answered_with_what_to_do() {
    let sandbox = Sandbox::new();
    for arguments in [
        &["runs"][..],
        &["report"],
        &["sql", "SELECT 1"],
        &["show", "abc"],
        &["export"],
        &["generate", "abc"],
    ] {
        sandbox.run(arguments).refused(&["no database", "gansweep sweep"]);
    }
}

#[test]
fn the_database_cannot_be_changed_by_asking_it() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.run(&["sweep", "small.toml", "--set", "train.epochs=1", "--set", "sweep.seeds=1"]).well();
    let before = sandbox.recorded();
    for sql in [
        "DELETE FROM points",
        "DROP TABLE runs",
        "SELECT 1; DELETE FROM runs",
        "PRAGMA user_version = 7",
        "SELEC 1",
    ] {
        sandbox.run(&["sql", sql]).refused(&[]);
    }
    sandbox.run(&["runs", "--where", "1 = 1); DELETE FROM runs; --"]).refused(&[]);
    assert_eq!(sandbox.recorded(), before);
}
