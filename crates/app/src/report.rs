//! Writes the report page.

use std::path::{Path, PathBuf};

use gansweep_report::ReportOptions;
use gansweep_store::Reader;

use crate::{AppError, check};

/// Which sweeps to show, and where.
#[derive(Debug, Clone)]
pub struct ReportRequest {
    /// Folder of the database.
    pub results: PathBuf,
    /// Names of sweeps; all of them if none is named.
    pub sweeps: Vec<String>,
    /// The output file. By default a file in the results folder: the page of the sweep if one is named, else
    /// `report.html`.
    pub out: Option<PathBuf>,
}

/// Writes the page and returns its path.
pub fn make(request: &ReportRequest) -> Result<PathBuf, AppError> {
    let results = &request.results;
    let page = match (&request.out, request.sweeps.as_slice()) {
        (Some(page), _) => page.clone(),
        (None, [name]) => page_of(results, name),
        (None, _) => results.join("report.html"),
    };
    write(results, &request.sweeps, &page)?;
    Ok(page)
}

/// The default path of a sweep's page. Characters that are not valid in file names everywhere are replaced.
pub fn page_of(results: &Path, sweep: &str) -> PathBuf {
    let plain = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '-' };
    results.join(format!("{}.html", sweep.chars().map(plain).collect::<String>()))
}

/// Writes the page of the named sweeps, of all if none is named.
pub(crate) fn write(results: &Path, sweeps: &[String], page: &Path) -> Result<(), AppError> {
    let reader = Reader::open(results)?;
    let damage = check::for_report(&reader);
    let options = ReportOptions { sweeps: sweeps.to_vec(), damage, ..ReportOptions::default() };
    let context = gansweep_report::build(&reader, &options)?;
    gansweep_report::write(&context, &reader, page)?;
    Ok(())
}
