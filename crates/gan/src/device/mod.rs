//! The only module that names a backend: which devices there are, what they are called, and how
//! one is opened.
//!
//! Asking for GPUs runs their drivers' code, and a driver may crash: [`list`] asks from a child
//! process, which calls [`probe`]. A build without libtorch asks the same of the build that has it,
//! and counts its devices among this machine's.

mod adapters;
mod child;
#[cfg(feature = "burn-path")]
mod host;
mod lanes;
mod libtorch_build;
mod list;
mod machine;
mod name;
#[cfg(feature = "burn-path")]
mod open;
mod shortage;

#[cfg(feature = "burn-path")]
pub(crate) use host::in_host_memory;
pub use lanes::{group_memory_bytes, most_lanes};
pub use list::{DeviceInfo, DeviceKind, Probe, Problem, best, list, probe};
pub use name::{DeviceChoice, DeviceName};
#[cfg(feature = "burn-path")]
pub(crate) use open::limit_threads;
#[cfg(feature = "burn-path")]
pub use open::{OpenDevice, open};
pub(crate) use shortage::tell_shortage;
