//! What a [penalty](super::penalty) adds to the gradients of the discriminator's parameters.

use super::matrix::Matrix;
use super::product::AddedPair;

/// Tangents of the input of each product and signals of its output. The product of both is added to the gradient of the
/// weight.
#[derive(Debug)]
pub(crate) struct AddedPairs {
    /// `[rows, inputs]` of each product.
    pub(crate) lefts: Vec<Matrix>,
    /// `[rows, outputs]` of each product.
    pub(crate) rights: Vec<Matrix>,
    /// In networks with layers that have a second derivative.
    pub(crate) second_order: Option<SecondOrder>,
}

/// The part of a penalty's gradient that its activations at the points have. Tangents depend on them where layers have a second
/// derivative: tanh, sigmoid, normalisation of each image.
#[derive(Debug)]
pub(crate) struct SecondOrder {
    /// The first step that has parameters, or whose input has.
    pub(crate) first: usize,
    /// The gradient of the embedding of classes behind the input, `[classes, width]`, if there is one.
    pub(crate) embedding: Option<Matrix>,
    /// From the network's first step to the last one with a second derivative.
    pub(crate) steps: Vec<StepGradients>,
    /// Sums over each image in a [normalisation](super::image_norm_tangents), the widest.
    pub(crate) sums: [Matrix; 4],
}

/// The gradients that a penalty adds in one step of a network.
#[derive(Debug, Default)]
pub(crate) struct StepGradients {
    /// The input of a product at the points, and the gradient of its output.
    pub(crate) product: Option<[Matrix; 2]>,
    /// Of a layer with a second derivative: the signals of its output, which become the gradient of its input by way of its
    /// own tangents.
    pub(crate) own: Option<Matrix>,
    /// The signals of the input of a normalisation that does not follow a product.
    pub(crate) signals: Option<Matrix>,
    /// The gradients of a normalisation's weight and bias.
    pub(crate) affine: Option<[Matrix; 2]>,
}

/// What is added to the gradients of one step.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Added<'a> {
    /// Tangents of a product's input and signals of its output.
    pub(crate) tangents: Option<AddedPair<'a>>,
    /// A product's input and the gradient of its output, which the bias has a share in too.
    pub(crate) activations: Option<AddedPair<'a>>,
    /// The gradients of a normalisation's weight and bias.
    pub(crate) affine: Option<&'a [Matrix; 2]>,
}

impl AddedPairs {
    /// Without second derivatives.
    pub(crate) fn new(lefts: Vec<Matrix>, rights: Vec<Matrix>) -> Self {
        Self { lefts, rights, second_order: None }
    }

    /// Tangents and signals of the product with this index.
    pub(crate) fn pair(&self, product: usize) -> AddedPair<'_> {
        AddedPair { left: &self.lefts[product], right: &self.rights[product] }
    }

    /// What is added to the gradient of an embedding behind the input.
    pub(crate) fn embedding(&self) -> Option<&Matrix> {
        self.second_order.as_ref()?.embedding.as_ref()
    }

    /// What is added to the gradients of the step with this index, whose product, if it has one, has that index among the
    /// products.
    pub(crate) fn of_step(&self, step: usize, product: Option<usize>) -> Added<'_> {
        let second = self.second_order.as_ref().and_then(|second| second.steps.get(step));
        let activations = second.and_then(|second| second.product.as_ref());
        Added {
            tangents: product.map(|product| self.pair(product)),
            activations: activations.map(|[left, right]| AddedPair { left, right }),
            affine: second.and_then(|second| second.affine.as_ref()),
        }
    }
}

impl<'a> Added<'a> {
    /// All pairs.
    pub(crate) fn pairs(self) -> impl Iterator<Item = AddedPair<'a>> {
        [self.tangents, self.activations].into_iter().flatten()
    }
}
