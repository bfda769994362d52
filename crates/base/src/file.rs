//! Atomic file writes: a file appears complete or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file that is being written. Its content goes to a temporary file in the same folder, and
/// [`finish`](Self::finish) renames that to the final name. Dropped before `finish`, it leaves nothing
/// behind.
///
/// A process that is killed in between leaves a file `.NAME.XXXXXX.part`, which nothing reads.
///
/// A path that is not a regular file, such as a terminal or a pipe, is written to directly and not
/// replaced.
#[derive(Debug)]
pub struct NewFile(BufWriter<Target>);

#[derive(Debug)]
enum Target {
    Beside { temporary: NamedTempFile, path: PathBuf },
    Stream(File),
}

impl NewFile {
    /// Starts a file in an existing folder. If `path` is a symbolic link, its target is written.
    pub fn create(path: &Path) -> io::Result<Self> {
        let target = match fs::metadata(path) {
            Ok(found) if !found.is_file() && !found.is_dir() => {
                Target::Stream(OpenOptions::new().write(true).open(path)?)
            }
            Ok(_) => Target::beside(fs::canonicalize(path)?)?,
            Err(_) => Target::beside(path.to_owned())?,
        };
        Ok(Self(BufWriter::new(target)))
    }

    /// Renames the file to its final name, replacing an older file. At every moment there is either the old
    /// file or the complete new one, even after a loss of power: the content is flushed to the disk before
    /// the renaming, and the folder after it.
    pub fn finish(self) -> io::Result<()> {
        match self.0.into_inner()? {
            Target::Beside { temporary, path } => {
                temporary.as_file().sync_all()?;
                temporary.persist(&path)?;
                sync_folder(folder_of(&path))
            }
            Target::Stream(_) => Ok(()),
        }
    }
}

impl Target {
    fn beside(path: PathBuf) -> io::Result<Self> {
        Ok(Self::Beside { temporary: temporary(&path)?, path })
    }
}

impl io::Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Beside { temporary, .. } => temporary.write(bytes),
            Self::Stream(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes a file atomically, as [`NewFile`] does.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> io::Result<()> {
    let mut file = NewFile::create(path)?;
    file.write_all(content.as_ref())?;
    file.finish()
}

/// Opens a regular file for reading. It never waits, unlike the opening of a pipe.
///
/// # Errors
///
/// Those of the operating system; `InvalidData` for a folder, a device, a pipe or a socket.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let regular = |metadata: fs::Metadata| {
        let what = if metadata.is_dir() { "it is a folder" } else { "it is not a regular file" };
        if metadata.is_file() { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidData, what)) }
    };
    // A socket cannot be opened at all, so the kind is checked first. The kind of the open file is checked too, since
    // another file may take the path between the two.
    regular(path.metadata()?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    // Has no effect on regular files.
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?;
    regular(file.metadata()?)?;
    Ok(file)
}

/// Writes a file atomically in place of anything that has its name but a folder. A FIFO, a device or a link is
/// replaced, and nothing is written to it: for files that only this program writes.
pub fn replace(path: &Path, content: impl AsRef<[u8]>) -> io::Result<()> {
    let mut file = NewFile(BufWriter::new(Target::beside(path.to_owned())?));
    file.write_all(content.as_ref())?;
    file.finish()
}

/// An empty file in the folder of `path`, which is deleted when dropped.
fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // `path` may have the longest name that the file system accepts, and prefix and suffix come on top.
    let name: String = name.chars().take(50).collect();
    let mut builder = tempfile::Builder::new();
    let (prefix, suffix) = (format!(".{name}."), ".part");
    builder.prefix(&prefix).suffix(suffix);
    // The default permissions of temporary files exclude other users, which the final file should not.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder_of(path))
}

/// Creates the folder of a file and its missing parents, and flushes the folders that contain them.
pub fn make_folder_of(path: &Path) -> io::Result<()> {
    let folder = folder_of(path);
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    fs::create_dir_all(folder)?;
    missing.into_iter().map(folder_of).try_for_each(sync_folder)
}

/// Flushes the names in a folder to the disk. Some network file systems cannot do it, and a folder without
/// read permission cannot be opened; the file is written all the same then.
fn sync_folder(folder: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if !matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported) => Err(error),
        _ => Ok(()),
    }
}

/// The folder of a path; `.` if the path is a name alone.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_written_file_is_whole_and_leaves_nothing_else_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file");
        write(&path, "first").unwrap_err();
        make_folder_of(&path).unwrap();
        write(&path, "first").unwrap();
        write(&path, "second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names(path.parent().unwrap()), ["file"]);
    }

    #[test]
    fn a_file_that_is_not_finished_keeps_the_old_one_and_leaves_nothing_else_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, "old").unwrap();
        let mut broken = NewFile::create(&path).unwrap();
        broken.write_all(&vec![0; 100_000]).unwrap();
        assert_eq!(names(folder.path()).len(), 2);
        drop(broken);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_folder_is_not_replaced_by_a_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("taken/by a folder")).unwrap();
        write(&folder.path().join("taken"), "bytes").unwrap_err();
        assert_eq!(names(folder.path()), ["taken"]);
    }

    #[test]
    fn a_name_may_be_as_long_as_the_file_system_takes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("n".repeat(255));
        write(&path, "bytes").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"bytes");
    }

    #[test]
    #[cfg(unix)]
    fn a_link_stays_and_what_it_leads_to_is_written() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        symlink(&file, &link).unwrap();
        write(&link, "new").unwrap();
        assert_eq!((fs::read(&file).unwrap().as_slice(), link.is_symlink()), (b"new".as_slice(), true));

        let null = folder.path().join("null");
        symlink("/dev/null", &null).unwrap();
        write(&null, "bytes").unwrap();
        assert!(
            null.is_symlink() && !fs::metadata(&null).unwrap().is_file(),
            "a device is no place for a file"
        );
    }

    #[test]
    #[cfg(unix)]
    fn only_regular_files_are_opened_and_nothing_is_waited_for() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let (file, fifo) = (folder.path().join("file"), folder.path().join("fifo"));
        fs::write(&file, "text").unwrap();
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert_eq!(io::read_to_string(open_regular(&file).unwrap()).unwrap(), "text");
        assert_eq!(open_regular(folder.path()).unwrap_err().to_string(), "it is a folder");
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [&fifo, &socket, Path::new("/dev/zero"), Path::new("/dev/null")] {
            assert_eq!(open_regular(path).unwrap_err().to_string(), "it is not a regular file");
        }
        open_regular(&folder.path().join("missing")).unwrap_err();
    }

    #[test]
    #[cfg(unix)]
    fn a_fifo_and_a_link_are_replaced_where_nothing_else_may_be() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let (fifo, link) = (folder.path().join("fifo"), folder.path().join("link"));
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        fs::write(folder.path().join("target"), "target").unwrap();
        symlink(folder.path().join("target"), &link).unwrap();
        for path in [&fifo, &link] {
            replace(path, "new").unwrap();
            assert!(fs::symlink_metadata(path).unwrap().is_file());
            assert_eq!(fs::read(path).unwrap(), b"new");
        }
        assert_eq!(fs::read(folder.path().join("target")).unwrap(), b"target");
        replace(folder.path(), "new").unwrap_err();
    }

    #[test]
    #[cfg(unix)]
    fn others_may_read_the_file_as_any_other() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (ours, usual) = (folder.path().join("ours"), folder.path().join("usual"));
        write(&ours, "bytes").unwrap();
        fs::write(&usual, "bytes").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(ours), mode(usual));
    }
}
