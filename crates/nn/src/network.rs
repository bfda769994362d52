//! Both networks of a config as lists of layers, in the order and with the names of PyTorch's
//! `nn.Sequential`.

use gansweep_config::{Config, ImageShape, Output};

/// A layer that PyTorch would have in an `nn.Sequential`, without the values that may differ
/// between the lanes of a group (slopes, dropout rates).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// `y = x W^T + b`.
    Linear {
        /// Features of an input row.
        inputs: usize,
        /// Features of an output row.
        outputs: usize,
    },
    /// `BatchNorm1d` with affine parameters, eps 1e-5 and momentum 0.1.
    BatchNorm {
        /// Features of a row.
        features: usize,
    },
    /// Leaky ReLU; ReLU is the one whose slope is 0.
    LeakyRelu,
    /// Inverted dropout: kept values are divided by the probability of being kept.
    Dropout,
    /// Into `(-1, 1)`.
    Tanh,
    /// Into `(0, 1)`.
    Sigmoid,
}

/// Which of the two networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Latent vectors to images.
    Generator,
    /// Images to one logit.
    Discriminator,
}

impl Role {
    /// Both, the generator first.
    pub const BOTH: [Self; 2] = [Self::Generator, Self::Discriminator];

    /// The name in checkpoints and exported files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Discriminator => "discriminator",
        }
    }
}

/// A network without its weights. The discriminator ends with its logit, without a sigmoid.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Network {
    /// Which network.
    pub role: Role,
    /// Length of an input row.
    pub inputs: usize,
    /// In the order of evaluation; the index is the one in `nn.Sequential`.
    pub layers: Vec<Layer>,
}

/// One trained tensor of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// PyTorch's name: `0.weight`, `1.bias`, ...
    pub name: String,
    /// PyTorch's shape: a Linear weight is `[outputs, inputs]`.
    pub shape: Vec<usize>,
    /// How PyTorch fills it by default.
    pub init: Init,
}

/// How a parameter is filled at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// Uniform on `(-1/sqrt(fan_in), 1/sqrt(fan_in))`: weight and bias of `nn.Linear`.
    Uniform {
        /// Inputs of the layer.
        fan_in: usize,
    },
    /// All one: the weight of `nn.BatchNorm1d`.
    One,
    /// All zero: the bias of `nn.BatchNorm1d`.
    Zero,
}

impl Network {
    /// The generator of a config: `[batch, latent_dim]` to `[batch, image size]`.
    pub fn generator(config: &Config, image: ImageShape) -> Self {
        let generator = &config.model.generator;
        let inputs = config.model.latent_dim as usize;
        let mut layers =
            hidden_layers(inputs, &generator.hidden, generator.batch_norm, generator.dropout > 0.0);
        let width = generator.hidden.last().map_or(inputs, |&width| width as usize);
        layers.push(Layer::Linear { inputs: width, outputs: image.size() });
        layers.push(match config.model.output {
            Output::Tanh => Layer::Tanh,
            Output::Sigmoid => Layer::Sigmoid,
        });
        Self { role: Role::Generator, inputs, layers }
    }

    /// The discriminator of a config: `[batch, image size]` to `[batch, 1]`, the logit.
    pub fn discriminator(config: &Config, image: ImageShape) -> Self {
        let (discriminator, inputs) = (&config.model.discriminator, image.size());
        let mut layers = hidden_layers(inputs, &discriminator.hidden, false, discriminator.dropout > 0.0);
        let width = discriminator.hidden.last().map_or(inputs, |&width| width as usize);
        layers.push(Layer::Linear { inputs: width, outputs: 1 });
        Self { role: Role::Discriminator, inputs, layers }
    }

    /// The network of that role, for images of that shape.
    pub fn of(role: Role, config: &Config, image: ImageShape) -> Self {
        match role {
            Role::Generator => Self::generator(config, image),
            Role::Discriminator => Self::discriminator(config, image),
        }
    }

    /// Every trained tensor, in PyTorch's order.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let mut push = |suffix: &str, shape: Vec<usize>, init| {
                parameters.push(Parameter { name: format!("{index}.{suffix}"), shape, init });
            };
            match *layer {
                Layer::Linear { inputs, outputs } => {
                    push("weight", vec![outputs, inputs], Init::Uniform { fan_in: inputs });
                    push("bias", vec![outputs], Init::Uniform { fan_in: inputs });
                }
                Layer::BatchNorm { features } => {
                    push("weight", vec![features], Init::One);
                    push("bias", vec![features], Init::Zero);
                }
                Layer::LeakyRelu | Layer::Dropout | Layer::Tanh | Layer::Sigmoid => {}
            }
        }
        parameters
    }

    /// Trained numbers in the whole network.
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|parameter| parameter.shape.iter().product::<usize>()).sum()
    }
}

fn hidden_layers(inputs: usize, widths: &[u32], batch_norm: bool, dropout: bool) -> Vec<Layer> {
    let mut layers = Vec::new();
    let mut inputs = inputs;
    for &width in widths {
        let outputs = width as usize;
        layers.push(Layer::Linear { inputs, outputs });
        if batch_norm {
            layers.push(Layer::BatchNorm { features: outputs });
        }
        layers.push(Layer::LeakyRelu);
        if dropout {
            layers.push(Layer::Dropout);
        }
        inputs = outputs;
    }
    layers
}
