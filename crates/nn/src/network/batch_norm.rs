//! Batch normalisation.

use super::describe::{feature_map, features};
use super::{Describe, Init, TensorSpec};

/// `BatchNorm1d` of a row of numbers, `BatchNorm2d` of a feature map, with affine parameters (Ioffe and
/// Szegedy 2015). The statistics of a channel of a feature map are those of all its pixels in all images of
/// the batch.
///
/// The discriminator normalises real images and fakes apart, as in PyTorch when it is called on each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct BatchNorm {
    /// The classes that have a weight and a bias of their own, `[classes, features]`, for each image of the class (de
    /// Vries et al. 2017); 0 for one weight and bias, `[features]`.
    pub classes: usize,
}

impl BatchNorm {
    /// Added to the variance before the square root.
    pub const EPS: f64 = 1e-5;
    /// The weight of a batch in the running statistics.
    pub const MOMENTUM: f64 = 0.1;

    /// The shape of its statistics: one number for each feature or channel.
    fn normalised(input: &[usize]) -> &[usize] {
        input.get(..1).unwrap_or_default()
    }

    /// Rows of its weight and its bias.
    pub const fn rows(self) -> usize {
        if self.classes == 0 { 1 } else { self.classes }
    }
}

impl Describe for BatchNorm {
    fn name(&self, input: &[usize]) -> &'static str {
        if input.len() == 3 { "BatchNorm2d" } else { "BatchNorm1d" }
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        match features(input).is_ok() || feature_map(input).is_ok() {
            true => Ok(input.to_vec()),
            false => Err("a row of numbers, or channels x height x width".to_owned()),
        }
    }

    fn parameters(&self, input: &[usize]) -> Vec<TensorSpec> {
        let classes = (self.classes > 0).then_some(self.classes);
        let shape: Vec<_> = classes.into_iter().chain(Self::normalised(input).iter().copied()).collect();
        vec![TensorSpec::new("weight", &shape, Init::One), TensorSpec::new("bias", &shape, Init::Zero)]
    }

    /// Moving averages of a batch's mean and unbiased variance.
    fn buffers(&self, input: &[usize]) -> Vec<TensorSpec> {
        let shape = Self::normalised(input);
        let mean = TensorSpec::new("running_mean", shape, Init::Zero);
        vec![mean, TensorSpec::new("running_var", shape, Init::One)]
    }
}
