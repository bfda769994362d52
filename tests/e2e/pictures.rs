//! Sweeps on what is made in the shape that is asked for: strokes in colour, and folders of pictures.

use std::fs;
use std::path::Path;

use gansweep_config::{Dataset, ImageShape, RunState};
use gansweep_store::RunFilter;

use crate::sandbox::Sandbox;

/// A small run; what it trains on comes behind.
const SMALL: &str = r#"
recipe = "fast"

[model]
hidden = 24
latent_dim = 8

[train]
epochs = 2
batch_size = 32

[record]
every_steps = 4
checkpoint_seconds = 0
grid_rows = 2
grid_cols = 3

[data]
images = 96
"#;

const COLOUR_32: ImageShape = ImageShape { channels: 3, height: 32, width: 32 };

fn experiment(name: &str, data: &str) -> String {
    format!("name = \"{name}\"{SMALL}{data}")
}

/// Width, height and colour type (2 is RGB) of a PNG, from its first chunk.
pub(crate) fn header(png: &[u8]) -> (u32, u32, u8) {
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20), png[25])
}

/// The only run trained to its end on images of that shape, and its grids and images are in colour.
#[track_caller]
fn assert_in_colour(sandbox: &Sandbox, dataset: Dataset, image: ImageShape) {
    let reader = sandbox.reader();
    let runs = reader.runs(&RunFilter::default()).unwrap();
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!(run.state, RunState::Completed);
    let recorded = reader.dataset(&run.data_fingerprint).unwrap();
    assert_eq!((recorded.dataset, recorded.spec.image), (dataset, image));
    let size = (3 * image.width, 2 * image.height, 2);
    let grids = reader.samples_index(&run.id, u64::MAX).unwrap();
    let last = grids.last().unwrap();
    let grid = reader.sample(&run.id, last.step, last.source).unwrap().unwrap();
    assert_eq!(header(&grid.png), size);
    assert_eq!(header(&reader.real_images(&run.data_fingerprint).unwrap()[0].png), size);
    sandbox.run(&["generate", run.id.as_str(), "-n", "6", "--cols", "3", "--out", "new.png"]).well();
    assert_eq!(header(&fs::read(sandbox.path("new.png")).unwrap()), size);
}

#[test]
fn strokes_in_colour_train_mirrored_and_are_shown_in_colour() {
    let sandbox = Sandbox::new();
    let data = "dataset = \"strokes\"\nside = 32\nchannels = 3\nflip = true\n";
    sandbox.write("colour.toml", experiment("colour", data));
    let planned = sandbox.run(&["plan", "colour.toml"]).well().stdout;
    assert!(planned.contains("60000 images of 3 x 32 x 32"), "{planned}");
    sandbox.run(&["sweep", "colour.toml"]).well();
    assert_in_colour(&sandbox, Dataset::Strokes, COLOUR_32);
    let shown = ["data", "show", "strokes", "--side", "32", "--channels", "3", "--out", "sheet.png"];
    sandbox.run(&shown).well();
    assert_eq!(header(&fs::read(sandbox.path("sheet.png")).unwrap()).2, 2);
}

#[test]
fn strokes_replace_cifar10_in_its_shape_and_are_the_run_that_asks_for_them() {
    let sandbox = Sandbox::new();
    sandbox.write("cifar.toml", experiment("cifar", "dataset = \"cifar10\"\nfallback = \"strokes\"\n"));
    let ended = sandbox.run(&["sweep", "cifar.toml"]).well();
    assert!(ended.stderr.contains("Training on strokes instead"), "{ended:#?}");
    assert_in_colour(&sandbox, Dataset::Strokes, COLOUR_32);
    sandbox.write("asked.toml", experiment("asked", "dataset = \"strokes\"\nside = 32\nchannels = 3\n"));
    let again = sandbox.run(&["sweep", "asked.toml"]).well();
    assert!(again.stderr.contains("1 already done"), "{again:#?}");
}

#[test]
fn another_shape_than_the_files_have_is_refused_before_anything_starts() {
    let sandbox = Sandbox::new();
    sandbox
        .write("wrong.toml", experiment("wrong", "dataset = \"mnist\"\nside = 64\nfallback = \"strokes\"\n"));
    let refused = sandbox.run(&["sweep", "wrong.toml"]);
    refused.refused(&["data.side", "the images of mnist have 28 x 28 pixels and 1 channel"]);
    assert!(!sandbox.path("results").exists());
    let shown = sandbox.run(&["data", "show", "cifar10", "--side", "64"]);
    shown.refused(&["cifar10 has images of 3 x 32 x 32"]);
}

/// Two classes of 48 pictures of every kind each.
fn put_pictures(sandbox: &Sandbox) {
    let kinds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/pictures");
    for (index, kind) in fs::read_dir(kinds).unwrap().enumerate() {
        let kind = kind.unwrap();
        let (content, name) = (fs::read(kind.path()).unwrap(), kind.file_name().into_string().unwrap());
        for class in ["cats", "dogs"] {
            for copy in 0..4 {
                sandbox.write(&format!("pictures/{class}/{index:02}-{copy}-{name}"), &content);
            }
        }
    }
}

