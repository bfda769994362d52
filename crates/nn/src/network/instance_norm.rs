//! Instance normalisation.

use super::describe::feature_map;
use super::{Describe, Init, TensorSpec};

/// `InstanceNorm2d` with affine parameters (Ulyanov, Vedaldi and Lempitsky 2016): each channel of each image is normalised over
/// its pixels, in training and in evaluation alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InstanceNorm;

impl InstanceNorm {
    /// Added to the variance before the square root.
    pub const EPS: f64 = 1e-5;
}

impl Describe for InstanceNorm {
    fn name(&self, _: &[usize]) -> &'static str {
        "InstanceNorm2d"
    }

    /// A map of one pixel would become zero, whatever it holds. PyTorch refuses it too.
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        match feature_map(input) {
            Ok([_, height, width]) if height * width > 1 => Ok(input.to_vec()),
            _ => Err("channels x height x width with more than one pixel".to_owned()),
        }
    }

    fn parameters(&self, input: &[usize]) -> Vec<TensorSpec> {
        let shape = input.get(..1).unwrap_or_default();
        vec![TensorSpec::new("weight", shape, Init::One), TensorSpec::new("bias", shape, Init::Zero)]
    }
}
