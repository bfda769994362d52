//! Paths and files that are named by stored data: nobody says that they are what this program wrote.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;

/// A recorded path within a folder.
///
/// # Errors
/// `InvalidInput` if the path is empty, absolute, or leads out of the folder by `..`.
pub fn resolve(folder: &Path, recorded: &str) -> io::Result<PathBuf> {
    let inside = !recorded.is_empty()
        && Path::new(recorded).components().all(|part| matches!(part, Component::Normal(_)));
    if inside {
        Ok(folder.join(recorded))
    } else {
        let message = format!("the recorded path `{recorded}` leads outside the results folder");
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }
}

/// Reads a file that is to have so many bytes. A device, a pipe or a larger file is refused before anything is read:
/// it might never end.
///
/// # Errors
/// `InvalidData` if it is no regular file or has another length; those of opening and reading.
pub fn read(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let refused = |message: String| io::Error::new(io::ErrorKind::InvalidData, message);
    let not_regular = || refused("it is no regular file".to_owned());
    // A socket cannot be opened at all.
    if !path.metadata()?.is_file() {
        return Err(not_regular());
    }
    // Opening a pipe would wait for a writer.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(not_regular());
    }
    if metadata.len() != bytes {
        return Err(refused(format!("it is {} bytes long, and {bytes} were recorded", metadata.len())));
    }
    let mut content = Vec::new();
    // A sparse file may claim any length.
    content.try_reserve_exact(usize::try_from(bytes).unwrap_or(usize::MAX)).map_err(io::Error::other)?;
    file.take(bytes).read_to_end(&mut content)?;
    if content.len() as u64 == bytes { Ok(content) } else { Err(refused("it became shorter".to_owned())) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_paths_within_the_folder_are_resolved() {
        let folder = Path::new("results");
        assert_eq!(resolve(folder, "checkpoints/a/b").unwrap(), Path::new("results/checkpoints/a/b"));
        for outside in ["", "/etc/passwd", "../x", "a/../../x", "a/..", "./a/../.."] {
            let error = resolve(folder, outside).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{outside}");
        }
    }

    #[test]
    fn only_regular_files_of_the_recorded_length_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "abc").unwrap();
        assert_eq!(read(&path, 3).unwrap(), b"abc");
        for bytes in [0, 2, 4, u64::MAX] {
            assert_eq!(read(&path, bytes).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        for special in [folder.path(), Path::new("/dev/zero"), Path::new("/dev/null")] {
            assert_eq!(read(special, 3).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(read(&pipe, 3).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(read(&folder.path().join("missing"), 3).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
