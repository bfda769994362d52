//! `gansweep report`: the comparison page.

use std::io::Write;
use std::path::{Path, PathBuf};

use gansweep_report::ReportOptions;
use gansweep_store::Reader;

use crate::cli::ReportArgs;
use crate::failure::Failure;

/// Runs the command.
pub(crate) fn run(args: &ReportArgs) -> Result<(), Failure> {
    let results = &args.results.results;
    let page = match (&args.out, args.sweeps.as_slice()) {
        (Some(page), _) => page.clone(),
        (None, [name]) => page_of(results, name),
        (None, _) => results.join("report.html"),
    };
    write(results, &args.sweeps, &page)?;
    writeln!(std::io::stdout().lock(), "{}", std::path::absolute(&page).unwrap_or(page).display())?;
    Ok(())
}

/// Where the page of one sweep lies. A sweep may have any name; its page has one that every file
/// system takes.
pub(crate) fn page_of(results: &Path, sweep: &str) -> PathBuf {
    let plain = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '-' };
    results.join(format!("{}.html", sweep.chars().map(plain).collect::<String>()))
}

/// Writes the page of the named sweeps, of all if none is named.
pub(crate) fn write(results: &Path, sweeps: &[String], page: &Path) -> Result<(), Failure> {
    let reader = Reader::open(results)?;
    let options = ReportOptions { sweeps: sweeps.to_vec(), ..ReportOptions::default() };
    let context = gansweep_report::build(&reader, &options)?;
    gansweep_report::write(&context, &reader, page)?;
    Ok(())
}
