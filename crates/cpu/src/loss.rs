//! Losses of the discriminator's outputs, their gradients, and D(x).

use gansweep_config::{LossConfig, Relativistic};
use gansweep_nn::loss::{Dual, Labels, Loss, Score, Visitor, visit};

use super::matrix::Line;

/// Gradients of an output below this are set to zero. Back-propagated they would become subnormal, on which
/// many processors are a hundred times slower, and their squares are zero in any case.
const LEAST_GRADIENT: f64 = 1.0 / (1u64 << 60) as f64;

/// Means over a batch of outputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BatchLoss {
    pub(super) loss: f64,
    /// D(x).
    pub(super) score: f64,
    /// The share of rows that are classified as real; NaN if an output is not finite.
    pub(super) classified_real: f64,
}

/// The discriminator's loss on real images, whose outputs are the first half of `outputs`, and on fakes, the
/// second half. The first element of each row is its output. `flips` has a one for each row whose label is flipped, and
/// may be empty. Writes the gradient to `gradient`.
pub(super) fn discriminator_loss(
    config: &LossConfig,
    outputs: &[Line],
    flips: &[f32],
    gradient: &mut [Line],
) -> [BatchLoss; 2] {
    visit(config.kind, Discriminator { config, outputs, flips, gradient })
}

/// The generator's loss on fakes, and on real images where it depends on them; `real` may be empty where it does not.
/// Writes the gradient of the outputs on fakes to `gradient`. Real images are the same whatever the generator does, but
/// the score and the share of fakes that are classified as real compare with them.
pub(super) fn generator_loss(
    config: &LossConfig,
    real: &[Line],
    fake: &[Line],
    gradient: &mut [Line],
) -> BatchLoss {
    visit(config.kind, Generator { config, real, fake, gradient })
}

struct Discriminator<'a> {
    config: &'a LossConfig,
    outputs: &'a [Line],
    flips: &'a [f32],
    gradient: &'a mut [Line],
}

impl Visitor for Discriminator<'_> {
    type Output = [BatchLoss; 2];

    fn visit<L: Loss>(self) -> [BatchLoss; 2] {
        let half = self.outputs.len() / 2;
        let (real, fake) = self.outputs.split_at(half);
        let (real_gradient, fake_gradient) = self.gradient.split_at_mut(half);
        let Labels { real: real_label, fake: fake_label, flipped } = Labels::discriminator::<L>(self.config);
        let (flips_real, flips_fake) = self.flips.split_at(self.flips.len() / 2);
        let halves = [
            Half { flips: flips_real, flipped: flipped[0], ..Half::new(real, real_label) },
            Half { flips: flips_fake, flipped: flipped[1], ..Half::new(fake, fake_label) },
        ];
        let loss = |output, label| L::discriminator(output, Dual::constant(label));
        let losses = Losses { loss, relativistic: self.config.relativistic, halves };
        let (score, weight) = (Score::of::<L>(self.config), self.config.discriminator_weight());
        [losses.means(0, weight, score, real_gradient), losses.means(1, weight, score, fake_gradient)]
    }
}

struct Generator<'a> {
    config: &'a LossConfig,
    real: &'a [Line],
    fake: &'a [Line],
    gradient: &'a mut [Line],
}

impl Visitor for Generator<'_> {
    type Output = BatchLoss;

    fn visit<L: Loss>(self) -> BatchLoss {
        let Labels { real, fake, .. } = Labels::generator::<L>(self.config);
        let halves = [Half::new(self.real, real), Half::new(self.fake, fake)];
        let relativistic = self.config.relativistic;
        let loss = |output, label| match relativistic {
            Relativistic::None => L::generator(output),
            Relativistic::Paired | Relativistic::Average => L::discriminator(output, Dual::constant(label)),
        };
        let losses = Losses { loss, relativistic, halves };
        let (score, weight) = (Score::of::<L>(self.config), self.config.generator_weight());
        let real = losses.means(0, weight, score, &mut []);
        let fake = losses.means(1, weight, score, self.gradient);
        BatchLoss { loss: weight * (real.loss + fake.loss), ..fake }
    }
}

