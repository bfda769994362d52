//! Training of GANs as lanes: models, losses, devices, checkpoints, and the worker's loop.

pub mod architecture;
pub mod checkpoint;
mod error;
pub mod grid;
pub mod native;
pub mod session;
pub mod state;
pub mod streams;
pub mod trainer;

pub use error::GanError;
