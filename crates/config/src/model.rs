//! The part of a config that says what the two networks are.

use serde::{Deserialize, Serialize};

use crate::{NetworkLayer, SmoothActivation};

/// Generator and discriminator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Length of a latent vector.
    pub latent_dim: u32,
    /// The distribution of its entries.
    pub latent: Latent,
    /// The last activation of the generator.
    pub output: Output,
    /// How weights are filled at the start.
    #[serde(default)]
    pub init: InitKind,
    /// Whether both networks know the class of an image (Mirza and Osindero 2014).
    #[serde(default)]
    pub conditional: bool,
    /// Numbers of a class's embedding; 0 for as many as there are classes. See [`Config::embedding`].
    #[serde(default)]
    pub embedding: u32,
    /// Latent vectors to images.
    pub generator: GeneratorConfig,
    /// Images to one logit.
    pub discriminator: DiscriminatorConfig,
}

impl ModelConfig {
    /// Whether the embedding of a class is part of what the generator takes.
    pub fn embeds_class_in_latent(&self) -> bool {
        self.conditional && self.generator.condition == GeneratorCondition::Concat
    }

    /// Whether the embedding of a class is part of what the discriminator takes.
    pub fn embeds_class_in_image(&self) -> bool {
        self.conditional && self.discriminator.condition == ConditionKind::Concat
    }

    /// Whether the embedding of a class stands behind a row of numbers, so that its length is a setting.
    pub(crate) fn embeds_class_in_rows(&self) -> bool {
        self.embeds_class_in_latent() || (self.embeds_class_in_image() && self.discriminator.takes_rows())
    }
}

/// The distribution of the entries of a latent vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Latent {
    /// The standard normal distribution.
    Normal,
    /// The uniform distribution on `[-1, 1)`.
    Uniform,
}

/// The last activation of the generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// Into `(-1, 1)`; goes with [`Pixels::Signed`].
    Tanh,
    /// Into `(0, 1)`; goes with [`Pixels::Unit`].
    Sigmoid,
}

/// How the weights of both networks are filled at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitKind {
    /// As `PyTorch` does by default: uniform, with a bound that depends on the layer's inputs.
    #[default]
    Pytorch,
    /// Normal with standard deviation 0.02 (Radford et al. 2016, section 4).
    Dcgan,
}

/// The kind of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkKind {
    /// A multilayer perceptron.
    #[default]
    Mlp,
    /// A network of convolutions with stride 2 (Radford et al. 2016).
    Dcgan,
    /// The layers that the config lists.
    Layers,
}

impl NetworkKind {
    /// Whether a network of this kind has a layer, which a list names and the other kinds have by a key.
    fn has_layer(
        self,
        by_key: bool,
        list: &[NetworkLayer],
        is_wanted: impl Fn(&NetworkLayer) -> bool,
    ) -> bool {
        match self {
            Self::Layers => list.iter().any(is_wanted),
            Self::Mlp | Self::Dcgan => by_key,
        }
    }
}

/// How a conditional generator knows the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GeneratorCondition {
    /// By an embedding behind the latent vector (Mirza and Osindero 2014).
    #[default]
    Concat,
    /// By the batch normalisations, which have a weight and a bias for each class (Dumoulin et al. 2017; de Vries et al.
    /// 2017).
    BatchNorm,
}

/// How a conditional discriminator knows the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConditionKind {
    /// By an embedding that is part of its input (Mirza and Osindero 2014): numbers behind those of the image, or
    /// a further channel before a DCGAN's first convolution.
    #[default]
    Concat,
    /// By the inner product of an embedding and the last hidden features, which is added to the output (Miyato and
    /// Koyama 2018, equation 5).
    Projection,
}

/// The activation after each hidden layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `max(0, x)`.
    Relu,
    /// `x` above zero, `slope * x` below.
    LeakyRelu,
    /// [`SmoothActivation::Silu`].
    Silu,
    /// [`SmoothActivation::Gelu`].
    Gelu,
    /// [`SmoothActivation::Elu`].
    Elu,
}

impl Activation {
    /// The activation, if its derivative has no jump.
    pub const fn smooth(self) -> Option<SmoothActivation> {
        match self {
            Self::Relu | Self::LeakyRelu => None,
            Self::Silu => Some(SmoothActivation::Silu),
            Self::Gelu => Some(SmoothActivation::Gelu),
            Self::Elu => Some(SmoothActivation::Elu),
        }
    }
}

/// The generator. A multilayer perceptron has per hidden layer Linear, `BatchNorm` or `LayerNorm` (if any),
/// activation, Dropout (if any); then Linear to as many numbers as an image has and the output activation.
/// A DCGAN has feature maps in place of hidden layers: the first comes from a Linear layer, the others and
/// the image from transposed convolutions that double the sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorConfig {
    /// The kind of network.
    #[serde(default)]
    pub kind: NetworkKind,
    /// Widths of the hidden layers, from the latent vector on. Without effect on a DCGAN.
    pub hidden: Vec<u32>,
    /// Channels of a DCGAN's last feature map before the image; each one before it has twice as many.
    /// Without effect on a multilayer perceptron.
    #[serde(default = "GeneratorConfig::fixed_width")]
    pub width: u32,
    /// The layers of [`NetworkKind::Layers`]. Without effect on the other kinds, and these alone have effect on that one.
    #[serde(default)]
    pub layers: Vec<NetworkLayer>,
    /// The activation after each hidden layer.
    pub activation: Activation,
    /// Slope below zero of a leaky `ReLU`; without effect on the others.
    pub slope: f64,
    /// Whether `BatchNorm` (eps 1e-5, momentum 0.1) follows each hidden layer's product.
    pub batch_norm: bool,
    /// Whether `LayerNorm` (eps 1e-5) follows each hidden layer's product.
    #[serde(default)]
    pub layer_norm: bool,
    /// Whether the weight of every product is divided by an estimate of its largest singular value.
    #[serde(default)]
    pub spectral_norm: bool,
    /// Probability of dropping a hidden activation; 0 for no Dropout layers.
    pub dropout: f64,
    /// How it knows the class. Without effect unless the model is conditional.
    #[serde(default)]
    pub condition: GeneratorCondition,
}

