//! The forward pass of a network for all lanes at once.

use burn::tensor::{Tensor, activation};

use super::activation::{Slopes, smooth, smooth_factors};
use super::attention::{attend, change_by_attention};
use super::condition::{self, Input};
use super::conv::{Sides, convolve, convolve_transposed, to_maps, to_rows};
use super::norm::{self, BatchAffine, Moments};
use super::pool::reduce;
use super::shortcuts::Shortcuts;
use super::upsample::enlarge;
use gansweep_nn::network::{Layer, Network, Node};

/// Which mean and variance `BatchNorm` uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statistics {
    /// Those of the batch, or of this number of batches one after the other, each with its own.
    Batches(usize),
    Running,
}

/// Everything that a forward pass reads besides its input.
///
/// Between layers, rows of numbers are `[lanes, batch, features]` and feature maps `[lanes, channels, batch * pixels]`.
pub(super) struct Pass<'a> {
    pub(super) network: &'a Network,
    /// Every trained tensor, `[lanes, rows, columns]`, in the order of the layers; an embedding is the last.
    pub(super) parameters: &'a [Tensor<3>],
    /// Of each leaky ReLU in turn.
    pub(super) slopes: &'a [Slopes],
    pub(super) statistics: Statistics,
    /// Running mean and variance of each `BatchNorm` in turn, `[lanes, 1, features]`.
    pub(super) running: &'a [Tensor<3>],
    /// One mask for each Dropout layer, `[lanes, batch, features]`; without masks Dropout is off.
    pub(super) masks: Option<&'a [Tensor<3>]>,
}

/// The output of a forward pass, and the batch statistics on its way.
pub(super) struct PassOutput {
    /// `[lanes, batch, features]`.
    pub(super) output: Tensor<3>,
    /// Those of each `BatchNorm` in turn; empty with running statistics.
    pub(super) moments: Vec<Moments>,
}

