//! What large pages cost: their size, seconds and memory to build them, and how long a browser takes to answer a reader.
//!
//! Each page is built by a process of its own, since the memory is the largest that a process ever had. Without arguments,
//! synthetic sweeps of 16, 100, 1,000 and 10,000 runs are measured; `bench_report record FOLDER RUNS POINTS EPOCHS`,
//! `page FOLDER` and `use FOLDER` are the steps of one.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use gansweep_report::{ReportOptions, build, write};
use gansweep_store::Reader;
use support::browser::browser;
use support::checked::{console_with, tools};
use support::{Outcome, Synthetic};

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/report/support/mod.rs"]
mod support;

/// Uses a page as a reader does.
const LATENCIES: &str = include_str!("../tests/report/latencies.js");
const PAGE: &str = "page.html";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => {
            [(16, 100, 10), (100, 1000, 9), (1000, 100, 9), (10_000, 1, 1)].into_iter().try_for_each(measure)
        }
        ["record", folder, runs, points, epochs] => {
            record(Path::new(folder), runs.parse()?, points.parse()?, epochs.parse()?);
            Ok(())
        }
        ["page", folder] => page(Path::new(folder)),
        ["use", folder] => answers(&Path::new(folder).canonicalize()?),
        _ => Err("usage: bench_report [record FOLDER RUNS POINTS EPOCHS | page FOLDER | use FOLDER]".into()),
    }
}

fn measure((runs, points, epochs): (u64, u64, u32)) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    record(folder.path(), runs, points, epochs);
    print!("{:>5} runs x {points:>4} points x {:>2} grids: ", runs.div_ceil(8) * 8, epochs + 1);
    std::io::stdout().flush()?;
    let status = Command::new(std::env::current_exe()?).arg("page").arg(folder.path()).status()?;
    if !status.success() {
        return Err("the page was not built".into());
    }
    if runs >= 1000 { answers(folder.path()) } else { Ok(()) }
}

fn record(folder: &Path, runs: u64, points: u64, epochs: u32) {
    let (rates, widths) = (vec![1e-4, 2e-4, 5e-4, 1e-3], vec![128, 256]);
    let seeds = (0..runs.div_ceil(8)).collect();
    let outcome = |_| Outcome::Completes;
    // Of thousands of runs, the rows of the tables are measured.
    let side = if runs > 1000 { 1 } else { 8 };
    Synthetic { rates, widths, seeds, epochs, points, side, outcome, ..Synthetic::default() }.record(folder);
}

fn page(results: &Path) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let reader = Reader::open(results)?;
    let context = build(&reader, &ReportOptions::default())?;
    let path = results.join(PAGE);
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

/// How long the browser takes to answer.
fn answers(results: &Path) -> Result<(), Box<dyn Error>> {
    let Some(browser) = browser() else { return Ok(()) };
    let page = std::fs::read_to_string(results.join(PAGE))?;
    for line in console_with(&browser, results, &page, &format!("{}{LATENCIES}", tools()), &[]) {
        println!("      {line}");
    }
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
