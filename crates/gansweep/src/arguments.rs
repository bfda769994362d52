//! Arguments that several commands have.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use gansweep_app::AppError;
use gansweep_config::{DataRequest, Dataset};
use gansweep_data::{DataSource, ImageFormat, Naming};
use gansweep_store::DEFAULT_RESULTS;

use crate::failure::Failure;

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
    /// Leave out damaged files of `folder`.
    #[arg(long)]
    pub(crate) skip_damaged: bool,
}

impl DataFolderArgs {
    pub(crate) fn source(&self) -> DataSource {
        DataSource {
            idx_dir: self.path.clone(),
            skip_damaged: self.skip_damaged,
            ..DataSource::from_environment(self.data_dir.clone())
        }
    }

    /// Refuses options that say nothing of a dataset.
    pub(crate) fn check(&self, dataset: Dataset) -> Result<(), Failure> {
        let name = dataset.name();
        if self.path.is_some() && !dataset.is_own() {
            let problem = format!(
                "--path is for the datasets `idx` and `folder`, and not for {name}; omit it, or name one of these"
            );
            return Err(Failure::Usage(problem));
        }
        if self.skip_damaged && dataset != Dataset::Folder {
            return Err(Failure::Usage(format!(
                "--skip-damaged is for the dataset `folder`, and not for {name}; omit it"
            )));
        }
        Ok(())
    }

    /// An error about data as a user of these options reads it.
    pub(crate) fn failure(error: impl Into<AppError>) -> Failure {
        match error.into() {
            AppError::Data(error) => Failure::Usage(error.explained(Naming::Options)),
            error => error.into(),
        }
    }
}

/// The shape of images, of a dataset that has a choice.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ShapeArgs {
    /// Rows and columns of `strokes` and `folder`; 0 for the dataset's own.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=256))]
    pub(crate) side: u32,
    /// Channels of `strokes` and `folder`: 1 for grey, 3 for colour; 0 for the dataset's own.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = channels)]
    pub(crate) channels: u32,
}

impl ShapeArgs {
    pub(crate) fn asked(self, dataset: Dataset) -> DataRequest {
        DataRequest { dataset, side: self.side, channels: self.channels }
    }
}

/// Channels of images, as `data.channels` takes them.
fn channels(text: &str) -> Result<u32, String> {
    match text {
        "0" | "1" | "3" => Ok(u32::from(text.as_bytes()[0] - b'0')),
        _ => Err("expected 0, 1 or 3".to_owned()),
    }
}

/// Refuses an output file whose name promises another format than the one that is written. A name without an ending, such as
/// that of a pipe, promises nothing.
pub(crate) fn check_ending(path: Option<&Path>, what: &str, endings: &[&str]) -> Result<(), Failure> {
    let Some(path) = path.filter(|path| path.extension().is_some() && !ends_in(path, endings)) else {
        return Ok(());
    };
    let endings: Vec<String> = endings.iter().map(|ending| format!(".{ending}")).collect();
    let (path, endings) = (path.display(), endings.join(" or "));
    Err(Failure::Usage(format!("{path}: {what}; name a file that ends in {endings}")))
}

/// Refuses an output folder whose name is that of a file. Any other may have a point in its name.
pub(crate) fn check_folder(path: Option<&Path>, what: &str, files: &[&str]) -> Result<(), Failure> {
    match path.filter(|path| ends_in(path, files)) {
        Some(path) => Err(Failure::Usage(format!("{}: {what}; name a folder with --out", path.display()))),
        None => Ok(()),
    }
}

/// A format of images that are written one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EachImageFormat {
    /// A folder with a PNG of each image.
    Folder,
    /// A NumPy file with all images as one array `[N, height, width, channels]`.
    Npz,
}

impl EachImageFormat {
    /// The format that an output's name says: that it is a folder, a slash, or an ending.
    pub(crate) fn of_name(path: &Path) -> Option<Self> {
        let has_slash = has_slash(path);
        match path {
            path if has_slash || path.is_dir() => Some(Self::Folder),
            path if ends_in(path, &["npz"]) => Some(Self::Npz),
            _ => None,
        }
    }

    /// The format, unless the output's name promises another one.
    pub(crate) fn checked(self, out: Option<&Path>) -> Result<ImageFormat, Failure> {
        match self {
            Self::Folder => {
                let out = out.filter(|path| !has_slash(path) && !path.is_dir());
                let files = ["png", "jpg", "jpeg", "webp", "gif", "npz", "npy", "zip", "tar"];
                check_folder(out, "--format folder writes a folder of files", &files)?;
                Ok(ImageFormat::Folder)
            }
            Self::Npz => {
                check_ending(out, "--format npz writes an .npz of NumPy", &["npz"])?;
                Ok(ImageFormat::Npz)
            }
        }
    }
}

fn has_slash(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().last() == Some(&b'/')
}

fn ends_in(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|ending| endings.iter().any(|known| ending.eq_ignore_ascii_case(known)))
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

/// `GANSWEEP_RESULTS`, or the default. Clap would take an empty variable for an empty path and refuse it, and an
/// empty variable counts as unset.
fn results_folder() -> PathBuf {
    let variable = std::env::var_os("GANSWEEP_RESULTS").filter(|folder| !folder.is_empty());
    variable.map_or_else(|| DEFAULT_RESULTS.into(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_end_in_what_is_written_or_in_nothing() {
        let check = |name: &str| check_ending(Some(Path::new(name)), "images are PNG", &["png"]);
        for name in ["a.png", "a.PNG", "a", "/dev/stdout", "a.b/c", ".hidden"] {
            assert!(check(name).is_ok(), "{name}");
        }
        for name in ["a.jpg", "a.png.gz", "a.", "b/a.gif"] {
            assert!(check(name).is_err_and(|error| error.to_string().ends_with("ends in .png")), "{name}");
        }
        assert!(check_ending(None, "", &[]).is_ok());
    }
}
