//! Sweeps on a real Slurm cluster of two emulated nodes. `scripts/check-slurm` starts the cluster and these tests; without
//! it they are ignored.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use gansweep_config::RunState;
use gansweep_store::RunFilter;

use crate::interruption::longer;
use crate::processes::signal;
use crate::sandbox::{Ended, Recorded, SMALL, Sandbox};

/// The folder of the cluster.
fn cluster() -> PathBuf {
    std::env::var_os("GANSWEEP_TEST_CLUSTER").expect("scripts/check-slurm sets GANSWEEP_TEST_CLUSTER").into()
}

/// Starts the cluster, or what is missing of it.
fn repair_cluster() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/slurm/cluster");
    let ended = Command::new(script).arg("start").arg(cluster()).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
}

/// Ends a node and its jobs at once, as a loss of power does.
fn kill_node(node: &str) {
    let pid = fs::read_to_string(cluster().join(format!("run/node-{node}.pid"))).unwrap();
    signal(pid.trim().parse().unwrap(), "KILL");
}

fn slurm(program: &str, args: &[&str]) -> String {
    let ended = Ended::of(&Command::new(program).args(args).output().unwrap()).well();
    ended.stdout
}

/// Jobs of the program that wait or run.
pub(crate) fn jobs() -> usize {
    let listing = slurm("squeue", &["--noheader", "--array", "--format=%j"]);
    listing.lines().filter(|name| name.starts_with("gansweep-")).count()
}

#[track_caller]
pub(crate) fn await_that(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(150);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} does not happen");
        sleep(Duration::from_millis(200));
    }
}

/// An experiment with settings of the cluster.
pub(crate) fn on_cluster(experiment: &str, settings: &str) -> String {
    format!("{experiment}\n[execution.slurm]\npoll_seconds = 1\n{settings}\n")
}

fn sandbox_of(experiment: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", experiment);
    sandbox
}

/// The same, whose tasks wait before they begin as long as [`leave`] holds them back.
fn sandbox_held(experiment: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let text = on_cluster(experiment, &held_by(&sandbox));
    sandbox.write("small.toml", text);
    sandbox
}

/// The setting with which tasks wait.
pub(crate) fn held_by(sandbox: &Sandbox) -> String {
    format!("setup = 'while [ -e {} ]; do sleep 0.1; done'", sandbox.path("held").display())
}

/// Runs a command that sends tasks and leaves, and lets them begin after that: those of a quick machine would end before.
pub(crate) fn leave(sandbox: &Sandbox, command: impl FnOnce() -> Ended) -> Ended {
    let held = sandbox.write("held", "");
    let left = command();
    fs::remove_file(held).unwrap();
    left
}

/// What the same experiment records on this machine.
fn local(experiment: &str) -> Recorded {
    let sandbox = sandbox_of(experiment);
    sandbox.run(&["sweep", "small.toml"]).well();
    sandbox.recorded()
}

const SWEEP: [&str; 4] = ["sweep", "small.toml", "--launcher", "slurm"];

fn start(sandbox: &Sandbox) -> Child {
    sandbox.command(&SWEEP).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Whether a run has a checkpoint on the disk.
pub(crate) fn has_checkpoint(sandbox: &Sandbox) -> bool {
    let folders = fs::read_dir(sandbox.path("results/checkpoints")).into_iter().flatten().flatten();
    folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten()).count() > 0
}

