//! Checkpoint files on disk: verified before a resume, deleted when a newer one is recorded.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gansweep_base::digest::sha256 as sha256_of_bytes;
use gansweep_base::untrusted;
use gansweep_config::RunId;
use gansweep_protocol::{CHECKPOINTS, Checkpoint, Resume};
use tracing::debug;

/// Why a trained run has no checkpoint: `gc` forgets those that it deletes.
pub(crate) const DELETED: &str = "has been deleted";

/// Why a run cannot resume from its checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CheckpointProblem {
    /// The file is missing or is not what was recorded: the run starts from the beginning.
    Unusable(String),
    /// The same of the best checkpoint: the run goes on, and has none until it draws better images.
    BestUnusable(String),
    /// A file cannot be read now; it may be intact.
    Unreadable(String),
}

/// Checks that the files of the last and of the best checkpoint exist and have the recorded lengths and digests, and
/// that the run can resume from the last one, which `check` knows.
pub(crate) fn verify(
    results_dir: &Path,
    resume: &Resume,
    check: impl FnOnce(&[u8]) -> Result<(), String>,
) -> Result<(), CheckpointProblem> {
    let Checkpoint { path, bytes, sha256, best, .. } = &resume.checkpoint;
    let content = read(results_dir, path, *bytes, sha256)?;
    check(&content).map_err(CheckpointProblem::Unusable)?;
    let Some(best) = best.as_ref().filter(|best| best.path != *path) else { return Ok(()) };
    match read(results_dir, &best.path, best.bytes, &best.sha256) {
        Err(CheckpointProblem::Unusable(reason)) => Err(CheckpointProblem::BestUnusable(reason)),
        read => read.map(drop),
    }
}

/// The content of a file, which must be what was recorded.
fn read(results_dir: &Path, path: &str, bytes: u64, sha256: &str) -> Result<Vec<u8>, CheckpointProblem> {
    let content = untrusted::resolve(results_dir, path).and_then(|path| untrusted::read(&path, bytes));
    let content = content.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            CheckpointProblem::Unusable("the file is missing".to_owned())
        }
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            CheckpointProblem::Unusable(error.to_string())
        }
        _ => CheckpointProblem::Unreadable(error.to_string()),
    })?;
    if !sha256_of_bytes(&content).eq_ignore_ascii_case(sha256) {
        return Err(CheckpointProblem::Unusable("its content is not what was recorded".to_owned()));
    }
    Ok(content)
}

/// Deletes a checkpoint that is no longer needed; a missing file is no error. If the file lies in the
/// folder of an id that the run had in an older database, that folder is deleted when it is empty.
pub(crate) fn remove(results_dir: &Path, run: &RunId, path: &str) -> io::Result<()> {
    let path = untrusted::resolve(results_dir, path)?;
    // What a linked folder leads to may belong to something else.
    if path.parent().is_some_and(Path::is_symlink) {
        return Ok(());
    }
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

/// Deletes all checkpoints in a run's folder, complete or half written, except those to keep: killed
/// attempts leave them behind. A folder, link or pipe that has taken the place of a checkpoint is renamed, since
/// it is not this program's.
pub(crate) fn remove_stale<'p>(
    results_dir: &Path,
    run: &RunId,
    keep: impl Iterator<Item = &'p str>,
) -> io::Result<()> {
    let folder = results_dir.join(CHECKPOINTS).join(run.as_str());
    match fs::symlink_metadata(&folder) {
        // What a link leads to may belong to something else.
        Ok(metadata) if !metadata.is_dir() => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(_) => {}
        Err(error) => return Err(error),
    }
    let kept: Vec<PathBuf> = keep.filter_map(|path| untrusted::resolve(results_dir, path).ok()).collect();
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let Some(kind) = name.to_str().and_then(Kind::of).filter(|_| !kept.contains(&path)) else {
            continue;
        };
        if entry.file_type()?.is_file() {
            remove_file(&path)?;
        } else if kind == Kind::Complete {
            set_aside(&path)?;
        }
    }
    Ok(())
}

/// The names that checkpoints have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Complete,
    HalfWritten,
}

impl Kind {
    /// `step-00000012.safetensors`, or `.step-00000012.safetensors.AbCdEf.part` while it is written; `None` for
    /// names that this program does not give.
    fn of(name: &str) -> Option<Self> {
        let (kind, rest) = match name.strip_prefix('.') {
            Some(rest) => (Self::HalfWritten, rest),
            None => (Self::Complete, name),
        };
        let rest = rest.strip_prefix("step-")?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let end = &rest[digits..];
        let matches = match kind {
            Self::Complete => end == ".safetensors",
            Self::HalfWritten => {
                end.strip_suffix(".part").is_some_and(|rest| rest.starts_with(".safetensors."))
            }
        };
        (digits >= 8 && matches).then_some(kind)
    }
}

