//! The list of layers, and those that have neither parameters nor a shape of their own.

use super::{BatchNorm, Linear, TensorSpec};

/// A layer that PyTorch would have in an `nn.Sequential`, without the values that may differ
/// between the lanes of a group (slopes, dropout rates).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// See [`Linear`].
    Linear(Linear),
    /// See [`BatchNorm`].
    BatchNorm,
    /// Leaky ReLU; ReLU is the one whose slope is 0.
    LeakyRelu,
    /// Inverted dropout: kept values are divided by the probability of being kept.
    Dropout,
    /// Into `(-1, 1)`.
    Tanh,
    /// Into `(0, 1)`.
    Sigmoid,
}

impl Layer {
    /// What all layers have in common.
    pub fn describe(&self) -> &dyn Describe {
        match self {
            Self::Linear(layer) => layer,
            Self::BatchNorm => &BatchNorm,
            Self::LeakyRelu => &Pointwise("LeakyReLU"),
            Self::Dropout => &Pointwise("Dropout"),
            Self::Tanh => &Pointwise("Tanh"),
            Self::Sigmoid => &Pointwise("Sigmoid"),
        }
    }
}

/// What all layers have in common. Shapes are those of a row of a batch.
pub trait Describe {
    /// PyTorch's name.
    fn name(&self) -> &'static str;

    /// The shape behind the layer; or, if it does not take the shape before it, what it takes.
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }

    /// The trained tensors, under their names in the layer.
    fn parameters(&self, _input: &[usize]) -> Vec<TensorSpec> {
        Vec::new()
    }

    /// The tensors that are kept and not trained.
    fn buffers(&self, _input: &[usize]) -> Vec<TensorSpec> {
        Vec::new()
    }

    /// Multiplications and additions of its products, for one row.
    fn multiply_adds(&self, _input: &[usize]) -> u64 {
        0
    }
}

/// A function of each number by itself.
#[derive(Debug)]
pub struct Pointwise(&'static str);

impl Describe for Pointwise {
    fn name(&self) -> &'static str {
        self.0
    }
}

/// The length of a row of numbers.
pub(super) fn features(input: &[usize]) -> Result<usize, String> {
    match *input {
        [features] => Ok(features),
        _ => Err("a row of numbers".to_owned()),
    }
}
