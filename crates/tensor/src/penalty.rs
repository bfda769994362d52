//! A penalty on the discriminator's gradient with respect to its input, for all lanes.
//!
//! The mathematics is that of [`gansweep_nn::penalty`]. Autodiff gives the gradient of the input, with constant weights;
//! the tangents are a forward pass whose weights are leaves, so that the sum of its outputs, differentiated with the loss,
//! has the penalty's part of the weights' gradients.

use burn::tensor::{Device, Tensor};
use gansweep_config::{Config, PenaltyConfig};
use gansweep_nn::penalty::{self, Points, Visitor, visit};

use super::activation::per_lane;
use super::condition::Input;
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
    points: Input,
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

    /// Measures the gradient at `points`. `factor` is the factor before the penalty, `[lanes, 1]`,
    /// zero in lanes whose update has none.
    pub(super) fn measure(
        &self,
        discriminator: &FusedNetwork,
        points: Input,
        masks: Vec<Tensor<3>>,
        factor: Tensor<2>,
    ) -> Measured {
        let [lanes, rows, _] = points.rows.dims();
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
        discriminator.tangents(leaves, &self.masks, &self.points, self.derivative.clone()).sum_dim(1)
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

/// The gradient of each row's output with respect to the row, without its class.
fn input_gradient(discriminator: &FusedNetwork, masks: &[Tensor<3>], points: &Input) -> Tensor<3> {
    let leaf = points.rows.clone().autodiff().require_grad();
    let input = Input { rows: leaf.clone(), classes: points.classes.clone() };
    let outputs = discriminator.train(&discriminator.constants(), masks, &input, 1).output;
    let mut gradients = outputs.sum().backward();
    leaf.grad_remove(&mut gradients).unwrap_or_else(|| points.rows.zeros_like())
}

/// The penalties of norms, `[lanes, rows, 1]`.
struct OfNorms(Tensor<3>);

impl Visitor for OfNorms {
    type Output = Tensor<3>;

    fn visit<P: penalty::Penalty>(self) -> Tensor<3> {
        P::of_norm(Rows(self.0)).0
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;
    use gansweep_config::{Activation, PenaltyKind};
    use gansweep_fixtures::config::config;
    use gansweep_nn::network::Role;
    use gansweep_nn::rng::hash32;

    use super::super::layout::TensorSlice;
    use super::super::tests::{initial, lanes, test_device};
    use super::*;

    const LANES: usize = 2;
    const BATCH: usize = 3;

    /// Numbers between -1 and 1.
    fn noise<const D: usize>(shape: [usize; D], seed: u32) -> Tensor<D> {
        let bits = (0..shape.iter().product::<usize>() as u32).map(|i| hash32(seed, 1, i));
        let values: Vec<f32> = bits.map(|bits| bits as f32 / u32::MAX as f32 * 2.0 - 1.0).collect();
        Tensor::from_data(TensorData::new(values, shape), &test_device().device)
    }

    fn numbers<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
        tensor.try_to_vec_as().unwrap()
    }

    /// A critic of convolutions. Slope and normalisation are set here, since a file may have neither this slope nor both.
    fn dcgan(slope: f64, layer_norm: bool) -> Config {
        let mut config =
            config("fast", &["model.kind=dcgan", "model.discriminator.width=3", "model.dropout=0"]);
        config.model.discriminator.activation = Activation::LeakyRelu;
        config.model.discriminator.slope = slope;
        config.model.discriminator.layer_norm = layer_norm;
        config
    }

    /// A critic with every layer that has tangents, none of which bends.
    fn listed() -> Config {
        let layers = "model.discriminator.layers=['conv 3 kernel 4 stride 2 padding 1', 'tanh', 'layer-norm', \
                      'conv-transpose 2 kernel 3', 'sigmoid', 'upsample 2', 'conv 2 kernel 4 stride 4', 'flatten', \
                      'linear 6', 'layer-norm', 'reshape 6x1x1', 'conv 5 kernel 1', 'tanh', 'flatten', 'linear 1']";
        config("fast", &["model.discriminator.kind=layers", layers])
    }

    /// A penalty and the critics of two lanes.
    fn critics(kind: PenaltyKind, mut config: Config) -> (Penalty, FusedNetwork) {
        config.penalty.kind = kind;
        let lanes = lanes(&vec![config.clone(); LANES]);
        let device = test_device().device;
        let critics = FusedNetwork::new(Role::Discriminator, &lanes, &initial(&lanes), &device).unwrap();
        (Penalty::new(&[&config; LANES], &device).unwrap(), critics)
    }

    fn points() -> Input {
        Input { rows: noise([LANES, BATCH, 784], 1), classes: None }
    }

    fn measured(penalty: &Penalty, critics: &FusedNetwork) -> Measured {
        let factor = Tensor::<1>::from_data([2.0, 10.0].as_slice(), &test_device().device);
        penalty.measure(critics, points(), Vec::new(), factor.reshape([LANES, 1]))
    }

    #[test]
    fn tangents_are_the_products_with_the_gradient_of_the_input() {
        for critic in [dcgan(0.0, false), dcgan(0.2, false), dcgan(0.2, true), listed()] {
            let (_, critics) = critics(PenaltyKind::R1, critic);
            let change = noise([LANES, BATCH, 784], 2);
            let found =
                critics.tangents(&critics.leaves(), &[], &points(), change.clone()).without_autodiff();
            let expected = (input_gradient(&critics, &[], &points()) * change).sum_dim(2);
            for (found, expected) in numbers(&found).into_iter().zip(numbers(&expected)) {
                let far = (found - expected).abs();
                assert!(far < 1e-5 * expected.abs().max(0.1), "{found}, not {expected}");
            }
        }
    }

    #[test]
    fn the_gradient_of_a_penalty_is_what_differences_say() {
        // The gradient of the input jumps where a ReLU bends, and differences across that say nothing: no ReLU bends.
        let all = [dcgan(1.0, false), dcgan(1.0, true), listed()];
        for (kind, critic) in [PenaltyKind::R1, PenaltyKind::WganGp]
            .into_iter()
            .flat_map(|kind| all.iter().map(move |it| (kind, it)))
        {
            let (penalty, mut critics) = critics(kind, critic.clone());
            let gradient = {
                let leaves = critics.leaves();
                let along = measured(&penalty, &critics).for_gradient(&critics, &leaves);
                critics.gradient(&leaves, &along)
            };
            for TensorSlice { name, start, rows, columns, .. } in critics.layout.slices.clone() {
                let own = gradient.clone().narrow(1, start, rows * columns);
                let unit = |it: Tensor<2>| it.clone() / it.square().sum_dim(1).sqrt().clamp_min(1e-20);
                // Along the gradient, if there is one, and across it.
                let direction = unit(own.clone()) + unit(noise(own.dims(), 3));
                let expected = numbers(&(own * direction.clone()).sum_dim(1));
                let found = difference(&penalty, &mut critics, start, &direction);
                for (found, expected) in found.into_iter().zip(expected) {
                    let far = (found - expected).abs();
                    assert!(
                        far < 1e-2 * expected.abs().max(0.1),
                        "{kind:?}, {name}: {found}, not {expected}"
                    );
                }
            }
        }
    }

    /// The derivative of each lane's penalty along a direction of the numbers from `start` on, by differences of the fourth
    /// order.
    fn difference(
        penalty: &Penalty,
        critics: &mut FusedNetwork,
        start: usize,
        direction: &Tensor<2>,
    ) -> Vec<f32> {
        const STEP: f32 = 1e-2;
        let (values, span) = (critics.trained.values.clone(), start..start + direction.dims()[1]);
        let mut sums = vec![0.0; LANES];
        for (steps, factor) in [(-2.0, 1.0), (-1.0, -8.0), (1.0, 8.0), (2.0, -1.0)] {
            let own = values.clone().slice([0..LANES, span.clone()]);
            let moved = own + direction.clone() * (steps * STEP);
            critics.trained.values = values.clone().slice_assign([0..LANES, span.clone()], moved);
            let found = numbers(&measured(penalty, critics).values[0]);
            sums.iter_mut().zip(found).for_each(|(sum, found)| *sum += factor * found / (12.0 * STEP));
        }
        critics.trained.values = values;
        sums
    }
}
