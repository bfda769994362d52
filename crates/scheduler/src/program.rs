//! Programs that workers are started from.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// A program file that is kept open.
///
/// A sweep starts its program again and again for hours. Where the system allows it (Linux), each start executes
/// the file that was opened first: whatever is moved, replaced or rebuilt at its path in the meantime, all workers
/// of a sweep compute with the same program.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    /// `None` where only the path can be executed.
    file: Option<Arc<File>>,
}

impl Program {
    /// The running program.
    ///
    /// # Errors
    /// The system does not tell its path.
    pub fn running() -> io::Result<Self> {
        let path = std::env::current_exe()?;
        // The file at the path may already be another one.
        let file = File::open("/proc/self/exe").ok().filter(|_| can_execute_files());
        Ok(Self { path, file: file.map(Arc::new) })
    }

    /// The program at that path. One that is missing is an error when it is started.
    pub fn at(path: PathBuf) -> Self {
        let file = File::open(&path).ok().filter(|file| can_execute_files() && !is_script(file));
        Self { path, file: file.map(Arc::new) }
    }

    /// The path that it was opened at, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A command that starts it.
    pub fn command(&self) -> Command {
        let Some(file) = &self.file else { return Command::new(&self.path) };
        // The descriptor is closed on exec, which happens after the system has opened the path.
        let mut command = Command::new(format!("/proc/self/fd/{}", file.as_raw_fd()));
        command.arg0(&self.path);
        command
    }
}

/// Programs are the same if they were opened at the same path.
impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for Program {}

/// Whether the system executes an open file by a path to it.
fn can_execute_files() -> bool {
    cfg!(target_os = "linux") && Path::new("/proc/self/fd").is_dir()
}

/// The interpreter of a script opens it again by its path, where the descriptor is closed.
fn is_script(mut file: &File) -> bool {
    let mut start = [0; 2];
    file.read_exact(&mut start).is_ok() && start == *b"#!"
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::{fs, io};

    use super::*;

    fn output(program: &Program) -> String {
        // A test beside this one may start a process between the writing of the file and its closing here, and a file that is
        // open for writing there is not executed until that process is another program.
        let output = loop {
            match program.command().arg("hello").output() {
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
                ended => break ended.unwrap(),
            }
        };
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    }

    fn put(path: &Path, content: &[u8]) {
        fs::write(path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_program_that_is_moved_replaced_or_deleted_is_started_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        put(&path, &fs::read("/bin/echo").unwrap());
        let program = Program::at(path.clone());
        assert_eq!(output(&program), "hello\n");
        fs::rename(&path, folder.path().join("elsewhere")).unwrap();
        assert_eq!(output(&program), "hello\n");
        put(&path, &fs::read("/bin/false").unwrap());
        assert_eq!(output(&program), "hello\n");
        fs::remove_file(folder.path().join("elsewhere")).unwrap();
        assert_eq!(output(&program), "hello\n");
    }

    #[test]
    fn a_script_is_started_by_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script");
        put(&path, b"#!/bin/sh\necho \"$1\"\n");
        assert_eq!(output(&Program::at(path)), "hello\n");
    }

    #[test]
    fn a_missing_program_is_an_error_of_its_start() {
        let program = Program::at("/nonexistent/worker".into());
        assert_eq!(program.command().output().unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(Program::running().unwrap().path(), std::env::current_exe().unwrap());
    }
}
