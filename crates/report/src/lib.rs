//! The report: one self-contained HTML page that compares the runs of one or more sweeps.
//!
//! It is made in three passes:
//!
//! 1. **read**: the database to plain values, with decimated series;
//! 2. **analyse**: these values to a [`Context`], the serialisable data of the page without its images;
//! 3. **render**: the context and its [`Images`] to HTML. Style sheet, scripts, Plotly, data and images
//!    are all in the one file. It makes no network requests, and its content security policy forbids any.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use gansweep_report::{ReportOptions, build, write};
//! let reader = gansweep_store::Reader::open(std::path::Path::new("results"))?;
//! let context = build(&reader, &ReportOptions::default())?;
//! write(&context, &reader, std::path::Path::new("results/report.html"))?;
//! # Ok(())
//! # }
//! ```

mod analyse;
pub mod animation;
mod assets;
pub mod context;
mod error;
mod images;
mod input;
mod options;
mod page;
mod pixels;
mod read;
pub mod serve;
mod write;

pub use context::Context;
pub use error::ReportError;
pub use images::Images;
pub use options::ReportOptions;
pub use page::render;
pub use write::{write, write_own, write_split};

use gansweep_store::Reader;

/// Reads the sweeps that the options name and analyses them.
///
/// # Errors
///
/// If a named sweep is not in the database, or the database cannot be read. A database without sweeps
/// is no error: the page says so.
pub fn build(reader: &Reader, options: &ReportOptions) -> Result<Context, ReportError> {
    let report = read::read(reader, options)?;
    Ok(analyse::analyse(&report, options))
}
