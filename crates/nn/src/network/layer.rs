//! The list of layers.

use gansweep_config::{InitKind, NetworkLayer, SmoothActivation};

use super::{
    Attention, BatchNorm, Conv2d, ConvTranspose2d, Describe, Flatten, Init, InstanceNorm, LayerNorm, Linear,
    Pointwise, Pool, PoolKind, Residual, Scale, Shortcut, TensorSpec, Unflatten, Upsample,
};

/// A layer that PyTorch would have in an `nn.Sequential`, without the values that may differ
/// between the lanes of a group (slopes, dropout rates).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// See [`Linear`].
    Linear(Linear),
    /// See [`Conv2d`].
    Conv2d(Conv2d),
    /// See [`ConvTranspose2d`].
    ConvTranspose2d(ConvTranspose2d),
    /// See [`Flatten`].
    Flatten,
    /// See [`Unflatten`].
    Unflatten(Unflatten),
    /// See [`Upsample`].
    Upsample(Upsample),
    /// See [`Pool`].
    Pool(Pool),
    /// See [`Residual`].
    Residual(Residual),
    /// See [`Shortcut`].
    Shortcut(Shortcut),
    /// See [`Attention`].
    Attention(Attention),
    /// See [`Scale`].
    Scale,
    /// See [`BatchNorm`].
    BatchNorm(BatchNorm),
    /// See [`LayerNorm`].
    LayerNorm,
    /// See [`InstanceNorm`].
    InstanceNorm,
    /// Leaky ReLU; ReLU is the one whose slope is 0.
    LeakyRelu,
    /// See [`SmoothActivation`].
    Smooth(SmoothActivation),
    /// Inverted dropout: kept values are divided by the probability of being kept.
    Dropout,
    /// Into `(-1, 1)`.
    Tanh,
    /// Into `(0, 1)`.
    Sigmoid,
}

impl From<&NetworkLayer> for Layer {
    fn from(listed: &NetworkLayer) -> Self {
        match *listed {
            NetworkLayer::Linear { outputs, bias } => {
                Self::Linear(Linear { outputs: outputs as usize, bias })
            }
            NetworkLayer::Conv { outputs, window, bias } => {
                Self::Conv2d(Conv2d { outputs: outputs as usize, window, bias })
            }
            NetworkLayer::ConvTranspose { outputs, window, output_padding, bias } => {
                let outputs = outputs as usize;
                Self::ConvTranspose2d(ConvTranspose2d { outputs, window, output_padding, bias })
            }
            NetworkLayer::Upsample(factor) => Self::Upsample(Upsample { factor: factor as usize }),
            NetworkLayer::AveragePool(factor) => {
                Self::Pool(Pool { factor: factor as usize, kind: PoolKind::Average })
            }
            NetworkLayer::SumPool(factor) => {
                Self::Pool(Pool { factor: factor as usize, kind: PoolKind::Sum })
            }
            NetworkLayer::Residual(around) => Self::Residual(Residual { around: around as usize }),
            NetworkLayer::Shortcut(around) => Self::Shortcut(Shortcut { around: around as usize }),
            NetworkLayer::Attention(width) => Self::Attention(Attention { width: width as usize }),
            NetworkLayer::Scale => Self::Scale,
            NetworkLayer::BatchNorm => Self::BatchNorm(BatchNorm::default()),
            NetworkLayer::LayerNorm => Self::LayerNorm,
            NetworkLayer::InstanceNorm => Self::InstanceNorm,
            NetworkLayer::LeakyRelu(_) => Self::LeakyRelu,
            NetworkLayer::Smooth(activation) => Self::Smooth(activation),
            NetworkLayer::Tanh => Self::Tanh,
            NetworkLayer::Sigmoid => Self::Sigmoid,
            NetworkLayer::Dropout(_) => Self::Dropout,
            NetworkLayer::Reshape(shape) => {
                Self::Unflatten(Unflatten { shape: shape.map(|side| side as usize) })
            }
            NetworkLayer::Flatten => Self::Flatten,
        }
    }
}

impl Layer {
    /// Whether it is a product that has a bias.
    pub const fn has_bias(&self) -> bool {
        match self {
            Self::Linear(layer) => layer.bias,
            Self::Conv2d(layer) => layer.bias,
            Self::ConvTranspose2d(layer) => layer.bias,
            _ => false,
        }
    }

    /// The layer whose input it takes, beside its own or in place of it, for a layer with that index; `None` if it takes its own
    /// alone, or if there are too few layers before it.
    pub const fn entered(&self, index: usize) -> Option<usize> {
        match *self {
            Self::Residual(Residual { around }) | Self::Shortcut(Shortcut { around }) => {
                index.checked_sub(around)
            }
            _ => None,
        }
    }

    /// Whether its derivative changes with its input, but for jumps.
    pub const fn has_second_derivative(&self) -> bool {
        matches!(
            self,
            Self::Attention(_)
                | Self::BatchNorm(_)
                | Self::LayerNorm
                | Self::InstanceNorm
                | Self::Smooth(_)
                | Self::Tanh
                | Self::Sigmoid
        )
    }

    /// Its description: shapes, parameters, buffers, cost.
    pub fn describe(&self) -> &dyn Describe {
        match self {
            Self::Linear(layer) => layer,
            Self::Conv2d(layer) => layer,
            Self::ConvTranspose2d(layer) => layer,
            Self::Flatten => &Flatten,
            Self::Unflatten(layer) => layer,
            Self::Upsample(layer) => layer,
            Self::Pool(layer) => layer,
            Self::Residual(layer) => layer,
            Self::Shortcut(layer) => layer,
            Self::Attention(layer) => layer,
            Self::Scale => &Scale,
            Self::BatchNorm(layer) => layer,
            Self::LayerNorm => &LayerNorm,
            Self::InstanceNorm => &InstanceNorm,
            Self::LeakyRelu => &Pointwise("LeakyReLU"),
            Self::Smooth(SmoothActivation::Silu) => &Pointwise("SiLU"),
            Self::Smooth(SmoothActivation::Gelu) => &Pointwise("GELU"),
            Self::Smooth(SmoothActivation::Elu) => &Pointwise("ELU"),
            Self::Dropout => &Pointwise("Dropout"),
            Self::Tanh => &Pointwise("Tanh"),
            Self::Sigmoid => &Pointwise("Sigmoid"),
        }
    }

    /// The trained tensors for that input, to be filled by that rule.
    ///
    /// [`InitKind::Dcgan`] is that of PyTorch's DCGAN example, which follows Radford et al. 2016, section 4:
    /// weights of products are normal with mean 0, those of batch normalisation with mean 1, both with standard
    /// deviation 0.02. The other tensors have PyTorch's defaults.
    pub fn parameters(&self, input: &[usize], init: InitKind) -> Vec<TensorSpec> {
        let mut tensors = self.describe().parameters(input);
        let mean = match (init, self) {
            (InitKind::Dcgan, Self::Linear(_) | Self::Conv2d(_) | Self::ConvTranspose2d(_)) => 0.0,
            (InitKind::Dcgan, Self::BatchNorm(_)) => 1.0,
            _ => return tensors,
        };
        for tensor in tensors.iter_mut().filter(|tensor| tensor.name == "weight") {
            tensor.init = Init::Normal { mean, std: 0.02 };
        }
        tensors
    }
}
