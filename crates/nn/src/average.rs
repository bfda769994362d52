//! The exponential moving average of the generator.
//!
//! After each update of the generator, `average += (1 - decay) * (current - average)`, for its parameters and its
//! running statistics alike: PyTorch's `AveragedModel` with `get_ema_multi_avg_fn(decay)` and `use_buffers=True`.
//! Averaged weights go with averaged statistics; those of the current weights would normalise activations that
//! the averaged weights do not produce. The average begins as a copy of the initial weights.
//!
//! The singular vectors of a weight with a spectral norm are no exception in PyTorch, but are one here: they turn while the weight is
//! trained, so that their averages are short, and the norm that follows from them is far too small. A power iteration on
//! the averaged weight improves those of its own.

use gansweep_config::TrainConfig;

/// Begins the name of a tensor's average: `ema.generator.0.weight`.
pub const PREFIX: &str = "ema.";

/// Whether a run keeps an average.
pub fn is_kept(train: &TrainConfig) -> bool {
    train.ema > 0.0
}

/// The share `1 - decay` that the weights have in the average after update `t` of the generator, counted from 1;
/// `None` without an average.
///
/// With warm-up the decay is `min(decay, (1 + t) / (10 + t))`, as in TensorFlow's `ExponentialMovingAverage` with
/// `num_updates`: the average is one over about a tenth of the updates so far, until the decay is reached.
pub fn share(train: &TrainConfig, t: u64) -> Option<f32> {
    let t = t as f64;
    let most = if train.ema_warmup { (1.0 + t) / (10.0 + t) } else { 1.0 };
    is_kept(train).then(|| (1.0 - train.ema.min(most)) as f32)
}

#[cfg(test)]
mod tests {
    use gansweep_config::Noise;

    use super::*;

    fn train(ema: f64, ema_warmup: bool) -> TrainConfig {
        let noise = Noise::Fresh;
        TrainConfig {
            batch_size: 64,
            d_steps: 1,
            noise,
            shuffle: true,
            drop_last: false,
            instance_noise: 0.0,
            instance_noise_epochs: 0.0,
            ema,
            ema_warmup,
        }
    }

    #[test]
    fn the_share_of_the_weights_is_one_minus_the_decay() {
        assert_eq!(share(&train(0.0, false), 1), None);
        assert_eq!(share(&train(0.75, false), 1), Some(0.25));
        assert_eq!(share(&train(0.75, false), 1_000_000), Some(0.25));
    }

    #[test]
    fn the_warm_up_ends_where_the_decay_is_reached() {
        let shares = |updates: [u64; 4]| updates.map(|t| share(&train(0.75, true), t).unwrap());
        // (1 + t) / (10 + t) is 3/4 at t = 26.
        let bits = |shares: [f32; 4]| shares.map(f32::to_bits);
        assert_eq!(bits(shares([1, 8, 26, 1000])), bits([(9.0f64 / 11.0) as f32, 0.5, 0.25, 0.25]));
        assert_eq!(share(&train(0.0, true), 1), None);
    }
}
