//! Training on Burn's tensors: every device but `cpu`, and the reference for it.
//!
//! Every tensor has a lane axis in front: weights `[lanes, inputs, outputs]`, activations `[lanes,
//! batch, features]`, coefficients `[lanes, 1, 1]`. A loss is the mean over the batch and the sum
//! over lanes. All that differs from step to step is made on the host ahead of time and travels in
//! blocks of many steps, and what a step measures stays on the device until the end of an
//! [`advance`](gansweep_train::Trainer::advance).

mod activation;
mod cost;
pub mod device;
mod engine;
mod feed;
mod forward;
mod images;
mod layout;
mod loss;
mod mask_plan;
mod masks;
mod memory;
mod optimizer;
mod row;
mod rows;
mod side;
mod step;
mod step_shape;
#[cfg(test)]
mod tests;
mod trainer;

pub use cost::{DeviceSpeed, StepCost};
pub use memory::{largest_buffer_bytes, memory_bytes};
pub use trainer::TensorTrainer;
