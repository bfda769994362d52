//! Layers that change the shape of a row and none of its numbers.

use super::Describe;
use super::describe::{features, volume};

/// `nn.Flatten()`: `[channels, height, width]` to `[channels * height * width]`, in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flatten;

impl Describe for Flatten {
    fn name(&self, _: &[usize]) -> &'static str {
        "Flatten"
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(vec![volume(input)])
    }
}

/// `nn.Unflatten(1, (channels, height, width))`: the inverse of [`Flatten`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Unflatten {
    /// Channels, height and width of the output.
    pub shape: [usize; 3],
}

impl Describe for Unflatten {
    fn name(&self, _: &[usize]) -> &'static str {
        "Unflatten"
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        match features(input) {
            Ok(features) if features == volume(&self.shape) => Ok(self.shape.to_vec()),
            _ => Err(format!("a row of {} numbers", volume(&self.shape))),
        }
    }
}
