//! Losses of the discriminator's outputs, their gradients, and D(x).

use gansweep_config::{LossConfig, LossKind};
use gansweep_nn::loss::{Dual, Loss, Score, Visitor, sigmoid, visit};

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
/// second half. The first element of each row is its output. Writes the gradient times `weight` to
/// `gradient`.
pub(super) fn discriminator_loss(
    config: &LossConfig,
    outputs: &[Line],
    weight: f64,
    gradient: &mut [Line],
) -> [BatchLoss; 2] {
    visit(config.kind, Discriminator { config, outputs, weight, gradient })
}

/// The generator's loss on fakes. Writes its gradient to `gradient`.
pub(super) fn generator_loss(kind: LossKind, outputs: &[Line], gradient: &mut [Line]) -> BatchLoss {
    visit(kind, Generator { outputs, gradient })
}

struct Discriminator<'a> {
    config: &'a LossConfig,
    outputs: &'a [Line],
    weight: f64,
    gradient: &'a mut [Line],
}

impl Visitor for Discriminator<'_> {
    type Output = [BatchLoss; 2];

    fn visit<L: Loss>(self) -> [BatchLoss; 2] {
        let half = self.outputs.len() / 2;
        let (real, fake) = self.outputs.split_at(half);
        let (real_gradient, fake_gradient) = self.gradient.split_at_mut(half);
        let targets = L::targets(self.config);
        let against = |target| move |output| L::discriminator(output, Dual::constant(target));
        [
            rows::<L>(against(targets.real), real, self.weight, real_gradient),
            rows::<L>(against(targets.fake), fake, self.weight, fake_gradient),
        ]
    }
}

struct Generator<'a> {
    outputs: &'a [Line],
    gradient: &'a mut [Line],
}

impl Visitor for Generator<'_> {
    type Output = BatchLoss;

    fn visit<L: Loss>(self) -> BatchLoss {
        rows::<L>(L::generator, self.outputs, 1.0, self.gradient)
    }
}

/// Means over rows, and the gradient of the mean loss times `weight`.
fn rows<L: Loss>(
    loss: impl Fn(Dual) -> Dual,
    outputs: &[Line],
    weight: f64,
    gradient: &mut [Line],
) -> BatchLoss {
    let count = outputs.len() as f64;
    let mut sums = BatchLoss { loss: 0.0, score: 0.0, classified_real: 0.0 };
    for (output, gradient) in outputs.iter().zip(gradient) {
        let x = f64::from(output.0[0]);
        // NaN for an output that is not finite, else zero. The loss alone may be finite there, and the run
        // has diverged.
        let fault = 0.0 * x;
        let loss = loss(Dual::output(x));
        sums.loss += loss.value + fault;
        sums.score += match L::SCORE {
            Score::Probability => sigmoid(x),
            Score::Output => x,
        };
        sums.classified_real += f64::from(u8::from(x > L::THRESHOLD)) + fault;
        let slope = loss.derivative * weight / count;
        *gradient = Line::ZERO;
        gradient.0[0] = if slope.abs() < LEAST_GRADIENT { 0.0 } else { slope as f32 };
    }
    BatchLoss {
        loss: sums.loss / count,
        score: sums.score / count,
        classified_real: sums.classified_real / count,
    }
}

#[cfg(test)]
mod tests {
    use gansweep_config::Combine;

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
        let batch_loss = discriminator_loss(&CONFIG, &outputs, weight, &mut gradient);
        assert!(gradient.iter().all(|line| line.0[1..] == [0.0; 15]));
        assert_eq!((gradient[0], gradient[2]), (gradient[1], gradient[3]));
        (batch_loss, [gradient[0].0[0], gradient[2].0[0]])
    }

    fn generator(output: f32) -> (BatchLoss, f32) {
        let mut gradient = [Line([7.0; 16])];
        let batch_loss = generator_loss(CONFIG.kind, &lines(&[output]), &mut gradient);
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
        let [real, fake] = discriminator_loss(&CONFIG, &outputs, 1.0, &mut [Line::ZERO; 8]);
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
                for batch_loss in discriminator_loss(&config, &outputs, 1.0, &mut gradient) {
                    assert!(!batch_loss.loss.is_finite() && batch_loss.classified_real.is_nan(), "{kind:?}");
                }
                assert!(!generator_loss(kind, &outputs, &mut gradient).loss.is_finite(), "{kind:?}");
            }
        }
    }
}
