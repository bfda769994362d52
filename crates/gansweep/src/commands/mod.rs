//! One module per command.

use std::path::PathBuf;

use crate::failure::Failure;

pub(crate) mod bench;
pub(crate) mod data;
pub(crate) mod devices;
pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod plan;
mod planning;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod show;
mod slots;
pub(crate) mod sql;
pub(crate) mod sweep;
pub(crate) mod worker;

/// The file of this very program, to start it again.
fn own_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::System(format!("the program cannot find its own file to start itself: {error}"))
    })
}
