//! Who may know whom: the rules of docs/architecture.md, checked against `cargo metadata` and the
//! sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Direct dependencies of each crate of the workspace, those of tests left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        let shipped = all.filter(|dependency| dependency["kind"].is_null());
        shipped.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect()
    };
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().map(|package| (package["name"].as_str().unwrap().to_owned(), of(package))).collect()
}

/// Which crates of the workspace depend on any of these, directly.
fn users_of(names: &[&str]) -> Vec<String> {
    let uses = |used: &BTreeSet<String>| names.iter().any(|name| used.contains(*name));
    dependencies().into_iter().filter(|(_, used)| uses(used)).map(|(name, _)| name).collect()
}

#[test]
fn only_gan_knows_burn_and_only_store_knows_sqlite() {
    assert_eq!(users_of(&["burn", "tch"]), ["gansweep-gan"]);
    assert_eq!(users_of(&["rusqlite"]), ["gansweep-store"]);
}

#[test]
fn runner_and_report_never_see_the_training_nor_each_other() {
    let dependencies = dependencies();
    let knows = |name: &str, other: &str| dependencies[name].contains(other);
    for (name, other) in [
        ("gansweep-runner", "gansweep-gan"),
        ("gansweep-runner", "gansweep-report"),
        ("gansweep-report", "gansweep-gan"),
        ("gansweep-report", "gansweep-runner"),
        ("gansweep-gan", "gansweep-store"),
        ("gansweep-gan", "gansweep-runner"),
        ("gansweep-store", "gansweep-runner"),
    ] {
        assert!(!knows(name, other), "{name} depends on {other}");
    }
    let vocabulary = &dependencies["gansweep-experiment"];
    assert!(vocabulary.iter().all(|name| !name.starts_with("gansweep-")), "{vocabulary:?}");
}

#[test]
fn only_the_program_prints_or_exits() {
    for name in ["experiment", "data", "store", "gan", "runner", "report"] {
        for file in sources(&root().join("crates").join(name).join("src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            for word in ["println!", "eprintln!", "print!(", "process::exit", "dbg!"] {
                let said =
                    shipped.lines().find(|line| line.contains(word) && !line.trim_start().starts_with("//"));
                assert!(said.is_none(), "{}: {}", file.display(), said.unwrap_or_default());
            }
        }
    }
}

#[test]
fn only_the_device_module_names_a_backend() {
    for file in sources(&root().join("crates/gan/src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let in_module = file.components().any(|part| part.as_os_str() == "device");
        let named = ["Device::flex", "Device::vulkan", "Device::wgpu", "Device::libtorch", "Device::ndarray"];
        assert!(in_module || !named.iter().any(|name| text.contains(name)), "{}", file.display());
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
        // A crate's own helper programs are no library.
        let is_program = path.file_name().is_some_and(|name| name == "bin");
        if path.is_dir() && !is_test && !is_program {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            files.push(path);
        }
    }
    files
}
