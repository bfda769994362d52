//! The log that a bug report needs: silent unless it is asked for, and never a reason to end the work.
//!
//! `--log-file` names a file that the program and its workers append to; `GANSWEEP_LOG` says how much
//! is written, and without a file it asks for the log on stderr. Workers have their stderr read by the
//! runner, which shows the end of it as the cause of a failure: they write to a file or not at all.

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use gansweep_base::{host, text};
use tracing::level_filters::LevelFilter;
use tracing::{error, info};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::prelude::*;

use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::output;

/// Says how much is written.
const VARIABLE: &str = "GANSWEEP_LOG";
/// What is written to a file if the variable does not say.
const USUAL: LevelFilter = LevelFilter::DEBUG;
/// What is written of the libraries, which tell much more, unless the variable names them.
const OF_LIBRARIES: LevelFilter = LevelFilter::WARN;
/// The crates of this program, which the variable names without `gansweep_`.
const CRATES: [&str; 12] = [
    "app",
    "base",
    "config",
    "cpu",
    "data",
    "nn",
    "protocol",
    "report",
    "scheduler",
    "store",
    "tensor",
    "train",
];

/// Where the log goes.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The file, by a path that is good in any folder.
    pub(crate) file: Option<PathBuf>,
    /// Whether lines come up on the terminal between the messages.
    pub(crate) on_terminal: bool,
}

impl Log {
    /// Begins the log that the command line and the environment ask for. A file that cannot be opened
    /// is warned of, and the work goes on without a log.
    pub(crate) fn start(cli: &Cli) -> Result<Self, Failure> {
        let asked = std::env::var_os(VARIABLE).filter(|text| !text.is_empty());
        let filter = filter(asked.as_ref())?;
        let Some(path) = &cli.log_file else {
            let silent = asked.is_none() || is_asked_by_program(&cli.command);
            if !silent {
                install(filter, BoxMakeWriter::new(io::stderr));
            }
            return Ok(Self { file: None, on_terminal: !silent && io::stderr().is_terminal() });
        };
        match open(path) {
            Ok((file, path)) => {
                install(filter, BoxMakeWriter::new(file));
                Ok(Self { file: Some(path), on_terminal: false })
            }
            Err(_) if is_asked_by_program(&cli.command) => Ok(Self::default()),
            Err(error) => {
                output::warning(&format!("no log is written: {}: {error}", path.display()));
                Ok(Self::default())
            }
        }
    }
}

/// Whether it is another `gansweep` that reads what the command says on stderr.
fn is_asked_by_program(command: &Command) -> bool {
    matches!(command, Command::Worker) || matches!(command, Command::Devices(args) if args.probe)
}

/// Several processes append to the file, a whole line at a time.
fn open(path: &Path) -> io::Result<(File, PathBuf)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    Ok((file, std::path::absolute(path)?))
}

fn install(filter: Targets, writer: BoxMakeWriter) {
    // A full disk or a closed terminal costs lines of the log, and nobody is told of each.
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_timer(Stamp)
        .with_writer(writer)
        .log_internal_errors(false);
    // There is a log already only where this is called twice in a process.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
    log_panics();
    describe();
}

/// The time, and the process: several write to one file.
struct Stamp;

impl FormatTime for Stamp {
    fn format_time(&self, line: &mut Writer<'_>) -> fmt::Result {
        SystemTime.format_time(line)?;
        write!(line, " {}", std::process::id())
    }
}

fn log_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let (thread, said) = (thread.name().unwrap_or_default(), text::panic(panic.payload()));
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(thread, place, said, "panic");
        usual(panic);
    }));
}

