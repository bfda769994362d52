//! The command on the page: pasted into a shell, it starts the same sweep again, which trains nothing.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::sandbox::{CACHE_HOME, Ended, PROGRAM, SMALL, Sandbox};

/// The command that the only page of a results folder shows.
fn command_of(results: &Path) -> String {
    let pages = std::fs::read_dir(results).unwrap().map(|entry| entry.unwrap().path());
    let pages: Vec<_> = pages.filter(|path| path.extension().is_some_and(|it| it == "html")).collect();
    assert_eq!(pages.len(), 1, "{pages:?}");
    let html = std::fs::read_to_string(&pages[0]).unwrap();
    let data = html.split("id=\"report-data\">").nth(1).and_then(|rest| rest.split("</script>").next());
    let data: serde_json::Value = serde_json::from_str(data.unwrap()).unwrap();
    data["sweeps"][0]["command"].as_str().unwrap().to_owned()
}

/// Pastes a command into a shell, in the folder of the first sweep and without its environment.
fn paste(sandbox: &Sandbox, command: &str) -> Ended {
    let folder = Path::new(PROGRAM).parent().unwrap().display();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).current_dir(sandbox.path("")).env("PATH", path).stdin(Stdio::null());
    for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("GANSWEEP_")) {
        shell.env_remove(key);
    }
    Ended::of(&shell.env("XDG_CACHE_HOME", CACHE_HOME).output().unwrap())
}

/// Trains three runs, then pastes the command of the page in the folder `results`.
#[track_caller]
fn trains_nothing_again(sandbox: &Sandbox, arguments: &[&str], variables: &[(&str, &str)], results: &str) {
    let first = sandbox.command(arguments).envs(variables.iter().copied()).output().unwrap();
    let first = Ended::of(&first).well();
    assert!(first.stderr.contains("3 runs: 3 completed"), "{first:#?}");
    let command = command_of(&sandbox.path(results));
    let again = paste(sandbox, &command).well();
    assert!(again.stderr.contains("3 runs: 3 already done"), "{command}\n{again:#?}");
    assert_eq!(command_of(&sandbox.path(results)), command, "the second sweep is recorded like the first");
}

/// The small sweep with a profile that trains one epoch and one seed.
fn experiment() -> String {
    format!("{SMALL}\n[profile.short]\ntrain.epochs = 1\nsweep.seeds = [7]\n")
}

#[test]
fn it_has_profile_overrides_variables_folders_and_devices() {
    let sandbox = Sandbox::new();
    sandbox.write("my small.toml", experiment());
    let lr = "sweep.grid.optimizer.lr={ log = [1e-4, 1e-2], n = 3 }";
    let arguments = ["sweep", "my small.toml", "--profile", "short", "--set", lr, "--results", "its results"];
    let more = ["--device", "cpu", "--jobs", "2", "--fuse", "1"];
    let variables = [("GANSWEEP_TRAIN__BATCH_SIZE", "32")];
    trains_nothing_again(&sandbox, &[&arguments[..], &more].concat(), &variables, "its results");
}

#[test]
fn it_has_folders_that_variables_have_named() {
    let sandbox = Sandbox::new();
    sandbox.write("sub/small.toml", experiment());
    sandbox.write("my data/readme", "no dataset");
    let variables = [
        ("GANSWEEP_RESULTS", "results of $HOME"),
        ("GANSWEEP_DATA_DIR", "my data"),
        ("GANSWEEP_MODEL__HIDDEN", "16"),
    ];
    let arguments = ["sweep", "sub/small.toml", "--profile", "short"];
    trains_nothing_again(&sandbox, &arguments, &variables, "results of $HOME");
}

#[test]
fn it_has_several_overrides_in_their_order_and_odd_names() {
    let sandbox = Sandbox::new();
    sandbox.write("-it's; `odd` \"$x\" *.toml", experiment());
    let arguments = [
        "sweep",
        "./-it's; `odd` \"$x\" *.toml",
        "--set",
        "train.epochs=2",
        "--set",
        "train.epochs=1",
        "--set",
        "sweep.seeds=[3]",
        "--set",
        "name=\"it's\"",
        "--data-dir",
        ".",
        "--results=-results",
    ];
    trains_nothing_again(&sandbox, &arguments, &[], "-results");
}

#[test]
fn it_trains_on_the_same_images_of_the_users_own() {
    let sandbox = Sandbox::new();
    let header = |magic: [u8; 4], sizes: &[u32]| {
        let sizes = sizes.iter().flat_map(|size| size.to_be_bytes());
        magic.into_iter().chain(sizes).collect::<Vec<u8>>()
    };
    let mut pixels = header([0, 0, 8, 3], &[128, 8, 8]);
    pixels.extend((0..128 * 64_u32).map(|index| (index * 7) as u8));
    let mut labels = header([0, 0, 8, 1], &[128]);
    labels.extend((0..128_u8).map(|index| index % 4));
    sandbox.write("own images/train-images-idx3-ubyte", pixels);
    sandbox.write("own images/train-labels-idx1-ubyte", labels);
    let text = experiment().replace("dataset = \"strokes\"\nimages = 640", "dataset = \"idx\"");
    sandbox.write("small.toml", text);
    let arguments = ["sweep", "small.toml", "--profile", "short", "--set", "data.path=\"own images\""];
    trains_nothing_again(&sandbox, &arguments, &[], "results");
}