impl Pass<'_> {
    /// Evaluates the network on `input`.
    pub(super) fn run(&self, input: &Input) -> PassOutput {
        let mut parameters = condition::of_layers(self.network, self.parameters).into_iter();
        let mut running = self.running.iter().cloned();
        let mut slopes = self.slopes.iter();
        let mut masks = self.masks.unwrap_or_default().iter().cloned();
        let mut moments = Vec::new();
        let mut shortcuts = Shortcuts::new(self.network);
        let start = self.enter(condition::enter(self.network, self.parameters, input));
        let of_node = |x: Tensor<3>, (index, node): (usize, &Node)| {
            shortcuts.keep(index, &x);
            match node.layer {
                Layer::Linear(_) | Layer::Conv2d(_) | Layer::ConvTranspose2d(_) => {
                    let (weight, bias) = weight_and_bias(node, &mut parameters);
                    with_bias(node, product(node, x, weight), bias)
                }
                Layer::BatchNorm(_) => {
                    let own = pair(&mut parameters);
                    let affine = |parts| BatchAffine::new(node, own, input.classes.as_ref(), parts);
                    match self.statistics {
                        Statistics::Running => norm::by_running(node, x, pair(&mut running), affine(1)),
                        Statistics::Batches(parts) => {
                            let affine = affine(parts);
                            let (x, of_batch) = norm::by_batch(node, x, parts, affine);
                            moments.push(of_batch);
                            x
                        }
                    }
                }
                Layer::LayerNorm | Layer::InstanceNorm => norm::by_image(node, x, pair(&mut parameters)),
                Layer::LeakyRelu => next(&mut slopes).apply(x),
                Layer::Smooth(activation) => smooth(activation, x),
                Layer::Dropout => match masks.next() {
                    Some(mask) => x * arranged(mask, &node.input),
                    None => x,
                },
                Layer::Flatten | Layer::Unflatten(_) => reshaped(node, x),
                Layer::Upsample(layer) => enlarge(layer, x, sides(&node.input)),
                Layer::Pool(layer) => reduce(layer, x, sides(&node.input)),
                Layer::Residual(_) => x + shortcuts.end(index),
                Layer::Shortcut(_) => shortcuts.end(index),
                Layer::Attention(layer) => attend(layer, x, sides(&node.input)),
                Layer::Scale => x * next_tensor(&mut parameters),
                Layer::Tanh => x.tanh(),
                Layer::Sigmoid => activation::sigmoid(x),
            }
        };
        let output = self.network.nodes.iter().enumerate().fold(start, of_node);
        PassOutput { output: condition::leave(self.network, input, self.leave(output)), moments }
    }

    /// The derivative of the output along `change`, `[lanes, batch, features]`, of the rows of `input`, whose classes stay. The
    /// weights that the change is multiplied by are those of `leaves`, so that autodiff finds their gradients.
    ///
    /// Where a layer lets the derivative depend on more than the signs of the activations, [`Self::parameters`] must be the
    /// leaves too.
    pub(super) fn tangents(&self, leaves: &[Tensor<3>], input: &Input, change: Tensor<3>) -> Tensor<3> {
        let [mut parameters, mut leaves] = [self.parameters, leaves]
            .map(|parameters| condition::of_layers(self.network, parameters).into_iter());
        let mut slopes = self.slopes.iter();
        let mut masks = self.masks.unwrap_or_default().iter().cloned();
        let mut shortcuts = Shortcuts::new(self.network);
        let of_node = |both: (Tensor<3>, Tensor<3>), (index, node): (usize, &Node)| {
            shortcuts.keep(index, &both);
            let (x, change) = both;
            match node.layer {
                Layer::Linear(_) | Layer::Conv2d(_) | Layer::ConvTranspose2d(_) => {
                    let (weight, bias) = weight_and_bias(node, &mut parameters);
                    let (leaf, _) = weight_and_bias(node, &mut leaves);
                    (with_bias(node, product(node, x, weight), bias), product(node, change, leaf))
                }
                Layer::LayerNorm | Layer::InstanceNorm => {
                    let (affine, [leaf, _]) = (pair(&mut parameters), pair(&mut leaves));
                    let change = norm::change_by_image(node, x.clone(), change, leaf);
                    (norm::by_image(node, x, affine), change)
                }
                Layer::LeakyRelu => {
                    let factors = next(&mut slopes).factors(x.clone());
                    (x * factors.clone(), change * factors)
                }
                Layer::Smooth(activation) => {
                    (smooth(activation, x.clone()), change * smooth_factors(activation, x))
                }
                Layer::Dropout => match masks.next() {
                    Some(mask) => {
                        let mask = arranged(mask, &node.input);
                        (x * mask.clone(), change * mask)
                    }
                    None => (x, change),
                },
                Layer::Flatten | Layer::Unflatten(_) => (reshaped(node, x), reshaped(node, change)),
                Layer::Upsample(layer) => {
                    let larger = |x| enlarge(layer, x, sides(&node.input));
                    (larger(x), larger(change))
                }
                Layer::Pool(layer) => {
                    let smaller = |x| reduce(layer, x, sides(&node.input));
                    (smaller(x), smaller(change))
                }
                Layer::Residual(_) => {
                    let (added, added_change) = shortcuts.end(index);
                    (x + added, change + added_change)
                }
                Layer::Shortcut(_) => shortcuts.end(index),
                Layer::Attention(layer) => {
                    let changed = change_by_attention(layer, x.clone(), change, sides(&node.input));
                    (attend(layer, x, sides(&node.input)), changed)
                }
                Layer::Scale => {
                    let (factor, leaf) = (next_tensor(&mut parameters), next_tensor(&mut leaves));
                    (x * factor, change * leaf)
                }
                Layer::Tanh => {
                    let y = x.tanh();
                    (y.clone(), change * (y.square().neg() + 1.0))
                }
                Layer::Sigmoid => {
                    let y = activation::sigmoid(x);
                    (y.clone(), change * y.clone() * (y.neg() + 1.0))
                }
                Layer::BatchNorm(_) => unreachable!("`supports` refuses a penalty through `BatchNorm`"),
            }
        };
        let (network, own) = (self.network, self.parameters);
        let change = condition::enter_change(network, own, input, change);
        let start = (self.enter(condition::enter(network, own, input)), self.enter(change));
        condition::leave(network, input, self.leave(network.nodes.iter().enumerate().fold(start, of_node).1))
    }

    /// Rows as the first layer takes them.
    fn enter(&self, input: Tensor<3>) -> Tensor<3> {
        match self.network.nodes.first() {
            Some(node) => arranged(input, &node.input),
            None => input,
        }
    }

    /// Rows of what the last layer gives.
    fn leave(&self, output: Tensor<3>) -> Tensor<3> {
        match self.network.nodes.last() {
            Some(node) => in_rows(output, &node.output),
            None => output,
        }
    }
}

