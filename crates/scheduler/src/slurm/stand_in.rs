//! Stand-ins for Slurm's commands, for tests. They take note of how they are called and print what the test has prepared.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use gansweep_config::SlurmConfig;
use gansweep_protocol::Job;

/// Names the folder of the stand-ins to a test that runs with them.
const FOLDER: &str = "GANSWEEP_STAND_IN";
/// `squeue --format=%F` asks for the id of an array, any other `squeue` for the states of tasks. NAME in an answer
/// becomes the name that is asked for.
const SCRIPT: &str = r#"#!/bin/sh
command=$(basename "$0")
echo "$command $*" >>"$GANSWEEP_STAND_IN/calls"
name= answer=$command
for argument; do
    case $argument in
        --name=*) name=${argument#--name=} ;;
        --format=%F) answer=id ;;
    esac
done
if [ -e "$GANSWEEP_STAND_IN/$command.error" ]; then
    cat "$GANSWEEP_STAND_IN/$command.error" >&2
    exit 1
fi
[ ! -e "$GANSWEEP_STAND_IN/$answer.answer" ] || sed "s/NAME/$name/" "$GANSWEEP_STAND_IN/$answer.answer"
"#;

/// The folder of the stand-ins.
pub(super) struct StandIn(PathBuf);

/// Runs the body of a test in a process of its own that finds the stand-ins in its PATH: the commands are looked up
/// there, and no process may change its own while threads run. `test` is the name of the test in its module.
pub(super) fn with_slurm(module: &str, test: &str, body: impl FnOnce(&StandIn)) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return body(&StandIn(folder.into()));
    }
    let folder = tempfile::tempdir().unwrap();
    for command in ["sbatch", "squeue", "scancel"] {
        let path = folder.path().join(command);
        fs::write(&path, SCRIPT).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let (_, module) = module.split_once("::").unwrap();
    let mut path = OsString::from(folder.path());
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let ended = Command::new(std::env::current_exe().unwrap())
        .args([&format!("{module}::{test}"), "--exact", "--nocapture"])
        .env("PATH", path)
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let output =
        [ended.stdout, ended.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(ended.status.success() && output.contains("1 passed"), "{output}");
}

impl StandIn {
    /// The command (or `id`) prints this from now on.
    pub(super) fn answers(&self, command: &str, answer: &str) {
        let _ = fs::remove_file(self.0.join(format!("{command}.error")));
        fs::write(self.0.join(format!("{command}.answer")), answer).unwrap();
    }

    /// The command fails with this message from now on.
    pub(super) fn fails(&self, command: &str, message: &str) {
        fs::write(self.0.join(format!("{command}.error")), message).unwrap();
    }

    /// The calls of a command so far, with their arguments.
    pub(super) fn calls(&self, command: &str) -> Vec<String> {
        let calls = fs::read_to_string(self.0.join("calls")).unwrap_or_default();
        let of_command = |line: &&str| line.split(' ').next() == Some(command);
        calls.lines().filter(of_command).map(str::to_owned).collect()
    }

    /// A results folder.
    pub(super) fn results(&self) -> &Path {
        &self.0
    }
}

/// Settings that leave everything to the cluster.
pub(super) fn unset() -> SlurmConfig {
    SlurmConfig {
        partition: String::new(),
        account: String::new(),
        time: String::new(),
        gpus: 0,
        cpus: 0,
        memory: String::new(),
        concurrency: 0,
        save_seconds: 60,
        sbatch: String::new(),
        setup: String::new(),
        poll_seconds: 5.0,
    }
}

/// A job of one run.
pub(super) fn job() -> Job {
    let run = gansweep_config::RunId::parse("0123456789abcdef").unwrap();
    let planned = crate::mock::plan("", 1).unwrap().remove(0);
    Job {
        device: "cpu".into(),
        threads: 1,
        data_dir: None,
        idx_dir: None,
        results_dir: "results".into(),
        record: crate::mock::sweep_record("test").record,
        run_seconds: None,
        lanes: vec![gansweep_protocol::LaneJob {
            run,
            attempt: 2,
            config: planned.config,
            spec: planned.spec,
            epochs: 1,
            milestones: Vec::new(),
            pause_at: None,
            seed: 0,
            resume: None,
        }],
    }
}
