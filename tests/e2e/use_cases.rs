//! A sweep that a library's user starts: the use case in this process, its workers the program's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use gansweep_app::experiment::ExperimentRequest;
use gansweep_app::plan::PlanRequest;
use gansweep_app::sweep::{self, SweepEnd, SweepRequest, Workers};
use gansweep_app::{ExecutionRequest, Programs, Progress};
use gansweep_config::LoadOptions;
use gansweep_data::DataSource;
use gansweep_scheduler::{Notice, StopSignal};

use crate::sandbox::{CACHE_HOME, SMALL, Sandbox};

/// The program with the tests' cache, which notes the commands that it is started with.
fn noting_program(sandbox: &Sandbox) -> PathBuf {
    let script = format!(
        "#!/bin/sh\necho \"$1\" >> '{}'\nXDG_CACHE_HOME='{CACHE_HOME}' exec '{}' \"$@\"\n",
        sandbox.path("started").display(),
        env!("CARGO_BIN_EXE_gansweep"),
    );
    let path = sandbox.write("noting", script);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_sweep_started_by_the_library_trains_in_processes_of_the_program() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("small.toml", SMALL);
    let plan = PlanRequest {
        experiment: ExperimentRequest {
            file,
            options: LoadOptions::default(),
            data: DataSource {
                data_dir: None,
                idx_dir: None,
                cache_dir: PathBuf::from(CACHE_HOME).join("gansweep"),
                skip_damaged: false,
                offline: true,
            },
        },
        execution: ExecutionRequest::default(),
        results: sandbox.path("results"),
        programs: Programs::of(noting_program(&sandbox)),
    };
    let (mut started, mut fractions) = (0, Vec::new());
    let mut observer = |progress: Progress<'_>| match progress {
        Progress::Sweep(Notice::GroupStarted { .. }) => started += 1,
        Progress::Sweep(Notice::Progress { sweep, .. }) => fractions.push(sweep.fraction),
        _ => {}
    };
    let prepared = sweep::prepare(
        &SweepRequest { plan, workers: Workers::Processes, restore_checkpoints: false, detach: false },
        &mut observer,
    )
    .unwrap();
    let end = prepared.train(&StopSignal::new(), &mut observer).unwrap();
    assert!(matches!(end, SweepEnd::Trained(outcome) if outcome.summary.completed == 6));
    assert_eq!(started, 6);
    assert!(fractions.is_sorted() && fractions.last() > fractions.first(), "{fractions:?}");
    let started = fs::read_to_string(sandbox.path("started")).unwrap();
    assert_eq!(started.lines().filter(|command| *command == "worker").count(), 6, "{started}");

    let reference = Sandbox::new();
    reference.write("small.toml", SMALL);
    reference.run(&["sweep", "small.toml"]).well();
    assert_eq!(sandbox.recorded(), reference.recorded());
}
