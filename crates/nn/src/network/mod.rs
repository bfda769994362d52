//! Networks as lists of layers, in the order and with the names of PyTorch's `nn.Sequential`.
//!
//! Each layer is described once, in a file of its own ([`Describe`]): its output shape, its trained
//! tensors and buffers with PyTorch's names, shapes and initial values, and the cost of its products.
//! [`Layer`] lists them all. The contents of a lane's state, the names in a checkpoint or an exported
//! file and the cost of a step follow from the descriptions; a backend interprets the list.

mod architecture;
mod attention;
mod batch_norm;
mod block;
mod condition;
mod conv;
mod describe;
mod instance_norm;
mod layer;
mod layer_norm;
mod linear;
mod pool;
mod reshape;
mod spectral_norm;
mod upsample;
mod values;

use std::fmt;

use gansweep_config::{ImageShape, InitKind};

pub use attention::{Attention, Scale};
pub use batch_norm::BatchNorm;
pub use block::{Residual, Shortcut};
pub use condition::{Condition, Entry};
pub use conv::{Conv2d, ConvTranspose2d};
pub use describe::{Describe, Init, Pointwise, TensorSpec};
pub use gansweep_config::Window;
pub use instance_norm::InstanceNorm;
pub use layer::Layer;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use pool::{Pool, PoolKind};
pub use reshape::{Flatten, Unflatten};
pub use spectral_norm::{SPECTRAL_EPS, SPECTRAL_TENSORS, WeightMatrix};
pub use upsample::Upsample;
pub use values::{rate, slope};

/// Which of the two networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Latent vectors to images.
    Generator,
    /// Images to one output.
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
    /// In the order of evaluation; the index is the one in `nn.Sequential`.
    pub nodes: Vec<Node>,
    /// How its parameters are filled at the start.
    pub init: InitKind,
    /// Its embedding of the class of an image, if it has one.
    pub condition: Option<Condition>,
    /// Whether the weight of every product is divided by an estimate of its largest singular value
    /// ([`WeightMatrix`]).
    pub spectral_norm: bool,
}

/// A layer of a network with its shapes. Shapes are those of one row of a batch: `[features]`, or `[channels,
/// height, width]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// The layer.
    pub layer: Layer,
    /// The shape of its input.
    pub input: Vec<usize>,
    /// The shape of its output.
    pub output: Vec<usize>,
}

/// Why a list of layers is no network: shapes that do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// A layer does not take the output of the one before it.
    #[error("layer {index} of the {role} ({layer}) takes {takes}, and gets {}", Dimensions(gets))]
    Layer {
        /// The network.
        role: Role,
        /// The layer's index.
        index: usize,
        /// The layer's name in PyTorch.
        layer: &'static str,
        /// What it takes, in words.
        takes: String,
        /// The shape that it gets.
        gets: Vec<usize>,
    },
    /// A DCGAN does not take images of that shape.
    #[error("a dcgan {role} takes images of {}, and gets {image}", ImageShape::DCGAN_IMAGES)]
    Image {
        /// The network.
        role: Role,
        /// The shape of the images.
        image: ImageShape,
    },
    /// The last layer's output is no image (generator) or not one number (discriminator).
    #[error("the {role} ends with shape {}, and must end with {wanted} numbers", Dimensions(ends))]
    End {
        /// The network.
        role: Role,
        /// The shape of the last layer's output.
        ends: Vec<usize>,
        /// The numbers that it must have.
        wanted: usize,
    },
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Shows a shape as `128 x 7 x 7`.
struct Dimensions<'a>(&'a [usize]);

impl fmt::Display for Dimensions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sides: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&sides.join(" x "))
    }
}

impl Node {
    /// Numbers in a row of its input.
    pub fn inputs(&self) -> usize {
        self.input.iter().product()
    }

    /// Numbers in a row of its output.
    pub fn outputs(&self) -> usize {
        self.output.iter().product()
    }
}

