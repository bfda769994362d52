//! The devices of this machine, and how many lanes each trains at a time.
//!
//! Listing GPUs runs driver code, which may crash. So [`list()`] starts a child process that calls
//! [`probe()`]. A build without libtorch also queries the build that has it and adds that build's devices.

mod child;
mod lanes;
mod libtorch_build;
mod list;
#[cfg(feature = "tensor")]
mod nvidia;
mod probe;

pub use lanes::{group_memory_bytes, max_lanes};
pub use list::{best, list};
pub use probe::{Probe, probe};
