//! Atomic file writes: a file appears complete or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file that is being written. Its content goes to a temporary file in the same folder, and
/// [`finish`](Self::finish) renames that to the final name. Dropped before `finish`, it leaves nothing
/// behind.
///
/// A process that is killed in between leaves a file `.NAME.XXXXXX.part`. The next one that writes the same
/// file deletes it. The temporary file is locked while it is written, so that it is not taken for a leftover.
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
    /// Starts a file in an existing folder. If `path` is a symbolic link, its target is written: users name
    /// such files.
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

    /// Starts a file of the program's own. If `path` is a symbolic link, the link is replaced and its target
    /// is not touched.
    pub fn create_own(path: &Path) -> io::Result<Self> {
        Ok(Self(BufWriter::new(Target::beside(path.to_owned())?)))
    }

    /// Sets the permissions of the new file, for those that are not written to directly.
    pub fn set_permissions(&mut self, permissions: fs::Permissions) -> io::Result<()> {
        match self.0.get_ref() {
            Target::Beside { temporary, .. } => temporary.as_file().set_permissions(permissions),
            Target::Stream(_) => Ok(()),
        }
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
            // Not to `temporary` itself, whose errors name the temporary file.
            Self::Beside { temporary, .. } => temporary.as_file_mut().write(bytes),
            Self::Stream(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Seek for NewFile {
    /// A pipe or a terminal has no positions.
    fn seek(&mut self, position: io::SeekFrom) -> io::Result<u64> {
        self.0.seek(position)
    }
}

impl io::Seek for Target {
    fn seek(&mut self, position: io::SeekFrom) -> io::Result<u64> {
        match self {
            Self::Beside { temporary, .. } => temporary.as_file_mut().seek(position),
            Self::Stream(stream) => stream.seek(position),
        }
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
    let mut file = NewFile::create_own(path)?;
    file.write_all(content.as_ref())?;
    file.finish()
}

/// Opens a file of the program's own, and creates it if it is missing. Its content is not changed.
///
/// # Errors
///
/// Those of the operating system, and [`io::ErrorKind::InvalidInput`] if the path is a link or something else
/// than a regular file: writing to it would change what belongs to somebody else.
#[cfg(unix)]
fn open_own(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};

    use rustix::fs::OFlags;

    let refuse = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let file = options.open(path).map_err(|error| match error.raw_os_error() {
        Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => refuse("it is a symbolic link"),
        _ => error,
    })?;
    let found = file.metadata()?;
    match (found.is_file(), found.nlink()) {
        (false, _) => Err(refuse("it is not a regular file")),
        // 0 if it has just been deleted.
        (true, 0 | 1) => Ok(file),
        (true, _) => Err(refuse("it is a hard link to another file")),
    }
}

/// Random characters in the name of a temporary file.
const RANDOM: usize = 6;
const SUFFIX: &str = ".part";

/// Whether `name` is that of a temporary file for a file whose name fulfils `is_final`.
pub fn is_temporary_of(name: &str, is_final: impl Fn(&str) -> bool) -> bool {
    let parts = || {
        let (rest, random) = name.strip_prefix('.')?.strip_suffix(SUFFIX)?.rsplit_once('.')?;
        Some((rest, random))
    };
    parts().is_some_and(|(rest, random)| {
        is_final(rest) && random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Deletes a temporary file of a process that was killed. One that is still being written is locked and stays,
/// and so does a link.
pub fn remove_leftover(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(());
    }
    match open_own(path).map(|file| file.try_lock().map(|()| file)) {
        Ok(Ok(_locked)) => fs::remove_file(path),
        // Somebody writes it, the file system has no locks, or it is not ours to open.
        _ => Ok(()),
    }
}

/// The beginning of a file's name, as it is in the name of its temporary file. `path` may have the longest name
/// that the file system accepts, and prefix and suffix come on top.
pub(crate) fn short_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().chars().take(50).collect()
}

fn remove_leftovers(path: &Path) -> io::Result<()> {
    let short = short_name(path);
    for entry in fs::read_dir(folder_of(path))? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| is_temporary_of(name, |rest| rest == short)) {
            remove_leftover(&entry.path())?;
        }
    }
    Ok(())
}

/// An empty file in the folder of `path`, which is deleted when dropped.
fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    // Leftovers only take space: a folder that cannot be listed, or a file of another user, is no reason not
    // to write.
    let _ = remove_leftovers(path);
    loop {
        let file = new_temporary(path)?;
        let locked = file.as_file().lock();
        // Another process may have taken the file for a leftover between its creation and the lock.
        if locked.is_err() || is_same_file(file.as_file(), file.path()) {
            return Ok(file);
        }
    }
}

fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    let open = file.metadata().map(identity).ok();
    open.is_some() && open == fs::symlink_metadata(path).map(identity).ok()
}

/// The beginning of the names of temporary files and folders for `path`, as [`is_temporary_of`] knows them.
pub(crate) fn temporary_prefix(path: &Path) -> String {
    format!(".{}.", short_name(path))
}

