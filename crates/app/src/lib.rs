//! The use cases, callable without a terminal.

pub mod backends;
pub mod devices;
mod shortage;
