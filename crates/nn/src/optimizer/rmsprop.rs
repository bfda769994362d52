//! `RMSprop`.

use gansweep_config::NetworkOptimizer;

use super::{Elements, Optimizer};

/// `RMSprop` (Tieleman and Hinton 2012, lecture 6.5), as `torch.optim.RMSprop` computes it, not centred and
/// without momentum.
#[derive(Debug)]
pub struct RmsProp;

/// `RMSprop` with momentum.
#[derive(Debug)]
pub struct RmsPropMomentum;

impl Optimizer<1, 4> for RmsProp {
    /// The decayed mean of the gradient's square.
    const BUFFERS: [&'static str; 1] = ["rmsprop.square"];
    /// The learning rate.
    const VARYING: usize = 1;

    fn coefficients(config: &NetworkOptimizer, _: u64) -> [f64; 4] {
        let &NetworkOptimizer { lr, alpha, eps, .. } = config;
        [lr, alpha, 1.0 - alpha, eps]
    }

    #[inline(always)]
    fn step<E: Elements>(
        [lr, keep, take, eps]: &[E; 4],
        gradient: E,
        value: E,
        [square]: [E; 1],
    ) -> (E, [E; 1]) {
        let square = square.mean_with_square(&gradient, keep, take);
        let root = square.clone().sqrt().plus(eps);
        (value.minus_quotient(gradient, root, lr), [square])
    }
}

impl Optimizer<2, 5> for RmsPropMomentum {
    /// The decayed mean of the gradient's square, and the decayed sum of the gradients over its root.
    const BUFFERS: [&'static str; 2] = ["rmsprop.square", "rmsprop.momentum"];
    /// The learning rate.
    const VARYING: usize = 1;

    fn coefficients(config: &NetworkOptimizer, t: u64) -> [f64; 5] {
        let [lr, keep, take, eps] = RmsProp::coefficients(config, t);
        [lr, keep, take, eps, config.momentum]
    }

    #[inline(always)]
    fn step<E: Elements>(
        [lr, keep, take, eps, momentum]: &[E; 5],
        gradient: E,
        value: E,
        [square, velocity]: [E; 2],
    ) -> (E, [E; 2]) {
        let square = square.mean_with_square(&gradient, keep, take);
        let root = square.clone().sqrt().plus(eps);
        let velocity = velocity.sum_with(gradient.over(root), momentum);
        (value.minus_product(velocity.clone(), lr), [square, velocity])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::{Update, step_slices};

    const SCALES: [f64; 4] = [1e-10, 1e-4, 1.0, 100.0];

    /// Gradients of a step, one for each scale.
    fn gradient(t: u64) -> [f32; 4] {
        SCALES.map(|scale| (scale * (t as f64 * 0.7).sin()) as f32)
    }

    #[test]
    fn updates_follow_the_published_formula_over_twelve_orders_of_magnitude() {
        let plain = NetworkOptimizer::rmsprop(1e-3, 0.9, 1e-8, 0.0);
        let with_momentum = NetworkOptimizer { momentum: 0.8, ..plain };
        let (mut values, mut squares) = ([[0.0f32; 4]; 2], [[0.0f32; 4]; 2]);
        let mut velocity = [0.0f32; 4];
        let (mut exact, mut mean, mut sum) = ([[0.0f64; 4]; 2], [0.0f64; 4], [0.0f64; 4]);
        for t in 1..=100 {
            let ([value, other], [square, other_square]) = (&mut values, &mut squares);
            let coefficients = Update::new(&plain, t).coefficients();
            step_slices::<RmsProp, _, _>(&coefficients, &gradient(t), value, [square]);
            let coefficients = Update::new(&with_momentum, t).coefficients();
            let buffers = [&mut other_square[..], &mut velocity[..]];
            step_slices::<RmsPropMomentum, _, _>(&coefficients, &gradient(t), other, buffers);
            for (i, g) in gradient(t).map(f64::from).into_iter().enumerate() {
                mean[i] = 0.9 * mean[i] + 0.1 * g * g;
                let scaled = g / (mean[i].sqrt() + 1e-8);
                sum[i] = 0.8 * sum[i] + scaled;
                exact[0][i] -= 1e-3 * scaled;
                exact[1][i] -= 1e-3 * sum[i];
                for (value, exact) in values.iter().zip(&exact) {
                    let error = (f64::from(value[i]) - exact[i]).abs();
                    assert!(error < 1e-8 * t as f64, "step {t}, gradients of {}", SCALES[i]);
                }
            }
        }
    }

    #[test]
    fn buffers_of_a_gradient_that_has_died_become_zero_and_never_subnormal() {
        let coefficients = Update::new(&NetworkOptimizer::rmsprop(1e-3, 0.9, 1e-8, 0.9), 1).coefficients();
        let (mut value, mut square, mut velocity) = ([0.0f32], [1.0f32], [1.0f32]);
        for t in 0..2000 {
            let buffers = [&mut square[..], &mut velocity[..]];
            step_slices::<RmsPropMomentum, _, _>(&coefficients, &[0.0], &mut value, buffers);
            for buffer in [square[0], velocity[0]] {
                assert!(buffer == 0.0 || buffer.is_normal(), "{buffer} at {t}");
            }
        }
        assert_eq!((square, velocity), ([0.0], [0.0]));
    }
}
