//! Adaptive search by tree-structured Parzen estimators (TPE).
//!
//! [`propose`] is a pure function: it takes the trials so far and a source of uniform random numbers, and returns the next
//! point. Logarithms and error functions come from `libm`, so the same arguments give the same bits on every machine.
//!
//! TPE is of Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization". Kernels are products over all dimensions,
//! as in Falkner et al. 2018, "BOHB", with the bandwidths of Optuna's multivariate sampler.

#[cfg(test)]
mod functions;
#[cfg(test)]
mod golden;
mod parzen;
mod space;
mod tpe;

pub use space::{Dimension, Space};
pub use tpe::{Settings, Trial, propose};
