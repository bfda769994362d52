//! Networks, losses, optimisers, the initial state of a run and random streams: what all backends share and none of them owns.

pub mod cost;
pub mod loss;
pub mod network;
pub mod optimizer;
pub mod rng;
pub mod state;
mod vectors;

pub use vectors::Vectors;
