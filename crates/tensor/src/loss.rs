//! Losses of the discriminator's outputs, per lane.

use std::ops::{Add, Mul, Neg, Sub};

use burn::tensor::{Device, Tensor, activation};
use gansweep_config::{Config, LossConfig, LossKind, Relativistic};
use gansweep_nn::loss::{self, Labels, Outputs, Score, Visitor, visit};

use super::activation::per_lane;

/// The loss of all lanes, which is of one kind and of outputs or of differences.
#[derive(Debug, Clone)]
pub(super) struct Loss {
    kind: LossKind,
    relativistic: Relativistic,
    discriminator: Game,
    generator: Game,
    score: Score,
    clipped_weights: Option<f64>,
}

/// What one network's loss is made of, apart from the formula.
#[derive(Debug, Clone)]
struct Game {
    /// The labels of real images and of fakes, `[lanes, 1, 1]`; `None` where the loss has no terms for them.
    labels: [Option<Tensor<3>>; 2],
    /// How much the label of the other kind is above these, `[lanes, 1, 1]`.
    to_flipped: [Tensor<3>; 2],
    /// The factor before real + fake, `[lanes, 1, 1]`.
    weight: Tensor<3>,
}

impl Loss {
    pub(super) fn new(configs: &[&Config], device: &Device) -> Self {
        let losses: Vec<_> = configs.iter().map(|config| &config.loss).collect();
        let kind = losses.first().map(|loss| loss.kind).unwrap_or_default();
        let relativistic = losses.first().map(|loss| loss.relativistic).unwrap_or_default();
        let all: Vec<_> = losses.iter().map(|loss| visit(kind, LabelsOf(loss))).collect();
        let game = |role: usize, weight: fn(&LossConfig) -> f64| {
            let column = |of: fn(&Labels) -> Option<f64>| {
                let values: Option<Vec<_>> = all.iter().map(|(labels, _)| of(&labels[role])).collect();
                values.map(|values| per_lane(values.into_iter(), device))
            };
            let weight = per_lane(losses.iter().map(|loss| weight(loss)), device);
            let flipped = [0, 1].map(|half| {
                let to_flipped = all.iter().map(|(labels, _)| {
                    let own = if half == 0 { labels[role].real } else { labels[role].fake };
                    labels[role].flipped[half] - own.unwrap_or_default()
                });
                per_lane(to_flipped, device)
            });
            let labels = [column(|labels| labels.real), column(|labels| labels.fake)];
            Game { labels, to_flipped: flipped, weight }
        };
        Self {
            kind,
            relativistic,
            discriminator: game(0, LossConfig::discriminator_weight),
            generator: game(1, LossConfig::generator_weight),
            score: all.first().map_or(Score::Probability, |(_, score)| *score),
            clipped_weights: configs.first().and_then(|config| config.clipped_weights()),
        }
    }

    /// The largest magnitude of the discriminator's parameters, if they are clipped; common to all lanes.
    pub(super) fn clipped_weights(&self) -> Option<f64> {
        self.clipped_weights
    }

    /// Whether the generator's loss depends on the outputs on real images.
    pub(super) fn compares(&self) -> bool {
        self.relativistic != Relativistic::None
    }

    /// What the losses and the scores are functions of, from the outputs on real images and then as many fakes; both
    /// `[lanes, 2 * batch, 1]`.
    pub(super) fn compared(&self, outputs: Tensor<3>) -> Tensor<3> {
        let half = outputs.dims()[1] / 2;
        let halves = || [0, half].map(|first| outputs.clone().narrow(1, first, half));
        match self.relativistic {
            Relativistic::None => outputs,
            Relativistic::Paired => {
                let [real, fake] = halves();
                let difference = real - fake;
                Tensor::cat(vec![difference.clone(), difference.neg()], 1)
            }
            Relativistic::Average => {
                let [real, fake] = halves();
                let means = [real.clone().mean_dim(1), fake.clone().mean_dim(1)];
                let [of_real, of_fake] = means;
                Tensor::cat(vec![real - of_fake, fake - of_real], 1)
            }
        }
    }

    /// `weight * (mean over real + mean over fake)`, `[lanes, 1, 1]`, from what [`Self::compared`] returns. `flips`,
    /// `[lanes, 2 * batch, 1]`, has a one for each row whose label is flipped.
    pub(super) fn discriminator(&self, outputs: Tensor<3>, flips: Option<&Tensor<3>>) -> Tensor<3> {
        let [lanes, both, _] = outputs.dims();
        let batch = both / 2;
        let Game { labels, to_flipped, weight } = &self.discriminator;
        let target = |(half, label): (usize, &Tensor<3>)| match flips {
            None => label.clone().expand([lanes, batch, 1]),
            Some(flips) => {
                let flips = flips.clone().narrow(1, half * batch, batch);
                flips * to_flipped[half].clone() + label.clone()
            }
        };
        let halves = labels.iter().enumerate().filter_map(|(half, label)| Some((half, label.as_ref()?)));
        let targets: Vec<_> = halves.map(target).collect();
        // Where there are labels for real images alone, these are the first half.
        let outputs = if targets.len() == 1 { outputs.narrow(1, 0, batch) } else { outputs };
        let rows = visit(self.kind, Discriminator { outputs, targets: Tensor::cat(targets, 1) });
        rows.sum_dim(1) * (weight.clone() / batch as f64)
    }

    /// The generator's loss, `[lanes, 1, 1]`: from the outputs on fakes, `[lanes, batch, 1]`, or where it
    /// [compares](Self::compares) from what [`Self::compared`] returns.
    pub(super) fn generator(&self, outputs: Tensor<3>) -> Tensor<3> {
        if !self.compares() {
            return visit(self.kind, Generator(outputs)).mean_dim(1);
        }
        let [lanes, both, _] = outputs.dims();
        let batch = both / 2;
        let Game { labels, weight, .. } = &self.generator;
        let mean = |(half, label): (usize, &Tensor<3>)| {
            let outputs = outputs.clone().narrow(1, half * batch, batch);
            let targets = label.clone().expand([lanes, batch, 1]);
            visit(self.kind, Discriminator { outputs, targets }).mean_dim(1)
        };
        let halves = labels.iter().enumerate().filter_map(|(half, label)| Some((half, label.as_ref()?)));
        let sum = halves.map(mean).reduce(|real, fake| real + fake);
        sum.expect("the generator's loss has terms for fakes") * weight.clone()
    }

    /// D(x), from what [`Self::compared`] returns.
    pub(super) fn score(&self, outputs: Tensor<3>) -> Tensor<3> {
        match self.score {
            Score::Probability => activation::sigmoid(outputs),
            Score::Output => outputs,
            Score::Place => outputs * 0.5 + 0.5,
        }
    }

    /// 1 where an image is classified as real and 0 elsewhere; NaN for outputs that are not finite.
    pub(super) fn classified_real(&self, outputs: Tensor<3>) -> Tensor<3> {
        outputs.clone().greater_elem(self.score.threshold()).float() + outputs * 0.0
    }
}

/// The labels of the discriminator's and of the generator's loss, and the score.
struct LabelsOf<'a>(&'a LossConfig);

impl Visitor for LabelsOf<'_> {
    type Output = ([Labels; 2], Score);

    fn visit<L: loss::Loss>(self) -> Self::Output {
        let labels = [Labels::discriminator::<L>(self.0), Labels::generator::<L>(self.0)];
        (labels, Score::of::<L>(self.0))
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
pub(super) struct Rows(pub(super) Tensor<3>);

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
