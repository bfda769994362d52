//! A folder of its own for each test, and the program run in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use gansweep_base::digest::sha256;
use gansweep_config::RunId;
use gansweep_nn::state::LaneState;
use gansweep_protocol::Metric;
use gansweep_store::{Reader, RunFilter, RunRow};
use gansweep_train::checkpoint;
use tempfile::TempDir;

use crate::processes::restore_signals;

/// A folder that disappears with the test.
pub(crate) struct Sandbox {
    folder: TempDir,
}

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_gansweep");

/// A cache that all tests share: the built-in digits are drawn once.
pub(crate) const CACHE_HOME: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/cache");

/// Six small runs of a few dozen steps each, on the built-in digits.
pub(crate) const SMALL: &str = r#"
name = "small"
recipe = "fast"

[data]
dataset = "strokes"
images = 640

[model]
hidden = 24
latent_dim = 8

[train]
epochs = 4
batch_size = 64

[record]
every_steps = 4
checkpoint_seconds = 0
grid_rows = 2
grid_cols = 3
evaluate_epochs = 0

[sweep]
seeds = 2

[sweep.grid]
"optimizer.lr" = [2e-4, 1e-3, 5e-3]
"#;

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder for the test") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the user's.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// The program, in this folder, without the environment's own settings, with a cache that all
    /// tests share (the built-in digits are drawn once).
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(Path::new(PROGRAM), arguments)
    }

    /// The same with a copy of the program.
    pub(crate) fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        restore_signals();
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("GANSWEEP_")) {
            command.env_remove(key);
        }
        command.env("XDG_CACHE_HOME", CACHE_HOME).env("GANSWEEP_OFFLINE", "1");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(&self.command(arguments).output().expect("the program starts"))
    }

    /// Opens what the program recorded.
    pub(crate) fn reader(&self) -> Reader {
        Reader::open(&self.path("results")).expect("a database")
    }

    /// The rows of a sweep, by position.
    pub(crate) fn runs_of(&self, sweep: &str) -> Vec<RunRow> {
        let filter = RunFilter { sweep: Some(sweep.to_owned()), where_sql: None };
        self.reader().runs(&filter).unwrap()
    }

    /// Weights, moments and counts in the checkpoint of every run that has one.
    pub(crate) fn checkpoints(&self) -> BTreeMap<RunId, LaneState> {
        let reader = self.reader();
        let runs = reader.runs(&RunFilter::default()).unwrap();
        let state = |id: RunId| {
            let row = reader.checkpoint(&id).unwrap()?;
            let content = fs::read(self.path("results").join(row.path)).unwrap();
            assert_eq!(sha256(&content), row.sha256);
            let snapshot = checkpoint::decode(&content).unwrap();
            Some((id, snapshot.state))
        };
        runs.into_iter().filter_map(|run| state(run.id)).collect()
    }

    /// Every deterministic point and every grid, by run, step and name.
    pub(crate) fn recorded(&self) -> Recorded {
        recorded(&self.path("results"))
    }
}

/// Bits by run, step and name.
pub(crate) type Recorded = BTreeMap<(RunId, u64, String), Vec<u8>>;

pub(crate) fn recorded(results: &Path) -> Recorded {
    let reader = Reader::open(results).expect("a database");
    let mut recorded = Recorded::new();
    for run in reader.runs(&RunFilter::default()).unwrap() {
        for metric in Metric::ALL.into_iter().filter(|metric| metric.declaration().deterministic) {
            for point in reader.points(&run.id, metric, u64::MAX, usize::MAX).unwrap() {
                let key = (run.id.clone(), point.step, metric.name().to_owned());
                recorded.insert(key, point.value.to_bits().to_le_bytes().to_vec());
            }
        }
        for info in reader.samples_index(&run.id, u64::MAX).unwrap() {
            let sample = reader.sample(&run.id, info.step, info.source).unwrap().expect("a listed grid");
            recorded.insert((run.id.clone(), info.step, info.source.name().to_owned()), sample.png);
        }
    }
    recorded
}

/// How the program ended and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Ended well; the output otherwise.
    #[track_caller]
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// Refused the file or the command line, without a panic, saying each of these.
    #[track_caller]
    pub(crate) fn refused(self, said: &[&str]) -> Self {
        assert_eq!(self.code, Some(2), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        for text in said {
            assert!(self.stderr.contains(text), "`{text}` is not said: {self:#?}");
        }
        self
    }
}
