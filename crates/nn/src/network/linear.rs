//! The Linear layer.

use super::describe::{features, volume, with_bias};
use super::{Describe, Init, TensorSpec};

/// `y = x W^T + b`, or `x W^T`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Linear {
    /// Features of an output row.
    pub outputs: usize,
    /// Whether it has a bias.
    pub bias: bool,
}

impl Describe for Linear {
    fn name(&self, _: &[usize]) -> &'static str {
        "Linear"
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        features(input).map(|_| vec![self.outputs])
    }

    fn parameters(&self, input: &[usize]) -> Vec<TensorSpec> {
        let inputs = volume(input);
        let init = Init::Uniform { fan_in: inputs };
        let weight = TensorSpec::new("weight", &[self.outputs, inputs], init);
        with_bias(weight, self.bias.then_some(self.outputs))
    }

    fn multiply_adds(&self, input: &[usize]) -> u64 {
        volume(input).saturating_mul(self.outputs) as u64
    }
}
