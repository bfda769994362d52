//! Burn's devices: finding and opening them. No other module names a backend of Burn's.

mod adapters;
mod host;
mod open;
mod probe;

pub(crate) use host::in_host_memory;
pub use open::{OpenDevice, limit_threads, open};
pub use probe::gpus;
