//! Experiment files from their text to a plan, through the crate's public face.

mod bad_input;
mod common;
mod grouping;
mod layering;
mod named_values;
mod network_layers;
mod planning;
mod pruning;
mod reference;
mod robustness;
mod searching;
mod shipped;
mod variants;
mod without_effect;
