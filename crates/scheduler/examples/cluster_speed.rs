//! What a sweep of many runs on a cluster costs the machine that it is started from: processor time and memory to plan it,
//! to submit it as job arrays, to collect what the tasks report, and to stay with the tasks while they run.
//!
//!     cargo run --release -p gansweep-scheduler --example cluster_speed [RUNS] [FOLDER]
//!
//! The cluster is this program under the names of Slurm's commands: an array is one process that simulates the training of its
//! tasks one after the other. FOLDER keeps the results, for `gansweep report --results FOLDER`.

mod measured;

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use gansweep_config::{PlannedRun, SlurmConfig};
use gansweep_protocol::SegmentWriter;
use gansweep_scheduler::mock::{Script, plan, simulate, sweep_record};
use gansweep_scheduler::{
    ArrayFolder, NeverPrune, Notice, Pacing, PlannedRuns, Slot, SlurmLauncher, StopSignal, SweepParts,
    SweepRequest, collect_slurm_jobs, run_sweep,
};
use gansweep_store::Store;

use measured::{peak_memory, report};

type Outcome = Result<(), Box<dyn Error>>;

const SEEDS: usize = 10;
/// Names the results folder to the commands of the cluster.
const RESULTS: &str = "CLUSTER_SPEED_RESULTS";
/// The commands that this program stands in for.
const COMMANDS: [&str; 3] = ["scontrol", "sbatch", "squeue"];

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().collect();
    let name = Path::new(&arguments[0]).file_name().unwrap_or_default().to_string_lossy().into_owned();
    match name.as_str() {
        "scontrol" => println!("MaxArraySize = 1001"),
        "sbatch" => sbatch(&arguments)?,
        "squeue" => squeue(&arguments)?,
        "tasks" => run_tasks(Path::new(&arguments[1]))?,
        _ if std::env::var_os(RESULTS).is_some() => coordinate(&arguments)?,
        _ => start(&arguments)?,
    }
    Ok(())
}

/// Starts this program again, where it finds the commands of the cluster.
fn start(arguments: &[String]) -> Outcome {
    let folder = tempfile::tempdir()?;
    let program = std::env::current_exe()?;
    for name in COMMANDS.into_iter().chain(["tasks"]) {
        symlink(&program, folder.path().join(name))?;
    }
    let results = match arguments.get(2) {
        Some(kept) => PathBuf::from(kept),
        None => folder.path().join("results"),
    };
    fs::create_dir_all(&results)?;
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<PathBuf> =
        [folder.path().to_owned()].into_iter().chain(std::env::split_paths(&paths)).collect();
    let path: OsString = std::env::join_paths(path)?;
    let status =
        Command::new(program).args(&arguments[1..]).env("PATH", path).env(RESULTS, results).status()?;
    if status.success() { Ok(()) } else { Err("the sweep failed".into()) }
}

/// Plans, submits and leaves; collects; then trains further runs without leaving.
fn coordinate(arguments: &[String]) -> Outcome {
    let count = arguments.get(1).map(|count| count.parse()).transpose()?.unwrap_or(10_000_usize);
    let results = PathBuf::from(std::env::var_os(RESULTS).unwrap_or_default());
    let sweep = |low: &str| {
        format!(
            "[sweep]\nseeds = {SEEDS}\n[sweep.grid]\n\"optimizer.lr\" = {{ linear = [{low}, 1e-2], n = {} }}",
            count.div_ceil(SEEDS).max(2)
        )
    };
    let runs = report("planned", || plan(&sweep("1e-5"), 3))?;
    let mut store = Store::open(&results)?;
    let left = report("submitted", || train(&results, &mut store, "left", runs, true))?;
    report("(the tasks train)", || wait_for_tasks(&results))?;
    let collected = report("collected", || collect_slurm_jobs(&results, &mut store))?;
    println!("{left} runs left to the cluster, {} events collected", collected.events);
    println!("peak memory {}", peak_memory());
    let runs = plan(&sweep("2e-5"), 3)?;
    let stayed =
        report("submitted, followed and recorded", || train(&results, &mut store, "stayed", runs, false))?;
    println!("{stayed} runs; peak memory {}", peak_memory());
    Ok(())
}

