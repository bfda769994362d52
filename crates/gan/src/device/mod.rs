//! The only module that names a backend: which devices there are, what they are called, and how
//! one is opened.
//!
//! Asking for GPUs runs their drivers' code, and a driver may crash: [`list`] asks from a child
//! process, which calls [`probe`].

mod adapters;
mod child;
mod lanes;
mod list;
mod machine;
mod name;
#[cfg(feature = "burn-path")]
mod open;

pub use lanes::most_lanes;
pub use list::{DeviceInfo, DeviceKind, Problem, best, list, probe};
pub use name::{DeviceChoice, DeviceName};
#[cfg(feature = "burn-path")]
pub use open::{OpenDevice, open};
