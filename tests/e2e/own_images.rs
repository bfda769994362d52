//! Sweeps on images of the user's own: three channels, unequal sides, five classes.

use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use gansweep_config::{DatasetSpec, ImageShape, RunState};
use gansweep_store::RunFilter;

use crate::processes::{await_handler, signal};
use crate::sandbox::{Ended, Recorded, Sandbox};

/// Two small runs on the images beside the file.
const OWN: &str = r#"
name = "own"
recipe = "fast"

[data]
dataset = "idx"
path = "images"

[model]
hidden = 24
latent_dim = 8

[train]
epochs = 3
batch_size = 32

[record]
every_steps = 4
checkpoint_seconds = 0
grid_rows = 2
grid_cols = 3

[sweep]
seeds = 2
"#;

const SHAPE: ImageShape = ImageShape { channels: 3, height: 20, width: 24 };

/// A rectangle on white paper in each image, in a colour for each of five classes.
fn images(count: u32) -> Vec<u8> {
    let header = [0x0804, count, SHAPE.channels, SHAPE.height, SHAPE.width];
    let mut bytes: Vec<u8> = header.into_iter().flat_map(u32::to_be_bytes).collect();
    for n in 0..count {
        let (top, left) = (n * 7 % 12, n * 5 % 15);
        for channel in 0..SHAPE.channels {
            let level = (n % 5 * 40 + channel * 25) as u8;
            let inside = |row, col| (top..top + 8).contains(&row) && (left..left + 9).contains(&col);
            let pixels = (0..SHAPE.height).flat_map(|row| (0..SHAPE.width).map(move |col| (row, col)));
            bytes.extend(pixels.map(|(row, col)| if inside(row, col) { level } else { 255 }));
        }
    }
    bytes
}

fn labels(count: u32) -> Vec<u8> {
    let header = [0x0801, count].into_iter().flat_map(u32::to_be_bytes);
    header.chain((0..count).map(|n| (n % 5) as u8)).collect()
}

/// An experiment in a folder of its own, with a number of images beside it.
fn sandbox(count: u32) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("study/own.toml", OWN);
    sandbox.write("study/images/train-images-idx3-ubyte", images(count));
    sandbox.write("study/images/train-labels-idx1-ubyte", labels(count));
    sandbox
}

/// Width, height and colour type (2 is RGB) of a PNG, from its first chunk.
fn header(png: &[u8]) -> (u32, u32, u8) {
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20), png[25])
}

#[test]
fn a_sweep_on_colour_images_records_shows_and_generates_colour() {
    let sandbox = sandbox(320);
    let planned = sandbox.run(&["plan", "study/own.toml"]).well().stdout;
    assert!(planned.contains("idx, available: 320 images of 3 x 20 x 24, 5 classes"), "{planned}");
    let ended = sandbox.run(&["sweep", "study/own.toml"]).well();
    assert!(ended.stderr.contains("2 completed"), "{ended:#?}");

    let reader = sandbox.reader();
    let runs = reader.runs(&RunFilter::default()).unwrap();
    assert_eq!(runs.len(), 2);
    for run in &runs {
        assert_eq!((run.state, run.step), (RunState::Completed, 30), "{}", run.label);
        for grid in reader.samples_index(&run.id, u64::MAX).unwrap() {
            assert_eq!((grid.geometry.height, grid.geometry.width), (20, 24));
            assert_eq!(
                header(&reader.sample(&run.id, grid.step, grid.source).unwrap().unwrap().png),
                (72, 40, 2)
            );
        }
    }
    let DatasetSpec { image, classes, train_images, test_images, .. } =
        reader.dataset(&runs[0].data_fingerprint).unwrap().spec;
    assert_eq!((image, classes, train_images, test_images), (SHAPE, 5, 320, 0));
    let page = std::fs::read_to_string(sandbox.path("results/own.html")).unwrap();
    assert!(runs.iter().all(|run| page.contains(run.id.as_str())));

    sandbox.run(&["generate", runs[0].id.as_str(), "-n", "6", "--cols", "2", "--out", "new.png"]).well();
    assert_eq!(header(&std::fs::read(sandbox.path("new.png")).unwrap()), (48, 60, 2));
    let shown = sandbox.run(&["data", "show", "idx", "--path", "study/images", "--out", "sheet.png"]).well();
    assert!(shown.stdout.contains("sheet.png"), "{shown:#?}");
    assert_eq!(header(&std::fs::read(sandbox.path("sheet.png")).unwrap()).2, 2);
    let listed = sandbox.run(&["data", "--path", "study/images"]).well().stdout;
    assert!(listed.contains("320") && listed.contains("3 x 20 x 24"), "{listed}");
}

#[test]
fn a_folder_that_was_moved_holds_the_same_runs() {
    let sandbox = sandbox(320);
    sandbox.run(&["sweep", "study/own.toml"]).well();
    let before = sandbox.recorded();
    std::fs::create_dir_all(sandbox.path("elsewhere/MNIST")).unwrap();
    std::fs::rename(sandbox.path("study/images"), sandbox.path("elsewhere/MNIST/raw")).unwrap();
    // What is typed starts at the current folder, whatever folder the file is in.
    let again = sandbox.run(&["sweep", "study/own.toml", "--set", "data.path=elsewhere"]).well();
    assert!(again.stderr.contains("2 already done"), "{again:#?}");
    assert_eq!(sandbox.recorded(), before);
}

