//! Packages from npm that the tests use, in the versions that `tests/npm` names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder `node_modules` with the packages; `None` where npm is not there or has no network. Their absence is a failure
/// where the tests must be complete, which `CI=true` says.
pub(crate) fn modules() -> Option<PathBuf> {
    static MODULES: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match MODULES.get_or_init(install) {
        Ok(path) => Some(path.clone()),
        Err(reason) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
            eprintln!("skipped: {reason}");
            None
        }
    }
}

/// Installs the packages, once for each target folder and list of versions.
fn install() -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npm");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm");
    let lock = fs::read_to_string(source.join("package-lock.json")).map_err(|error| error.to_string())?;
    let done = folder.join("installed");
    if fs::read_to_string(&done).is_ok_and(|known| known == lock) {
        return Ok(folder.join("node_modules"));
    }
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(source.join(name), folder.join(name)).map_err(|error| error.to_string())?;
    }
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .output()
        .map_err(|error| format!("npm does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("npm ci fails: {}", String::from_utf8_lossy(&output.stderr)));
    }
    fs::write(&done, lock).map_err(|error| error.to_string())?;
    Ok(folder.join("node_modules"))
}
