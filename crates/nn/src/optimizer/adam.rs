//! Adam.

use gansweep_config::NetworkOptimizer;

use super::{Elements, Optimizer};

/// Adam (Kingma and Ba 2015, algorithm 1), as `torch.optim.Adam` computes it.
#[derive(Debug)]
pub struct Adam;

impl Optimizer<2, 7> for Adam {
    /// Decayed means of the gradient and of its square.
    const BUFFERS: [&'static str; 2] = ["adam.m", "adam.v"];
    const VARYING: usize = 2;

    fn coefficients(config: &NetworkOptimizer, t: u64) -> [f64; 7] {
        let &NetworkOptimizer { lr, beta1, beta2, eps, .. } = config;
        let correction = |beta: f64| 1.0 - libm::pow(beta, t as f64);
        let step_size = lr / correction(beta1);
        let root_scale = 1.0 / libm::sqrt(correction(beta2));
        [step_size, root_scale, beta1, 1.0 - beta1, beta2, 1.0 - beta2, eps]
    }

    #[inline(always)]
    fn step<E: Elements>(
        [step_size, root_scale, keep1, take1, keep2, take2, eps]: &[E; 7],
        gradient: E,
        value: E,
        buffers: [E; 2],
    ) -> (E, [E; 2]) {
        step([step_size, root_scale, keep1, take1, keep2, take2, eps], gradient, value, buffers)
    }
}

/// The step of Adam and its variants.
#[inline(always)]
pub(super) fn step<E: Elements>(
    [step_size, root_scale, keep1, take1, keep2, take2, eps]: [&E; 7],
    gradient: E,
    value: E,
    [first, second]: [E; 2],
) -> (E, [E; 2]) {
    let second = second.mean_with_square(&gradient, keep2, take2);
    let first = first.mean_with(gradient, keep1, take1);
    let root = second.clone().sqrt().times_plus(root_scale, eps);
    (value.minus_quotient(first.clone(), root, step_size), [first, second])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::{Update, step_slices};

    /// Parameters with both their moments.
    struct Trained([Vec<f32>; 3]);

    impl Trained {
        fn new(count: usize) -> Self {
            Self(std::array::from_fn(|_| vec![0.0; count]))
        }

        fn step(&mut self, adam: &NetworkOptimizer, t: u64, gradient: &[f32]) {
            let Self([value, first, second]) = self;
            step_slices::<Adam, _, _>(&Update::new(adam, t).coefficients(), gradient, value, [first, second]);
        }
    }

    #[test]
    fn updates_follow_the_published_formula_over_twelve_orders_of_magnitude() {
        let adam = NetworkOptimizer::adam(2e-4, 0.5, 0.999, 1e-8);
        let scales: Vec<f64> = (-10..=2).map(|power| 10f64.powi(power)).collect();
        let mut trained = Trained::new(scales.len());
        let mut exact = vec![[0.0f64; 3]; scales.len()];
        for t in 1..=200u64 {
            let gradient: Vec<f32> = scales.iter().map(|it| (it * (t as f64 * 0.7).sin()) as f32).collect();
            trained.step(&adam, t, &gradient);
            for ([w, m, v], &g) in exact.iter_mut().zip(&gradient) {
                let g = f64::from(g);
                *m = adam.beta1 * *m + (1.0 - adam.beta1) * g;
                *v = adam.beta2 * *v + (1.0 - adam.beta2) * g * g;
                let (m, v) = (*m / (1.0 - adam.beta1.powf(t as f64)), *v / (1.0 - adam.beta2.powf(t as f64)));
                *w -= adam.lr * m / (v.sqrt() + adam.eps);
            }
            for ((exact, value), scale) in exact.iter().zip(&trained.0[0]).zip(&scales) {
                let error = (f64::from(*value) - exact[0]).abs();
                assert!(error < 1e-5 * adam.lr * t as f64, "step {t}, gradients of {scale}");
            }
        }
    }

    #[test]
    fn moments_of_a_gradient_that_has_died_become_zero_and_never_subnormal() {
        let adam = NetworkOptimizer::adam(1e-3, 0.9, 0.9, 1e-8);
        let mut trained = Trained::new(1);
        trained.step(&adam, 1, &[0.25]);
        for t in 2..2000 {
            trained.step(&adam, t, &[0.0]);
            for moment in &trained.0[1..] {
                assert!(moment[0] == 0.0 || moment[0].is_normal(), "{} at {t}", moment[0]);
            }
        }
        let Trained([value, first, second]) = trained;
        assert!(first[0] == 0.0 && second[0] == 0.0 && value[0] < 0.0);
    }

    #[test]
    fn a_gradient_that_is_no_number_is_not_hidden() {
        let adam = NetworkOptimizer::adam(1e-3, 0.9, 0.999, 1e-8);
        let mut trained = Trained::new(2);
        trained.step(&adam, 1, &[f32::NAN, 1.0]);
        let Trained([value, first, _]) = trained;
        assert!(value[0].is_nan() && first[0].is_nan());
        assert!((value[1] + 1e-3).abs() < 1e-8);
    }
}
