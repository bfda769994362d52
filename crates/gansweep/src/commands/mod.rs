//! One module per command. Each turns arguments into a request to `gansweep-app`, and the result into text.

pub(crate) mod animate;
pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod cluster;
pub(crate) mod compare;
pub(crate) mod data;
pub(crate) mod devices;
pub(crate) mod diff;
pub(crate) mod evaluate;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod housekeeping;
pub(crate) mod merge;
pub(crate) mod plan;
pub(crate) mod recognize;
pub(crate) mod report;
mod request;
pub(crate) mod runs;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod sql;
pub(crate) mod sweep;
mod weights;
pub(crate) mod worker;
