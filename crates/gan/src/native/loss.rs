//! Binary cross-entropy of logits, its gradient, and the scores D(x).

use super::matrix::{Line, Matrix};

/// Gradients of a logit below this are taken for zero: what they become on their way back would be
/// subnormal, on which many processors are a hundred times slower, and its square is zero anyway.
const LEAST_GRADIENT: f64 = 1.0 / (1u64 << 60) as f64;

/// Sums over some rows of logits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scored {
    /// Mean binary cross-entropy.
    pub(super) loss: f64,
    /// Mean of D(x).
    pub(super) score: f64,
}

/// The mean cross-entropy of `logits` (rows `first..first + count` of a `[_, 1]` matrix) with
/// `target`; the same rows of `gradient` become its gradient times `weight`.
///
/// From logits, `softplus(x) - target x`, nothing overflows.
pub(super) fn cross_entropy(
    logits: &[Line],
    target: f64,
    weight: f64,
    gradient: &mut [Line],
) -> Scored {
    let count = logits.len() as f64;
    let mut sums = Scored { loss: 0.0, score: 0.0 };
    for (logit, gradient) in logits.iter().zip(gradient) {
        let x = f64::from(logit.0[0]);
        let small = libm::exp(-x.abs());
        let (score, rest) = if x >= 0.0 { (1.0, small) } else { (small, 1.0) };
        let (score, rest) = (score / (1.0 + small), rest / (1.0 + small));
        sums.loss += x.max(0.0) - target * x + libm::log1p(small);
        sums.score += score;
        // `score - target`, without cancellation where both are near one.
        let slope = ((1.0 - target) - rest) * weight / count;
        *gradient = Line::ZERO;
        gradient.0[0] = if slope.abs() < LEAST_GRADIENT { 0.0 } else { slope as f32 };
    }
    Scored { loss: sums.loss / count, score: sums.score / count }
}

/// A column for the logits of up to `rows` rows.
pub(super) fn column(rows: usize) -> Matrix {
    Matrix::new(rows, 1)
}
