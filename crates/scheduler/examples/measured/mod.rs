//! Time and memory of this process.

use std::time::Instant;

use gansweep_protocol::Heartbeat;

/// Does something and prints the time and the processor time that it takes here.
pub(crate) fn report<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (began, cpu) = (Instant::now(), Heartbeat::now().cpu_seconds);
    let done = work();
    let cpu = Heartbeat::now().cpu_seconds - cpu;
    println!("{what} in {cpu:.2} s of processor time, {:.2} s in all", began.elapsed().as_secs_f64());
    done
}

/// The largest resident set so far, as Linux tells it.
pub(crate) fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or_else(|| "unknown".to_owned(), |peak| peak.trim().to_owned())
}
