//! `AdamW`.

use gansweep_config::NetworkOptimizer;

use super::adam::{self, Adam};
use super::{Elements, Optimizer};

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), as `torch.optim.AdamW` computes
/// it: parameters shrink by the learning rate times the decay before Adam's step.
#[derive(Debug)]
pub struct AdamW;

impl Optimizer<2, 8> for AdamW {
    /// Those of Adam.
    const BUFFERS: [&'static str; 2] = Adam::BUFFERS;
    const VARYING: usize = 3;

    fn coefficients(config: &NetworkOptimizer, t: u64) -> [f64; 8] {
        let [step_size, root_scale, keep1, take1, keep2, take2, eps] = Adam::coefficients(config, t);
        let shrink = 1.0 - config.lr * config.weight_decay;
        [step_size, root_scale, shrink, keep1, take1, keep2, take2, eps]
    }

    #[inline(always)]
    fn step<E: Elements>(
        [step_size, root_scale, shrink, keep1, take1, keep2, take2, eps]: &[E; 8],
        gradient: E,
        value: E,
        buffers: [E; 2],
    ) -> (E, [E; 2]) {
        let adam = [step_size, root_scale, keep1, take1, keep2, take2, eps];
        adam::step(adam, gradient, value.times(shrink), buffers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::{Update, step_slices};

    #[test]
    fn parameters_shrink_before_adams_step() {
        let adamw = NetworkOptimizer::adamw(1e-2, 0.9, 0.999, 1e-8, 0.1);
        let adam = NetworkOptimizer::adam(1e-2, 0.9, 0.999, 1e-8);
        let (mut value, mut first, mut second) = ([2.0f32, -3.0], [0.0f32; 2], [0.0f32; 2]);
        let (mut exact, mut m, mut v) = ([2.0f64, -3.0], [0.0f64; 2], [0.0f64; 2]);
        for t in 1..=50 {
            let gradient = [(t as f32 * 0.7).sin(), 0.0];
            let coefficients = Update::new(&adamw, t).coefficients();
            step_slices::<AdamW, _, _>(&coefficients, &gradient, &mut value, [&mut first, &mut second]);
            let coefficients = Adam::coefficients(&adam, t);
            for i in 0..2 {
                let shrunk = exact[i] * (1.0 - 1e-2 * 0.1);
                (exact[i], [m[i], v[i]]) =
                    Adam::step(&coefficients, f64::from(gradient[i]), shrunk, [m[i], v[i]]);
                assert!((f64::from(value[i]) - exact[i]).abs() < 1e-6 * t as f64, "step {t}: {value:?}");
            }
        }
        // Without a gradient there is the decay alone.
        assert!((f64::from(value[1]) + 3.0 * 0.999f64.powi(50)).abs() < 1e-5, "{}", value[1]);
    }
}
