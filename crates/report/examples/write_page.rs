//! Writes the page of a results folder: `write_page RESULTS PAGE [OBJECTIVE]`, without the rest of the program.

use std::path::Path;

use gansweep_protocol::Metric;
use gansweep_report::{ReportOptions, build, write};
use gansweep_store::{Reader, Store};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (results, page, objective) = match arguments.as_slice() {
        [results, page] => (results, page, None),
        [results, page, objective] => (results, page, Metric::from_name(objective)),
        _ => return Err("usage: write_page RESULTS PAGE [OBJECTIVE]".into()),
    };
    // Brings an older database up to date.
    drop(Store::open(Path::new(results))?);
    let reader = Reader::open(Path::new(results))?;
    let options = ReportOptions { objective, ..ReportOptions::default() };
    write(&build(&reader, &options)?, &reader, Path::new(page))?;
    Ok(())
}
