//! A sweep over the devices of two builds of the program, with a script in place of the one that was
//! built with libtorch.
#![cfg(not(feature = "libtorch"))]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gansweep_app::devices::Probe;
use gansweep_config::RunState;
use gansweep_store::RunFilter;
use gansweep_train::{DeviceInfo, DeviceKind};

use crate::sandbox::{Ended, SMALL, Sandbox};

/// Answers for a libtorch build of that version; its workers train as `cpu`.
fn stand_in(sandbox: &Sandbox, version: &str) -> PathBuf {
    let device = DeviceInfo {
        name: "libtorch:cpu".into(),
        backend: "burn-libtorch".into(),
        adapter: "a script".into(),
        kind: DeviceKind::Cpu,
        memory_bytes: None,
        largest_buffer_bytes: None,
        problem: None,
    };
    let probe = Probe { version: version.into(), devices: vec![device] };
    // A worker's input stays open until its runner closes it, so nothing may wait for its end.
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in\ndevices) echo '{}' ;;\nworker)\n  IFS= read -r job\n  echo started >> '{}'\n  \
         pipe='{}'.$$; mkfifo \"$pipe\"; exec 3<&0\n  \
         {{ printf '%s\\n' \"$job\" | sed 's/libtorch:cpu/cpu/'; cat <&3; }} > \"$pipe\" 2> /dev/null &\n  \
         exec '{}' worker < \"$pipe\" ;;\nesac\n",
        serde_json::to_string(&probe).unwrap(),
        sandbox.path("workers").display(),
        sandbox.path("pipe").display(),
        env!("CARGO_BIN_EXE_gansweep"),
    );
    let path = sandbox.write("stand-in", script);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn run_beside(sandbox: &Sandbox, program: &Path, arguments: &[&str]) -> Ended {
    let mut command = sandbox.command(arguments);
    Ended::of(&command.env("GANSWEEP_LIBTORCH_PROGRAM", program).output().unwrap())
}

#[test]
fn one_queue_is_trained_on_the_devices_of_both_builds() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let program = stand_in(&sandbox, env!("CARGO_PKG_VERSION"));
    let devices = run_beside(&sandbox, &program, &["devices"]).well().stdout;
    assert!(devices.lines().any(|line| line.contains("libtorch:cpu") && line.contains("yes")), "{devices}");

    let arguments = ["sweep", "small.toml", "--device", "libtorch:cpu", "--device", "cpu", "--jobs", "1"];
    run_beside(&sandbox, &program, &arguments).well();
    let runs = sandbox.reader().runs(&RunFilter::default()).unwrap();
    assert!(runs.len() == 6 && runs.iter().all(|run| run.state == RunState::Completed), "{runs:#?}");
    let workers = fs::read_to_string(sandbox.path("workers")).unwrap().lines().count();
    assert!((1..6).contains(&workers), "{workers} of the workers were the other build's");
}

#[test]
fn another_build_that_cannot_be_used_is_listed_with_its_cause_and_never_started() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let older = stand_in(&sandbox, "0.0.1");
    let missing = sandbox.path("missing");
    let crashing = sandbox.write("crashing", "#!/bin/sh\necho 'no libtorch_cpu.so' >&2\nkill -ABRT $$\n");
    fs::set_permissions(&crashing, fs::Permissions::from_mode(0o755)).unwrap();
    for (program, said) in
        [(&older, "0.0.1"), (&missing, "could not be started"), (&crashing, "libtorch_cpu.so")]
    {
        let listed = run_beside(&sandbox, program, &["devices", "--json"]).well().stdout;
        let devices: Vec<DeviceInfo> = serde_json::from_str(&listed).unwrap();
        let libtorch = devices.iter().find(|device| device.name == "libtorch:cpu").unwrap();
        let problem = libtorch.problem.as_ref().unwrap();
        assert!(problem.cause.contains(said) && problem.remedy.contains("setup-libtorch"), "{problem:?}");
        run_beside(&sandbox, program, &["sweep", "small.toml", "--device", "libtorch:cpu"]).refused(&[
            "libtorch:cpu",
            said,
            "setup-libtorch",
        ]);
        run_beside(&sandbox, program, &["plan", "small.toml", "--device", "auto"]).well();
    }
}

#[test]
fn another_builds_device_is_refused_where_this_program_is_to_train_itself() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let program = stand_in(&sandbox, env!("CARGO_PKG_VERSION"));
    let arguments = ["sweep", "small.toml", "--device", "libtorch:cpu", "--in-process"];
    run_beside(&sandbox, &program, &arguments).refused(&["--in-process", "libtorch:cpu", "stand-in"]);
}
