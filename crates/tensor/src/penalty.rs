//! A penalty on the discriminator's gradient with respect to its input, for all lanes.
//!
//! The mathematics is that of [`gansweep_nn::penalty`]. Autodiff gives the gradient of the input, with constant weights;
//! the tangents are a forward pass whose weights are leaves, so that the sum of its outputs, differentiated with the loss,
//! has the penalty's part of the weights' gradients.

use burn::tensor::{Device, Tensor};
use gansweep_config::{Config, PenaltyConfig};
use gansweep_nn::penalty::{self, Points, Visitor, visit};

use super::activation::per_lane;
use super::loss::Rows;
use super::network::FusedNetwork;

/// The penalty of all lanes, which is of one kind.
#[derive(Debug, Clone)]
pub(super) struct Penalty {
    config: PenaltyConfig,
    pub(super) points: Points,
    /// Standard deviation of the noise on real images, `[lanes, 1, 1]`.
    noise: Tensor<3>,
}

/// A penalty as it was measured at its points.
pub(super) struct Measured {
    points: Tensor<3>,
    masks: Vec<Tensor<3>>,
    /// Its derivative with respect to the gradient of the input, `[lanes, rows, features]`.
    derivative: Tensor<3>,
    /// The mean penalty times its weight, the mean norm, and one, each `[lanes, 1]`; zeros in lanes whose update has no
    /// penalty.
    pub(super) values: [Tensor<2>; 3],
}

impl Penalty {
    /// Of lanes of one group; `None` without a penalty.
    pub(super) fn new(configs: &[&Config], device: &Device) -> Option<Self> {
        let config = &configs.first()?.penalty;
        let noise = per_lane(configs.iter().map(|config| config.penalty.noise), device);
        Some(Self { points: Points::of(config)?, config: config.clone(), noise })
    }

    /// Points that are no images of the batch, `[lanes, 2 * batch, size]`, from the numbers that were drawn for them:
    /// `[lanes, batch, 1]` or `[lanes, batch, size]`.
    pub(super) fn between(&self, images: &Tensor<3>, drawn: Tensor<3>) -> Tensor<3> {
        let batch = images.dims()[1] / 2;
        let real = rows_of(images, true, false);
        match self.points {
            Points::Between => {
                let fakes = images.clone().narrow(1, batch, batch);
                let rest = drawn.clone().neg() + 1.0;
                real * drawn + fakes * rest
            }
            Points::AroundReal | Points::Images { .. } => real + drawn * self.noise.clone(),
        }
    }

    /// Measures the gradient at `points`, `[lanes, rows, size]`. `factor` is the factor before the penalty, `[lanes, 1]`,
    /// zero in lanes whose update has none.
    pub(super) fn measure(
        &self,
        discriminator: &FusedNetwork,
        points: Tensor<3>,
        masks: Vec<Tensor<3>>,
        factor: Tensor<2>,
    ) -> Measured {
        let [lanes, rows, _] = points.dims();
        let batch = (rows / self.points.per_image()) as f64;
        let gradient = input_gradient(discriminator, &masks, &points);
        let norms = gradient.clone().square().sum_dim(2).sqrt();
        let leaf = norms.clone().autodiff().require_grad();
        let penalties = visit(&self.config, OfNorms(leaf.clone()));
        let mut slopes = penalties.clone().sum().backward();
        let slopes = leaf.grad_remove(&mut slopes).unwrap_or_else(|| norms.zeros_like());
        // The norm has no derivative at zero, where the gradient is zero too: any finite number will do.
        let scale = slopes / norms.clone().clamp_min(1e-20) * (factor.clone() / batch).unsqueeze_dim(2);
        let due = factor.clone().greater_elem(0.0).float();
        let sum = |values: Tensor<3>| values.sum_dim(1).reshape([lanes, 1]);
        let penalty = sum(penalties.without_autodiff()) * factor / (batch * f64::from(self.config.every));
        let norm = sum(norms) * due.clone() / rows as f64;
        Measured { points, masks, derivative: gradient * scale, values: [penalty, norm, due] }
    }
}

impl Measured {
    /// The derivatives of the outputs along the penalty's, summed over the rows, `[lanes, 1, 1]`. With respect to the
    /// `leaves` it has the gradient of the penalty, and not its value.
    pub(super) fn for_gradient(&self, discriminator: &FusedNetwork, leaves: &[Tensor<3>]) -> Tensor<3> {
        let (points, derivative) = (self.points.clone(), self.derivative.clone());
        discriminator.tangents(leaves, &self.masks, points, derivative).sum_dim(1)
    }
}

/// The rows of real images or fakes, of a tensor with both.
pub(super) fn rows_of(both: &Tensor<3>, real: bool, fake: bool) -> Tensor<3> {
    let batch = both.dims()[1] / 2;
    match (real, fake) {
        (true, true) => both.clone(),
        (true, false) => both.clone().narrow(1, 0, batch),
        (false, _) => both.clone().narrow(1, batch, batch),
    }
}

/// The gradient of each row's output with respect to its input.
fn input_gradient(discriminator: &FusedNetwork, masks: &[Tensor<3>], points: &Tensor<3>) -> Tensor<3> {
    let leaf = points.clone().autodiff().require_grad();
    let outputs = discriminator.train(&discriminator.constants(), masks, leaf.clone(), 1).output;
    let mut gradients = outputs.sum().backward();
    leaf.grad_remove(&mut gradients).unwrap_or_else(|| points.zeros_like())
}

/// The penalties of norms, `[lanes, rows, 1]`.
struct OfNorms(Tensor<3>);

impl Visitor for OfNorms {
    type Output = Tensor<3>;

    fn visit<P: penalty::Penalty>(self) -> Tensor<3> {
        P::of_norm(Rows(self.0)).0
    }
}
