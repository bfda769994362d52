//! Exports of runs as folders that other programs read.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use gansweep_base::file::NewFile;

use crate::{Reader, RunFilter, RunRow, StoreError};

/// The runs to export: those of a sweep's latest plan, or of all plans.
///
/// # Errors
/// [`StoreError::UnknownSweep`].
pub(super) fn runs_of(reader: &Reader, sweep: Option<&str>) -> Result<Vec<RunRow>, StoreError> {
    let filter = RunFilter { sweep: sweep.map(str::to_owned), where_sql: None };
    Ok(reader.runs(&filter)?.into_iter().filter(|run| run.sweep.is_some()).collect())
}

/// Writes a file in a folder, which is created with those above it. An older file is replaced once the new one is complete.
pub(super) fn write(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let unwritable = |source: io::Error| StoreError::OutputFile { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(unwritable)?;
    }
    let mut file = NewFile::create(path).map_err(unwritable)?;
    write(&mut file).map_err(|error| match error {
        StoreError::Output(source) => unwritable(source),
        error => error,
    })?;
    file.finish().map_err(unwritable)
}

/// The name of a folder for a text: what file systems or programs treat in a special way becomes `_`.
pub(super) fn file_name(text: &str) -> String {
    const LONGEST: usize = 120;
    let is_plain = |c: char| c.is_alphanumeric() || "=-+.,_ ".contains(c);
    let name: String = text.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let mut end = name.len().min(LONGEST);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    // A name of dots alone would be another folder.
    let name = name[..end].trim().trim_start_matches('.');
    if name.is_empty() { "_".to_owned() } else { name.to_owned() }
}

/// The folder of a run in an export: the same run may be in several sweeps and have several budgets.
pub(super) fn run_folder(folder: &Path, run: &RunRow) -> PathBuf {
    let sweep = run.sweep.as_deref().unwrap_or_default();
    let label = file_name(&run.label);
    folder.join(file_name(sweep)).join(format!("{label} {} {} epochs", run.id, run.epochs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_on_every_file_system() {
        assert_eq!(file_name("lr=1e-3 hidden=128x64 seed=1"), "lr=1e-3 hidden=128x64 seed=1");
        assert_eq!(file_name("../a/b:c"), "_a_b_c");
        assert_eq!(file_name(".."), "_");
        assert_eq!(file_name(&"ä".repeat(100)).chars().count(), 60);
    }
}
