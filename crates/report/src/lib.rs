//! The report: one self-contained HTML page that compares the runs of one or more sweeps.
//!
//! Three passes, each with a type of its own:
//!
//! 1. **read**: [`gansweep_store::Reader`] to plain inputs, with the series already decimated;
//! 2. **analyse**: inputs to a [`Context`], which says everything the page says and can be
//!    serialised; it refers to images by run and step and holds none of them;
//! 3. **render**: the context and the [`Images`] it refers to become HTML. Style sheet, scripts,
//!    charting library, data and images are all inside of the one file, which makes no request and
//!    forbids the browser to make any.
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
mod assets;
pub mod context;
mod error;
mod images;
mod input;
mod options;
mod page;
mod read;
mod write;

pub use context::Context;
pub use error::ReportError;
pub use images::Images;
pub use options::ReportOptions;
pub use page::render;
pub use write::write;

use gansweep_store::Reader;

/// Reads the sweeps that the options name and analyses them.
///
/// # Errors
///
/// When a named sweep is not in the database, or the database cannot be read. A database without
/// any sweep is no error: the page then says so.
pub fn build(reader: &Reader, options: &ReportOptions) -> Result<Context, ReportError> {
    let report = read::read(reader, options)?;
    Ok(analyse::analyse(&report, options))
}
