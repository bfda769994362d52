//! What this program computes against what PyTorch computed from the same numbers.

mod case;
mod initialisation;
mod recipes;
mod steps;
