//! One module per command.

pub(crate) mod bench;
pub(crate) mod data;
pub(crate) mod devices;
pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod plan;
mod planning;
mod programs;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod show;
mod slots;
pub(crate) mod sql;
pub(crate) mod sweep;
pub(crate) mod worker;
