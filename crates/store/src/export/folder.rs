//! Exports of runs as folders that other programs read.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use gansweep_base::file::{self, NewFile};
use gansweep_base::untrusted;

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

/// What an export into a folder has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportedRuns {
    /// Runs that were written.
    pub runs: usize,
    /// Files of an earlier export of the same sweeps that were deleted, because this one does not have them.
    pub deleted: usize,
}

/// The list of the files that exports have written into a folder. Others, such as notes that a user made in `MLflow`, are never
/// deleted.
const LIST: &str = ".gansweep-export";
const ABOUT: &str = "# Files that `gansweep export` has written. The next export of a sweep deletes those that it no longer has.\n";

/// An output folder in which each sweep has a folder of its own.
pub(super) struct ExportFolder<'f> {
    folder: &'f Path,
    /// Relative to the folder, with slashes.
    written: BTreeSet<String>,
}

impl<'f> ExportFolder<'f> {
    pub(super) fn new(folder: &'f Path) -> Self {
        Self { folder, written: BTreeSet::new() }
    }

    /// The place of a file or folder, given relative to the folder.
    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.folder.join(relative)
    }

    /// Writes a file. Its path is relative to the folder and begins with the sweep's.
    pub(super) fn write(
        &mut self,
        relative: String,
        content: impl FnOnce(&mut dyn Write) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        write(&self.path(&relative), content)?;
        self.written.insert(relative);
        Ok(())
    }

    /// Deletes the files that earlier exports of the same sweeps have written and this one has not: runs that have left the plan,
    /// labels and budgets that have changed. Returns their number.
    pub(super) fn finish(self) -> Result<usize, StoreError> {
        let list = self.path(LIST);
        let failed = |path: &Path, source| StoreError::OutputFile { path: path.to_owned(), source };
        let sweep_of = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
        let sweeps: BTreeSet<String> = self.written.iter().map(|path| sweep_of(path)).collect();
        // A list that is damaged names no files, and so costs only that they stay.
        let earlier = fs::read_to_string(&list).unwrap_or_default();
        let earlier = earlier.lines().filter(|line| !line.starts_with('#')).map(str::to_owned);
        let (stale, kept): (BTreeSet<String>, BTreeSet<String>) = earlier
            .filter(|path| !self.written.contains(path))
            .partition(|path| sweeps.contains(&sweep_of(path)));
        let mut deleted = 0;
        for path in &stale {
            deleted += usize::from(self.delete(path).map_err(|error| failed(&self.path(path), error))?);
        }
        let lines: Vec<&str> = self.written.union(&kept).map(String::as_str).collect();
        let text = format!("{ABOUT}{}\n", lines.join("\n"));
        let listed = if lines.is_empty() { Ok(()) } else { file::write(&list, text) };
        listed.map_err(|error| failed(&list, error))?;
        Ok(deleted)
    }

    /// Deletes a file that is listed, and the folders that it leaves empty; `false` if it is gone already, or if a link is in its
    /// way: what that leads to was not written by an export.
    fn delete(&self, listed: &str) -> io::Result<bool> {
        let Ok(path) = untrusted::resolve(self.folder, listed) else { return Ok(false) };
        let parents: Vec<&Path> =
            path.ancestors().skip(1).take_while(|parent| *parent != self.folder).collect();
        let is_folder = |parent: &&Path| fs::symlink_metadata(parent).is_ok_and(|found| found.is_dir());
        let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
        if !is_file || !parents.iter().all(is_folder) {
            return Ok(false);
        }
        fs::remove_file(&path)?;
        for parent in parents {
            // Ends at the first folder that has other files.
            if fs::remove_dir(parent).is_err() {
                break;
            }
        }
        Ok(true)
    }
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
pub(super) fn run_folder(run: &RunRow) -> String {
    let sweep = run.sweep.as_deref().unwrap_or_default();
    let label = file_name(&run.label);
    format!("{}/{label} {} {} epochs", file_name(sweep), run.id, run.epochs)
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
