//! The copy of the program that tasks run.

use std::fs::{self, File};
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use gansweep_base::digest::sha256_of;
use gansweep_base::file::{self, NewFile};

use super::SlurmError;
use super::folder::FOLDER;

const PREFIX: &str = "program-";
/// Characters of the digest in a copy's name.
const DIGEST: usize = 16;

/// The copy of a program in the results folder, which is made if it is missing. All nodes see it there, and it stays the
/// same if the program is built anew while tasks wait.
pub(super) fn provide(program: &Path, results_dir: &Path) -> Result<PathBuf, SlurmError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SlurmError::File { path, source }
    };
    // Read twice from one open file, since a build may put another one in its place.
    let mut own = File::open(program).map_err(failed(program))?;
    let digest = sha256_of(&own).map_err(failed(program))?;
    let copy = results_dir.join(FOLDER).join(format!("{PREFIX}{}", &digest[..DIGEST]));
    let is_whole = || -> io::Result<bool> {
        let (found, expected) = (fs::symlink_metadata(&copy)?, own.metadata()?);
        Ok(found.is_file() && found.len() == expected.len())
    };
    if !is_whole().unwrap_or(false) {
        write(&mut own, &copy).map_err(failed(&copy))?;
    }
    Ok(copy)
}

/// Tasks trust a copy by its name, so that it must not be there before it is whole and on the disk.
fn write(own: &mut File, copy: &Path) -> io::Result<()> {
    file::make_folder_of(copy)?;
    own.rewind()?;
    let mut new = NewFile::create_own(copy)?;
    io::copy(own, &mut new)?;
    new.set_permissions(own.metadata()?.permissions())?;
    new.finish()
}

/// The copies in a results folder, and what writers that were killed have left of them. None is needed while no job is in
/// the cluster: the next sweep makes its own.
pub fn program_copies(results_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = results_dir.join(FOLDER);
    // What a link leads to is not ours to delete.
    if !fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir()) {
        return Ok(Vec::new());
    }
    let mut copies = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() && entry.file_name().to_str().is_some_and(is_copy_or_part) {
            copies.push(entry.path());
        }
    }
    copies.sort();
    Ok(copies)
}

fn is_copy_or_part(name: &str) -> bool {
    is_copy(name) || file::is_temporary_of(name, is_copy)
}

/// Earlier versions wrote to a file with the process's number behind the digest.
fn is_copy(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    let (digest, process) = rest.split_once('.').unwrap_or((rest, ""));
    digest.len() == DIGEST
        && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
        && process.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_copy_is_whole_and_can_be_started_and_all_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let (program, results) = (folder.path().join("gansweep"), folder.path().join("results"));
        fs::write(&program, "first build").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(program_copies(&results).unwrap(), [] as [PathBuf; 0]);
        let first = provide(&program, &results).unwrap();
        assert_eq!(fs::read(&first).unwrap(), b"first build");
        assert_eq!(fs::metadata(&first).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(program_copies(&results).unwrap(), std::slice::from_ref(&first));

        // A loss of power has left a part of it, and a killed writer another.
        fs::write(&first, "first").unwrap();
        let name = first.file_name().unwrap().to_str().unwrap();
        let part = results.join("slurm").join(format!(".{name}.AbCdEf.part"));
        fs::write(&part, "fir").unwrap();
        assert_eq!(program_copies(&results).unwrap(), [part.clone(), first.clone()]);
        assert_eq!(provide(&program, &results).unwrap(), first);
        assert_eq!(fs::read(&first).unwrap(), b"first build");
        assert!(!part.exists());

        fs::write(&program, "second build").unwrap();
        let second = provide(&program, &results).unwrap();
        fs::create_dir(results.join("slurm/0123456789ab")).unwrap();
        fs::write(results.join("slurm/program-notes"), "").unwrap();
        fs::write(results.join("slurm/program-0123456789abcdef.4711"), "").unwrap();
        let mut expected = vec![first, second, results.join("slurm/program-0123456789abcdef.4711")];
        expected.sort();
        assert_eq!(program_copies(&results).unwrap(), expected);
    }
}
