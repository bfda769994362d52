//! A sweep that a library's user starts: the use case in this process, its workers the program's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use gansweep_app::experiment::ExperimentRequest;
use gansweep_app::plan::PlanRequest;
use gansweep_app::sweep::{self, SweepEnd, SweepRequest, Workers};
use gansweep_app::{ExecutionRequest, Programs, Progress};
use gansweep_config::LoadOptions;
use gansweep_data::DataSource;
use gansweep_scheduler::{Notice, StopSignal, Summary};

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

/// A sweep of an experiment whose workers are processes of that program.
fn request(sandbox: &Sandbox, experiment: &str, program: PathBuf) -> SweepRequest {
    let plan = PlanRequest {
        experiment: ExperimentRequest {
            file: sandbox.write("small.toml", experiment),
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
        programs: Programs::of(program),
        only: Vec::new(),
    };
    SweepRequest {
        plan,
        workers: Workers::Processes,
        restore_checkpoints: false,
        retry_failed: false,
        detach: false,
    }
}

/// The program, started by a shell that runs these commands first.
fn program_after(sandbox: &Sandbox, commands: &str) -> PathBuf {
    let program = env!("CARGO_BIN_EXE_gansweep");
    let script =
        format!("#!/bin/sh\nexport XDG_CACHE_HOME='{CACHE_HOME}'\n{commands}\nexec '{program}' \"$@\"\n");
    let path = sandbox.write("after", script);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn train(request: &SweepRequest) -> Summary {
    let mut observer = |_: Progress<'_>| ();
    let prepared = sweep::prepare(request, &mut observer).unwrap();
    match prepared.train(&StopSignal::new(), &mut observer).unwrap() {
        SweepEnd::Trained(outcome) => outcome.summary,
        SweepEnd::Cancelled => panic!("nobody cancelled it"),
    }
}

#[test]
fn a_run_fails_after_the_experiments_attempts_and_is_tried_again_by_the_next_sweep() {
    let sandbox = Sandbox::new();
    let one = SMALL.replace("seeds = 2", "seeds = 1").replace("[2e-4, 1e-3, 5e-3]", "[2e-4]");
    let one = one.replace("checkpoint_seconds = 0", "checkpoint_seconds = 3600");
    // With a second worker, the run would go on there without the pause.
    let text = format!("{one}\n[execution]\njobs = 1\nattempts = 2\nretry_seconds = 0.7\n");
    // While there is a file `failing`, workers die in the middle of what they report.
    let (failing, started) = (sandbox.write("failing", ""), sandbox.path("started"));
    let commands = format!(
        "if [ \"$1\" = worker ]; then echo >>'{}'\nif [ -e '{}' ]; then '{}' \"$@\" | head -c 1500; exit 7; fi; fi",
        started.display(),
        failing.display(),
        env!("CARGO_BIN_EXE_gansweep"),
    );
    let request = request(&sandbox, &text, program_after(&sandbox, &commands));
    let summary = train(&request);
    assert_eq!((summary.failed, summary.completed), (1, 0), "{summary:?}");
    assert!(summary.elapsed.as_secs_f64() > 0.7, "{summary:?}");
    assert_eq!(fs::read_to_string(&started).unwrap().lines().count(), 2);

    fs::remove_file(failing).unwrap();
    let summary = train(&request);
    assert_eq!((summary.failed, summary.completed), (0, 1), "{summary:?}");
    let reference = Sandbox::new();
    reference.write("small.toml", one);
    reference.run(&["sweep", "small.toml"]).well();
    assert_eq!(sandbox.recorded(), reference.recorded());
}

#[test]
fn workers_yield_to_other_programs_as_the_experiment_says() {
    let sandbox = Sandbox::new();
    // It never trains with another niceness.
    let own = Command::new("nice").output().unwrap();
    let own: u32 = String::from_utf8(own.stdout).unwrap().trim().parse().unwrap();
    let wait = format!(
        "if [ \"$1\" = worker ]; then until [ \"$(nice)\" = {} ]; do sleep 0.01; done; fi",
        (own + 7).min(19)
    );
    let text = format!("{SMALL}\n[execution]\nniceness = 7\n");
    let summary = train(&request(&sandbox, &text, program_after(&sandbox, &wait)));
    assert_eq!(summary.completed, 6, "{summary:?}");
}

#[test]
fn a_sweep_started_by_the_library_trains_in_processes_of_the_program() {
    let sandbox = Sandbox::new();
    let request = request(&sandbox, SMALL, noting_program(&sandbox));
    let (mut started, mut fractions) = (0, Vec::new());
    let mut observer = |progress: Progress<'_>| match progress {
        Progress::Sweep(Notice::GroupStarted { .. }) => started += 1,
        Progress::Sweep(Notice::Progress { sweep, .. }) => fractions.push(sweep.fraction),
        _ => {}
    };
    let prepared = sweep::prepare(&request, &mut observer).unwrap();
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
