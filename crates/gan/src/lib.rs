//! Training of GANs as lanes: models, losses, devices, checkpoints, and the worker's loop.

pub mod architecture;
mod error;
pub mod native;
pub mod state;
pub mod streams;
pub mod trainer;

pub use error::GanError;
