//! Which crate may depend on which: the rules of docs/architecture.md, checked against `cargo metadata` and the
//! sources.

mod circles;

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

/// The crates of the program, each of which may know those before it only.
const ORDER: [&str; 18] = [
    "base",
    "statistics",
    "quality",
    "search",
    "config",
    "evaluator",
    "protocol",
    "data",
    "nn",
    "train",
    "cpu",
    "tensor",
    "store",
    "compare",
    "scheduler",
    "report",
    "app",
    "gansweep",
];

#[test]
fn arrows_between_crates_run_down_only() {
    let dependencies = dependencies();
    let place = |name: &str| ORDER.iter().position(|known| *known == name.trim_start_matches("gansweep-"));
    for (name, used) in dependencies.iter().filter(|(name, _)| *name != "gansweep-fixtures") {
        for other in used.iter().filter(|other| other.starts_with("gansweep-")) {
            assert!(place(other) < place(name), "{name} depends on {other}");
            assert!(place(other).is_some(), "{name} depends on {other}, which is for tests");
        }
    }
}

#[test]
fn only_tensor_knows_burn_and_only_store_knows_sqlite() {
    assert_eq!(users_of(&["burn", "tch"]), ["gansweep-tensor"]);
    assert_eq!(users_of(&["rusqlite"]), ["gansweep-store"]);
}

#[test]
fn only_app_knows_which_backends_there_are() {
    assert_eq!(users_of(&["gansweep-cpu", "gansweep-tensor"]), ["gansweep-app"]);
}

#[test]
fn scheduler_store_and_report_never_see_the_training() {
    let dependencies = dependencies();
    for name in ["gansweep-scheduler", "gansweep-store", "gansweep-report"] {
        for other in ["gansweep-train", "gansweep-nn"] {
            assert!(!dependencies[name].contains(other), "{name} depends on {other}");
        }
    }
    assert!(!dependencies["gansweep-report"].contains("gansweep-scheduler"));
}

#[test]
fn the_program_trains_and_reports_through_the_use_cases_alone() {
    let used = &dependencies()["gansweep"];
    for name in ["gansweep-nn", "gansweep-cpu", "gansweep-tensor", "gansweep-report"] {
        assert!(!used.contains(name), "gansweep depends on {name}");
    }
}

#[test]
fn only_the_program_prints_or_exits() {
    for name in &ORDER[..ORDER.len() - 1] {
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
fn only_the_program_decides_where_the_log_goes() {
    assert_eq!(users_of(&["tracing-subscriber"]), ["gansweep"]);
}

#[test]
fn only_the_device_module_names_a_backend_of_burn() {
    for file in sources(&root().join("crates/tensor/src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let in_module = file.components().any(|part| part.as_os_str() == "device");
        let named = ["Device::flex", "Device::vulkan", "Device::wgpu", "Device::libtorch", "Device::ndarray"];
        assert!(in_module || !named.iter().any(|name| text.contains(name)), "{}", file.display());
    }
}

#[test]
fn only_data_knows_the_sizes_of_a_dataset() {
    const SIZES: [&str; 4] = ["28", "784", "60000", "60_000"];
    for name in ORDER.iter().filter(|name| **name != "data") {
        let files = sources(&root().join("crates").join(name).join("src"));
        for file in files.iter().filter(|file| file.file_stem().is_some_and(|stem| stem != "fixtures")) {
            // A plan is checked before the data is made: which shapes `strokes` can be drawn in is declared here.
            if file.ends_with("config/src/dataset.rs") {
                continue;
            }
            let text = std::fs::read_to_string(file).unwrap();
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            // A width in a format string is `msg:28`, and a float has a dot.
            let is_part = |c: char| c.is_alphanumeric() || "_.:".contains(c);
            let size = shipped.lines().find(|line| {
                line.split(|c| !is_part(c)).any(|word| SIZES.contains(&word.trim_end_matches(['.', ':'])))
            });
            assert!(size.is_none(), "{}: {}", file.display(), size.unwrap_or_default());
        }
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