/// Every run is completed, once, and has the bits of one trained here.
#[track_caller]
fn assert_recorded(sandbox: &Sandbox, expected: &Recorded) {
    let runs = sandbox.reader().runs(&RunFilter::default()).unwrap();
    let states: Vec<RunState> = runs.iter().map(|run| run.state).collect();
    assert!(states.iter().all(|state| *state == RunState::Completed), "{states:?}");
    assert!(sandbox.recorded() == *expected, "other bits than those of the local sweep");
    sandbox.run(&["check"]).well();
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn twenty_four_runs_on_two_nodes_have_the_bits_of_a_local_sweep() {
    let plain = SMALL.replace("seeds = 2", "seeds = 8");
    let sandbox = sandbox_of(&on_cluster(&plain, "setup = 'echo \"node $SLURMD_NODENAME\"'"));
    let ended = sandbox.run(&SWEEP).well();
    assert!(ended.stderr.contains("24 runs: 24 completed"), "{ended:#?}");
    assert_recorded(&sandbox, &local(&plain));
    let mut nodes = BTreeSet::new();
    for array in fs::read_dir(sandbox.path("results/slurm")).unwrap().flatten() {
        for file in fs::read_dir(array.path()).into_iter().flatten().flatten() {
            let text = fs::read_to_string(file.path()).unwrap();
            nodes.extend(text.lines().filter(|line| line.starts_with("node ")).map(str::to_owned));
        }
    }
    assert_eq!(nodes.into_iter().collect::<Vec<_>>(), ["node n1", "node n2"]);
    let run = sandbox.runs_of("small").remove(0).id;
    let shown = sandbox.run(&["show", run.as_str()]).well().stdout;
    assert!(shown.contains("results/slurm/") && shown.contains(".log"), "{shown}");
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn fused_runs_share_a_task() {
    let sandbox = sandbox_of(&on_cluster(SMALL, ""));
    sandbox.run(&[&SWEEP[..], &["--fuse", "2"]].concat()).well();
    let array = fs::read_dir(sandbox.path("results/slurm")).unwrap().flatten().find(|it| it.path().is_dir());
    let runs = fs::read_to_string(array.unwrap().path().join("runs.txt")).unwrap();
    let tasks: BTreeSet<&str> = runs.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!((runs.lines().count(), tasks.len()), (6, 3), "{runs}");
    assert_recorded(&sandbox, &local(SMALL));
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn a_runner_that_has_left_is_collected_for_as_often_as_one_likes() {
    let sandbox = sandbox_held(SMALL);
    leave(&sandbox, || {
        let ended = sandbox.run(&[&SWEEP[..], &["--detach"]].concat()).well();
        let told = ["left to Slurm", "gansweep collect"];
        assert!(told.iter().all(|words| ended.stderr.contains(words)), "{ended:#?}");
        sandbox.run(&["sweep", "small.toml"]).refused(&["job arrays in Slurm", "gansweep cancel"]);
        sandbox.run(&["gc", "--yes"]).refused(&["job arrays in Slurm"]);
        assert!(sandbox.run(&["status"]).well().stdout.contains("WAITING"));
        sandbox.run(&["collect"])
    })
    .well();
    await_that("the end of all jobs", || jobs() == 0);
    let collected = sandbox.run(&["collect"]).well();
    assert!(
        collected.stderr.contains("`gansweep evaluate small` computes the quality figures"),
        "{collected:#?}"
    );
    assert_recorded(&sandbox, &local(SMALL));
    let again = sandbox.run(&["collect"]).well();
    assert!(again.stdout.starts_with("0 new events recorded; tasks: 0 ended"), "{again:#?}");
    assert!(sandbox.run(&["status"]).well().stdout.contains("no jobs"));
    assert!(sandbox.run(&SWEEP).well().stderr.contains("6 already done"));
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn a_killed_runner_and_a_lost_node_cost_nothing_but_time() {
    let sandbox = sandbox_of(&on_cluster(&longer(), ""));
    let mut runner = start(&sandbox);
    await_that("a checkpoint", || has_checkpoint(&sandbox));
    signal(runner.id(), "KILL");
    runner.wait().unwrap();
    kill_node("n1");
    let mut second = start(&sandbox);
    // The controller notices the loss of the node.
    sleep(Duration::from_secs(12));
    repair_cluster();
    assert!(second.wait().unwrap().success());
    assert_recorded(&sandbox, &local(&longer()));
}

/// Takes both nodes for a job of higher priority once there is a checkpoint.
fn preempt(sandbox: &Sandbox) {
    await_that("a checkpoint", || has_checkpoint(sandbox));
    slurm(
        "sbatch",
        &["--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=sleep 2"],
    );
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn preempted_jobs_go_on_whether_they_are_requeued_or_cancelled() {
    // Longer than the time that a job has to end, so that the preemption does not come too late.
    let long = longer().replace("epochs = 4", "epochs = 60").replace("[2e-4, 1e-3, 5e-3]", "[2e-4]");
    let long = long.replace("every_steps = 4", "every_steps = 100");
    let expected = local(&long);
    for partition in ["requeue", "cancel"] {
        let sandbox = sandbox_of(&on_cluster(&long, &format!("partition = '{partition}'")));
        let runner = start(&sandbox);
        preempt(&sandbox);
        Ended::of(&runner.wait_with_output().unwrap()).well();
        assert_recorded(&sandbox, &expected);
        let table = sandbox.run(&["sql", "SELECT max(attempt) FROM attempts", "--format", "csv"]).well();
        assert!(!table.stdout.ends_with("\n1\n"), "no attempt was cut off in {partition}: {table:#?}");
    }
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn a_job_that_reaches_its_time_limit_saves_and_goes_on() {
    let one = longer().replace("seeds = 2", "seeds = 1").replace("[2e-4, 1e-3, 5e-3]", "[2e-4]");
    let long = one.replace("epochs = 4", "epochs = 900").replace("every_steps = 4", "every_steps = 1000");
    let record = "checkpoint_seconds = 3600\nevery_epochs = 300";
    let long = long.replace("checkpoint_seconds = 0", record);
    let sandbox = sandbox_of(&on_cluster(&long, "partition = 'short'\ntime = '1'\nsave_seconds = 20"));
    // Each is one run, on a core of its own.
    let expected = std::thread::scope(|scope| {
        let here = scope.spawn(|| local(&long));
        sandbox.run(&SWEEP).well();
        here.join().unwrap()
    });
    let table = sandbox.run(&["sql", "SELECT max(attempt) > 1 FROM attempts", "--format", "csv"]).well();
    assert!(table.stdout.ends_with("\n1\n"), "the run was shorter than the limit: {table:#?}");
    assert_recorded(&sandbox, &expected);
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn a_segment_that_ends_within_a_frame_costs_what_came_after() {
    let sandbox = sandbox_held(SMALL);
    leave(&sandbox, || sandbox.run(&[&SWEEP[..], &["--detach"]].concat())).well();
    await_that("the end of all jobs", || jobs() == 0);
    let array = fs::read_dir(sandbox.path("results/slurm")).unwrap().flatten().find(|it| it.path().is_dir());
    let segment = array.unwrap().path().join("0.segment");
    let content = fs::read(&segment).unwrap();
    fs::write(&segment, &content[..content.len() * 2 / 3]).unwrap();
    sandbox.run(&SWEEP).well();
    assert_recorded(&sandbox, &local(SMALL));
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn a_node_whose_clock_is_an_hour_ahead_does_no_harm() {
    let sandbox = Sandbox::new();
    let source = "#define _GNU_SOURCE\n#include <time.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n\
                  int clock_gettime(clockid_t id, struct timespec *t) {\n\
                  long r = syscall(SYS_clock_gettime, id, t);\n\
                  if (r == 0 && id == CLOCK_REALTIME) t->tv_sec += 3600;\n\
                  return r; }\n";
    let (file, library) = (sandbox.write("clock.c", source), sandbox.path("clock.so"));
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &file]).status().unwrap();
    assert!(built.success());
    let setup =
        format!("setup = 'test \"$SLURMD_NODENAME\" = n1 || export LD_PRELOAD={}'", library.display());
    sandbox.write("small.toml", on_cluster(SMALL, &setup));
    sandbox.run(&SWEEP).well();
    assert_recorded(&sandbox, &local(SMALL));
    let spread = "SELECT max(ended_ms) - min(began_ms) > 3000000 FROM attempts";
    let table = sandbox.run(&["sql", spread, "--format", "csv"]).well();
    assert!(table.stdout.ends_with("\n1\n"), "no clock was ahead: {table:#?}");
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn cancelled_jobs_save_and_the_sweep_goes_on_when_it_is_asked_for() {
    let sandbox = sandbox_of(&on_cluster(&longer(), ""));
    sandbox.run(&[&SWEEP[..], &["--detach"]].concat()).well();
    await_that("a checkpoint", || has_checkpoint(&sandbox));
    sandbox.run(&["cancel"]).well();
    await_that("the end of all jobs", || jobs() == 0);
    let collected = sandbox.run(&["collect"]);
    assert_eq!(collected.code, Some(1), "{collected:#?}");
    assert!(collected.stderr.contains("was cancelled"), "{collected:#?}");
    assert!(!collected.stderr.contains("no longer knows"), "also of tasks that waited: {collected:#?}");
    sandbox.run(&SWEEP).well();
    assert_recorded(&sandbox, &local(&longer()));
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn figures_while_training_need_the_cache_on_the_nodes() {
    let one = SMALL.replace("seeds = 2", "seeds = 1").replace("[2e-4, 1e-3, 5e-3]", "[2e-4]");
    let evaluated = one.replace("evaluate_epochs = 0", "evaluate_epochs = 2");
    let sandbox = sandbox_of(&on_cluster(&evaluated, "setup = 'export XDG_CACHE_HOME=/nonexistent'"));
    let ended = sandbox.run(&SWEEP);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("is not on this node: record.evaluate_epochs needs"), "{ended:#?}");
    assert!(ended.stderr.contains("/nonexistent/gansweep/evaluators/"), "{ended:#?}");
    sandbox.write("small.toml", on_cluster(&evaluated, ""));
    sandbox.run(&SWEEP).well();
    assert_recorded(&sandbox, &local(&evaluated));
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn what_is_wrong_with_the_cluster_is_said_in_its_words() {
    let unknown = sandbox_of(&on_cluster(SMALL, "partition = 'gpus'"));
    let ended = unknown.run(&SWEEP);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    for said in ["invalid partition specified: gpus", "those that `sinfo` lists"] {
        assert!(ended.stderr.contains(said), "{ended:#?}");
    }

    let absent = sandbox_of(SMALL);
    let ended = Ended::of(&absent.command(&SWEEP).env("PATH", "/nonexistent").output().unwrap());
    ended.refused(&["scontrol cannot be started", "--launcher slurm"]);

    // Too little memory for the loader stands for a system that is too old for the program.
    let old = sandbox_of(&on_cluster(SMALL, "setup = 'ulimit -v 2000'"));
    let ended = old.run(&SWEEP);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("the program does not run on"), "{ended:#?}");

    // A file system that this process sees alone.
    let hidden = sandbox_of(&on_cluster(SMALL, ""));
    fs::create_dir(hidden.path("results")).unwrap();
    let script = "mount -t tmpfs none results && exec \"$@\"";
    let program = hidden.command(&SWEEP);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(program.get_program()).args(program.get_args());
    command.current_dir(hidden.path("")).env("GANSWEEP_OFFLINE", "1");
    command.env("XDG_CACHE_HOME", crate::sandbox::CACHE_HOME);
    let ended = Ended::of(&command.output().unwrap());
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("a file system that all nodes share"), "{ended:#?}");
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn a_full_disk_and_another_version_of_the_program_are_told_once() {
    let full = Sandbox::new();
    // Of the nodes alone, which is where checkpoints are written.
    let checkpoints = full.path("results/checkpoints");
    let folder = checkpoints.display();
    let setup = format!("setup = 'mkdir -p {folder}; mount -t tmpfs -o size=4k none {folder}'");
    full.write("small.toml", on_cluster(SMALL, &setup));
    let ended = full.run(&SWEEP);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert_eq!(ended.stderr.matches("No space left on device").count(), 1, "{ended:#?}");

    let other = sandbox_held(SMALL);
    leave(&other, || other.run(&[&SWEEP[..], &["--detach"]].concat())).well();
    await_that("the end of all jobs", || jobs() == 0);
    let array = fs::read_dir(other.path("results/slurm")).unwrap().flatten().find(|it| it.path().is_dir());
    let job = array.unwrap().path().join("0.job");
    let own = concat!("\"program\":\"", env!("CARGO_PKG_VERSION"), "\"");
    let line = fs::read_to_string(&job).unwrap();
    assert!(line.contains(own), "{line}");
    fs::write(&job, line.replace(own, "\"program\":\"0.0.1\"")).unwrap();
    for arguments in [&SWEEP[..], &["collect"]] {
        let ended = other.run(arguments);
        assert!(ended.code != Some(0) && ended.stderr.contains("version 0.0.1 of gansweep"), "{ended:#?}");
    }
    fs::write(&job, line).unwrap();
    other.run(&SWEEP).well();
    assert_recorded(&other, &local(SMALL));
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn a_run_that_is_out_of_time_has_failed_and_goes_on_with_a_higher_limit() {
    let sandbox = sandbox_held(SMALL);
    let limited = [&SWEEP[..], &["--set", "execution.run_hours=1e-9"]].concat();
    leave(&sandbox, || sandbox.run(&[&limited[..], &["--detach"]].concat())).well();
    await_that("the end of all jobs", || jobs() == 0);
    let collected = sandbox.run(&["collect"]);
    assert_eq!(collected.code, Some(1), "{collected:#?}");
    assert_eq!(collected.stderr.matches("has failed; `gansweep show ").count(), 6, "{collected:#?}");
    let ended = sandbox.run(&limited);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("6 runs: 6 failed"), "{ended:#?}");
    let table = sandbox.run(&["sql", "SELECT max(attempt) FROM attempts", "--format", "csv"]).well();
    assert!(table.stdout.ends_with("\n2\n"), "an attempt for each command: {table:#?}");
    sandbox.run(&SWEEP).well();
    assert_recorded(&sandbox, &local(SMALL));
}

#[test]
#[ignore = "needs a cluster: scripts/check-slurm"]
fn a_second_program_is_told_and_waits_until_the_first_has_ended() {
    let sandbox = sandbox_of(&on_cluster(&longer(), ""));
    let first = start(&sandbox);
    await_that("a checkpoint", || has_checkpoint(&sandbox));
    // So that it does not end before the others have looked.
    signal(first.id(), "STOP");
    sandbox
        .run(&["collect"])
        .refused(&["is in use by another process; run the command again when that has ended"]);
    let mut second = start(&sandbox);
    let mut messages = BufReader::new(second.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("is in use by process") {
        line.clear();
        assert!(messages.read_line(&mut line).unwrap() > 0, "the second does not wait");
    }
    signal(first.id(), "CONT");
    let mut rest = String::new();
    messages.read_to_string(&mut rest).unwrap();
    Ended::of(&first.wait_with_output().unwrap()).well();
    assert!(second.wait().unwrap().success(), "{rest}");
    assert!(rest.contains("6 runs: 6 already done"), "{rest}");
    assert_recorded(&sandbox, &local(&longer()));
}
