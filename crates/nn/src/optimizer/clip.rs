//! Gradient clipping.

/// Added to a norm before it divides, as PyTorch does.
pub const CLIP_EPS: f64 = 1e-6;

/// The factor that clips a gradient of that norm to at most `max_norm`, as `torch.nn.utils.clip_grad_norm_` (Pascanu,
/// Mikolov and Bengio 2013, algorithm 1). NaN for a norm that is no number, so that a divergence is not hidden.
pub fn clip_scale(max_norm: f64, norm: f64) -> f64 {
    let scale = max_norm / (norm + CLIP_EPS);
    if scale > 1.0 { 1.0 } else { scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_gradients_are_shortened_and_short_ones_stay() {
        assert!((clip_scale(2.0, 8.0) - 0.25).abs() < 1e-6);
        for short in [1.9, 0.0] {
            assert_eq!(clip_scale(2.0, short).to_bits(), 1.0_f64.to_bits());
        }
        assert!(clip_scale(2.0, f64::NAN).is_nan() && clip_scale(2.0, f64::INFINITY).abs() < f64::EPSILON);
    }
}