/// What is deleted of files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Number of files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Deleted {
    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// Checkpoint files in the results folder that no record names. `recorded` are the recorded paths. Folders that are links,
/// and files with names that this program does not give, are left out.
pub fn unrecorded(results_dir: &Path, recorded: &BTreeSet<PathBuf>) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let folder = results_dir.join(CHECKPOINTS);
    if !fs::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(found);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_runs = entry.file_name().to_str().is_some_and(|name| RunId::parse(name).is_some());
        if !is_runs || !entry.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(entry.path())? {
            let file = file?;
            let is_ours = file.file_name().to_str().is_some_and(|name| Kind::of(name).is_some());
            if is_ours && file.file_type()?.is_file() && !recorded.contains(&file.path()) {
                found.push(file.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a path is that of a file below the results folder, and is reached without a link, which may lead anywhere.
pub fn is_own(results_dir: &Path, path: &Path) -> bool {
    let is_linked = || path.ancestors().take_while(|folder| *folder != results_dir).any(Path::is_symlink);
    path.starts_with(results_dir) && !is_linked() && path.is_file()
}

/// Deletes files below the results folder, and the folders that they leave empty. Left alone is what is no
/// file of the folder ([`is_own`]).
pub fn delete(results_dir: &Path, paths: &[PathBuf]) -> io::Result<Deleted> {
    let mut deleted = Deleted::default();
    for path in paths {
        if !is_own(results_dir, path) {
            continue;
        }
        let bytes = fs::symlink_metadata(path).map_or(0, |metadata| metadata.len());
        remove_file(path)?;
        deleted.add(bytes);
        if let Some(folder) = path.parent().filter(|folder| *folder != results_dir) {
            // A folder with something else in it stays.
            let _ = fs::remove_dir(folder);
        }
    }
    Ok(deleted)
}

/// Gives a folder or special file a name that no checkpoint has.
fn set_aside(path: &Path) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let free = (1..1000).map(|number| path.with_file_name(format!("{name}.moved-{number}")));
    let target = free.into_iter().find(|path| path.symlink_metadata().is_err());
    fs::rename(path, target.ok_or(io::ErrorKind::AlreadyExists)?)
}

#[cfg(test)]
mod tests {
    use gansweep_protocol::{BestCheckpoint, Metric};

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

    fn resume(path: &str, sha256: &str) -> Resume {
        Checkpoint { step: 1, path: path.to_owned(), bytes: 3, sha256: sha256.to_owned(), best: None }.into()
    }

    fn verified(results_dir: &Path, resume: &Resume) -> Result<(), String> {
        let unusable = |problem| match problem {
            CheckpointProblem::Unusable(reason) => reason,
            other => panic!("{other:?}"),
        };
        verify(results_dir, resume, |_| Ok(())).map_err(unusable)
    }

    #[test]
    fn a_file_is_good_only_with_the_recorded_content() {
        let (dir, run) = folder_with(&["step-00000001.safetensors"]);
        let path = format!("checkpoints/{run}/step-00000001.safetensors");
        assert_eq!(verified(dir.path(), &resume(&path, ABC)), Ok(()));
        let refused = verify(dir.path(), &resume(&path, ABC), |content| Err(format!("{content:?}")));
        assert_eq!(refused, Err(CheckpointProblem::Unusable("[97, 98, 99]".to_owned())));
        for damaged in ["abd", "ab", "abcd", ""] {
            fs::write(dir.path().join(&path), damaged).unwrap();
            let reason = verified(dir.path(), &resume(&path, ABC)).unwrap_err();
            assert!(reason.starts_with("its content is not") || reason.contains("bytes long"), "{reason}");
        }
        remove(dir.path(), &run, &path).unwrap();
        assert!(dir.path().join("checkpoints").join(run.as_str()).is_dir(), "its own folder stays");
        assert_eq!(verified(dir.path(), &resume(&path, ABC)).unwrap_err(), "the file is missing");
        remove(dir.path(), &run, &path).expect("deleting it twice is no error");
    }

    #[test]
    fn what_is_no_file_is_unusable_and_never_waited_for() {
        let (dir, run) = folder_with(&[]);
        let path = format!("checkpoints/{run}/step-00000001.safetensors");
        fs::create_dir(dir.path().join(&path)).unwrap();
        assert!(verified(dir.path(), &resume(&path, ABC)).unwrap_err().contains("a folder"));
        fs::remove_dir(dir.path().join(&path)).unwrap();
        std::os::unix::net::UnixListener::bind(dir.path().join(&path)).unwrap();
        assert!(verified(dir.path(), &resume(&path, ABC)).unwrap_err().contains("not a regular file"));
    }

    #[test]
    fn a_file_that_cannot_be_read_now_is_not_said_to_be_unusable() {
        let (dir, run) = folder_with(&[]);
        let path = format!("checkpoints/{run}/step-00000001.safetensors");
        // A loop of links is an error that root meets too.
        std::os::unix::fs::symlink("step-00000001.safetensors", dir.path().join(&path)).unwrap();
        let problem = verify(dir.path(), &resume(&path, ABC), |_| Ok(())).unwrap_err();
        assert!(matches!(problem, CheckpointProblem::Unreadable(_)), "{problem:?}");
    }

    #[test]
    fn a_best_checkpoint_that_is_gone_is_told_from_a_last_one() {
        let (dir, run) = folder_with(&["step-00000001.safetensors", "step-00000002.safetensors"]);
        let path = |step: u64| format!("checkpoints/{run}/step-{step:08}.safetensors");
        let best = |step: u64| BestCheckpoint {
            step,
            path: path(step),
            bytes: 3,
            sha256: ABC.to_owned(),
            metric: Metric::Fd,
            value: 1.0,
            images: 20,
            evaluator: "some".to_owned(),
        };
        let mut resume = resume(&path(2), ABC);
        resume.checkpoint.best = Some(Box::new(best(1)));
        assert_eq!(verify(dir.path(), &resume, |_| Ok(())), Ok(()));
        fs::write(dir.path().join(path(1)), "abd").unwrap();
        let changed = "its content is not what was recorded".to_owned();
        assert_eq!(
            verify(dir.path(), &resume, |_| Ok(())),
            Err(CheckpointProblem::BestUnusable(changed.clone()))
        );
        resume.checkpoint.best = Some(Box::new(best(2)));
        fs::write(dir.path().join(path(2)), "abd").unwrap();
        assert_eq!(verify(dir.path(), &resume, |_| Ok(())), Err(CheckpointProblem::Unusable(changed)));
    }

    #[test]
    fn paths_outside_the_results_folder_are_neither_read_nor_deleted() {
        let (dir, run) = folder_with(&[]);
        for path in ["../x", "/etc/passwd", "checkpoints/../../x", ""] {
            assert!(verified(dir.path(), &resume(path, ABC)).unwrap_err().contains("outside"), "{path}");
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

    fn left(dir: &Path, run: &RunId) -> Vec<String> {
        let folder = dir.join("checkpoints").join(run.as_str());
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn removing_stale_ones_leaves_the_kept_checkpoints_and_other_files() {
        let others = ["notes.txt", "step-1.safetensors", "step-00000004.safetensors.bak", "step-by-step.txt"];
        let stale = [
            "step-00000001.safetensors",
            "step-00000002.safetensors",
            ".step-00000003.safetensors.AbCd12.part",
            "step-123456789.safetensors",
        ];
        let (dir, run) = folder_with(&[&stale[..], &others[..]].concat());
        let keep = format!("checkpoints/{run}/step-00000001.safetensors");
        let second = format!("checkpoints/{run}/step-00000002.safetensors");
        remove_stale(dir.path(), &run, [keep.as_str(), second.as_str()].into_iter()).unwrap();
        let mut expected = [&stale[..2], &others[..]].concat();
        expected.sort_unstable();
        assert_eq!(left(dir.path(), &run), expected);
    }

    #[test]
    fn a_folder_in_a_checkpoints_place_makes_room_with_all_that_is_in_it() {
        let (dir, run) = folder_with(&[]);
        let folder = dir.path().join("checkpoints").join(run.as_str()).join("step-00000001.safetensors");
        for round in 1..=2 {
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("mine"), "mine").unwrap();
            remove_stale(dir.path(), &run, std::iter::empty()).unwrap();
            assert_eq!(left(dir.path(), &run).len(), round);
        }
        assert_eq!(left(dir.path(), &run)[0], "step-00000001.safetensors.moved-1");
    }

    #[test]
    fn what_a_linked_folder_leads_to_is_left_alone() {
        let (dir, run) = folder_with(&[]);
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("step-00000001.safetensors"), "mine").unwrap();
        let folder = dir.path().join("checkpoints").join(run.as_str());
        fs::remove_dir(&folder).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &folder).unwrap();
        remove_stale(dir.path(), &run, std::iter::empty()).unwrap();
        remove(dir.path(), &run, &format!("checkpoints/{run}/step-00000001.safetensors")).unwrap();
        assert_eq!(left(dir.path(), &run), ["step-00000001.safetensors"]);
    }

    #[test]
    fn a_run_without_a_folder_has_none_that_is_stale() {
        let dir = tempfile::tempdir().unwrap();
        remove_stale(dir.path(), &RunId::parse("0123456789abcdef").unwrap(), std::iter::empty()).unwrap();
    }
}