#[test]
fn a_folder_of_pictures_trains_wherever_it_lies_and_names_what_is_damaged() {
    let sandbox = Sandbox::new();
    put_pictures(&sandbox);
    let data = "dataset = \"folder\"\npath = \"pictures\"\nside = 20\n";
    sandbox.write("own.toml", experiment("own", data));
    sandbox.write("pictures/dogs/cut.jpg", b"\xff\xd8\xff");
    let refused = sandbox.run(&["sweep", "own.toml"]);
    refused.refused(&["1 of 97 images", "pictures/dogs/cut.jpg", "data.skip_damaged = true"]);
    for command in ["plan", "sweep"] {
        let skipped = sandbox.run(&[command, "own.toml", "--set", "data.skip_damaged=true"]).well();
        let told = "pictures: dogs/cut.jpg (it ends before its image does)\n";
        assert_eq!(skipped.stderr.matches(told).count(), 1, "{command}: {skipped:#?}");
        assert!(skipped.stderr.contains("1 damaged picture is left out of "), "{command}: {skipped:#?}");
    }
    let shape = ImageShape { channels: 3, height: 20, width: 20 };
    assert_in_colour(&sandbox, Dataset::Folder, shape);
    // Without the damaged file, and in another place, it is the same run.
    fs::remove_file(sandbox.path("pictures/dogs/cut.jpg")).unwrap();
    fs::rename(sandbox.path("pictures"), sandbox.path("moved")).unwrap();
    let again = sandbox.run(&["sweep", "own.toml", "--set", "data.path=moved"]).well();
    assert!(again.stderr.contains("1 already done"), "{again:#?}");
    let listed = sandbox.run(&["data", "--path", "moved", "--side", "20"]).well().stdout;
    assert!(listed.contains("96") && listed.contains("3 x 20 x 20"), "{listed}");
}

#[test]
fn classes_of_a_folder_are_called_like_its_subfolders() {
    let sandbox = Sandbox::new();
    put_pictures(&sandbox);
    sandbox.write("own.toml", experiment("own", "dataset = \"folder\"\npath = \"pictures\"\nside = 20\n"));
    sandbox.run(&["sweep", "own.toml", "--set", "model.conditional=true"]).well();
    let page = fs::read_to_string(sandbox.path("results/own.html")).unwrap();
    let names = r#"<span data-name="cats"></span><span data-name="dogs"></span>"#;
    assert!(page.contains(names), "the grid's columns have no names");
    let show = ["data", "show", "folder", "--path", "pictures", "--out", "sheet.png"];
    let shown = sandbox.run(&show).well().stderr;
    assert!(shown.contains("rows: 0 cats, 1 dogs\n"), "{shown}");
    // The database has the names: the pictures are of no use any more.
    fs::remove_dir_all(sandbox.path("pictures")).unwrap();
    let run = sandbox.reader().runs(&RunFilter::default()).unwrap()[0].id.clone();
    let draw = |class: &str| {
        sandbox.run(&["generate", run.as_str(), "-n", "1", "--class", class, "--out", "one.png"]).well();
        fs::read(sandbox.path("one.png")).unwrap()
    };
    assert_eq!(draw("dogs"), draw("1"));
    assert_ne!(draw("dogs"), draw("Cats"));
    let refused = sandbox.run(&["generate", run.as_str(), "--class", "birds"]);
    refused.refused(&["no class \"birds\"", "from 0 to 1, or one of cats, dogs"]);
}

#[test]
fn a_part_of_a_folder_has_all_classes_and_a_conditional_model_is_refused_without() {
    let sandbox = Sandbox::new();
    put_pictures(&sandbox);
    // In the order of names, behind all others.
    let source = fs::read_dir(sandbox.path("pictures/cats")).unwrap().next().unwrap().unwrap().path();
    for name in ["1.png", "2.png"] {
        sandbox.write(&format!("pictures/zebras/{name}"), fs::read(&source).unwrap());
    }
    let data =
        "dataset = \"folder\"\npath = \"pictures\"\nside = 20\n[sweep.grid]\n\"data.side\" = [16, 20]\n";
    sandbox.write("own.toml", experiment("own", data));
    let conditional = "model.conditional=true";
    for command in ["plan", "sweep"] {
        let few = sandbox.run(&[command, "own.toml", "--set", conditional, "--set", "data.images=48"]);
        few.refused(&["the class \"zebras\" of folder has no image among those of `data.images = 48`"]);
        assert!(!sandbox.path("results").exists());
    }
    sandbox.run(&["plan", "own.toml", "--set", "data.images=48"]).well();
    // 96 of 98 pictures: one of the two zebras is among them.
    sandbox.run(&["plan", "own.toml", "--set", conditional]).well();
}