/// In the builds that have Burn's own CPU backend.
#[cfg(feature = "flex")]
#[test]
fn burns_tensors_train_on_colour_images_too() {
    let sandbox = sandbox(96);
    let ended = sandbox.run(&["sweep", "study/own.toml", "--device", "flex"]).well();
    assert!(ended.stderr.contains("2 completed"), "{ended:#?}");
    let runs = sandbox.reader().runs(&RunFilter::default()).unwrap();
    assert!(runs.iter().all(|run| (run.state, run.step) == (RunState::Completed, 9)));
}

/// Many steps, so that there is something to interrupt.
const LONGER: [&str; 4] = ["--set", "train.epochs=40", "--set", "record.every_steps=50"];

fn sweep_longer<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["sweep", "study/own.toml"], &LONGER[..], more].concat()
}

#[test]
fn an_interrupted_sweep_on_colour_images_goes_on_with_the_same_bits() {
    let whole: Recorded = {
        let sandbox = sandbox(3200);
        sandbox.run(&sweep_longer(&[])).well();
        sandbox.recorded()
    };
    let sandbox = sandbox(3200);
    let mut command = sandbox.command(&sweep_longer(&[]));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    await_handler(child.id());
    let deadline = Instant::now() + Duration::from_mins(1);
    let trained = || {
        let reader = gansweep_store::Reader::open(&sandbox.path("results")).ok()?;
        Some(reader.runs(&RunFilter::default()).ok()?.iter().any(|run| run.step > 100))
    };
    while trained() != Some(true) {
        assert!(Instant::now() < deadline, "nothing is trained");
        sleep(Duration::from_millis(5));
    }
    signal(child.id(), "INT");
    let interrupted = Ended::of(&child.wait_with_output().unwrap());
    assert_eq!(interrupted.code, Some(130), "{interrupted:#?}");
    sandbox.run(&sweep_longer(&[])).well();
    assert_eq!(sandbox.recorded(), whole);
}

#[test]
fn what_is_wrong_with_the_images_is_said_before_anything_is_trained() {
    let sandbox = sandbox(320);
    let refused = |set: &str, said: &[&str]| {
        for command in ["plan", "sweep"] {
            sandbox.run(&[command, "study/own.toml", "--set", set]).refused(said);
        }
    };
    refused("data.path=''", &["data.dataset", "data.path = \"FOLDER\""]);
    let nowhere = sandbox.path("nowhere").display().to_string();
    refused("data.path='nowhere'", &[&nowhere, "does not exist", "data.path"]);
    refused("data.path='~/pics'", &["~/pics", "does not exist", "`~` is not expanded here"]);
    refused("data.path='study/own.toml'", &["study/own.toml is a file", "needs a folder"]);
    refused("data.path='study'", &["study: no training images", "train-images.idx3-ubyte.gz", "MNIST/raw"]);
    refused("data.images=384", &["data.images", "idx has 320 training images, fewer than 384"]);
    sandbox.write("study/images/train-images-idx3-ubyte", &images(320)[..5000]);
    refused("data.images=0", &["study/images/train-images-idx3-ubyte", "5000 bytes", "truncated"]);
    sandbox.write("study/images/train-images-idx3-ubyte", images(100));
    refused("data.images=0", &["320 labels for the 100 images"]);
    assert!(!sandbox.path("results").exists());
}

#[test]
fn the_first_images_of_sorted_files_are_told_to_be_of_few_classes() {
    let sandbox = sandbox(320);
    let part = ["--set", "data.images=64", "--set", "train.epochs=1"];
    let plan =
        |sandbox: &Sandbox| sandbox.run(&[&["plan", "study/own.toml"], &part[..]].concat()).well().stdout;
    assert!(!plan(&sandbox).contains("sorted"));
    let mut sorted = labels(320);
    sorted[8..].sort_unstable();
    sandbox.write("study/images/train-labels-idx1-ubyte", sorted);
    let told = "the first 64 images of idx are of 1 of its 5 classes";
    let planned = plan(&sandbox);
    assert!(planned.contains(told) && planned.contains("`data.images = 0`"), "{planned}");
    let ended = sandbox.run(&[&["sweep", "study/own.toml"], &part[..]].concat()).well();
    assert!(ended.stderr.contains(told), "{ended:#?}");
}

#[test]
fn a_conditional_model_needs_labels_without_gaps() {
    let sandbox = sandbox(90);
    let gap =
        labels(90).into_iter().enumerate().map(|(at, byte)| if at >= 8 && byte == 3 { 2 } else { byte });
    sandbox.write("study/images/train-labels-idx1-ubyte", gap.collect::<Vec<u8>>());
    for command in ["plan", "sweep"] {
        sandbox.run(&[command, "study/own.toml", "--set", "model.conditional=true"]).refused(&[
            "the class \"3\" of idx has no image to train on",
            "let the labels count from 0 without gaps",
        ]);
    }
    sandbox.run(&["plan", "study/own.toml"]).well();
    sandbox.write("study/images/train-labels-idx1-ubyte", labels(90));
    sandbox.run(&["plan", "study/own.toml", "--set", "model.conditional=true"]).well();
    // The first three images are of three classes.
    let few = ["plan", "study/own.toml", "--set", "model.conditional=true", "--set", "data.images=3"];
    sandbox.run(&few).refused(&["the class \"3\" of idx", "raise `data.images`"]);
}
