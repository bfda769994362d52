//! GPUs as machines have them: none, software, with a driver that is broken, with one that dies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use gansweep_config::RunState;
use gansweep_store::RunFilter;
use serde_json::Value;

use crate::evaluating::images_in;
use crate::sandbox::{Ended, SMALL, Sandbox, recorded};
use crate::software_driver::software_driver;

/// The program with those Vulkan drivers and no other.
fn with_driver(sandbox: &Sandbox, driver: &Path, arguments: &[&str]) -> Command {
    let mut command = sandbox.command(arguments);
    command.env("VK_DRIVER_FILES", driver).env("VK_ICD_FILENAMES", driver);
    command
}

fn run(command: &mut Command) -> Ended {
    Ended::of(&command.output().expect("the program starts"))
}

/// Fewer steps, since a software driver takes many times as long for each.
fn short() -> String {
    SMALL.replace("epochs = 4", "epochs = 1")
}

/// The line of `gansweep devices` on a device.
#[track_caller]
fn line<'a>(listed: &'a Ended, device: &str) -> &'a str {
    let begins = |line: &&str| line.split_whitespace().next() == Some(device);
    listed.stdout.lines().find(begins).unwrap_or_else(|| panic!("no {device}: {listed:#?}"))
}

/// With a driver that cannot be used: the list says why, `auto` means the CPU, and who asks for the
/// GPU is refused with the same cause.
fn finds_no_gpu(run_with: impl Fn(&Sandbox, &[&str]) -> Ended, causes: &[&str]) {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let listed = run_with(&sandbox, &["devices"]).well();
    assert!(!listed.stderr.contains("panicked"), "{listed:#?}");
    let said = line(&listed, "vulkan:0");
    assert!(causes.iter().all(|cause| said.contains(cause)), "{listed:#?}");
    assert!(line(&listed, "cpu").contains("yes"), "{listed:#?}");
    let planned = run_with(&sandbox, &["plan", "small.toml", "--device", "auto"]).well();
    assert!(planned.stdout.contains("6 groups of 1 lane on cpu"), "{planned:#?}");
    run_with(&sandbox, &["sweep", "small.toml", "--device", "vulkan:0"]).refused(causes);
    assert!(!sandbox.path("results").exists(), "something was begun");
}

#[test]
fn without_a_driver_there_is_no_gpu_and_a_word_on_what_to_install() {
    let missing = Path::new("/nonexistent/driver.json");
    finds_no_gpu(
        |sandbox, arguments| run(&mut with_driver(sandbox, missing, arguments)),
        &["no Vulkan driver found a GPU", "apt install"],
    );
}

#[test]
fn without_a_vulkan_library_there_is_no_gpu_and_a_word_on_what_to_install() {
    // What cannot be loaded is as good as missing: an empty file in the library's place, in a mount
    // namespace of the program's own.
    let hide = "for library in $(ldconfig -p | sed -n 's/.*libvulkan\\.so.*=> //p'); do \
                mount --bind /dev/null \"$(readlink -f \"$library\")\" || exit 99; done; exec \"$@\"";
    let hidden = |program: &Command| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "sh", "-c", hide, "sh"]);
        command.arg(program.get_program()).args(program.get_args());
        command.current_dir(program.get_current_dir().unwrap_or(Path::new(".")));
        for (key, value) in program.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        command
    };
    let allowed = hidden(&Command::new("true")).status().is_ok_and(|status| status.success());
    if !allowed {
        eprintln!("skipped: this system gives no mount namespaces");
        return;
    }
    finds_no_gpu(
        |sandbox, arguments| run(&mut hidden(&sandbox.command(arguments))),
        &["no Vulkan driver found a GPU", "apt install"],
    );
}

#[test]
fn a_broken_description_of_a_driver_is_no_gpu() {
    let folder = Sandbox::new();
    let torn = folder.write("torn.json", "{\"ICD\": {\"library_path\": ");
    let dangling = folder.write("dangling.json", description(Path::new("/nonexistent/driver.so")));
    for broken in [torn, dangling] {
        finds_no_gpu(
            |sandbox, arguments| run(&mut with_driver(sandbox, &broken, arguments)),
            &["no Vulkan driver found a GPU", "apt install"],
        );
    }
}

fn description(library: &Path) -> String {
    let library = library.display();
    format!(
        r#"{{"file_format_version": "1.0.0", "ICD": {{"api_version": "1.1.0", "library_path": "{library}"}}}}"#
    )
}