/// Names that begin so, for temporary files and folders.
pub(crate) fn temporary_names(prefix: &str) -> tempfile::Builder<'_, 'static> {
    let mut names = tempfile::Builder::new();
    names.prefix(prefix).suffix(SUFFIX).rand_bytes(RANDOM);
    names
}

fn new_temporary(path: &Path) -> io::Result<NamedTempFile> {
    let prefix = temporary_prefix(path);
    // Opened here, since `tempfile` would exclude other users, which the final file should not, and would name the temporary
    // file in errors, of which the user has never heard.
    temporary_names(&prefix).make_in(folder_of(path), |path| {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    })
}

/// Creates the folder of a file and its missing parents, and flushes the folders that contain them.
pub fn make_folder_of(path: &Path) -> io::Result<()> {
    let folder = folder_of(path);
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    fs::create_dir_all(folder)?;
    missing.into_iter().map(folder_of).try_for_each(sync_folder)
}

/// Creates a folder of the program's own, and its missing parents. A symbolic link in its place is replaced and its
/// target left alone: what is written to the folder would go where somebody else decides.
pub fn make_own_folder(folder: &Path) -> io::Result<()> {
    if folder.is_symlink() {
        fs::remove_file(folder)?;
    }
    make_folder_of(&folder.join("file"))
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
pub(crate) fn folder_of(path: &Path) -> &Path {
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
        let error = write(&path, "first").unwrap_err();
        assert!(!error.to_string().contains(".part"), "{error}");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
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
    fn a_folder_of_the_programs_own_replaces_a_link_and_leaves_its_target_alone() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let (target, own) = (folder.path().join("target"), folder.path().join("a/own"));
        make_own_folder(&own).unwrap();
        fs::write(own.join("file"), "kept").unwrap();
        make_own_folder(&own).unwrap();
        assert_eq!(fs::read(own.join("file")).unwrap(), b"kept");
        fs::remove_dir_all(&own).unwrap();
        fs::create_dir(&target).unwrap();
        for leads_to in [&target, &folder.path().join("nowhere")] {
            symlink(leads_to, &own).unwrap();
            make_own_folder(&own).unwrap();
            assert!(!own.is_symlink() && own.is_dir());
            fs::remove_dir(&own).unwrap();
        }
        assert!(target.is_dir());
    }

    #[test]
    fn a_file_of_the_programs_own_replaces_a_link_and_leaves_its_target_alone() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "precious").unwrap();
        symlink(&target, &link).unwrap();
        let mut file = NewFile::create_own(&link).unwrap();
        file.write_all(b"ours").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"precious");
        assert_eq!((fs::read(&link).unwrap().as_slice(), link.is_symlink()), (b"ours".as_slice(), false));
    }

    #[test]
    fn leftovers_of_killed_processes_are_deleted_and_nothing_else_is() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let others = [
            ".page.html.part",
            ".page.html.abc.part",
            ".page.html.abc-ef.part",
            ".page.html.abcdef.part.txt",
            "page.html.abcdef.part",
            ".page.htm.abcdef.part",
            ".other.abcdef.part",
        ];
        for name in others.iter().chain(&[".page.html.abcdef.part", ".page.html.ABC123.part"]) {
            fs::write(at(name), "content").unwrap();
        }
        fs::write(at("target"), "precious").unwrap();
        symlink(at("target"), at(".page.html.linked.part")).unwrap();
        let mut writing = NewFile::create(&at("page.html")).unwrap();
        write(&at("page.html"), "whole").unwrap();
        let mut expected: Vec<String> = others.iter().map(|&name| name.to_owned()).collect();
        expected.extend(["target", "page.html", ".page.html.linked.part"].map(str::to_owned));
        let mut found = names(folder.path());
        // The one that is being written.
        found.retain(|name| expected.contains(name) || !is_temporary_of(name, |rest| rest == "page.html"));
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        writing.write_all(b"later").unwrap();
        writing.finish().unwrap();
        assert_eq!(fs::read(at("page.html")).unwrap(), b"later");
        assert_eq!(fs::read(at("target")).unwrap(), b"precious");
    }

    #[test]
    fn many_writers_of_one_file_do_not_take_each_other_for_leftovers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        std::thread::scope(|scope| {
            for writer in 0..8_u8 {
                let path = &path;
                scope.spawn(move || (0..40).for_each(|_| write(path, [writer; 100]).unwrap()));
            }
        });
        assert_eq!(names(folder.path()), ["page.html"]);
    }

    #[test]
    fn only_a_file_of_its_own_is_opened() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        drop(open_own(&at("new")).unwrap());
        fs::write(at("target"), "precious").unwrap();
        symlink(at("target"), at("symbolic")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        fs::hard_link(at("target"), at("hard")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        for name in ["symbolic", "dangling", "hard"] {
            let error = open_own(&at(name)).unwrap_err();
            assert!(error.to_string().contains("link"), "{name}: {error}");
        }
        assert!(open_own(&at("folder")).is_err());
        assert!(!at("nowhere").exists());
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
