//! Writes the page to a file.

use std::io::{self, Write as _};
use std::path::Path;

use gansweep_base::file::NewFile;

use crate::page::render_to;
use crate::{Context, Images, ReportError};

/// Writes the page to a file that the user names. The file is replaced atomically: a reader sees the old page or the
/// new one. If the path is a link, its target is replaced.
///
/// # Errors
///
/// The errors of [`render`](crate::render), and [`ReportError::Write`] if the file cannot be written.
pub fn write(context: &Context, images: &dyn Images, path: &Path) -> Result<(), ReportError> {
    write_to(NewFile::create(path), context, images, path)
}

/// Writes the page to a file of the program's own. As [`write`], but a link is replaced itself, since anyone who may
/// write to a results folder can put one there.
///
/// # Errors
///
/// See [`write`].
pub fn write_own(context: &Context, images: &dyn Images, path: &Path) -> Result<(), ReportError> {
    write_to(NewFile::create_own(path), context, images, path)
}

fn write_to(
    file: io::Result<NewFile>,
    context: &Context,
    images: &dyn Images,
    path: &Path,
) -> Result<(), ReportError> {
    let failed = |source: io::Error| ReportError::Write { path: path.to_owned(), source };
    let mut file = file.map_err(failed)?;
    render_to(context, images, &mut |text| file.write_all(text.as_bytes()).map_err(failed))?;
    file.finish().map_err(failed)
}
