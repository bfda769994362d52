//! Selects the program file that trains on a device: this program or, for libtorch devices in a build
//! without libtorch, the build that has it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use gansweep_protocol::Job;
use gansweep_scheduler::{LaunchError, Launcher, ProcessLauncher, ProcessLimits, Program, Worker};
use gansweep_train::DeviceName;

use crate::AppError;

/// Names the program built with libtorch if it is not at its default path.
const VARIABLE: &str = "GANSWEEP_LIBTORCH_PROGRAM";

/// The program files to start workers and device probes with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// This build of `gansweep`.
    own: Program,
    /// The build with libtorch; `None` if this build has it or there is none.
    libtorch: Option<Program>,
    /// The log file of worker processes.
    log_file: Option<PathBuf>,
    /// Whether `own` is the program of this process.
    is_running: bool,
    /// What worker processes may use.
    limits: ProcessLimits,
}

impl Programs {
    /// The running program, which must be `gansweep`, and the build with libtorch if there is one.
    pub fn find() -> Result<Self, AppError> {
        let running = Self::with(Program::running().map_err(AppError::OwnProgram)?);
        Ok(Self { is_running: true, ..running })
    }

    /// The same with `own` as this build's program: for callers that are not `gansweep`.
    pub fn of(own: PathBuf) -> Self {
        Self::with(Program::at(own))
    }

    fn with(own: Program) -> Self {
        let libtorch = match cfg!(feature = "libtorch") {
            true => None,
            false => libtorch_program(own.path(), std::env::var_os(VARIABLE)).map(Program::at),
        };
        Self { own, libtorch, log_file: None, is_running: false, limits: ProcessLimits::default() }
    }

    /// Sets the log file of worker processes. The path must be absolute.
    #[must_use]
    pub fn with_log_file(self, log_file: Option<PathBuf>) -> Self {
        Self { log_file, ..self }
    }

    /// Sets what worker processes may use.
    #[must_use]
    pub(crate) fn with_limits(self, limits: ProcessLimits) -> Self {
        Self { limits, ..self }
    }

    /// The command that lists this build's devices.
    pub(crate) fn probe(&self) -> Command {
        probe(&self.own)
    }

    /// The command that lists the devices of the build with libtorch.
    pub(crate) fn libtorch_probe(&self) -> Option<Command> {
        self.libtorch.as_ref().map(probe)
    }

    /// The program that trains on that device.
    pub(crate) fn of_device(&self, device: &str) -> &Program {
        let libtorch = device.parse().is_ok_and(DeviceName::is_libtorch);
        self.libtorch.as_ref().filter(|_| libtorch).unwrap_or(&self.own)
    }

    /// The file of that program. Of the running one, the file that was opened first, whatever lies at its path by now.
    pub(crate) fn file_of_device(&self, device: &str) -> PathBuf {
        let program = self.of_device(device);
        let running = Path::new("/proc/self/exe");
        match self.is_running && *program == self.own && running.exists() {
            true => running.to_owned(),
            false => program.path().to_owned(),
        }
    }

    /// Whether this build trains on that device.
    pub(crate) fn is_own(&self, device: &str) -> bool {
        *self.of_device(device) == self.own
    }
}

fn probe(program: &Program) -> Command {
    let mut command = program.command();
    command.args(["devices", "--probe"]);
    command
}

/// The path in the variable, whether it exists or not (an error is better than a silent default); otherwise
/// the default path if the file exists: `target/libtorch/release/gansweep` for `target/release/gansweep`.
fn libtorch_program(own: &Path, named: Option<OsString>) -> Option<PathBuf> {
    if let Some(named) = named.filter(|name| !name.is_empty()) {
        return Some(named.into());
    }
    let (folder, file) = (own.parent()?, own.file_name()?);
    let usual = folder.parent()?.join("libtorch").join(folder.file_name()?).join(file);
    usual.is_file().then_some(usual)
}

/// Starts each worker with the program that has its device.
#[derive(Debug)]
pub(crate) struct WorkerLauncher(pub(crate) Programs);

impl Launcher for WorkerLauncher {
    fn launch(&self, job: &Job) -> Result<Box<dyn Worker>, LaunchError> {
        let program = self.0.of_device(&job.device).clone();
        let mut args: Vec<OsString> = vec!["worker".into()];
        if let Some(file) = &self.0.log_file {
            args.extend(["--log-file".into(), file.into()]);
        }
        ProcessLauncher { program, args, limits: self.0.limits }.launch(job)
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
            is_running: false,
            limits: ProcessLimits::default(),
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
