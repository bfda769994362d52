//! Paths and files that are named by stored data or by the user: any file may be in their place.

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use crate::file::open_regular;

/// A recorded path within a folder.
///
/// # Errors
///
/// `InvalidInput` if the path is empty, absolute, or leads out of the folder by `..`.
pub fn resolve(folder: &Path, recorded: &str) -> io::Result<PathBuf> {
    let is_inside = !recorded.is_empty()
        && !recorded.contains('\0')
        && Path::new(recorded).components().all(|part| matches!(part, Component::Normal(_)));
    if is_inside {
        return Ok(folder.join(recorded));
    }
    let message = format!("the recorded path `{}` leads outside the results folder", recorded.escape_debug());
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// Reads a file that has `bytes` bytes.
///
/// # Errors
///
/// `InvalidData` if it has another length, which is found before anything is read; those of [`open_regular`] and of
/// reading.
pub fn read(path: &Path, bytes: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let length = file.metadata()?.len();
    if length != bytes {
        return Err(invalid(format!("it is {length} bytes long, and {bytes} were recorded")));
    }
    let mut content = Vec::new();
    // A sparse file may claim any length.
    content.try_reserve_exact(usize::try_from(bytes).unwrap_or(usize::MAX)).map_err(io::Error::other)?;
    file.take(bytes).read_to_end(&mut content)?;
    if content.len() as u64 == bytes { Ok(content) } else { Err(invalid("it became shorter".to_owned())) }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_paths_within_the_folder_are_resolved() {
        let folder = Path::new("results");
        assert_eq!(resolve(folder, "checkpoints/a/b").unwrap(), Path::new("results/checkpoints/a/b"));
        for outside in ["", "/etc/passwd", "../x", "a/../../x", "a/..", "./a/../..", "a\0b"] {
            let error = resolve(folder, outside).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{outside}");
        }
    }

    proptest! {
        #[test]
        fn what_is_resolved_lies_below_the_folder(path in "[a./\\\\\0]{0,12}") {
            if let Ok(path) = resolve(Path::new("/results"), &path) {
                prop_assert!(path.starts_with("/results"));
                prop_assert!(!path.components().any(|part| part == Component::ParentDir));
            }
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
        assert_eq!(read(&folder.path().join("missing"), 3).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_sparse_file_does_not_exhaust_the_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        let bytes = 1 << 43;
        // Not every file system takes a file of this length.
        if fs::File::create(&path).unwrap().set_len(bytes).is_ok() {
            let claimed = usize::try_from(bytes).unwrap();
            if Vec::<u8>::new().try_reserve_exact(claimed).is_err() {
                read(&path, bytes).unwrap_err();
            }
        }
    }
}