/// The discriminator. A multilayer perceptron has per hidden layer Linear, `BatchNorm` or `LayerNorm` (if
/// any), activation, Dropout (if any); then Linear to one output. A DCGAN has convolutions that halve the
/// sides in place of the hidden Linear layers, and no normalisation behind the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscriminatorConfig {
    /// The kind of network.
    #[serde(default)]
    pub kind: NetworkKind,
    /// Widths of the hidden layers, from the image on. Without effect on a DCGAN.
    pub hidden: Vec<u32>,
    /// Channels of a DCGAN's first feature map; each one after it has twice as many. Without effect on a
    /// multilayer perceptron.
    #[serde(default = "DiscriminatorConfig::fixed_width")]
    pub width: u32,
    /// The layers of [`NetworkKind::Layers`]. Without effect on the other kinds, and these alone have effect on that one.
    #[serde(default)]
    pub layers: Vec<NetworkLayer>,
    /// The activation after each hidden layer.
    pub activation: Activation,
    /// Slope below zero of a leaky `ReLU`; without effect on the others.
    pub slope: f64,
    /// Whether `BatchNorm` (eps 1e-5, momentum 0.1) follows each hidden layer's product. Real images and
    /// fakes are normalised apart, each by the statistics of their batch.
    #[serde(default)]
    pub batch_norm: bool,
    /// Whether `LayerNorm` (eps 1e-5) follows each hidden layer's product.
    #[serde(default)]
    pub layer_norm: bool,
    /// Whether the weight of every product is divided by an estimate of its largest singular value.
    #[serde(default)]
    pub spectral_norm: bool,
    /// Probability of dropping a hidden activation; 0 for no Dropout layers.
    pub dropout: f64,
    /// How it knows the class. Without effect unless the model is conditional.
    #[serde(default)]
    pub condition: ConditionKind,
}

impl GeneratorConfig {
    /// The width that stands for a network that has none.
    const fn fixed_width() -> u32 {
        128
    }

    /// The hidden layers that stand for a network that has none.
    const FIXED_HIDDEN: [u32; 2] = [256, 512];

    /// Gives what its kind of network does not have a fixed value.
    pub(crate) fn forget_what_its_kind_has_not(&mut self) {
        if self.kind != NetworkKind::Layers {
            self.layers = Vec::new();
        }
        if self.kind != NetworkKind::Mlp {
            self.hidden = Self::FIXED_HIDDEN.to_vec();
        }
        if self.kind != NetworkKind::Dcgan {
            self.width = Self::fixed_width();
        }
        if self.kind == NetworkKind::Layers {
            (self.activation, self.slope) = (Activation::Relu, 0.0);
            (self.batch_norm, self.layer_norm, self.dropout) = (true, false, 0.0);
        }
    }

    /// Whether it has batch normalisation.
    pub fn normalises_batches(&self) -> bool {
        self.kind.has_layer(self.batch_norm, &self.layers, |layer| *layer == NetworkLayer::BatchNorm)
    }

    /// Whether it has dropout.
    pub fn drops_out(&self) -> bool {
        self.kind
            .has_layer(self.dropout > 0.0, &self.layers, |layer| matches!(layer, NetworkLayer::Dropout(_)))
    }
}

impl DiscriminatorConfig {
    /// The width that stands for a network that has none.
    const fn fixed_width() -> u32 {
        64
    }

    /// The hidden layers that stand for a network that has none.
    const FIXED_HIDDEN: [u32; 2] = [512, 256];

    /// Gives what its kind of network does not have a fixed value.
    pub(crate) fn forget_what_its_kind_has_not(&mut self) {
        if self.kind != NetworkKind::Layers {
            self.layers = Vec::new();
        }
        if self.kind != NetworkKind::Mlp {
            self.hidden = Self::FIXED_HIDDEN.to_vec();
        }
        if self.kind != NetworkKind::Dcgan {
            self.width = Self::fixed_width();
        }
        if self.kind == NetworkKind::Layers {
            (self.activation, self.slope) = (Activation::LeakyRelu, 0.2);
            (self.batch_norm, self.layer_norm, self.dropout) = (false, false, 0.3);
        }
    }

    /// Whether its first layer takes an image as a row of numbers, not as channels, height and width.
    pub(crate) fn takes_rows(&self) -> bool {
        match self.kind {
            NetworkKind::Mlp => true,
            NetworkKind::Dcgan => false,
            NetworkKind::Layers => matches!(self.layers.first(), Some(NetworkLayer::Linear { .. })),
        }
    }

    /// Whether it has batch normalisation.
    pub fn normalises_batches(&self) -> bool {
        self.kind.has_layer(self.batch_norm, &self.layers, |layer| *layer == NetworkLayer::BatchNorm)
    }

    /// Whether it has dropout.
    pub fn drops_out(&self) -> bool {
        self.kind
            .has_layer(self.dropout > 0.0, &self.layers, |layer| matches!(layer, NetworkLayer::Dropout(_)))
    }
}
