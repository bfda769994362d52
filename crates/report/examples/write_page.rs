//! Writes the page of a results folder: `write_page RESULTS PAGE`, without the rest of the program.

use std::path::Path;

use gansweep_report::{ReportOptions, build, write};
use gansweep_store::{Reader, Store};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [results, page] = arguments.as_slice() else { return Err("usage: write_page RESULTS PAGE".into()) };
    // Brings an older database up to date.
    drop(Store::open(Path::new(results))?);
    let reader = Reader::open(Path::new(results))?;
    write(&build(&reader, &ReportOptions::default())?, &reader, Path::new(page))?;
    Ok(())
}