/// Compiles the driver that fails on purpose; gives its description.
fn bad_driver(sandbox: &Sandbox) -> PathBuf {
    let library = sandbox.path("bad_driver.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/e2e/bad_driver.c");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).args([source, "-ldl"]).status();
    assert!(compiled.unwrap().success());
    sandbox.write("bad.json", description(&library))
}

#[test]
fn a_driver_that_crashes_when_it_is_asked_costs_its_gpu_alone() {
    let folder = Sandbox::new();
    let driver = bad_driver(&folder);
    finds_no_gpu(
        |sandbox, arguments| run(with_driver(sandbox, &driver, arguments).env("BAD_DRIVER", "start")),
        &["the search for GPUs crashed", "VK_DRIVER_FILES"],
    );
}

/// The library that a driver's description names.
fn library_of(driver: &Path) -> String {
    let description: Value = serde_json::from_slice(&std::fs::read(driver).unwrap()).unwrap();
    description["ICD"]["library_path"].as_str().unwrap().to_owned()
}

#[test]
fn a_driver_that_crashes_while_compiling_fails_its_runs_with_the_cause() {
    let Some(real) = software_driver() else { return };
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", short());
    let driver = bad_driver(&sandbox);
    let arguments = ["sweep", "small.toml", "--device", "vulkan:0"];
    let mut command = with_driver(&sandbox, &driver, &arguments);
    let ended = run(command.env("BAD_DRIVER", "compile").env("REAL_DRIVER", library_of(&real)));
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    for run in sandbox.reader().runs(&RunFilter::default()).unwrap() {
        assert_eq!(run.state, RunState::Failed);
        assert!(run.cause.as_ref().is_some_and(|cause| cause.contains("SIGABRT")), "{:?}", run.cause);
    }
}

#[test]
fn runs_on_a_gpu_are_evaluated_on_the_cpu_once_all_are_trained() {
    let Some(driver) = software_driver() else { return };
    let sandbox = images_in(Sandbox::new());
    let sets = [
        "model.hidden=512",
        "train.epochs=800",
        "sweep.seeds=1",
        "record.every_epochs=800",
        "record.every_steps=1000",
        "record.evaluate_images=10",
    ];
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    let begun = |command: &str, more: &[&str]| {
        let arguments = [&[command, "tiny.toml"], &sets[..], more].concat();
        run(with_driver(&sandbox, &driver, &arguments).env("XDG_CACHE_HOME", sandbox.path("cache"))).well()
    };
    // A software driver would take minutes for a training that is long enough for figures.
    begun("sweep", &["--device", "cpu", "--set", "record.evaluate_epochs=0"]);
    let on_gpu = ["--device", "vulkan:0"];
    let planned = begun("plan", &on_gpu).stdout;
    assert!(planned.contains("of 10 images of each run when all are trained, on the CPU"), "{planned}");
    let figures = "SELECT run, step, images, is_curve, value, at FROM evaluations_named WHERE metric = 'fd'";
    let recorded = || sandbox.reader().query(figures).unwrap().rows;
    let off = [&on_gpu[..], &["--set", "record.evaluate_epochs=0"]].concat();
    begun("sweep", &off);
    assert_eq!(recorded().len(), 0);
    let first = begun("sweep", &on_gpu);
    assert!(first.stderr.contains("evaluating lr="), "{first:#?}");
    let figures = recorded();
    assert_eq!(figures.len(), 2);
    let again = begun("sweep", &on_gpu);
    assert!(!again.stderr.contains("evaluating"), "{again:#?}");
    assert_eq!(recorded(), figures);
    let compared = sandbox.run(&["compare", "tiny"]).well().stdout;
    assert!(compared.contains("FD"), "{compared}");
}

#[test]
fn a_gpu_that_disappears_leaves_its_runs_to_the_other_devices() {
    let Some(real) = software_driver() else { return };
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", short());
    let driver = bad_driver(&sandbox);
    let gone = sandbox.path("gone");
    let arguments =
        ["sweep", "small.toml", "--device", "vulkan:0", "--device", "cpu", "--jobs", "1", "--fuse", "3"];
    let mut command = with_driver(&sandbox, &driver, &arguments);
    let ended =
        run(command.env("BAD_DRIVER", "disappear").env("REAL_DRIVER", library_of(&real)).env("GONE", &gone))
            .well();
    assert!(gone.exists(), "the GPU was to disappear: {ended:#?}");
    let reader = sandbox.reader();
    let mut lost = 0;
    for run in reader.runs(&RunFilter::default()).unwrap() {
        let attempts = reader.attempts(&run.id).unwrap();
        assert_eq!(
            attempts.last().map(|it| (it.state, it.device.as_str())),
            Some((RunState::Completed, "cpu"))
        );
        lost += usize::from(attempts[0].device == "vulkan:0" && attempts[0].state == RunState::Failed);
    }
    assert!(lost > 0, "{ended:#?}");
}