/// The outputs on real images or on fakes.
struct Half<'a> {
    outputs: &'a [Line],
    /// `None` where the loss has no terms for them.
    label: Option<f64>,
    /// A one for each row whose label is `flipped`; empty if there are none.
    flips: &'a [f32],
    flipped: f64,
    mean: f64,
}

impl<'a> Half<'a> {
    fn new(outputs: &'a [Line], label: Option<f64>) -> Self {
        let sum: f64 = outputs.iter().map(|output| f64::from(output.0[0])).sum();
        Self { outputs, label, flips: &[], flipped: 0.0, mean: sum / outputs.len().max(1) as f64 }
    }

    /// The label of a row, if the loss has terms for this half.
    fn label(&self, row: usize) -> Option<f64> {
        let is_flipped = self.flips.get(row).is_some_and(|&flip| flip > 0.0);
        self.label.map(|label| if is_flipped { self.flipped } else { label })
    }
}

/// A loss of both halves of a batch: of real images (0) and of fakes (1).
struct Losses<'a, F> {
    /// Of an output, or of a difference, and a label.
    loss: F,
    relativistic: Relativistic,
    halves: [Half<'a>; 2],
}

impl<F: Fn(Dual, f64) -> Dual> Losses<'_, F> {
    /// What the loss of a row is a function of.
    fn difference(&self, half: usize, row: usize) -> f64 {
        let other = &self.halves[1 - half];
        f64::from(self.halves[half].outputs[row].0[0])
            - match self.relativistic {
                Relativistic::None => 0.0,
                Relativistic::Paired => f64::from(other.outputs[row].0[0]),
                Relativistic::Average => other.mean,
            }
    }

    /// The loss of a row, with its derivative with respect to the difference.
    fn term(&self, half: usize, row: usize) -> Dual {
        match self.halves[half].label(row) {
            Some(label) => (self.loss)(Dual::output(self.difference(half, row)), label),
            None => Dual::constant(0.0),
        }
    }

    /// Means over a half. Writes the gradient of the mean loss times `weight` with respect to its outputs to
    /// `gradient`, which may be empty where it is not needed.
    fn means(&self, half: usize, weight: f64, score: Score, gradient: &mut [Line]) -> BatchLoss {
        let rows = self.halves[half].outputs.len();
        let count = rows.max(1) as f64;
        let slope_of_mean = self.slope_of_mean(half);
        let mut sums = BatchLoss { loss: 0.0, score: 0.0, classified_real: 0.0 };
        for row in 0..rows {
            let x = self.difference(half, row);
            // NaN for an output that is not finite, else zero. The loss alone may be finite there, and the run
            // has diverged.
            let fault = 0.0 * x;
            let term = self.term(half, row);
            sums.loss += term.value + fault;
            sums.score += score.value(x);
            sums.classified_real += f64::from(u8::from(x > score.threshold())) + fault;
            if let Some(gradient) = gradient.get_mut(row) {
                let slope =
                    (term.derivative - self.slope_of_other(half, row, slope_of_mean)) * weight / count;
                *gradient = Line::ZERO;
                gradient.0[0] = if slope.abs() < LEAST_GRADIENT { 0.0 } else { slope as f32 };
            }
        }
        BatchLoss {
            loss: sums.loss / count,
            score: sums.score / count,
            classified_real: sums.classified_real / count,
        }
    }

    /// How much the sum over the other half falls when the output in this row rises.
    fn slope_of_other(&self, half: usize, row: usize, slope_of_mean: f64) -> f64 {
        match self.relativistic {
            Relativistic::None => 0.0,
            Relativistic::Paired => self.term(1 - half, row).derivative,
            Relativistic::Average => slope_of_mean,
        }
    }

    /// The same for any row, where the other half's outputs are compared with the mean of this half.
    fn slope_of_mean(&self, half: usize) -> f64 {
        if self.relativistic != Relativistic::Average {
            return 0.0;
        }
        let other = 1 - half;
        let count = self.halves[other].outputs.len();
        (0..count).map(|row| self.term(other, row).derivative).sum::<f64>() / count.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use gansweep_config::{Combine, LossKind};

    use super::*;

    const CONFIG: LossConfig = LossConfig::non_saturating(Combine::Sum, 0.1);

    fn lines(outputs: &[f32]) -> Vec<Line> {
        let line = |&output| {
            let mut line = Line::ZERO;
            line.0[0] = output;
            line
        };
        outputs.iter().map(line).collect()
    }

    /// What the discriminator's loss is of a real image and a fake with these outputs, and its gradients.
    fn discriminator(real: f32, fake: f32, weight: f64) -> ([BatchLoss; 2], [f32; 2]) {
        // Two rows of each: a row has half of a mean's gradient.
        let (outputs, mut gradient) = (lines(&[real, real, fake, fake]), vec![Line([7.0; 16]); 4]);
        let combine = if weight < 1.0 { Combine::Mean } else { Combine::Sum };
        let batch_loss = discriminator_loss(&LossConfig { combine, ..CONFIG }, &outputs, &[], &mut gradient);
        assert!(gradient.iter().all(|line| line.0[1..] == [0.0; 15]));
        assert_eq!((gradient[0], gradient[2]), (gradient[1], gradient[3]));
        (batch_loss, [gradient[0].0[0], gradient[2].0[0]])
    }

    fn generator(output: f32) -> (BatchLoss, f32) {
        let mut gradient = [Line([7.0; 16])];
        let batch_loss = generator_loss(&CONFIG, &[], &lines(&[output]), &mut gradient);
        (batch_loss, gradient[0].0[0])
    }

    #[test]
    fn rows_have_their_share_of_the_gradient_of_a_mean() {
        for (real, fake) in [(-8.0f32, 9.0f32), (-1.5, 0.3), (0.0, 0.0), (2.0, -3.0)] {
            let p = [real, fake].map(|x| 1.0 / (1.0 + (-f64::from(x)).exp()));
            let (batch_loss, gradient) = discriminator(real, fake, 0.5);
            let loss = [-0.9 * p[0].ln() - 0.1 * (1.0 - p[0]).ln(), -(1.0 - p[1]).ln()];
            for (half, target) in [(0, 0.9), (1, 0.0)] {
                assert!((batch_loss[half].loss - loss[half]).abs() < 1e-9);
                assert!((batch_loss[half].score - p[half]).abs() < 1e-12);
                assert!((f64::from(gradient[half]) - 0.5 * (p[half] - target) / 2.0).abs() < 1e-8);
            }
            let (batch_loss, gradient) = generator(fake);
            assert!((batch_loss.loss + p[1].ln()).abs() < 1e-9 && (batch_loss.score - p[1]).abs() < 1e-12);
            assert!((f64::from(gradient) - (p[1] - 1.0)).abs() < 1e-7);
        }
    }

    #[test]
    fn images_are_classified_real_where_the_output_is_above_the_threshold() {
        let outputs = lines(&[0.1, -0.1, 7.0, 0.0, -1.0, -2.0, 0.5, -0.5]);
        let [real, fake] = discriminator_loss(&CONFIG, &outputs, &[], &mut [Line::ZERO; 8]);
        assert_eq!((real.classified_real, fake.classified_real), (0.5, 0.25));
    }

    #[test]
    fn saturated_outputs_neither_overflow_nor_leave_subnormal_gradients() {
        let nothing = BatchLoss { loss: 0.0, score: 1.0, classified_real: 1.0 };
        assert_eq!(generator(1e30), (nothing, 0.0));
        assert_eq!(generator(100.0).1, 0.0);
        let (batch_loss, gradient) = discriminator(0.0, -1e30, 1.0);
        assert_eq!(batch_loss[1], BatchLoss { loss: 0.0, score: 0.0, classified_real: 0.0 });
        assert_eq!(gradient[1], 0.0);
        let (batch_loss, gradient) = generator(-100.0);
        assert!((batch_loss.loss - 100.0).abs() < 1e-9 && gradient == -1.0);
        // Precise where the score is next to one.
        assert!((f64::from(generator(30.0).1) / -9.357_622_968_8e-14 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn an_output_that_is_not_finite_shows_in_every_loss() {
        for kind in LossKind::ALL {
            for output in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let config = LossConfig { kind, ..CONFIG };
                let (outputs, mut gradient) = (lines(&[output, output]), [Line::ZERO; 2]);
                for batch_loss in discriminator_loss(&config, &outputs, &[], &mut gradient) {
                    assert!(!batch_loss.loss.is_finite() && batch_loss.classified_real.is_nan(), "{kind:?}");
                }
                assert!(!generator_loss(&config, &[], &outputs, &mut gradient).loss.is_finite(), "{kind:?}");
            }
        }
    }

    /// Losses of differences, of the kinds that have one.
    fn comparisons() -> Vec<LossConfig> {
        let kinds = [LossKind::NonSaturating, LossKind::LeastSquares, LossKind::Hinge];
        let of =
            |relativistic| move |kind| LossConfig { kind, relativistic, combine: Combine::Mean, ..CONFIG };
        let (paired, average) = (of(Relativistic::Paired), of(Relativistic::Average));
        kinds.into_iter().map(paired).chain(kinds.into_iter().map(average)).collect()
    }

    #[test]
    fn gradients_of_losses_of_differences_are_finite_differences() {
        let (real, fake) = ([0.25f32, -1.5, 3.0], [-0.5f32, 0.75, 0.125]);
        for config in comparisons() {
            let discriminator = |outputs: &[f32], gradient: &mut [Line]| {
                let [real, fake] =
                    discriminator_loss(&config, &lines(outputs), &[1.0, 0.0, 0.0, 0.0, 0.0, 1.0], gradient);
                config.discriminator_weight() * (real.loss + fake.loss)
            };
            let generator = |outputs: &[f32], gradient: &mut [Line]| {
                generator_loss(&config, &lines(&real), &lines(outputs), gradient).loss
            };
            check(&config, &[real, fake].concat(), discriminator);
            check(&config, &fake, generator);
        }
    }

    fn check(config: &LossConfig, outputs: &[f32], loss: impl Fn(&[f32], &mut [Line]) -> f64) {
        let mut gradient = vec![Line::ZERO; outputs.len()];
        loss(outputs, &mut gradient);
        for (i, gradient) in gradient.iter().enumerate() {
            // A power of two, so that the sums are exact.
            let h = 1.0 / 1024.0;
            let at = |h: f32| {
                let mut moved = outputs.to_vec();
                moved[i] += h;
                loss(&moved, &mut vec![Line::ZERO; outputs.len()])
            };
            let difference = (at(h) - at(-h)) / (2.0 * f64::from(h));
            let found = f64::from(gradient.0[0]);
            assert!((found - difference).abs() < 1e-6, "{config:?}, output {i}: {found}, not {difference}");
        }
    }

    #[test]
    fn scores_of_differences_compare_with_the_partner_or_with_the_mean() {
        let outputs = lines(&[1.0, 5.0, 2.0, 2.0]);
        let scores = |relativistic| {
            let config = LossConfig { kind: LossKind::LeastSquares, relativistic, ..CONFIG };
            let [real, fake] = discriminator_loss(&config, &outputs, &[], &mut [Line::ZERO; 4]);
            [real.score, fake.score, real.classified_real, fake.classified_real]
        };
        // The differences are -1, 3, 1, -3; their places between -1 and 1 are 0, 2, 1, -1.
        assert_eq!(scores(Relativistic::Paired), [1.0, 0.0, 0.5, 0.5]);
        // And from the means 2 and 3: -1, 3, -1, -1.
        assert_eq!(scores(Relativistic::Average), [1.0, 0.0, 0.5, 0.0]);
    }
}
