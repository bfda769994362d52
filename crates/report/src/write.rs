//! Writes the page to a file.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use gansweep_base::file::NewFile;

use crate::page::{MEDIA_FOLDER, Media, render_to, render_with};
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

/// Writes the page as `index.html` in a folder, with its images and Plotly as files in `media` beside it, which a browser
/// loads as they come into view. Returns the page's path. The page is written last.
///
/// # Errors
///
/// See [`write`]. A folder that is a link is an error: what is in a results folder may have been put there by others.
pub fn write_split(context: &Context, images: &dyn Images, folder: &Path) -> Result<PathBuf, ReportError> {
    for path in [folder.to_owned(), folder.join(MEDIA_FOLDER)] {
        let made = fs::create_dir_all(&path).and_then(|()| {
            if fs::symlink_metadata(&path)?.is_dir() {
                Ok(())
            } else {
                Err(io::ErrorKind::NotADirectory.into())
            }
        });
        made.map_err(|source| ReportError::Write { path, source })?;
    }
    let put = |path: &Path, content: &[u8]| {
        let written = NewFile::create_own(path)
            .and_then(|mut file| file.write_all(content).and_then(|()| file.finish()));
        written.map_err(|source| ReportError::Write { path: path.to_owned(), source })
    };
    let mut page = String::new();
    let mut file = |name: &str, content: &[u8]| put(&folder.join(name), content);
    render_with(context, images, &mut Media::Files(&mut file), &mut |text| {
        page.push_str(text);
        Ok(())
    })?;
    let path = folder.join("index.html");
    put(&path, page.as_bytes())?;
    Ok(path)
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
