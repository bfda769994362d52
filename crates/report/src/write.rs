//! Writes the page to a file.

use std::io::{self, Write as _};
use std::path::Path;

use gansweep_base::file::NewFile;

use crate::page::render_to;
use crate::{Context, Images, ReportError};

/// Writes the page to a file. The file is replaced atomically: a reader sees the old page or the new one.
///
/// # Errors
///
/// The errors of [`render`](crate::render), and [`ReportError::Write`] if the file cannot be written.
pub fn write(context: &Context, images: &dyn Images, path: &Path) -> Result<(), ReportError> {
    let failed = |source: io::Error| ReportError::Write { path: path.to_owned(), source };
    let mut file = NewFile::create(path).map_err(failed)?;
    render_to(context, images, &mut |text| file.write_all(text.as_bytes()).map_err(failed))?;
    file.finish().map_err(failed)
}
