//! Signals to runner and workers at random moments.

use std::thread::sleep;
use std::time::Duration;

use crate::processes::{signal, workers};
use crate::sandbox::Sandbox;
use crate::{Faults, check, check_record, experiment, run, spawn, undisturbed, wait};

#[test]
fn storm() {
    let expected = undisturbed();
    Faults::of("storm").repeat(|faults| {
        let sandbox = Sandbox::new();
        sandbox.write("small.toml", experiment());
        // So many interruptions that not every sweep ends in between.
        for _ in 0..4 + faults.below(6) {
            interrupt(faults, &sandbox);
            if !faults.time_is_left() {
                break;
            }
        }
        check_record(&sandbox, expected, "after the storm");
        faults.count("sweeps");
    });
}

fn interrupt(faults: &mut Faults, sandbox: &Sandbox) {
    let jobs = faults.pick(&["1", "2", "3"]);
    let runner = spawn(&mut sandbox.command(&["sweep", "small.toml", "--jobs", jobs]));
    sleep(faults.milliseconds(900));
    let name = faults.pick(&["INT", "TERM", "HUP", "KILL", "STOP"]);
    let workers = workers(runner.id());
    let targets: Vec<u32> = match faults.below(4) {
        0 => vec![runner.id()],
        1 => workers.iter().take(1).copied().collect(),
        2 => workers.clone(),
        _ => workers.iter().copied().chain([runner.id()]).collect(),
    };
    signal_all(&targets, name);
    faults.count("interruptions");
    if name == "STOP" {
        sleep(faults.milliseconds(700));
        signal_all(&targets, "CONT");
    }
    sleep(Duration::from_millis(50));
    // Where the runner goes on, it is stopped, or killed together with its workers.
    match faults.below(3) {
        0 => {}
        1 => signal(runner.id(), "INT"),
        _ => {
            signal_all(&workers, "KILL");
            signal(runner.id(), "KILL");
        }
    }
    let ended = wait(runner, "an interrupted sweep");
    assert!(!ended.stderr.contains("panicked"), "{name} to {targets:?}: {ended:#?}");
    if faults.below(3) == 0 {
        let listed = run(&mut sandbox.command(&["runs", "--json"]), "runs");
        check("runs after an interruption", &listed);
    }
}

fn signal_all(pids: &[u32], name: &str) {
    for &pid in pids {
        signal(pid, name);
    }
}
