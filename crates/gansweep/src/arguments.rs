//! Arguments that several commands have.

use std::path::PathBuf;

use clap::Args;
use gansweep_data::DataSource;

/// The results folder.
#[derive(Debug, Clone, Args)]
pub(crate) struct ResultsArgs {
    /// Folder of the database, the checkpoints and the reports; `GANSWEEP_RESULTS` if not given.
    #[arg(long, value_name = "DIR", default_value_os_t = results_folder())]
    pub(crate) results: PathBuf,
}

/// The experiment.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExperimentArgs {
    /// The experiment file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Override a key, for example `--set train.epochs=3`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) sets: Vec<String>,
    /// Apply the overrides in the file's `[profile.NAME]` section.
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Only the runs with these values of swept keys or seeds, for example `--only 'lr=1e-3 seed=1,2'`, also with `!=`,
    /// `<`, `<=`, `>`, `>=`. May be repeated; all conditions must hold.
    #[arg(long, value_name = "CONDITIONS")]
    pub(crate) only: Vec<String>,
    /// Folder with dataset files; `GANSWEEP_DATA_DIR` if not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// Where datasets are.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataFolderArgs {
    /// Folder with dataset files; `GANSWEEP_DATA_DIR` if not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Folder of your own images: IDX files for `idx`, PNG and JPEG for `folder`.
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
}

impl DataFolderArgs {
    pub(crate) fn source(&self) -> DataSource {
        DataSource { idx_dir: self.path.clone(), ..DataSource::from_environment(self.data_dir.clone()) }
    }
}

/// Devices, workers and lanes.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExecutionArgs {
    /// Device to train on: `auto`, or a name from `gansweep devices`. May be repeated.
    #[arg(long = "device", value_name = "DEVICE")]
    pub(crate) devices: Vec<String>,
    /// Number of concurrent workers per device.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) jobs: Option<u32>,
    /// Maximum number of runs trained together in one group, or `off` to train each run alone.
    #[arg(long, value_name = "N|off", value_parser = parse_fuse)]
    pub(crate) fuse: Option<u32>,
}

fn parse_fuse(text: &str) -> Result<u32, String> {
    match text {
        "off" => Ok(1),
        number => match number.parse() {
            Ok(0) | Err(_) => Err("expected a number of lanes (at least 1) or `off`".into()),
            Ok(lanes) => Ok(lanes),
        },
    }
}

/// `GANSWEEP_RESULTS`, or `results`. Clap would take an empty variable for an empty path and refuse it, and an
/// empty variable counts as unset.
fn results_folder() -> PathBuf {
    let variable = std::env::var_os("GANSWEEP_RESULTS").filter(|folder| !folder.is_empty());
    variable.map_or_else(|| "results".into(), PathBuf::from)
}