impl Network {
    /// A network of these layers, which takes rows of shape `input` and ends with `ends` numbers.
    ///
    /// # Errors
    ///
    /// The first mismatch of shapes.
    pub fn new(
        role: Role,
        input: &[usize],
        layers: impl IntoIterator<Item = Layer>,
        ends: usize,
    ) -> Result<Self, Mismatch> {
        let mut shape = input.to_vec();
        let mut nodes = Vec::new();
        for (index, layer) in layers.into_iter().enumerate() {
            let description = layer.describe();
            let entered =
                layer.entered(index).map(|first: usize| &nodes[first]).map(|node: &Node| &*node.input);
            let output = match layer {
                Layer::Residual(residual) => residual.check(entered, &shape).map(|()| shape.clone()),
                Layer::Shortcut(shortcut) => entered
                    .map(<[usize]>::to_vec)
                    .ok_or_else(|| format!("at least {} layers before it", shortcut.around)),
                _ => description.output(&shape),
            };
            let output = output.map_err(|takes| {
                let layer = description.name(&shape);
                Mismatch::Layer { role, index, layer, takes, gets: shape.clone() }
            })?;
            let input = std::mem::replace(&mut shape, output.clone());
            nodes.push(Node { layer, input, output });
        }
        match shape.iter().product::<usize>() == ends {
            true => Ok(Self { role, nodes, init: InitKind::Pytorch, condition: None, spectral_norm: false }),
            false => Err(Mismatch::End { role, ends: shape, wanted: ends }),
        }
    }

    /// Numbers in a row of the network's input, those of a class's embedding included.
    pub fn inputs(&self) -> usize {
        self.nodes.first().map_or(0, Node::inputs)
    }

    /// Every trained tensor, in PyTorch's order. The embedding is last, so that it takes no other tensor's place in
    /// the streams of initial values.
    pub fn parameters(&self) -> Vec<TensorSpec> {
        let mut tensors = self.tensors(|node| self.parameters_of(node));
        tensors.extend(self.condition.map(|condition| {
            let embedding = condition.embedding();
            match self.normalised_embedding() {
                Some(_) => {
                    TensorSpec { name: format!("{}.{}", Condition::MODULE, SPECTRAL_TENSORS[0]), ..embedding }
                }
                None => embedding,
            }
        }));
        tensors
    }

    fn parameters_of(&self, node: &Node) -> Vec<TensorSpec> {
        let mut tensors = node.layer.parameters(&node.input, self.init);
        if self.spectral_norm && WeightMatrix::of(node).is_some() {
            let [original, ..] = SPECTRAL_TENSORS;
            let weights = tensors.iter_mut().filter(|tensor| tensor.name == "weight");
            weights.for_each(|tensor| original.clone_into(&mut tensor.name));
        }
        tensors
    }

    /// Every tensor that is saved and not trained (PyTorch's buffers): mean and variance of each `BatchNorm` in turn,
    /// then both singular vectors of each product with spectral normalisation, and of such an embedding.
    pub fn buffers(&self) -> Vec<TensorSpec> {
        let mut tensors = self.tensors(|node| node.layer.describe().buffers(&node.input));
        if self.spectral_norm {
            let vectors = |node: &Node| WeightMatrix::of(node).map_or(Vec::new(), |it| it.vectors().to_vec());
            tensors.extend(self.tensors(vectors));
        }
        let of_embedding = self.normalised_embedding().map(WeightMatrix::vectors);
        tensors.extend(
            of_embedding.into_iter().flatten().map(|vector| TensorSpec {
                name: format!("{}.{}", Condition::MODULE, vector.name),
                ..vector
            }),
        );
        tensors
    }

    /// The layers whose weights are divided by their largest singular values, with their indices; the embedding has none.
    pub fn spectral_norms(&self) -> impl Iterator<Item = (Option<usize>, WeightMatrix)> {
        let products = self.nodes.iter().enumerate().filter(|_| self.spectral_norm);
        let of_layers = products.filter_map(|(index, node)| Some((Some(index), WeightMatrix::of(node)?)));
        of_layers.chain(self.normalised_embedding().map(|matrix| (None, matrix)))
    }

    /// The matrix of an embedding that is divided by its norm: that of a projection, which is multiplied with features of the
    /// image as weights are (Miyato and Koyama 2018). An embedding behind the input is part of the input, and bounds nothing.
    fn normalised_embedding(&self) -> Option<WeightMatrix> {
        let condition = self.condition.filter(|condition| condition.entry == Entry::Projection);
        condition.filter(|_| self.spectral_norm).map(|condition| WeightMatrix::of_embedding(&condition))
    }

    /// Tensors of each layer, with its index before their names.
    fn tensors(&self, of: impl Fn(&Node) -> Vec<TensorSpec>) -> Vec<TensorSpec> {
        let all = self.nodes.iter().enumerate().flat_map(|(index, node)| {
            let indexed =
                move |spec: TensorSpec| TensorSpec { name: format!("{index}.{}", spec.name), ..spec };
            of(node).into_iter().map(indexed)
        });
        all.collect()
    }

