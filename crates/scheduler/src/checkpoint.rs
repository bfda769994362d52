//! Checkpoint files on disk: verified before a resume, deleted when a newer one is recorded.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use gansweep_base::digest::sha256_of;
use gansweep_config::RunId;
use gansweep_protocol::Checkpoint;
use tracing::debug;

/// Checks that the file exists and has the recorded digest; the error says what is wrong.
pub(crate) fn verify(results_dir: &Path, resume: &Checkpoint) -> Result<(), String> {
    let path = resolve(results_dir, &resume.path).map_err(|error| error.to_string())?;
    let sha256 = File::open(&path).and_then(sha256_of).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "the file is missing".to_owned(),
        _ => error.to_string(),
    })?;
    if sha256.eq_ignore_ascii_case(&resume.sha256) {
        Ok(())
    } else {
        Err("its content is not what was recorded".to_owned())
    }
}

/// Deletes a checkpoint that is no longer needed; a missing file is no error. If the file lies in the
/// folder of an id that the run had in an older database, that folder is deleted when it is empty.
pub(crate) fn remove(results_dir: &Path, run: &RunId, path: &str) -> io::Result<()> {
    let path = resolve(results_dir, path)?;
    debug!(%run, path = %path.display(), "deleting a checkpoint that is no longer needed");
    remove_file(&path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.ends_with(run.as_str())) {
        // A folder with something else in it stays.
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Deletes all checkpoints in a run's folder, complete or half written, except the one to keep: killed
/// attempts leave them behind.
pub(crate) fn remove_stale(results_dir: &Path, run: &RunId, keep: Option<&str>) -> io::Result<()> {
    let folder = results_dir.join("checkpoints").join(run.as_str());
    let kept = keep.and_then(|path| resolve(results_dir, path).ok());
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let ours =
            [b"step-".as_slice(), b".step-"].iter().any(|start| name.as_encoded_bytes().starts_with(start));
        if ours && entry.file_type()?.is_file() && kept.as_deref() != Some(&entry.path()) {
            remove_file(&entry.path())?;
        }
    }
    Ok(())
}

/// Resolves a recorded path; an error if it leads outside the results folder.
fn resolve(results_dir: &Path, path: &str) -> io::Result<PathBuf> {
    let inside =
        !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if inside {
        Ok(results_dir.join(path))
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "the recorded path leads out of the results folder"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn folder_with(files: &[&str]) -> (tempfile::TempDir, RunId) {
        let dir = tempfile::tempdir().unwrap();
        let run = RunId::parse("0123456789abcdef").unwrap();
        let folder = dir.path().join("checkpoints").join(run.as_str());
        fs::create_dir_all(&folder).unwrap();
        for file in files {
            fs::write(folder.join(file), "abc").unwrap();
        }
        (dir, run)
    }

    fn resume(path: &str, sha256: &str) -> Checkpoint {
        Checkpoint { step: 1, path: path.to_owned(), bytes: 3, sha256: sha256.to_owned() }
    }

    #[test]
    fn a_file_is_good_only_with_the_recorded_content() {
        let (dir, run) = folder_with(&["step-00000001.safetensors"]);
        let path = format!("checkpoints/{run}/step-00000001.safetensors");
        assert_eq!(verify(dir.path(), &resume(&path, ABC)), Ok(()));
        fs::write(dir.path().join(&path), "abd").unwrap();
        let damaged = verify(dir.path(), &resume(&path, ABC)).unwrap_err();
        assert_eq!(damaged, "its content is not what was recorded");
        remove(dir.path(), &run, &path).unwrap();
        assert!(dir.path().join("checkpoints").join(run.as_str()).is_dir(), "its own folder stays");
        assert_eq!(verify(dir.path(), &resume(&path, ABC)).unwrap_err(), "the file is missing");
        remove(dir.path(), &run, &path).expect("deleting it twice is no error");
    }

    #[test]
    fn paths_outside_the_results_folder_are_neither_read_nor_deleted() {
        let (dir, run) = folder_with(&[]);
        for path in ["../x", "/etc/passwd", "checkpoints/../../x", ""] {
            assert!(verify(dir.path(), &resume(path, ABC)).unwrap_err().contains("leads out"), "{path}");
            assert!(remove(dir.path(), &run, path).is_err(), "{path}");
        }
    }

    #[test]
    fn the_folder_of_an_earlier_id_is_deleted_with_its_last_file() {
        let (dir, earlier) = folder_with(&["step-00000001.safetensors", "notes.txt"]);
        let run = RunId::parse("fedcba9876543210").unwrap();
        let folder = dir.path().join("checkpoints").join(earlier.as_str());
        remove(dir.path(), &run, &format!("checkpoints/{earlier}/step-00000001.safetensors")).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "notes.txt is not ours to delete");
        remove(dir.path(), &run, &format!("checkpoints/{earlier}/notes.txt")).unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn removing_stale_ones_leaves_the_kept_checkpoint_and_other_files() {
        let (dir, run) = folder_with(&[
            "step-00000001.safetensors",
            "step-00000002.safetensors",
            ".step-00000003.tmp",
            "notes.txt",
        ]);
        let keep = format!("checkpoints/{run}/step-00000001.safetensors");
        remove_stale(dir.path(), &run, Some(&keep)).unwrap();
        let folder = dir.path().join("checkpoints").join(run.as_str());
        let mut left: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["notes.txt", "step-00000001.safetensors"]);
    }

    #[test]
    fn a_run_without_a_folder_has_none_that_is_stale() {
        let dir = tempfile::tempdir().unwrap();
        remove_stale(dir.path(), &RunId::parse("0123456789abcdef").unwrap(), None).unwrap();
    }
}
