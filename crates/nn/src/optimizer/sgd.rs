//! Stochastic gradient descent.

use gansweep_config::NetworkOptimizer;

use super::{Elements, Optimizer};

/// Stochastic gradient descent, as `torch.optim.SGD` without momentum computes it.
#[derive(Debug)]
pub struct Sgd;

/// Stochastic gradient descent with momentum (Sutskever et al. 2013, equations 1 and 2, with the learning
/// rate outside of the momentum), as `torch.optim.SGD` without dampening and Nesterov's variant computes
/// it.
#[derive(Debug)]
pub struct SgdMomentum;

impl Optimizer<0, 1> for Sgd {
    const BUFFERS: [&'static str; 0] = [];
    /// The learning rate.
    const VARYING: usize = 1;

    fn coefficients(config: &NetworkOptimizer, _: u64) -> [f64; 1] {
        [config.lr]
    }

    #[inline(always)]
    fn step<E: Elements>([lr]: &[E; 1], gradient: E, value: E, []: [E; 0]) -> (E, [E; 0]) {
        (value.minus_product(gradient, lr), [])
    }
}

impl Optimizer<1, 2> for SgdMomentum {
    /// The decayed sum of the gradients.
    const BUFFERS: [&'static str; 1] = ["sgd.momentum"];
    /// The learning rate.
    const VARYING: usize = 1;

    fn coefficients(config: &NetworkOptimizer, _: u64) -> [f64; 2] {
        [config.lr, config.momentum]
    }

    #[inline(always)]
    fn step<E: Elements>([lr, momentum]: &[E; 2], gradient: E, value: E, [velocity]: [E; 1]) -> (E, [E; 1]) {
        let velocity = velocity.sum_with(gradient, momentum);
        (value.minus_product(velocity.clone(), lr), [velocity])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::{Update, step_slices};

    #[test]
    fn a_step_goes_down_the_gradient() {
        let update = Update::new(&NetworkOptimizer::sgd(0.5, 0.0), 7);
        let mut value = [1.0f32, -2.0, 3.0];
        step_slices::<Sgd, _, _>(&update.coefficients(), &[2.0, -4.0, 0.0], &mut value, []);
        assert_eq!(value.map(f32::to_bits), [0.0f32, 0.0, 3.0].map(f32::to_bits));
    }

    #[test]
    fn with_momentum_earlier_gradients_go_on_to_count() {
        let sgd = NetworkOptimizer::sgd(0.01, 0.9);
        let (mut value, mut velocity) = ([0.0f32; 3], [0.0f32; 3]);
        let (mut exact, mut sum) = ([0.0f64; 3], [0.0f64; 3]);
        for t in 1..=50u64 {
            let gradient = [1e-6, 1.0, 1e4].map(|scale| (scale * (t as f64 * 0.7).sin()) as f32);
            let coefficients = Update::new(&sgd, t).coefficients();
            step_slices::<SgdMomentum, _, _>(&coefficients, &gradient, &mut value, [&mut velocity]);
            for (i, &g) in gradient.iter().enumerate() {
                sum[i] = sgd.momentum * sum[i] + f64::from(g);
                exact[i] -= sgd.lr * sum[i];
                let scale = [1e-6, 1.0, 1e4][i];
                assert!((f64::from(value[i]) - exact[i]).abs() < 1e-6 * scale, "step {t}: {value:?}");
            }
        }
    }

    #[test]
    fn the_velocity_of_a_gradient_that_has_died_becomes_zero_and_never_subnormal() {
        let coefficients = Update::new(&NetworkOptimizer::sgd(0.01, 0.9), 1).coefficients();
        let (mut value, mut velocity) = ([0.0f32], [1.0f32]);
        for t in 0..2000 {
            step_slices::<SgdMomentum, _, _>(&coefficients, &[0.0], &mut value, [&mut velocity]);
            assert!(velocity[0] == 0.0 || velocity[0].is_normal(), "{} at {t}", velocity[0]);
        }
        assert!(velocity[0].abs() < f32::MIN_POSITIVE);
    }
}
