//! The list of layers.

use super::{BatchNorm, Describe, LayerNorm, Linear, Pointwise};

/// A layer that PyTorch would have in an `nn.Sequential`, without the values that may differ
/// between the lanes of a group (slopes, dropout rates).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// See [`Linear`].
    Linear(Linear),
    /// See [`BatchNorm`].
    BatchNorm,
    /// See [`LayerNorm`].
    LayerNorm,
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
    /// Its description: shapes, parameters, buffers, cost.
    pub fn describe(&self) -> &dyn Describe {
        match self {
            Self::Linear(layer) => layer,
            Self::BatchNorm => &BatchNorm,
            Self::LayerNorm => &LayerNorm,
            Self::LeakyRelu => &Pointwise("LeakyReLU"),
            Self::Dropout => &Pointwise("Dropout"),
            Self::Tanh => &Pointwise("Tanh"),
            Self::Sigmoid => &Pointwise("Sigmoid"),
        }
    }
}
