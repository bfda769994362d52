//! What all layers have in common, and those that have neither parameters nor a shape of their own.

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
pub struct Pointwise(pub &'static str);

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

/// A tensor of a network as PyTorch has it in a state dict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// PyTorch's name: `0.weight`, `1.running_mean`, ...
    pub name: String,
    /// PyTorch's shape: a Linear weight is `[outputs, inputs]`.
    pub shape: Vec<usize>,
    /// How PyTorch fills it by default.
    pub init: Init,
}

impl TensorSpec {
    /// Of one layer, under its name there.
    pub(super) fn new(name: &str, shape: &[usize], init: Init) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), init }
    }

    /// How many numbers.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

/// How a tensor is filled at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// Uniform on `(-1/sqrt(fan_in), 1/sqrt(fan_in))`: weight and bias of `nn.Linear`.
    Uniform {
        /// Inputs of the layer.
        fan_in: usize,
    },
    /// All one: the weight of a normalisation.
    One,
    /// All zero: the bias of a normalisation.
    Zero,
}
