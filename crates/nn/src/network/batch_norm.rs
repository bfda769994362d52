//! Batch normalisation.

use super::describe::features;
use super::{Describe, Init, TensorSpec};

/// `BatchNorm1d` with affine parameters (Ioffe and Szegedy 2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchNorm;

impl BatchNorm {
    /// Added to the variance before the square root.
    pub const EPS: f64 = 1e-5;
    /// The weight of a batch in the running statistics.
    pub const MOMENTUM: f64 = 0.1;
}

impl Describe for BatchNorm {
    fn name(&self) -> &'static str {
        "BatchNorm1d"
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        features(input).map(|features| vec![features])
    }

    fn parameters(&self, input: &[usize]) -> Vec<TensorSpec> {
        vec![TensorSpec::new("weight", input, Init::One), TensorSpec::new("bias", input, Init::Zero)]
    }

    /// Moving averages of a batch's mean and unbiased variance.
    fn buffers(&self, input: &[usize]) -> Vec<TensorSpec> {
        let mean = TensorSpec::new("running_mean", input, Init::Zero);
        vec![mean, TensorSpec::new("running_var", input, Init::One)]
    }
}
