//! Binary cross-entropy from logits, per lane.

use burn::tensor::{Device, Tensor, activation};
use gansweep_config::Config;

use super::activation::per_lane;

/// What the discriminator's loss of each lane needs.
#[derive(Debug, Clone)]
pub(super) struct DiscriminatorLoss {
    /// The target on real images, `[lanes, 1, 1]`.
    real: Tensor<3>,
    /// The target on fakes, all zero, `[lanes, 1, 1]`.
    fake: Tensor<3>,
    /// The factor before real + fake, `[lanes, 1, 1]`.
    weight: Tensor<3>,
}

impl DiscriminatorLoss {
    /// Of every lane.
    pub(super) fn new(configs: &[&Config], device: &Device) -> Self {
        let column =
            |value: &dyn Fn(&Config) -> f64| per_lane(configs.iter().map(|config| value(config)), device);
        Self {
            real: column(&|config| 1.0 - config.loss.label_smoothing),
            fake: column(&|_| 0.0),
            weight: column(&|config| config.loss.combine.weight()),
        }
    }

    /// `weight * (mean over real + mean over fake)` from the logits of as many real images as
    /// fakes, `[lanes, 2 * batch, 1]`, real ones first: `[lanes, 1, 1]`.
    pub(super) fn of(&self, logits: Tensor<3>) -> Tensor<3> {
        let [lanes, both, _] = logits.dims();
        let batch = both / 2;
        let expand = |target: &Tensor<3>| target.clone().expand([lanes, batch, 1]);
        let target = Tensor::cat(vec![expand(&self.real), expand(&self.fake)], 1);
        let rows = cross_entropy(logits, target);
        rows.sum_dim(1) * (self.weight.clone() / batch as f64)
    }
}

/// The generator's loss, `mean softplus(-logit)` (Goodfellow et al. 2014, section 3, in its
/// non-saturating form), from `[lanes, batch, 1]`: `[lanes, 1, 1]`.
pub(super) fn generator_loss(logits: Tensor<3>) -> Tensor<3> {
    activation::softplus(logits.neg(), 1.0).mean_dim(1)
}

/// `-(t log s(x) + (1 - t) log(1 - s(x)))` with the sigmoid `s`, which neither overflows nor
/// cancels: `log s(x) = -softplus(-x)`.
fn cross_entropy(logits: Tensor<3>, target: Tensor<3>) -> Tensor<3> {
    let other = target.clone().neg() + 1.0;
    activation::softplus(logits.clone().neg(), 1.0) * target + activation::softplus(logits, 1.0) * other
}
