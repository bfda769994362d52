//! Images for other programs: `generate` and `data export` into folders and NumPy files.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use image::DynamicImage;

use crate::processes::{await_handler, signal};
use crate::sandbox::{Ended, SMALL, Sandbox};

/// More than one thread draws at once.
const COUNT: usize = 600;

/// A sandbox in which one small sweep has ended.
fn swept() -> &'static Sandbox {
    static SWEPT: OnceLock<Sandbox> = OnceLock::new();
    SWEPT.get_or_init(|| {
        let sandbox = Sandbox::new();
        sandbox.write("small.toml", short());
        sandbox.run(&["sweep", "small.toml"]).well();
        sandbox
    })
}

fn short() -> String {
    let text = SMALL.replace("seeds = 2", "seeds = 1").replace("[2e-4, 1e-3, 5e-3]", "[1e-3]");
    text.replace("epochs = 4", "epochs = 1")
}

fn run() -> String {
    swept().runs_of("small")[0].id.to_string()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn pictures(folder: &Path) -> Vec<DynamicImage> {
    names(folder).iter().map(|name| image::open(folder.join(name)).unwrap()).collect()
}

/// The bytes of the array with that header in an uncompressed `.npz`.
fn array(path: &Path, header: &str, size: usize) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    let is_here = |window: &[u8]| window == header.as_bytes();
    let start = bytes.windows(header.len()).position(is_here).unwrap_or_else(|| panic!("no {header}"));
    let end = start + bytes[start..].iter().position(|&byte| byte == b'\n').unwrap() + 1;
    bytes[end..end + size].to_vec()
}

#[test]
fn a_folder_an_array_and_a_grid_have_the_same_images() {
    let (sandbox, run) = (Sandbox::new(), run());
    let results = swept().path("results");
    let generate = |arguments: &[&str]| {
        let common = ["generate", &run, "--seed", "3", "--results", results.to_str().unwrap()];
        sandbox.run(&[&common, arguments].concat())
    };
    let count = COUNT.to_string();
    generate(&["-n", &count, "--format", "folder"]).well();
    generate(&["-n", &count, "--out", "new/images.npz"]).well();
    generate(&["-n", "1", "--out", "one.png"]).well();

    let folder = sandbox.path(&format!("generated-{run}"));
    let all = names(&folder);
    assert_eq!((all.len(), all[0].as_str(), all[COUNT - 1].as_str()), (COUNT, "00000.png", "00599.png"));
    let pictures: Vec<Vec<u8>> =
        pictures(&folder).into_iter().map(|picture| picture.into_luma8().into_raw()).collect();
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({COUNT}, 28, 28, 1), }}");
    assert!(array(&sandbox.path("new/images.npz"), &header, COUNT * 784) == pictures.concat());
    assert_ne!(pictures[0], pictures[599]);
    let one = image::open(sandbox.path("one.png")).unwrap().into_luma8().into_raw();
    assert_eq!(one, pictures[0]);
    let has_no_classes = fs::read(sandbox.path("new/images.npz")).unwrap();
    assert!(!has_no_classes.windows(5).any(|window| window == b"arr_1"));

    // What is there is not mixed with other images, and nothing but the results is left behind.
    let ended = generate(&["-n", "2", "--out", folder.to_str().unwrap()]);
    assert!(ended.code == Some(1) && ended.stderr.contains("not an empty folder"), "{ended:#?}");
    assert_eq!(names(&folder), all);
    fs::create_dir(sandbox.path("empty")).unwrap();
    generate(&["-n", "2", "--out", "empty"]).well();
    generate(&["-n", "2", "--out", "slash/"]).well();
    assert_eq!(names(&sandbox.path("empty")), ["00000.png", "00001.png"]);
    assert_eq!(names(&sandbox.path("slash")), ["00000.png", "00001.png"]);
    let expected = ["empty", &format!("generated-{run}"), "new", "one.png", "slash"];
    assert_eq!(names(&sandbox.path(".")), expected);
}

#[test]
fn an_interrupted_generation_leaves_nothing_behind() {
    let (sandbox, run, results) = (Sandbox::new(), run(), swept().path("results"));
    for out in ["images/", "images.npz"] {
        let common =
            ["generate", &run, "-n", "1000000", "--results", results.to_str().unwrap(), "--out", out];
        let child = sandbox.command(&common).stderr(Stdio::piped()).spawn().unwrap();
        await_handler(child.id());
        while names(&sandbox.path(".")).is_empty() {
            thread::sleep(Duration::from_millis(5));
        }
        signal(child.id(), "INT");
        let ended = Ended::of(&child.wait_with_output().unwrap());
        assert_eq!(ended.code, Some(130), "{ended:#?}");
        assert!(ended.stderr.contains("stopped: nothing was written"), "{ended:#?}");
        assert_eq!(names(&sandbox.path(".")), [""; 0]);
    }
}