/// A layer's product of its input and its weight, without the bias.
fn product(node: &Node, x: Tensor<3>, weight: Tensor<3>) -> Tensor<3> {
    match &node.layer {
        Layer::Conv2d(layer) => convolve(layer, x, sides(&node.input), weight),
        Layer::ConvTranspose2d(layer) => convolve_transposed(layer, x, sides(&node.input), weight),
        _ => x.matmul(weight),
    }
}

/// A product with its bias, `[lanes, 1, features]`, if the layer has one.
fn with_bias(node: &Node, x: Tensor<3>, bias: Option<Tensor<3>>) -> Tensor<3> {
    let Some(bias) = bias else { return x };
    if node.output.len() != 3 {
        return x + bias;
    }
    // Images and pixels are axes of their own, so that autodiff sums the bias's gradient over one after the other, which is
    // more accurate.
    let [lanes, channels, numbers] = x.dims();
    let pixels = sides(&node.output).pixels();
    let split = x.reshape([lanes, channels, numbers / pixels, pixels]);
    (split + bias.reshape([lanes, channels, 1, 1])).reshape([lanes, channels, numbers])
}

/// Rows `[lanes, batch, features]` as a layer takes them whose input has that shape.
fn arranged(rows: Tensor<3>, shape: &[usize]) -> Tensor<3> {
    match *shape {
        [channels, _, _] => to_maps(rows, channels),
        _ => rows,
    }
}

/// The inverse of [`arranged`].
fn in_rows(x: Tensor<3>, shape: &[usize]) -> Tensor<3> {
    if shape.len() == 3 { to_rows(x, sides(shape).pixels()) } else { x }
}

/// The input of a layer that only changes its shape as its output.
fn reshaped(node: &Node, x: Tensor<3>) -> Tensor<3> {
    arranged(in_rows(x, &node.input), &node.output)
}

fn sides(shape: &[usize]) -> Sides {
    match *shape {
        [_, height, width] => Sides { height, width },
        _ => unreachable!("a network's convolutions have feature maps for their inputs"),
    }
}

fn next<'a>(slopes: &mut impl Iterator<Item = &'a Slopes>) -> &'a Slopes {
    slopes.next().expect("a network has slopes for each leaky ReLU")
}

/// The next tensors of a product: its weight, and its bias if it has one.
fn weight_and_bias(
    node: &Node,
    tensors: &mut impl Iterator<Item = Tensor<3>>,
) -> (Tensor<3>, Option<Tensor<3>>) {
    let weight = next_tensor(tensors);
    (weight, node.layer.has_bias().then(|| next_tensor(tensors)))
}

/// The next two tensors of a normalisation: weight and bias, or mean and variance.
fn pair(tensors: &mut impl Iterator<Item = Tensor<3>>) -> [Tensor<3>; 2] {
    std::array::from_fn(|_| next_tensor(tensors))
}

fn next_tensor(tensors: &mut impl Iterator<Item = Tensor<3>>) -> Tensor<3> {
    tensors.next().expect("the layout has the tensors of each layer")
}
