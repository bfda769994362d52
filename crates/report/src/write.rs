//! The page as a file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::page::put_page;
use crate::{Context, Images, ReportError};

/// Writes the page to a file that is either the old one or the whole new one: the content goes to
/// a sibling first, which then takes its place.
///
/// # Errors
///
/// Anything [`render`](crate::render) can fail with, and [`ReportError::Write`] where the file or
/// its folder cannot be written. The sibling is removed then.
pub fn write(context: &Context, images: &dyn Images, path: &Path) -> Result<(), ReportError> {
    let failed = |source: io::Error| ReportError::Write { path: path.to_owned(), source };
    let sibling = sibling(path);
    let filled = fill(context, images, &sibling, &failed);
    let outcome = filled.and_then(|()| fs::rename(&sibling, path).map_err(failed));
    if outcome.is_err() {
        // The first error is the one to tell; a leftover sibling does no harm.
        let _ = fs::remove_file(&sibling);
    }
    outcome
}

fn fill(
    context: &Context,
    images: &dyn Images,
    path: &Path,
    failed: &dyn Fn(io::Error) -> ReportError,
) -> Result<(), ReportError> {
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    put_page(context, images, &mut |text| file.write_all(text.as_bytes()).map_err(failed))?;
    file.flush().map_err(failed)?;
    file.get_ref().sync_all().map_err(failed)
}

fn sibling(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}