#[test]
fn images_of_a_conditional_run_have_their_classes() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", short());
    sandbox.run(&["sweep", "small.toml", "--set", "model.conditional=true"]).well();
    let run = sandbox.runs_of("small")[0].id.to_string();
    sandbox.run(&["generate", &run, "-n", "12", "--out", "images/"]).well();
    assert_eq!(names(&sandbox.path("images"))[9..], ["00009-9.png", "00010-0.png", "00011-1.png"]);
    sandbox.run(&["generate", &run, "-n", "3", "--class", "7", "--out", "sevens.npz"]).well();
    let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }";
    let classes = array(&sandbox.path("sevens.npz"), header, 24);
    assert_eq!(classes, [7_i64; 3].iter().flat_map(|class| class.to_le_bytes()).collect::<Vec<_>>());
}

#[test]
fn rows_go_from_one_image_to_another() {
    let (sandbox, run, results) = (Sandbox::new(), run(), swept().path("results"));
    let drawn = |name: &str, arguments: &[&str]| {
        let common = ["generate", &run, "--seed", "3", "--out", name, "--results", results.to_str().unwrap()];
        sandbox.run(&[&common, arguments].concat()).well();
        image::open(sandbox.path(name)).unwrap().into_luma8()
    };
    let ends = drawn("ends.png", &["-n", "4", "--cols", "2"]);
    let rows = drawn("rows.png", &["-n", "14", "--cols", "7", "--interpolate"]);
    assert_eq!((ends.dimensions(), rows.dimensions()), ((56, 56), (196, 56)));
    let cell = |grid: &image::GrayImage, row: u32, col: u32| {
        image::imageops::crop_imm(grid, 28 * col, 28 * row, 28, 28).to_image().into_raw()
    };
    let far = |one: &[u8], other: &[u8]| one.iter().zip(other).map(|(one, other)| one.abs_diff(*other)).max();
    for row in 0..2 {
        // The latent of the last column is rounded.
        assert_eq!(cell(&rows, row, 0), cell(&ends, row, 0));
        assert!(far(&cell(&rows, row, 6), &cell(&ends, row, 1)) <= Some(1));
        assert!((1..7).all(|col| cell(&rows, row, col) != cell(&rows, row, col - 1)));
    }
}

#[test]
fn real_images_are_exported_as_runs_train_on_them() {
    let sandbox = Sandbox::new();
    let colour = |name: &str, level: u8| {
        let picture = image::RgbImage::from_pixel(40, 36, image::Rgb([level, 2 * level, 5]));
        let path = sandbox.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture.save(path).unwrap();
    };
    for (name, level) in [("own/dark/a.png", 10), ("own/dark/b.png", 20), ("own/light/a.png", 100)] {
        colour(name, level);
    }
    let own = ["data", "export", "folder", "--path", "own", "--side", "32", "--channels", "3"];
    let exported = sandbox.run(&own).well();
    assert!(exported.stderr.contains("exported 3 images"), "{}", exported.stderr);
    let folder = sandbox.path("folder-train");
    assert_eq!(names(&folder), ["00000-0.png", "00001-0.png", "00002-1.png"]);
    let picture = pictures(&folder).pop().unwrap().into_rgb8();
    assert_eq!((picture.dimensions(), picture.get_pixel(31, 31).0), ((32, 32), [100, 200, 5]));
    sandbox.run(&[&own[..], &["--test"]].concat()).refused(&["no test images"]);

    sandbox.run(&["data", "export", "strokes", "--test", "--out", "strokes.npz"]).well();
    let spec = gansweep_data::strokes::spec();
    let shape = format!("({}, 28, 28, 1)", spec.test_images);
    array(&sandbox.path("strokes.npz"), &shape, 784);
    sandbox.run(&["data", "show", "strokes", "--test"]).refused(&["--test is for `data export NAME`"]);
}

#[test]
fn an_output_that_does_not_go_with_the_format_is_refused() {
    let (sandbox, run) = (swept(), run());
    for (arguments, said) in [
        (&["-n", "10001"][..], "--format folder or --format npz"),
        (&["--format", "folder", "--cols", "3"], "--cols is for --format grid"),
        (&["--format", "npz", "--interpolate"], "--interpolate is for --format grid"),
        (&["--format", "folder", "-o", "images.png"], "name a folder"),
        (&["--format", "npz", "-o", "images.zip"], "ends in .npz"),
        (&["--interpolate", "--cols", "1"], "two or more in a row"),
        (&["-o", "images.jpg"], "ends in .png or .npz"),
        (&["--format", "grid", "-o", "images.npz"], "ends in .png"),
    ] {
        sandbox.run(&[&["generate", &run][..], arguments].concat()).refused(&[said]);
    }
}
