//! Files whose paths come from a database or another file, which anybody may have written.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Component, Path, PathBuf};

/// The path of a file in a folder.
///
/// # Errors
///
/// If `relative` is empty, absolute or has a part like `..`, so that it may lead out of the folder.
pub fn contained(folder: &Path, relative: &str) -> io::Result<PathBuf> {
    let parts = || Path::new(relative).components();
    // A trailing slash or `/.` is no component of its own, and would name a folder.
    let is_plain = parts().all(|part| matches!(part, Component::Normal(_)));
    if is_plain && parts().next().is_some() && !relative.contains('\0') {
        return Ok(folder.join(relative));
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "the recorded path leads out of the results folder"))
}

/// Opens a regular file for reading.
///
/// # Errors
///
/// Those of the operating system, and [`io::ErrorKind::InvalidInput`] for anything else than a regular file: a
/// folder, a device that never ends. Opening a FIFO does not wait for a writer.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    // Has no effect on regular files. The kind of the file is checked on the open file, since another one may
    // take the path between a check and the opening.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        rustix::fs::OFlags::NONBLOCK.bits().cast_signed(),
    );
    let file = options.open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    let what = if kind.is_dir() { "it is a folder" } else { "it is not a regular file" };
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_that_may_lead_out_of_the_folder_are_refused() {
        let folder = Path::new("results");
        assert_eq!(contained(folder, "a/b").unwrap(), Path::new("results/a/b"));
        for path in ["", "/etc/passwd", "..", "../x", "a/../../x", ".", "./a", "a\0b"] {
            contained(folder, path).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_lies_below_the_folder(path in "[a./\\\\\0]{0,12}") {
            if let Ok(path) = contained(Path::new("/results"), &path) {
                prop_assert!(path.starts_with("/results"));
                prop_assert!(!path.components().any(|part| part == Component::ParentDir));
            }
        }
    }

    #[test]
    fn only_regular_files_are_opened_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "text").unwrap();
        let mut text = String::new();
        open_regular(&file).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
        assert_eq!(open_regular(folder.path()).unwrap_err().to_string(), "it is a folder");
        assert_eq!(open_regular(&folder.path().join("no")).unwrap_err().kind(), io::ErrorKind::NotFound);
        #[cfg(target_os = "linux")]
        {
            let fifo = folder.path().join("fifo");
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
            for path in [fifo.as_path(), Path::new("/dev/zero")] {
                assert_eq!(open_regular(path).unwrap_err().to_string(), "it is not a regular file");
            }
        }
    }
}