/// The program and the machine: what every bug report begins with.
fn describe() {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let features: Vec<_> = [
        (cfg!(feature = "flex"), "flex"),
        (cfg!(feature = "wgpu"), "wgpu"),
        (cfg!(feature = "vulkan"), "vulkan"),
        (cfg!(feature = "libtorch"), "libtorch"),
    ]
    .into_iter()
    .filter_map(|(built, feature)| built.then_some(feature))
    .collect();
    let variables: Vec<_> =
        std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"GANSWEEP_")).collect();
    info!(version = env!("CARGO_PKG_VERSION"), ?features, ?arguments, ?variables, "gansweep begins");
    info!(
        host = host::name(),
        system = host::system(),
        processor = host::processor(),
        threads = host::threads(),
        memory_bytes = host::memory_bytes(),
        "machine"
    );
}

/// What the variable says: parts between commas, each a level for all of this program, or
/// `CRATE=LEVEL`.
fn filter(asked: Option<&OsString>) -> Result<Targets, Failure> {
    let Some(asked) = asked else { return Ok(of_all(USUAL)) };
    let text = asked.to_string_lossy();
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let level = |part: &str, text: &str| {
        // The type takes an empty text for a level too.
        let level = text.trim().parse().ok().filter(|_| !text.trim().is_empty());
        level.ok_or_else(|| {
            Failure::Wrong(format!(
                "{VARIABLE}: `{part}` is none of error, warn, info, debug, trace and off, \
                 nor CRATE=LEVEL as in scheduler=trace"
            ))
        })
    };
    let (mut all, mut named) = (LevelFilter::OFF, Vec::new());
    for part in parts {
        match part.split_once('=') {
            None => all = level(part, part)?,
            Some((target, asked)) => named.push((target_of(target.trim()), level(part, asked)?)),
        }
    }
    Ok(of_all(all).with_targets(named))
}

/// What the lines of a crate are filtered by: the beginning of the path of the module that writes them.
fn target_of(name: &str) -> String {
    let own = CRATES.contains(&name.split("::").next().unwrap_or_default());
    if own { format!("gansweep_{name}") } else { name.to_owned() }
}

/// All of this program at a level, and the worst of the libraries.
fn of_all(level: LevelFilter) -> Targets {
    Targets::new().with_target("gansweep", level).with_default(level.min(OF_LIBRARIES))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn written(asked: &str) -> Targets {
        filter(Some(&asked.into())).unwrap()
    }

    #[test]
    fn a_level_is_for_this_program_and_libraries_only_warn() {
        let debug = written("debug");
        assert!(debug.would_enable("gansweep_scheduler::sweep", &Level::DEBUG));
        assert!(debug.would_enable("gansweep", &Level::DEBUG));
        assert!(!debug.would_enable("gansweep", &Level::TRACE));
        assert!(debug.would_enable("wgpu_core", &Level::WARN));
        assert!(!debug.would_enable("wgpu_core", &Level::INFO));
        assert!(!written("error").would_enable("wgpu_core", &Level::WARN));
    }

    #[test]
    fn a_crate_may_have_a_level_of_its_own() {
        let one = written("scheduler=trace");
        assert!(one.would_enable("gansweep_scheduler::sweep", &Level::TRACE));
        assert!(!one.would_enable("gansweep_store", &Level::ERROR));
        let both = written(" info, store = debug , wgpu_hal=trace ");
        assert!(both.would_enable("gansweep_store", &Level::DEBUG));
        assert!(!both.would_enable("gansweep_train", &Level::DEBUG));
        assert!(both.would_enable("wgpu_hal::vulkan", &Level::TRACE));
    }

    #[test]
    fn what_is_no_level_is_refused_with_the_levels() {
        for wrong in ["debgu", "debgu,info", "scheduler", "scheduler=loud", "info,scheduler="] {
            let message = filter(Some(&wrong.into())).unwrap_err().to_string();
            assert!(message.contains(VARIABLE) && message.contains("debug, trace"), "{message}");
        }
    }

    #[test]
    fn the_crates_are_those_of_the_workspace() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "gansweep" && name != "fixtures")
            .collect();
        names.sort();
        assert_eq!(names, CRATES);
    }
}
