//! Which devices this machine has, and how much each trains at a time.
//!
//! Asking for GPUs runs their drivers' code, and a driver may crash: [`list`] asks from a child
//! process, which calls [`probe`]. A build without libtorch asks the same of the build that has it,
//! and counts its devices among this machine's.

mod child;
mod lanes;
mod libtorch_build;
mod list;
#[cfg(feature = "tensor")]
mod nvidia;
mod probe;

pub use lanes::{group_memory_bytes, most_lanes};
pub use list::{best, list};
pub use probe::{Probe, probe};
