//! The log for bug reports. It is off by default, and errors in writing it never end the work.
//!
//! `--log-file` names a file that the program and its workers append to. `GANSWEEP_LOG` sets the level;
//! without a file it turns on logging to stderr. Workers log only to a file: the runner reads their stderr
//! and shows its end as the cause of a failure.

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

use crate::failure::Failure;
use crate::messages;

/// Sets the log level.
const VARIABLE: &str = "GANSWEEP_LOG";
/// The level for log files if the variable is not set.
const DEFAULT_LEVEL: LevelFilter = LevelFilter::DEBUG;
/// The level for libraries that the variable does not name: some log a great deal.
const LIBRARY_LEVEL: LevelFilter = LevelFilter::WARN;
/// The crates of this program. The variable names them without `gansweep_`.
const CRATES: [&str; 17] = [
    "app",
    "base",
    "compare",
    "config",
    "cpu",
    "data",
    "evaluator",
    "nn",
    "protocol",
    "quality",
    "report",
    "scheduler",
    "search",
    "statistics",
    "store",
    "tensor",
    "train",
];

/// The destination of the log.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The absolute path of the log file.
    pub(crate) file: Option<PathBuf>,
    /// Whether the log is written to a terminal, where bars would be torn by its lines.
    pub(crate) on_terminal: bool,
}

impl Log {
    /// Starts logging as the command line and the environment say. If the file cannot be opened, this prints
    /// a warning and the program goes on without a log.
    /// `is_read_by_gansweep`: another `gansweep` process reads this one's stderr.
    pub(crate) fn start(path: Option<&Path>, is_read_by_gansweep: bool) -> Result<Self, Failure> {
        let asked = std::env::var_os(VARIABLE).filter(|text| !text.is_empty());
        let filter = filter(asked.as_ref())?;
        let Some(path) = path else {
            let silent = asked.is_none() || is_read_by_gansweep;
            if !silent {
                install(filter, BoxMakeWriter::new(|| messages::LogWriter));
            }
            return Ok(Self { file: None, on_terminal: !silent && io::stderr().is_terminal() });
        };
        match open(path) {
            Ok((file, path)) => {
                install(filter, BoxMakeWriter::new(file));
                Ok(Self { file: Some(path), on_terminal: false })
            }
            Err(_) if is_read_by_gansweep => Ok(Self::default()),
            Err(error) => {
                messages::warning(&format!("no log is written: {}: {error}", path.display()));
                Ok(Self::default())
            }
        }
    }
}

/// Several processes append to the file, one line per write.
fn open(path: &Path) -> io::Result<(File, PathBuf)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    Ok((file, std::path::absolute(path)?))
}

fn install(filter: Targets, writer: BoxMakeWriter) {
    // A full disk or a closed terminal loses lines of the log; an error message for each would not help.
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_timer(Stamp)
        .with_writer(writer)
        .log_internal_errors(false);
    // Fails only if a subscriber is already installed.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
    log_panics();
    log_environment();
}

/// Time and process id of a line: several processes write to one file.
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

/// Logs the program and the machine, which every bug report needs.
fn log_environment() {
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
    info!(version = env!("CARGO_PKG_VERSION"), ?features, ?arguments, ?variables, "gansweep starts");
    info!(
        host = host::name(),
        system = host::system(),
        processor = host::processor(),
        threads = host::threads(),
        memory_bytes = host::memory_bytes(),
        "machine"
    );
}

/// Parses the variable: a comma-separated list of `LEVEL` (for this program) and `CRATE=LEVEL`.
fn filter(asked: Option<&OsString>) -> Result<Targets, Failure> {
    let Some(asked) = asked else { return Ok(filter_at(DEFAULT_LEVEL)) };
    let text = asked.to_string_lossy();
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let level = |part: &str, text: &str| {
        // `LevelFilter` parses an empty string as a level.
        let level = text.trim().parse().ok().filter(|_| !text.trim().is_empty());
        level.ok_or_else(|| {
            Failure::Usage(format!(
                "{VARIABLE}: `{part}` is not a level (error, warn, info, debug, trace, off) \
                 or CRATE=LEVEL, as in scheduler=trace"
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
    Ok(filter_at(all).with_targets(named))
}

/// The target prefix of a crate's log lines.
fn target_of(name: &str) -> String {
    let own = CRATES.contains(&name.split("::").next().unwrap_or_default());
    if own { format!("gansweep_{name}") } else { name.to_owned() }
}

/// This program at a level; libraries at most at [`LIBRARY_LEVEL`].
fn filter_at(level: LevelFilter) -> Targets {
    Targets::new().with_target("gansweep", level).with_default(level.min(LIBRARY_LEVEL))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn parsed(asked: &str) -> Targets {
        filter(Some(&asked.into())).unwrap()
    }

    #[test]
    fn a_level_applies_to_this_program_and_libraries_only_warn() {
        let debug = parsed("debug");
        assert!(debug.would_enable("gansweep_scheduler::sweep", &Level::DEBUG));
        assert!(debug.would_enable("gansweep", &Level::DEBUG));
        assert!(!debug.would_enable("gansweep", &Level::TRACE));
        assert!(debug.would_enable("wgpu_core", &Level::WARN));
        assert!(!debug.would_enable("wgpu_core", &Level::INFO));
        assert!(!parsed("error").would_enable("wgpu_core", &Level::WARN));
    }

    #[test]
    fn a_crate_can_have_its_own_level() {
        let one = parsed("scheduler=trace");
        assert!(one.would_enable("gansweep_scheduler::sweep", &Level::TRACE));
        assert!(!one.would_enable("gansweep_store", &Level::ERROR));
        let both = parsed(" info, store = debug , wgpu_hal=trace ");
        assert!(both.would_enable("gansweep_store", &Level::DEBUG));
        assert!(!both.would_enable("gansweep_train", &Level::DEBUG));
        assert!(both.would_enable("wgpu_hal::vulkan", &Level::TRACE));
    }

    #[test]
    fn an_invalid_level_is_refused_with_the_valid_ones() {
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
