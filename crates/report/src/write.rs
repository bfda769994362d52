//! The page as a file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::page::{PageError, render_to};
use crate::{Context, Images, ReportError};

/// Writes the page to a file that is either the old one or the whole new one: the content goes to
/// a sibling first, which then takes its place.
///
/// # Errors
///
/// Anything [`render`](crate::render) can fail with, and [`ReportError::Write`] where the file or
/// its folder cannot be written. The sibling is removed then.
pub fn write(context: &Context, images: &dyn Images, path: &Path) -> Result<(), ReportError> {
    let sibling = sibling(path);
    let outcome =
        fill(context, images, &sibling).and_then(|()| fs::rename(&sibling, path).map_err(PageError::Output));
    outcome.map_err(|error| {
        // The first error is the one to tell; a leftover sibling does no harm.
        let _ = fs::remove_file(&sibling);
        match error {
            PageError::Report(error) => error,
            PageError::Output(source) => ReportError::Write { path: path.to_owned(), source },
        }
    })
}

fn fill(context: &Context, images: &dyn Images, path: &Path) -> Result<(), PageError> {
    let output = |error: io::Error| PageError::Output(error);
    let mut file = BufWriter::new(File::create(path).map_err(output)?);
    render_to(context, images, &mut file)?;
    file.flush().map_err(output)?;
    file.get_ref().sync_all().map_err(output)
}

fn sibling(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}
