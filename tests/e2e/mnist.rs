//! On MNIST itself, where `GANSWEEP_DATA_DIR` says that it lies.

use std::fs;
use std::path::Path;
use std::process::Command;

use gansweep_store::RunFilter;

use crate::pictures::header;
use crate::sandbox::{Ended, SMALL, Sandbox};

#[test]
fn a_sweep_trains_on_mnist() {
    let Some(data) = std::env::var_os("GANSWEEP_DATA_DIR") else {
        eprintln!("skipped: GANSWEEP_DATA_DIR is not set");
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL.replace("\"strokes\"", "\"mnist\""));
    let mut command = sandbox.command(&["sweep", "small.toml"]);
    Ended::of(&command.env("GANSWEEP_DATA_DIR", data).output().unwrap()).well();
    let sweep = sandbox.reader().sweep("small").unwrap();
    assert_eq!((sweep.dataset_requested.name(), sweep.dataset.name()), ("mnist", "mnist"));
    let runs = sandbox.reader().runs(&RunFilter::default()).unwrap();
    let real = sandbox.reader().real_images(&runs[0].data_fingerprint).unwrap();
    assert_eq!(real.len(), 1);
}

/// The first sweep of a reader, and the picture of its page in the README, which `UPDATE_DOCS=1` takes anew.
#[test]
#[ignore = "trains for minutes, and needs MNIST and Chromium: UPDATE_DOCS=1 cargo test --release --workspace --test e2e readme -- --ignored"]
fn the_page_that_the_readme_shows_is_that_of_its_first_sweep() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = std::env::var_os("GANSWEEP_DATA_DIR").expect("GANSWEEP_DATA_DIR says where MNIST lies");
    let sandbox = Sandbox::new();
    sandbox.write("lr.toml", fs::read(root.join("experiments/lr.toml")).unwrap());
    Ended::of(&sandbox.command(&["sweep", "lr.toml"]).env("GANSWEEP_DATA_DIR", data).output().unwrap())
        .well();
    let page = sandbox.path("results/lr.html");
    assert!(fs::read_to_string(&page).unwrap().contains("By FD after 5 epochs"), "it is ranked by quality");
    let picture = sandbox.path("report.png");
    let mut browser = Command::new("chromium");
    browser.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--window-size=1400,1500",
    ]);
    browser.args(["--virtual-time-budget=10000", &format!("--screenshot={}", picture.display())]);
    assert!(browser.arg(format!("file://{}", page.display())).status().unwrap().success());
    assert_eq!(header(&fs::read(&picture).unwrap()), (1400, 1500, 2));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::copy(&picture, root.join("docs/report.png")).unwrap();
    }
}
