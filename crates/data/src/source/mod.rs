//! Where datasets come from: the user's folder, the cache, the network, or the program itself.

use std::{env, ffi::OsString, path::PathBuf};

/// The environment variable that forbids downloads.
pub const OFFLINE: &str = "GANSWEEP_OFFLINE";

/// Where to look for datasets, and whether downloads are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSource {
    /// The user's data folder with IDX files: in a subfolder named after the dataset, in torchvision's
    /// (`MNIST/raw`), in the folder itself, or in `raw`. Nothing is ever written there.
    pub data_dir: Option<PathBuf>,
    /// The folder of the user's own images (the datasets `idx` and `folder`), from the experiment.
    pub idx_dir: Option<PathBuf>,
    /// Whether damaged files in a folder of pictures are left out.
    pub skip_damaged: bool,
    /// Downloaded and drawn files are kept here, in a subfolder named after the dataset.
    pub cache_dir: PathBuf,
    /// Downloads are forbidden.
    pub offline: bool,
}

/// Where a dataset is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// On this machine.
    Found(Found),
    /// Not on this machine; it would be downloaded.
    Missing,
}

/// Where on this machine a dataset is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// In a folder of the user, or in an archive there.
    Folder(PathBuf),
    /// In a folder of the cache.
    Cache(PathBuf),
    /// Drawn by the program: `strokes`.
    BuiltIn,
}

impl DataSource {
    /// The sources that the command line and the environment define.
    ///
    /// The data folder is `data_dir`, else `GANSWEEP_DATA_DIR`. The cache is `gansweep` in
    /// `XDG_CACHE_HOME`, else in `~/.cache`, else (without a home) in the temporary folder.
    /// `GANSWEEP_OFFLINE` set to anything but `0` or `false` forbids downloads.
    pub fn from_environment(data_dir: Option<PathBuf>) -> Self {
        Self::from_variables(data_dir, |name| env::var_os(name))
    }

    fn from_variables(data_dir: Option<PathBuf>, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        // The XDG specification has relative paths ignored.
        let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache_home = absolute("XDG_CACHE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
            .unwrap_or_else(env::temp_dir);
        Self {
            data_dir: data_dir.or_else(|| variable("GANSWEEP_DATA_DIR").map(PathBuf::from)),
            idx_dir: None,
            skip_damaged: false,
            cache_dir: cache_home.join("gansweep"),
            offline: variable(OFFLINE).is_some_and(|value| value != "0" && value != "false"),
        }
    }
}

#[cfg(test)]
mod tests;
