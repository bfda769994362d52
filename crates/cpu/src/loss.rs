//! Binary cross-entropy of logits, its gradient, and the scores D(x).

use super::matrix::Line;

/// Gradients of a logit below this are taken for zero: what they become on their way back would be
/// subnormal, on which many processors are a hundred times slower, and its square is zero anyway.
const LEAST_GRADIENT: f64 = 1.0 / (1u64 << 60) as f64;

/// Sums over some rows of logits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scored {
    /// Mean binary cross-entropy.
    pub(super) loss: f64,
    /// Mean of D(x).
    pub(super) score: f64,
    /// Share of the rows with D(x) above 1/2; NaN if a logit is not finite.
    pub(super) taken_for_real: f64,
}

/// The mean cross-entropy of `logits` (the first of each row counts) with `target`; the rows of
/// `gradient` become its gradient times `weight`.
///
/// From logits, `softplus(x) - target x`, nothing overflows.
pub(super) fn cross_entropy(logits: &[Line], target: f64, weight: f64, gradient: &mut [Line]) -> Scored {
    let count = logits.len() as f64;
    let mut sums = Scored { loss: 0.0, score: 0.0, taken_for_real: 0.0 };
    for (logit, gradient) in logits.iter().zip(gradient) {
        let x = f64::from(logit.0[0]);
        let small = libm::exp(-x.abs());
        let (score, rest) = if x >= 0.0 { (1.0, small) } else { (small, 1.0) };
        let (score, rest) = (score / (1.0 + small), rest / (1.0 + small));
        sums.loss += x.max(0.0) - target * x + libm::log1p(small);
        sums.score += score;
        // The product is zero, or NaN.
        sums.taken_for_real += f64::from(u8::from(x > 0.0)) + 0.0 * x;
        // `score - target`, without cancellation where both are near one.
        let slope = ((1.0 - target) - rest) * weight / count;
        *gradient = Line::ZERO;
        gradient.0[0] = if slope.abs() < LEAST_GRADIENT { 0.0 } else { slope as f32 };
    }
    Scored { loss: sums.loss / count, score: sums.score / count, taken_for_real: sums.taken_for_real / count }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(logit: f32, target: f64, weight: f64) -> (Scored, f32) {
        let (mut logits, mut gradient) = ([Line::ZERO; 2], [Line([7.0; 16]); 2]);
        logits[0].0[0] = logit;
        logits[1].0[0] = logit;
        let scored = cross_entropy(&logits, target, weight, &mut gradient);
        assert_eq!(gradient[0].0.map(f32::to_bits), gradient[1].0.map(f32::to_bits));
        assert_eq!(gradient[0].0[1..], [0.0; 15]);
        (scored, gradient[0].0[0])
    }

    #[test]
    fn loss_and_gradient_follow_the_definition_by_logarithms() {
        for logit in [-8.0f32, -1.5, 0.0, 0.3, 9.0] {
            for (target, weight) in [(0.0, 1.0), (1.0, 0.5), (0.9, 1.0)] {
                let p = 1.0 / (1.0 + (-f64::from(logit)).exp());
                let (scored, gradient) = at(logit, target, weight);
                let loss = -target * p.ln() - (1.0 - target) * (1.0 - p).ln();
                assert!((scored.loss - loss).abs() < 1e-9 && (scored.score - p).abs() < 1e-12);
                // Two rows: each has half of the mean.
                assert!((f64::from(gradient) - weight * (p - target) / 2.0).abs() < 1e-8);
            }
        }
    }

    #[test]
    fn the_share_taken_for_real_is_that_of_positive_logits() {
        let mut logits = [Line::ZERO; 4];
        for (line, logit) in logits.iter_mut().zip([0.1, -0.1, 7.0, 0.0]) {
            line.0[0] = logit;
        }
        let scored = cross_entropy(&logits, 1.0, 1.0, &mut [Line::ZERO; 4]);
        assert_eq!(scored.taken_for_real, 0.5);
    }

    #[test]
    fn saturated_logits_neither_overflow_nor_leave_subnormal_gradients() {
        assert_eq!(at(1e30, 1.0, 1.0), (Scored { loss: 0.0, score: 1.0, taken_for_real: 1.0 }, 0.0));
        assert_eq!(at(-1e30, 0.0, 1.0), (Scored { loss: 0.0, score: 0.0, taken_for_real: 0.0 }, 0.0));
        assert_eq!(at(-100.0, 0.0, 1.0).1, 0.0);
        let (scored, gradient) = at(-100.0, 1.0, 1.0);
        assert!((scored.loss - 100.0).abs() < 1e-9 && gradient == -0.5);
        // Precise where the score is next to one.
        let (scored, gradient) = at(30.0, 1.0, 1.0);
        assert!((scored.loss / 9.357_622_968_8e-14 - 1.0).abs() < 1e-9);
        assert!((f64::from(gradient) / -4.678_811_484_4e-14 - 1.0).abs() < 1e-6);
        assert!(at(f32::NAN, 1.0, 1.0).0.loss.is_nan());
        assert!(at(f32::NAN, 1.0, 1.0).0.taken_for_real.is_nan());
        assert!(!at(f32::INFINITY, 0.0, 1.0).0.loss.is_finite());
    }
}
