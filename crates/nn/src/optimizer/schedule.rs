//! Learning rate schedules.

use std::f64::consts::PI;

use gansweep_config::{NetworkOptimizer, ScheduleKind};

/// The optimiser with the learning rate of a step, counted from 0, where an epoch has `per_epoch` steps.
///
/// With `e` epochs done, of which the current one is a fraction, and the horizon `h`, the rate is times
/// - `linear`: `1 - (1 - lr_end) min(1, e / h)`;
/// - `cosine`: `lr_end + (1 - lr_end) (1 + cos(pi min(1, e / h))) / 2` (Loshchilov and Hutter 2017, equation 5,
///   without restarts);
/// - `step`: `gamma` to the power of `e / h`, rounded down.
///
/// During warm-up it is times the share of the warm-up that the step completes, so that no step has a rate of zero.
#[must_use]
pub fn at_step(config: &NetworkOptimizer, step: u64, per_epoch: u32) -> NetworkOptimizer {
    let epochs = |steps: u64| steps as f64 / f64::from(per_epoch.max(1));
    let &NetworkOptimizer { schedule, horizon, lr_end, gamma, warmup, .. } = config;
    let horizons = epochs(step) / horizon;
    let share = horizons.min(1.0);
    let decayed = match schedule {
        ScheduleKind::Constant => 1.0,
        ScheduleKind::Linear => 1.0 - (1.0 - lr_end) * share,
        ScheduleKind::Cosine => lr_end + (1.0 - lr_end) * 0.5 * (1.0 + libm::cos(PI * share)),
        // Two divisions may round a whole number of horizons down.
        ScheduleKind::Step => libm::pow(gamma, libm::floor(horizons * (1.0 + 1e-12))),
    };
    let warm = if warmup > 0.0 { (epochs(step.saturating_add(1)) / warmup).min(1.0) } else { 1.0 };
    NetworkOptimizer { lr: config.lr * decayed * warm, ..*config }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(config: NetworkOptimizer, steps: &[u64]) -> Vec<f64> {
        steps.iter().map(|&step| (at_step(&config, step, 4).lr * 1e6).round() / 1e6).collect()
    }

    #[test]
    fn rates_follow_their_schedule() {
        // Two epochs of four steps.
        let adam = NetworkOptimizer {
            lr: 2.0,
            horizon: 2.0,
            lr_end: 0.25,
            gamma: 0.5,
            ..NetworkOptimizer::sgd(2.0, 0.0)
        };
        let with = |schedule| NetworkOptimizer { schedule, ..adam };
        let steps = [0, 2, 4, 7, 8, 15, 16, 100];
        assert_eq!(rates(with(ScheduleKind::Constant), &steps), [2.0; 8]);
        assert_eq!(rates(with(ScheduleKind::Linear), &steps), [2.0, 1.625, 1.25, 0.6875, 0.5, 0.5, 0.5, 0.5]);
        let cosine = rates(with(ScheduleKind::Cosine), &steps);
        assert_eq!(cosine, [2.0, 1.780_33, 1.25, 0.557_09, 0.5, 0.5, 0.5, 0.5]);
        assert_eq!(rates(with(ScheduleKind::Step), &steps[..7]), [2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 0.5]);
    }

    #[test]
    fn a_step_falls_where_a_horizon_ends_whatever_fraction_of_an_epoch_it_is() {
        for (tenths, per_epoch) in
            (1..=30u64).flat_map(|tenths| (1..=60u32).map(move |steps| (tenths, steps)))
        {
            let horizon = tenths as f64 / 10.0;
            let config = NetworkOptimizer {
                schedule: ScheduleKind::Step,
                horizon,
                gamma: 0.5,
                ..NetworkOptimizer::sgd(1.0, 0.0)
            };
            for step in 0..200u64 {
                let over = 10 * step / (tenths * u64::from(per_epoch));
                let rate = at_step(&config, step, per_epoch).lr;
                assert!(
                    (rate - 0.5f64.powi(over as i32)).abs() <= 1e-12 * rate,
                    "{step} of {per_epoch}, {horizon}"
                );
            }
        }
    }

    #[test]
    fn warm_up_ends_with_the_full_rate_and_no_step_has_none() {
        let sgd = NetworkOptimizer { warmup: 1.0, ..NetworkOptimizer::sgd(2.0, 0.0) };
        assert_eq!(rates(sgd, &[0, 1, 2, 3, 4, 50]), [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]);
        let linear = NetworkOptimizer { schedule: ScheduleKind::Linear, horizon: 2.0, lr_end: 0.0, ..sgd };
        assert_eq!(rates(linear, &[0, 1, 4, 8]), [0.5, 0.875, 1.0, 0.0]);
    }

    #[test]
    fn a_constant_rate_keeps_its_bits() {
        let adam = NetworkOptimizer::adam(2e-4, 0.5, 0.999, 1e-8);
        for step in [0, 3, u64::MAX] {
            assert_eq!(at_step(&adam, step, 7).lr.to_bits(), 2e-4f64.to_bits());
        }
    }
}