/// Trains a sweep on the cluster; returns the number of its runs.
fn train(
    results: &Path,
    store: &mut Store,
    name: &str,
    runs: Vec<PlannedRun>,
    detach: bool,
) -> Result<usize, Box<dyn Error>> {
    let config = SlurmConfig {
        partition: String::new(),
        account: String::new(),
        time: String::new(),
        gpus: 0,
        cpus: 1,
        memory: String::new(),
        concurrency: 0,
        save_seconds: 60,
        sbatch: String::new(),
        setup: String::new(),
        poll_seconds: 5.0,
    };
    let launcher = SlurmLauncher::start(results, std::env::current_exe()?, config)?;
    let slot = || Slot { device: "cpu".to_owned(), threads: 1, max_lanes: Arc::new(|_| 1) };
    let request = SweepRequest {
        sweep: sweep_record(name),
        slots: runs.iter().map(|_| slot()).collect(),
        step_flops: |_| 1e9,
        check_checkpoint: |_, _, _| Ok(()),
        detach,
        restore_checkpoints: false,
        plan: None,
        results_dir: results.to_owned(),
        data_dir: None,
        idx_dir: None,
        max_attempts: 3,
        run_seconds: None,
        hang_timeout: Duration::from_mins(5),
        pacing: Pacing::default(),
    };
    let parts = SweepParts {
        searcher: &mut PlannedRuns::new(runs),
        pruner: &mut NeverPrune,
        launcher: &launcher,
        recorder: store,
        stop: &StopSignal::new(),
        observer: &mut |_: &Notice| {},
    };
    let summary = run_sweep(&request, parts)?;
    // Both sweeps have the runs of the largest learning rate.
    if summary.left + summary.completed + summary.skipped < summary.total {
        return Err(format!("{summary:?}").into());
    }
    Ok(summary.left + summary.completed)
}

/// Waits until every task has left its exit code.
fn wait_for_tasks(results: &Path) -> Outcome {
    let array = |folder: &ArrayFolder| folder.job_name();
    let open = ArrayFolder::open_ones(results)?;
    let names: Vec<String> = open.iter().map(array).collect();
    while !running_tasks(results, &names)?.is_empty() {
        sleep(Duration::from_millis(500));
    }
    Ok(())
}

/// Starts the tasks of the array whose script is the last argument, and prints the job's id.
fn sbatch(arguments: &[String]) -> Outcome {
    let script = arguments.last().map(PathBuf::from).unwrap_or_default();
    let folder = script.parent().ok_or("a script in the folder of its array")?;
    let mut tasks = Command::new("tasks");
    let child = tasks.arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    println!("{}", child.id());
    Ok(())
}

/// Lists the tasks of the arrays in `--name=...` that have not ended.
fn squeue(arguments: &[String]) -> Outcome {
    let results = PathBuf::from(std::env::var_os(RESULTS).unwrap_or_default());
    let names = arguments.iter().find_map(|argument| argument.strip_prefix("--name=")).unwrap_or_default();
    let names: Vec<String> = names.split(',').map(str::to_owned).collect();
    for (name, index) in running_tasks(&results, &names)? {
        println!("{name}|{index}|RUNNING");
    }
    Ok(())
}

fn running_tasks(results: &Path, names: &[String]) -> Result<Vec<(String, u32)>, Box<dyn Error>> {
    let mut running = Vec::new();
    for name in names {
        let token = name.rsplit('-').next().unwrap_or_default();
        let (mut jobs, mut ended) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(results.join("slurm").join(token))? {
            let file = entry?.file_name().to_string_lossy().into_owned();
            match file.split_once('.') {
                Some((index, "job")) => jobs.push(index.parse::<u32>()?),
                Some((index, "exit")) => ended.push(index.parse::<u32>()?),
                _ => {}
            }
        }
        ended.sort_unstable();
        jobs.retain(|index| ended.binary_search(index).is_err());
        running.extend(jobs.into_iter().map(|index| (name.clone(), index)));
    }
    Ok(running)
}

/// Simulates the training of all tasks of an array.
fn run_tasks(folder: &Path) -> Outcome {
    let array = ArrayFolder::at(folder.to_owned());
    let mut index = 0;
    while let Ok(job) = array.job(index) {
        let mut segment = SegmentWriter::open(&array.segment(index, 0))?;
        let mut write = |frame| segment.write(&frame);
        simulate(job, &Script::healthy(), &mut || None, &mut write).map_err(|failure| failure.message)?;
        array.leave_exit_code(index, 0)?;
        index += 1;
    }
    Ok(())
}
