//! Networks, losses, optimisers, the initial state of a run and random streams: the mathematics that all
//! backends share. Nothing here computes on a device.

pub mod augment;
pub mod average;
pub mod cost;
pub mod loss;
pub mod network;
pub mod optimizer;
pub mod penalty;
pub mod rng;
pub mod state;
mod vectors;

pub use vectors::Vectors;
