//! The interface of layers, and layers without parameters that keep the shape.

/// The interface of layers. Shapes are those of one row of a batch: `[features]`, or `[channels, height,
/// width]` for a feature map.
pub trait Describe {
    /// PyTorch's name of the layer on that input.
    fn name(&self, input: &[usize]) -> &'static str;

    /// The shape of the layer's output.
    ///
    /// # Errors
    ///
    /// A description of the input that the layer takes, if it does not take this one.
    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }

    /// The trained tensors, named as in PyTorch's layer: `weight`, `bias`.
    fn parameters(&self, _input: &[usize]) -> Vec<TensorSpec> {
        Vec::new()
    }

    /// The tensors that are saved and not trained, as PyTorch's buffers.
    fn buffers(&self, _input: &[usize]) -> Vec<TensorSpec> {
        Vec::new()
    }

    /// Multiply-adds of its matrix products, for one row.
    fn multiply_adds(&self, _input: &[usize]) -> u64 {
        0
    }
}

/// An element-wise function without parameters.
#[derive(Debug)]
pub struct Pointwise(pub &'static str);

impl Describe for Pointwise {
    fn name(&self, _: &[usize]) -> &'static str {
        self.0
    }
}

/// The length of a one-dimensional shape.
pub(super) fn features(input: &[usize]) -> Result<usize, String> {
    match *input {
        [features] => Ok(features),
        _ => Err("a row of numbers".to_owned()),
    }
}

/// Channels, height and width of a feature map.
pub(super) fn feature_map(input: &[usize]) -> Result<[usize; 3], String> {
    <[usize; 3]>::try_from(input).map_err(|_| "channels x height x width".to_owned())
}

/// The product of a shape's sides.
pub(super) fn volume(shape: &[usize]) -> usize {
    shape.iter().copied().fold(1, usize::saturating_mul)
}

/// The parameters of a product: its weight, and a bias of that many outputs, filled by the same rule, if it has one.
pub(super) fn with_bias(weight: TensorSpec, outputs: Option<usize>) -> Vec<TensorSpec> {
    let bias = outputs.map(|outputs| TensorSpec::new("bias", &[outputs], weight.init));
    std::iter::once(weight).chain(bias).collect()
}

/// A tensor of a network as PyTorch has it in a state dict.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorSpec {
    /// PyTorch's name: `0.weight`, `1.running_mean`, ...
    pub name: String,
    /// PyTorch's shape: a Linear weight is `[outputs, inputs]`.
    pub shape: Vec<usize>,
    /// How PyTorch fills it by default.
    pub init: Init,
}

impl TensorSpec {
    /// A tensor of one layer.
    pub(super) fn new(name: &str, shape: &[usize], init: Init) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), init }
    }

    /// Elements of the tensor.
    pub fn count(&self) -> usize {
        volume(&self.shape)
    }
}

/// How a tensor is filled at the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Uniform on `(-1/sqrt(fan_in), 1/sqrt(fan_in))`: weight and bias of `nn.Linear` and of convolutions.
    Uniform {
        /// Numbers of the input behind one number of the output.
        fan_in: usize,
    },
    /// Normal with that mean and standard deviation.
    Normal {
        /// The mean.
        mean: f32,
        /// The standard deviation.
        std: f32,
    },
    /// All one: the weight of a normalisation.
    One,
    /// All zero: the bias of a normalisation.
    Zero,
    /// Standard normal, then improved by power iterations on the fresh weight: see
    /// [`WeightMatrix::warm_up`](super::WeightMatrix::warm_up).
    SingularVector,
}
