//! Layer normalisation.

use super::{Describe, Init, TensorSpec};

/// `LayerNorm` over all numbers of a row, with affine parameters of the row's shape (Ba, Kiros and Hinton
/// 2016). Of a feature map these are all channels and pixels: `nn.LayerNorm([channels, height, width])`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LayerNorm;

impl LayerNorm {
    /// Added to the variance before the square root.
    pub const EPS: f64 = 1e-5;
}

impl Describe for LayerNorm {
    fn name(&self, _: &[usize]) -> &'static str {
        "LayerNorm"
    }

    fn parameters(&self, input: &[usize]) -> Vec<TensorSpec> {
        vec![TensorSpec::new("weight", input, Init::One), TensorSpec::new("bias", input, Init::Zero)]
    }
}
