//! Which program file trains on which device: this one, or where this build lacks libtorch, the same
//! program built with it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use gansweep_protocol::Job;
use gansweep_scheduler::{LaunchError, Launcher, ProcessLauncher, Program, Worker};
use gansweep_train::DeviceName;

use crate::AppError;

/// Names the program that was built with libtorch, where it does not lie in its usual place.
const VARIABLE: &str = "GANSWEEP_LIBTORCH_PROGRAM";

/// The program files that workers and device probes are started from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// The `gansweep` program of this build.
    own: Program,
    /// That of the same program built with libtorch, unless this is it or there is none.
    libtorch: Option<Program>,
    /// What worker processes append their log to.
    log_file: Option<PathBuf>,
}

impl Programs {
    /// The file of the running program, which is to be `gansweep` itself, and the build with libtorch
    /// where there is one.
    pub fn find() -> Result<Self, AppError> {
        Ok(Self::with(Program::running().map_err(AppError::OwnProgram)?))
    }

    /// The same for a program that lies at `own`: for callers that are not `gansweep`.
    pub fn of(own: PathBuf) -> Self {
        Self::with(Program::at(own))
    }

    fn with(own: Program) -> Self {
        let libtorch = match cfg!(feature = "libtorch") {
            true => None,
            false => libtorch_program(own.path(), std::env::var_os(VARIABLE)).map(Program::at),
        };
        Self { own, libtorch, log_file: None }
    }

    /// The same, with worker processes that append their log to a file, given by a path that is good
    /// in any folder.
    #[must_use]
    pub fn with_log_file(self, log_file: Option<PathBuf>) -> Self {
        Self { log_file, ..self }
    }

    /// Asks this program for its devices.
    pub(crate) fn probe(&self) -> Command {
        probe(&self.own)
    }

    /// Asks the program built with libtorch for its devices.
    pub(crate) fn libtorch_probe(&self) -> Option<Command> {
        self.libtorch.as_ref().map(probe)
    }

    /// The program that trains on the device of that name.
    pub(crate) fn of_device(&self, device: &str) -> &Program {
        let libtorch = device.parse().is_ok_and(DeviceName::is_libtorch);
        self.libtorch.as_ref().filter(|_| libtorch).unwrap_or(&self.own)
    }

    /// Whether this very program trains on the device of that name.
    pub(crate) fn is_own(&self, device: &str) -> bool {
        *self.of_device(device) == self.own
    }
}

fn probe(program: &Program) -> Command {
    let mut command = program.command();
    command.args(["devices", "--probe"]);
    command
}

/// What the variable names, be it there or not; else the file in the usual place, if there is one:
/// `target/libtorch/release/gansweep` for `target/release/gansweep`.
fn libtorch_program(own: &Path, named: Option<OsString>) -> Option<PathBuf> {
    if let Some(named) = named.filter(|name| !name.is_empty()) {
        return Some(named.into());
    }
    let (folder, file) = (own.parent()?, own.file_name()?);
    let usual = folder.parent()?.join("libtorch").join(folder.file_name()?).join(file);
    usual.is_file().then_some(usual)
}

/// Starts each worker from the program that has its device.
#[derive(Debug)]
pub(crate) struct WorkerLauncher(pub(crate) Programs);

impl Launcher for WorkerLauncher {
    fn launch(&self, job: &Job) -> Result<Box<dyn Worker>, LaunchError> {
        let program = self.0.of_device(&job.device).clone();
        let mut args: Vec<OsString> = vec!["worker".into()];
        if let Some(file) = &self.0.log_file {
            args.extend(["--log-file".into(), file.into()]);
        }
        ProcessLauncher { program, args }.launch(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A default build whose folder may have a libtorch build beside it.
    fn build_folder(beside: bool) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let program = |place: &str| {
            let file = folder.path().join(place).join("gansweep");
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, "").unwrap();
            file
        };
        let own = program("target/release");
        if beside {
            program("target/libtorch/release");
        }
        (folder, own)
    }

    #[test]
    fn the_program_built_with_libtorch_lies_beside_the_default_one_if_it_was_built() {
        let (folder, own) = build_folder(true);
        let expected = folder.path().join("target/libtorch/release/gansweep");
        assert_eq!(libtorch_program(&own, None), Some(expected.clone()));
        assert_eq!(libtorch_program(&own, Some("".into())), Some(expected));
        let (_folder, own) = build_folder(false);
        assert_eq!(libtorch_program(&own, None), None);
    }

    #[test]
    fn the_variable_names_another_even_one_that_is_missing() {
        let (_folder, own) = build_folder(true);
        assert_eq!(libtorch_program(&own, Some("/elsewhere".into())), Some("/elsewhere".into()));
    }

    #[test]
    fn only_libtorchs_devices_are_the_other_programs() {
        let programs = Programs {
            own: Program::at("/own".into()),
            libtorch: Some(Program::at("/other".into())),
            log_file: None,
        };
        for (device, program) in [
            ("cpu", "/own"),
            ("flex", "/own"),
            ("vulkan:0", "/own"),
            ("libtorch:cpu", "/other"),
            ("libtorch:cuda:1", "/other"),
        ] {
            assert_eq!(programs.of_device(device).path(), Path::new(program), "{device}");
            assert_eq!(programs.is_own(device), program == "/own");
        }
        let alone = Programs { libtorch: None, ..programs };
        assert_eq!(alone.of_device("libtorch:cpu").path(), Path::new("/own"));
    }
}
