//! Training, independent of the backend: the [`Trainer`] interface, the training loop that drives it,
//! checkpoints, generated images and exported weights.

pub mod checkpoint;
mod device;
mod error;
pub mod generate;
pub mod pixels;
mod trainer;
mod training_loop;
pub mod weights;

pub use device::{DeviceChoice, DeviceInfo, DeviceKind, DeviceName, Problem};
pub use error::{CheckpointError, TrainError, Unsupported};
pub use trainer::*;
pub use training_loop::*;
