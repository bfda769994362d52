//! Losses of the discriminator's outputs, per lane.

use std::ops::{Add, Mul, Neg, Sub};

use burn::tensor::{Device, Tensor, activation};
use gansweep_config::{Config, LossConfig, LossKind};
use gansweep_nn::loss::{self, Outputs, Score, Targets, Visitor, visit};

use super::activation::per_lane;

/// The loss of all lanes, which is of one kind.
#[derive(Debug, Clone)]
pub(super) struct Loss {
    kind: LossKind,
    /// The target on real images, `[lanes, 1, 1]`.
    real: Tensor<3>,
    /// The target on fakes, `[lanes, 1, 1]`.
    fake: Tensor<3>,
    /// The factor before real + fake, `[lanes, 1, 1]`.
    weight: Tensor<3>,
    clipped_weights: Option<f64>,
}

impl Loss {
    pub(super) fn new(configs: &[&Config], device: &Device) -> Self {
        let kind = configs.first().map(|config| config.loss.kind).unwrap_or_default();
        let targets: Vec<_> = configs.iter().map(|config| visit(kind, TargetsOf(&config.loss))).collect();
        Self {
            kind,
            real: per_lane(targets.iter().map(|targets| targets.real), device),
            fake: per_lane(targets.iter().map(|targets| targets.fake), device),
            weight: per_lane(configs.iter().map(|config| config.loss.combine.weight()), device),
            clipped_weights: configs.first().and_then(|config| config.loss.clipped_weights()),
        }
    }

    /// The largest magnitude of the discriminator's parameters, if they are clipped; common to all lanes.
    pub(super) fn clipped_weights(&self) -> Option<f64> {
        self.clipped_weights
    }

    /// `weight * (mean over real + mean over fake)` from the outputs for as many real images as fakes,
    /// `[lanes, 2 * batch, 1]`, real ones first: `[lanes, 1, 1]`.
    pub(super) fn discriminator(&self, outputs: Tensor<3>) -> Tensor<3> {
        let [lanes, both, _] = outputs.dims();
        let batch = both / 2;
        let expand = |target: &Tensor<3>| target.clone().expand([lanes, batch, 1]);
        let targets = Tensor::cat(vec![expand(&self.real), expand(&self.fake)], 1);
        let rows = visit(self.kind, Discriminator { outputs, targets });
        rows.sum_dim(1) * (self.weight.clone() / batch as f64)
    }

    /// The mean over the outputs for fakes, `[lanes, batch, 1]`: `[lanes, 1, 1]`.
    pub(super) fn generator(&self, outputs: Tensor<3>) -> Tensor<3> {
        visit(self.kind, Generator(outputs)).mean_dim(1)
    }

    /// D(x) of each output.
    pub(super) fn score(&self, outputs: Tensor<3>) -> Tensor<3> {
        match visit(self.kind, ScoreOf).0 {
            Score::Probability => activation::sigmoid(outputs),
            Score::Output => outputs,
        }
    }

    /// 1 where an image is classified as real and 0 elsewhere; NaN for outputs that are not finite.
    pub(super) fn classified_real(&self, outputs: Tensor<3>) -> Tensor<3> {
        let threshold = visit(self.kind, ScoreOf).1;
        outputs.clone().greater_elem(threshold).float() + outputs * 0.0
    }
}

struct TargetsOf<'a>(&'a LossConfig);

impl Visitor for TargetsOf<'_> {
    type Output = Targets;

    fn visit<L: loss::Loss>(self) -> Targets {
        L::targets(self.0)
    }
}

/// The score and the threshold.
struct ScoreOf;

impl Visitor for ScoreOf {
    type Output = (Score, f64);

    fn visit<L: loss::Loss>(self) -> (Score, f64) {
        (L::SCORE, L::THRESHOLD)
    }
}

struct Discriminator {
    outputs: Tensor<3>,
    targets: Tensor<3>,
}

impl Visitor for Discriminator {
    type Output = Tensor<3>;

    fn visit<L: loss::Loss>(self) -> Tensor<3> {
        L::discriminator(Rows(self.outputs), Rows(self.targets)).0
    }
}

struct Generator(Tensor<3>);

impl Visitor for Generator {
    type Output = Tensor<3>;

    fn visit<L: loss::Loss>(self) -> Tensor<3> {
        L::generator(Rows(self.0)).0
    }
}

/// A number for each row of all lanes, `[lanes, rows, 1]`; autodiff finds the derivatives.
#[derive(Debug, Clone)]
struct Rows(Tensor<3>);

impl Neg for Rows {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.neg())
    }
}

impl Add<f64> for Rows {
    type Output = Self;

    fn add(self, other: f64) -> Self {
        Self(self.0 + other)
    }
}

impl Mul<f64> for Rows {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        Self(self.0 * factor)
    }
}

impl Sub for Rows {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Mul for Rows {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }
}

impl Outputs for Rows {
    fn square(self) -> Self {
        Self(self.0.square())
    }

    fn relu(self) -> Self {
        Self(activation::relu(self.0))
    }

    fn softplus(self) -> Self {
        Self(activation::softplus(self.0, 1.0))
    }

    /// By `log s(x) = -softplus(-x)`.
    fn cross_entropy(self, target: Self) -> Self {
        let other = target.0.clone().neg() + 1.0;
        let (for_real, for_fake) = ((-self.clone()).softplus(), self.softplus());
        Self(for_real.0 * target.0 + for_fake.0 * other)
    }
}
