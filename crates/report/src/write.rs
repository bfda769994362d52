//! The page as a file.

use std::io::{self, Write as _};
use std::path::Path;

use gansweep_base::file::NewFile;

use crate::page::put_page;
use crate::{Context, Images, ReportError};

/// Writes the page to a file that is at every moment either the old one or the whole new one.
///
/// # Errors
///
/// Anything [`render`](crate::render) can fail with, and [`ReportError::Write`] where the file or
/// its folder cannot be written.
pub fn write(context: &Context, images: &dyn Images, path: &Path) -> Result<(), ReportError> {
    let failed = |source: io::Error| ReportError::Write { path: path.to_owned(), source };
    let mut file = NewFile::create(path).map_err(failed)?;
    put_page(context, images, &mut |text| file.write_all(text.as_bytes()).map_err(failed))?;
    file.finish().map_err(failed)
}
