//! Size of the page, and seconds and memory to build it, for synthetic sweeps of 16, 100 and 1,000 runs.
//!
//! Each page is built by a process of its own, since the memory is the largest that a process ever had.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use gansweep_report::{ReportOptions, build, write};
use gansweep_store::Reader;
use support::{Outcome, Synthetic};

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/report/support/mod.rs"]
mod support;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => {
            [(16, 100, 10), (100, 1000, 9), (1000, 100, 9)].into_iter().try_for_each(|sizes| measure(sizes))
        }
        [results] => page(Path::new(results)),
        _ => Err("usage: bench_report".into()),
    }
}

fn measure((runs, points, epochs): (u64, u64, u32)) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let (rates, widths) = (vec![1e-4, 2e-4, 5e-4, 1e-3], vec![128, 256]);
    let seeds = (0..runs.div_ceil(8)).collect();
    let outcome = |_| Outcome::Completes;
    Synthetic { rates, widths, seeds, epochs, points, side: 8, outcome, ..Synthetic::default() }
        .record(folder.path());
    print!("{:>5} runs x {points:>4} points x {:>2} grids: ", runs.div_ceil(8) * 8, epochs + 1);
    std::io::stdout().flush()?;
    let status = Command::new(std::env::current_exe()?).arg(folder.path()).status()?;
    if status.success() { Ok(()) } else { Err("the page was not built".into()) }
}

fn page(results: &Path) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let reader = Reader::open(results)?;
    let context = build(&reader, &ReportOptions::default())?;
    let path = results.join("page.html");
    write(&context, &reader, &path)?;
    let seconds = start.elapsed().as_secs_f64();
    let megabytes = std::fs::metadata(path)?.len() as f64 / 1e6;
    let epochs = context.sweeps[0].samples.epochs.len();
    let processor =
        processor_seconds().map_or_else(String::new, |busy| format!(" ({busy:.1} s of processor time)"));
    println!(
        "{megabytes:.1} MB with {epochs} epochs of grids, {seconds:.1} s{processor}, {} at most",
        peak_memory()
    );
    Ok(())
}

/// Processor time of this process, as Linux says it in hundredths of a second: on a machine with other work, seconds say
/// little.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may have spaces; `utime` and `stime` are fields 14 and 15.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11..13)?.iter().map(|field| field.parse::<f64>()).sum::<Result<f64, _>>().ok()?;
    Some(ticks / 100.0)
}

/// The largest resident memory of this process, as Linux says it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "memory unknown".to_owned(), |text| text.trim().to_owned())
}
