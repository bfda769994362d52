//! Training of GANs as lanes: models, losses, devices, checkpoints, and the worker's loop.

pub mod architecture;
#[cfg(feature = "burn-path")]
pub mod burn_path;
pub mod checkpoint;
pub mod device;
mod error;
pub mod generate;
pub mod grid;
pub mod native;
pub mod session;
pub mod state;
pub mod streams;
pub mod trainer;
pub mod weights;
pub mod worker;

pub use error::GanError;
