//! Signals to a runner and its workers.

use std::process::Stdio;
use std::sync::{Arc, Once};
use std::thread::sleep;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::sandbox::Sandbox;

/// Waits until a program catches Ctrl-C, which it does before anything else: a machine with much to do
/// may take its time to start one.
pub(crate) fn await_handler(pid: u32) {
    const SIGINT: u32 = 2;
    let deadline = Instant::now() + Duration::from_mins(1);
    while !catches(pid, SIGINT) {
        assert!(Instant::now() < deadline, "Ctrl-C is not caught");
        sleep(Duration::from_millis(1));
    }
}

/// Whether a process has a handler for a signal.
pub(crate) fn catches(pid: u32, signal: u32) -> bool {
    has_signal(&pid.to_string(), "SigCgt:", signal)
}

/// Lets the processes that this one starts begin with the usual effect of a signal. Under `nohup`, or in the
/// background of a script, they would inherit that it is ignored, and the program keeps ignoring it.
pub(crate) fn restore_signals() {
    static RESTORED: Once = Once::new();
    RESTORED.call_once(|| {
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            if has_signal("self", "SigIgn:", signal.unsigned_abs()) {
                // A signal that is caught has its usual effect in a program that is started.
                flag::register(signal, Arc::default()).unwrap();
            }
        }
    });
}

/// Whether a set of signals of a process has a signal.
fn has_signal(pid: &str, set: &str, signal: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix(set)).map(str::trim);
    mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0) >> (signal - 1) & 1 == 1
}

pub(crate) fn signal(pid: u32, name: &str) {
    // A process that has ended meanwhile is fine: the test is about any moment.
    let _ = std::process::Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .stderr(Stdio::null())
        .status();
}

/// Waits until a runner has `count` workers.
pub(crate) fn await_workers(runner: u32, count: usize) -> Vec<u32> {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let workers = workers(runner);
        if workers.len() >= count {
            return workers;
        }
        assert!(Instant::now() < deadline, "only {} workers were started", workers.len());
        sleep(Duration::from_millis(5));
    }
}

/// Waits until a run has a checkpoint.
pub(crate) fn await_checkpoint(sandbox: &Sandbox) {
    let deadline = Instant::now() + Duration::from_mins(1);
    let has_one = || {
        let folder = std::fs::read_dir(sandbox.path("results/checkpoints")).ok();
        folder.is_some_and(|mut entries| entries.next().is_some())
    };
    while !has_one() {
        assert!(Instant::now() < deadline, "no checkpoint is written");
        sleep(Duration::from_millis(5));
    }
}

pub(crate) fn kill_all(pids: &[u32]) {
    for &pid in pids {
        signal(pid, "KILL");
    }
}

/// The workers that a runner has started and that still live.
pub(crate) fn workers(runner: u32) -> Vec<u32> {
    let path = format!("/proc/{runner}/task/{runner}/children");
    let listed = std::fs::read_to_string(path).unwrap_or_default();
    let is_worker = |pid: &u32| {
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.ends_with(b"\0worker\0"))
    };
    listed.split_whitespace().filter_map(|pid| pid.parse().ok()).filter(is_worker).collect()
}
