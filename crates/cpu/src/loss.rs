//! Losses of the discriminator's outputs, their gradients, and the scores D(x).

use gansweep_config::{LossConfig, LossKind};
use gansweep_nn::loss::{Dual, Loss, Score, Visitor, sigmoid, visit};

use super::matrix::Line;

/// Gradients of an output below this are taken for zero: what they become on their way back would be
/// subnormal, on which many processors are a hundred times slower, and its square is zero anyway.
const LEAST_GRADIENT: f64 = 1.0 / (1u64 << 60) as f64;

/// Means over some rows of outputs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scored {
    /// Of the loss.
    pub(super) loss: f64,
    /// Of D(x).
    pub(super) score: f64,
    /// The share of the rows that are taken for real; NaN if an output is not finite.
    pub(super) taken_for_real: f64,
}

/// The discriminator's loss on real images and on fakes, whose outputs (the first number of each row
/// counts) are the first and the second half of `outputs`. The rows of `gradient` become its gradient
/// times `weight`.
pub(super) fn discriminator_loss(
    config: &LossConfig,
    outputs: &[Line],
    weight: f64,
    gradient: &mut [Line],
) -> [Scored; 2] {
    visit(config.kind, Discriminator { config, outputs, weight, gradient })
}

/// The generator's loss on fakes, and its gradient in the rows of `gradient`.
pub(super) fn generator_loss(kind: LossKind, outputs: &[Line], gradient: &mut [Line]) -> Scored {
    visit(kind, Generator { outputs, gradient })
}

struct Discriminator<'a> {
    config: &'a LossConfig,
    outputs: &'a [Line],
    weight: f64,
    gradient: &'a mut [Line],
}

impl Visitor for Discriminator<'_> {
    type Output = [Scored; 2];

    fn visit<L: Loss>(self) -> [Scored; 2] {
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
    type Output = Scored;

    fn visit<L: Loss>(self) -> Scored {
        rows::<L>(L::generator, self.outputs, 1.0, self.gradient)
    }
}

/// Means over rows, and the gradient of the mean loss times `weight`.
fn rows<L: Loss>(
    loss: impl Fn(Dual) -> Dual,
    outputs: &[Line],
    weight: f64,
    gradient: &mut [Line],
) -> Scored {
    let count = outputs.len() as f64;
    let mut sums = Scored { loss: 0.0, score: 0.0, taken_for_real: 0.0 };
    for (output, gradient) in outputs.iter().zip(gradient) {
        let x = f64::from(output.0[0]);
        // Zero, or NaN for an output that is not finite: a loss may be finite even there.
        let fault = 0.0 * x;
        let loss = loss(Dual::output(x));
        sums.loss += loss.value + fault;
        sums.score += match L::SCORE {
            Score::Probability => sigmoid(x),
            Score::Output => x,
        };
        sums.taken_for_real += f64::from(u8::from(x > L::THRESHOLD)) + fault;
        let slope = loss.derivative * weight / count;
        *gradient = Line::ZERO;
        gradient.0[0] = if slope.abs() < LEAST_GRADIENT { 0.0 } else { slope as f32 };
    }
    Scored { loss: sums.loss / count, score: sums.score / count, taken_for_real: sums.taken_for_real / count }
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
    fn discriminator(real: f32, fake: f32, weight: f64) -> ([Scored; 2], [f32; 2]) {
        // Two rows of each: a row has half of a mean's gradient.
        let (outputs, mut gradient) = (lines(&[real, real, fake, fake]), vec![Line([7.0; 16]); 4]);
        let scored = discriminator_loss(&CONFIG, &outputs, weight, &mut gradient);
        assert!(gradient.iter().all(|line| line.0[1..] == [0.0; 15]));
        assert_eq!((gradient[0], gradient[2]), (gradient[1], gradient[3]));
        (scored, [gradient[0].0[0], gradient[2].0[0]])
    }

    fn generator(output: f32) -> (Scored, f32) {
        let mut gradient = [Line([7.0; 16])];
        let scored = generator_loss(CONFIG.kind, &lines(&[output]), &mut gradient);
        (scored, gradient[0].0[0])
    }

    #[test]
    fn rows_have_their_share_of_the_gradient_of_a_mean() {
        for (real, fake) in [(-8.0f32, 9.0f32), (-1.5, 0.3), (0.0, 0.0), (2.0, -3.0)] {
            let p = [real, fake].map(|x| 1.0 / (1.0 + (-f64::from(x)).exp()));
            let (scored, gradient) = discriminator(real, fake, 0.5);
            let loss = [-0.9 * p[0].ln() - 0.1 * (1.0 - p[0]).ln(), -(1.0 - p[1]).ln()];
            for (half, target) in [(0, 0.9), (1, 0.0)] {
                assert!((scored[half].loss - loss[half]).abs() < 1e-9);
                assert!((scored[half].score - p[half]).abs() < 1e-12);
                assert!((f64::from(gradient[half]) - 0.5 * (p[half] - target) / 2.0).abs() < 1e-8);
            }
            let (scored, gradient) = generator(fake);
            assert!((scored.loss + p[1].ln()).abs() < 1e-9 && (scored.score - p[1]).abs() < 1e-12);
            assert!((f64::from(gradient) - (p[1] - 1.0)).abs() < 1e-7);
        }
    }

    #[test]
    fn the_share_taken_for_real_is_that_of_outputs_above_the_threshold() {
        let outputs = lines(&[0.1, -0.1, 7.0, 0.0, -1.0, -2.0, 0.5, -0.5]);
        let [real, fake] = discriminator_loss(&CONFIG, &outputs, 1.0, &mut [Line::ZERO; 8]);
        assert_eq!((real.taken_for_real, fake.taken_for_real), (0.5, 0.25));
    }

    #[test]
    fn saturated_outputs_neither_overflow_nor_leave_subnormal_gradients() {
        let nothing = Scored { loss: 0.0, score: 1.0, taken_for_real: 1.0 };
        assert_eq!(generator(1e30), (nothing, 0.0));
        assert_eq!(generator(100.0).1, 0.0);
        let (scored, gradient) = discriminator(0.0, -1e30, 1.0);
        assert_eq!(scored[1], Scored { loss: 0.0, score: 0.0, taken_for_real: 0.0 });
        assert_eq!(gradient[1], 0.0);
        let (scored, gradient) = generator(-100.0);
        assert!((scored.loss - 100.0).abs() < 1e-9 && gradient == -1.0);
        // Precise where the score is next to one.
        assert!((f64::from(generator(30.0).1) / -9.357_622_968_8e-14 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn an_output_that_is_not_finite_shows_in_every_loss() {
        for kind in LossKind::ALL {
            for output in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let config = LossConfig { kind, ..CONFIG };
                let (outputs, mut gradient) = (lines(&[output, output]), [Line::ZERO; 2]);
                for scored in discriminator_loss(&config, &outputs, 1.0, &mut gradient) {
                    assert!(!scored.loss.is_finite() && scored.taken_for_real.is_nan(), "{kind:?}");
                }
                assert!(!generator_loss(kind, &outputs, &mut gradient).loss.is_finite(), "{kind:?}");
            }
        }
    }
}