#[test]
fn a_group_that_a_gpu_cannot_hold_is_halved_until_it_can() {
    let Some(real) = software_driver() else { return };
    let sandbox = Sandbox::new();
    // Three lanes of these fit, and six do not: each has more than a million parameters.
    sandbox.write("small.toml", short().replace("hidden = 24", "hidden = 512").replace("640", "128"));
    let driver = bad_driver(&sandbox);
    let mut command = with_driver(&sandbox, &driver, &["sweep", "small.toml", "--device", "vulkan:0"]);
    let small = command.env("BAD_DRIVER", "small").env("MEMORY", "200000000");
    let ended = run(small.env("REAL_DRIVER", library_of(&real))).well();
    let reader = sandbox.reader();
    for run in reader.runs(&RunFilter::default()).unwrap() {
        let attempts = reader.attempts(&run.id).unwrap();
        let (last, lost) = attempts.split_last().unwrap();
        assert_eq!(last.state, RunState::Completed, "{ended:#?}");
        assert!(last.lanes.is_some_and(|lanes| lanes < 6), "{:?}", last.lanes);
        for attempt in lost {
            let cause = attempt.cause.as_deref().unwrap_or_default();
            assert!(cause.contains("out of memory"), "{cause}");
        }
        assert!(!lost.is_empty(), "six lanes were to be too many: {ended:#?}");
    }
}

/// Every curve by run, metric and step.
fn curves(sandbox: &Sandbox) -> BTreeMap<(String, u64, String), f64> {
    let points = recorded(&sandbox.path("results")).into_iter();
    let curves = points.filter(|((_, _, name), _)| name != "raw");
    curves
        .map(|((run, step, name), bits)| {
            ((run.to_string(), step, name), f64::from_bits(u64::from_le_bytes(bits.try_into().unwrap())))
        })
        .collect()
}

#[test]
fn a_software_gpu_trains_like_the_cpu_but_only_who_names_it_gets_it() {
    let Some(driver) = software_driver() else { return };
    let gpu = Sandbox::new();
    gpu.write("small.toml", short());
    let listed = run(&mut with_driver(&gpu, &driver, &["devices"])).well();
    assert!(line(&listed, "vulkan:0").contains("yes, but slow (software)"), "{listed:#?}");
    let planned = run(&mut with_driver(&gpu, &driver, &["plan", "small.toml", "--device", "auto"])).well();
    assert!(planned.stdout.contains("6 groups of 1 lane on cpu"), "{planned:#?}");
    let named = ["--device", "vulkan:0"];
    let planned =
        run(&mut with_driver(&gpu, &driver, &[&["plan", "small.toml"][..], &named].concat())).well();
    assert!(planned.stdout.contains("6 runs -> 1 group of 6 lanes on vulkan:0 ("), "{planned:#?}");

    run(&mut with_driver(&gpu, &driver, &[&["sweep", "small.toml"][..], &named].concat())).well();
    let cpu = Sandbox::new();
    cpu.write("small.toml", short());
    cpu.run(&["sweep", "small.toml", "--device", "cpu"]).well();
    let (on_gpu, on_cpu) = (curves(&gpu), curves(&cpu));
    assert!(on_gpu.keys().eq(on_cpu.keys()));
    let far = on_gpu.iter().map(|(key, value)| (value - on_cpu[key]).abs() / value.abs().max(1.0));
    let far = far.fold(0.0, f64::max);
    eprintln!("curves are {far:e} apart at most");
    assert!(far < CURVES_APART, "{far:e}");
    let reader = gpu.reader();
    let mut lanes = Vec::new();
    for run in reader.runs(&RunFilter::default()).unwrap() {
        let attempt = reader.attempts(&run.id).unwrap().pop().unwrap();
        assert_eq!((attempt.device.as_str(), attempt.lanes), ("vulkan:0", Some(6)));
        lanes.extend(attempt.lane);
    }
    lanes.sort_unstable();
    assert_eq!(lanes, [0, 1, 2, 3, 4, 5]);
}

/// What rounding in another order may come to after ten steps (4e-7 on lavapipe); docs/architecture.md, "Tolerances".
const CURVES_APART: f64 = 1e-5;
