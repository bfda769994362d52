//! The forward pass of a network for all lanes at once.

use burn::tensor::{Tensor, activation};

use super::activation::Slopes;
use gansweep_nn::network::{BatchNorm, Layer, LayerNorm, Network, Node};

/// Which mean and variance `BatchNorm` uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statistics {
    Batch,
    Running,
}

/// Everything that a forward pass reads besides its input.
pub(super) struct Pass<'a> {
    pub(super) network: &'a Network,
    /// Every trained tensor, `[lanes, rows, columns]`, in the order of the layers.
    pub(super) parameters: &'a [Tensor<3>],
    pub(super) slopes: &'a Slopes,
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
    /// Mean and biased variance of each `BatchNorm`'s batch in turn, `[lanes, 1, features]`,
    /// outside of autodiff; empty with running statistics.
    pub(super) moments: Vec<Tensor<3>>,
}

impl Pass<'_> {
    /// Evaluates the network on `input`, `[lanes, batch, features]`.
    pub(super) fn run(&self, input: Tensor<3>) -> PassOutput {
        let mut parameters = self.parameters.iter().cloned();
        let mut running = self.running.iter().cloned();
        let mut masks = self.masks.unwrap_or_default().iter().cloned();
        let mut moments = Vec::new();
        let output = self.network.nodes.iter().fold(input, |x, node| match node.layer {
            Layer::Linear(_) => {
                let [weight, bias] = pair(&mut parameters);
                x.matmul(weight) + bias
            }
            Layer::BatchNorm => {
                let [weight, bias] = pair(&mut parameters);
                let normal = match self.statistics {
                    Statistics::Running => {
                        let [mean, variance] = pair(&mut running);
                        normalise(x - mean, variance, BatchNorm::EPS)
                    }
                    Statistics::Batch => normalise_batch(x, &mut moments),
                };
                normal * weight + bias
            }
            Layer::LayerNorm => {
                let [weight, bias] = pair(&mut parameters);
                let centred = x.clone() - x.mean_dim(2);
                let variance = centred.clone().square().mean_dim(2);
                normalise(centred, variance, LayerNorm::EPS) * weight + bias
            }
            Layer::LeakyRelu => self.slopes.apply(x),
            Layer::Dropout => match masks.next() {
                Some(mask) => x * mask,
                None => x,
            },
            Layer::Conv2d(_)
            | Layer::ConvTranspose2d(_)
            | Layer::Flatten
            | Layer::Unflatten(_)
            | Layer::Upsample(_) => {
                unreachable!("`supports` refuses networks of convolutions")
            }
            Layer::Tanh => x.tanh(),
            Layer::Sigmoid => activation::sigmoid(x),
        });
        PassOutput { output, moments }
    }
}

impl Pass<'_> {
    /// The derivative of the output along `change` at `input`, both `[lanes, batch, features]`. The weights that the change
    /// is multiplied by are those of `leaves`, so that autodiff finds their gradients.
    pub(super) fn tangents(&self, leaves: &[Tensor<3>], input: Tensor<3>, change: Tensor<3>) -> Tensor<3> {
        let (mut parameters, mut leaves) = (self.parameters.iter().cloned(), leaves.iter().cloned());
        let mut masks = self.masks.unwrap_or_default().iter().cloned();
        let of_node = |(x, change): (Tensor<3>, Tensor<3>), node: &Node| match node.layer {
            Layer::Linear(_) => {
                let ([weight, bias], [leaf, _]) = (pair(&mut parameters), pair(&mut leaves));
                (x.matmul(weight) + bias, change.matmul(leaf))
            }
            Layer::LeakyRelu => {
                let factors = self.slopes.factors(x.clone());
                (x * factors.clone(), change * factors)
            }
            Layer::Dropout => match masks.next() {
                Some(mask) => (x * mask.clone(), change * mask),
                None => (x, change),
            },
            Layer::Conv2d(_)
            | Layer::ConvTranspose2d(_)
            | Layer::Flatten
            | Layer::Unflatten(_)
            | Layer::Upsample(_)
            | Layer::BatchNorm
            | Layer::LayerNorm
            | Layer::Tanh
            | Layer::Sigmoid => unreachable!("a discriminator with a penalty has no {:?}", node.layer),
        };
        self.network.nodes.iter().fold((input, change), of_node).1
    }
}

/// The next two tensors: weight and bias, or mean and variance.
fn pair(tensors: &mut impl Iterator<Item = Tensor<3>>) -> [Tensor<3>; 2] {
    std::array::from_fn(|_| tensors.next().expect("the layout has two tensors for each such layer"))
}

fn normalise_batch(x: Tensor<3>, moments: &mut Vec<Tensor<3>>) -> Tensor<3> {
    let mean = x.clone().mean_dim(1);
    let centred = x - mean.clone();
    let variance = centred.clone().square().mean_dim(1);
    moments.push(mean.without_autodiff());
    moments.push(variance.clone().without_autodiff());
    normalise(centred, variance, BatchNorm::EPS)
}

fn normalise(centred: Tensor<3>, variance: Tensor<3>, eps: f64) -> Tensor<3> {
    centred / (variance + eps).sqrt()
}
