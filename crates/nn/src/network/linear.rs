//! The Linear layer.

use super::describe::features;
use super::{Describe, Init, TensorSpec};

/// `y = x W^T + b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Linear {
    /// Features of an output row.
    pub outputs: usize,
}

impl Describe for Linear {
    fn name(&self) -> &'static str {
        "Linear"
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        features(input).map(|_| vec![self.outputs])
    }

    fn parameters(&self, input: &[usize]) -> Vec<TensorSpec> {
        let inputs = input.iter().copied().fold(1, usize::saturating_mul);
        let init = Init::Uniform { fan_in: inputs };
        let weight = TensorSpec::new("weight", &[self.outputs, inputs], init);
        vec![weight, TensorSpec::new("bias", &[self.outputs], init)]
    }

    fn multiply_adds(&self, input: &[usize]) -> u64 {
        input.iter().copied().fold(self.outputs, usize::saturating_mul) as u64
    }
}
