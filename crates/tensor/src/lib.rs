//! Training on Burn's tensors: every device but `cpu`, and a reference for `cpu` in tests.
//!
//! The first axis of every tensor is the lane: weights are `[lanes, inputs, outputs]`, activations `[lanes,
//! batch, features]`, feature maps `[lanes, channels, batch * pixels]`, coefficients `[lanes, 1, 1]`. A loss is
//! the mean over the batch and the sum over lanes. The host prepares the inputs of coming steps ahead of time and uploads them in blocks of many
//! steps. Metrics stay on the device until the end of an [`advance`](gansweep_train::Trainer::advance).

mod activation;
mod attention;
mod augment;
mod average;
mod condition;
mod conv;
mod cost;
pub mod device;
mod engine;
mod forward;
mod images;
mod inputs;
mod layout;
mod loss;
mod masks;
mod memory;
mod network;
mod norm;
mod optimizer;
mod penalty;
mod pool;
mod rows;
mod shortcuts;
mod spectral_norm;
mod step;
mod step_plan;
mod support;
#[cfg(test)]
mod tests;
mod trainer;
mod upsample;
mod work;

pub use cost::{DeviceSpeed, StepCost};
pub use memory::{largest_buffer_bytes, memory_bytes};
pub use support::supports;
pub use trainer::TensorTrainer;
