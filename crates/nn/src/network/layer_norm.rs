//! Layer normalisation.

use super::describe::features;
use super::{Describe, Init, TensorSpec};

/// `LayerNorm` over the features of a row, with affine parameters (Ba, Kiros and Hinton 2016).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LayerNorm;

impl LayerNorm {
    /// Added to the variance before the square root.
    pub const EPS: f64 = 1e-5;
}

impl Describe for LayerNorm {
    fn name(&self) -> &'static str {
        "LayerNorm"
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        features(input).map(|features| vec![features])
    }

    fn parameters(&self, input: &[usize]) -> Vec<TensorSpec> {
        vec![TensorSpec::new("weight", input, Init::One), TensorSpec::new("bias", input, Init::Zero)]
    }
}