    /// Trained parameters of the whole network.
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(TensorSpec::count).fold(0, usize::saturating_add)
    }

    /// Multiply-adds of each layer's products, for one row.
    pub fn multiply_adds(&self) -> impl Iterator<Item = u64> {
        self.nodes.iter().map(|node| node.layer.describe().multiply_adds(&node.input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(outputs: usize) -> Layer {
        Layer::Linear(Linear { outputs, bias: true })
    }

    #[test]
    fn shapes_follow_from_the_first() {
        let layers = [
            linear(5),
            Layer::BatchNorm(BatchNorm::default()),
            Layer::LeakyRelu,
            Layer::Dropout,
            linear(2),
            Layer::Tanh,
        ];
        let network = Network::new(Role::Generator, &[3], layers, 2).unwrap();
        let shapes: Vec<_> = network.nodes.iter().map(|node| (node.inputs(), node.outputs())).collect();
        assert_eq!(shapes, [(3, 5), (5, 5), (5, 5), (5, 5), (5, 2), (2, 2)]);
        assert_eq!(network.multiply_adds().collect::<Vec<_>>(), [15, 0, 0, 0, 10, 0]);
        let names = |specs: Vec<TensorSpec>| -> Vec<_> {
            specs.into_iter().map(|spec| (spec.name, spec.shape)).collect()
        };
        let named = |name: &str, shape: &[usize]| (name.to_owned(), shape.to_vec());
        let parameters = [
            named("0.weight", &[5, 3]),
            named("0.bias", &[5]),
            named("1.weight", &[5]),
            named("1.bias", &[5]),
            named("4.weight", &[2, 5]),
            named("4.bias", &[2]),
        ];
        assert_eq!(names(network.parameters()), parameters);
        assert_eq!(network.parameter_count(), 15 + 5 + 5 + 5 + 10 + 2);
        let buffers = [named("1.running_mean", &[5]), named("1.running_var", &[5])];
        assert_eq!(names(network.buffers()), buffers);
    }

    #[test]
    fn both_terms_of_a_residual_have_one_shape() {
        let network = |around, inputs| {
            let layers = [linear(5), Layer::Tanh, Layer::Residual(Residual { around }), linear(1)];
            Network::new(Role::Discriminator, &[inputs], layers, 1)
        };
        assert!(network(2, 5).is_ok() && network(1, 3).is_ok());
        assert_eq!(
            network(2, 3).unwrap_err().to_string(),
            "layer 2 of the discriminator (Residual) takes the shape of the input 2 layers before it, and gets 5"
        );
        assert_eq!(
            network(3, 5).unwrap_err().to_string(),
            "layer 2 of the discriminator (Residual) takes at least 3 layers before it, and gets 5"
        );
    }

    #[test]
    fn a_shortcut_gives_what_enters_the_layers_that_it_goes_around() {
        let network = |around| {
            let layers = [
                linear(5),
                Layer::Tanh,
                Layer::Shortcut(Shortcut { around }),
                linear(5),
                Layer::Residual(Residual { around: 2 }),
                linear(1),
            ];
            Network::new(Role::Discriminator, &[3], layers, 1)
        };
        let around_both = network(2).unwrap();
        assert_eq!((&*around_both.nodes[2].input, &*around_both.nodes[2].output), (&[5][..], &[3][..]));
        assert_eq!(around_both.nodes[3].inputs(), 3);
        assert_eq!(network(1).unwrap().nodes[3].inputs(), 5);
        assert_eq!(
            network(3).unwrap_err().to_string(),
            "layer 2 of the discriminator (Shortcut) takes at least 3 layers before it, and gets 5"
        );
    }

    #[test]
    fn a_layer_that_does_not_fit_is_named_with_what_it_takes_and_what_it_gets() {
        let error = Network::new(Role::Discriminator, &[64, 7, 7], [Layer::LeakyRelu, linear(1)], 1);
        assert_eq!(
            error.unwrap_err().to_string(),
            "layer 1 of the discriminator (Linear) takes a row of numbers, and gets 64 x 7 x 7"
        );
        let error = Network::new(Role::Generator, &[3], [linear(5), Layer::Tanh], 784);
        assert_eq!(
            error.unwrap_err().to_string(),
            "the generator ends with shape 5, and must end with 784 numbers"
        );
    }
}
