//! Random streams, each derived from the run's seed, a purpose and a position.
//!
//! There is no generator state: the numbers of any step can be drawn without those before it. So a
//! resumed run, a run alone and a run in any group see the same numbers.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined into a function for the processor's vectors is compiled without them"
)]

mod hash;
mod latents;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub use hash::{Hash, hash32};
pub use latents::{instance_noise, latents};

/// What random numbers are for. Discriminants are part of every run's bits and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// Initial weights; position: role, parameter.
    Init = 1,
    /// Order of the training images; position: epoch.
    Order = 2,
    /// Latents of a discriminator step; position: step, discriminator update within it.
    LatentD = 3,
    /// Latents of a generator step; position: step.
    LatentG = 4,
    /// Dropout masks; position: step, pass, layer.
    Mask = 5,
    /// The sweep's fixed latents; position: latent dimension.
    Fixed = 6,
    /// Images drawn after training, from a seed of their own.
    Generate = 7,
    /// Where a penalty is measured; position: step, discriminator update within it. Places between a real image and a
    /// fake, or noise on real images.
    Penalty = 8,
    /// Which labels are flipped; position: step, discriminator update within it.
    LabelFlip = 9,
    /// Noise on the discriminator's inputs; position: step, discriminator update within it, pass.
    InstanceNoise = 10,
    /// Classes of fakes; position: step, discriminator update within it (0 in the generator's step), pass of the generator.
    Class = 11,
    /// Which images of an epoch are mirrored; position: epoch, and the image by its index.
    Flip = 16,
    /// Singular vectors of fresh weights; position: role, buffer.
    SingularVector = 18,
    /// Changes of the discriminator's inputs; position: step, discriminator update within it, pass.
    Augment = 19,
}

/// The forward passes of one step that have dropout masks of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Pass {
    /// The discriminator on real images, in its own step.
    DiscriminatorReal = 0,
    /// The discriminator on fakes, in its own step.
    DiscriminatorFake = 1,
    /// The discriminator on fakes, in the generator's step.
    DiscriminatorInG = 2,
    /// The generator making fakes for the discriminator's step.
    GeneratorInD = 3,
    /// The generator in its own step.
    GeneratorInG = 4,
    /// The discriminator on real images, in the generator's step.
    DiscriminatorRealInG = 5,
    /// The discriminator on the points of a penalty that are no images of the batch, in its own step.
    DiscriminatorInPenalty = 6,
}

/// The key of one stream: 64 bits that depend on all of seed, purpose and position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The key of the stream for a purpose at a position.
    pub fn new(seed: u64, purpose: Purpose, position: &[u64]) -> Self {
        let start = mix64(mix64(seed) ^ purpose as u64);
        Self(position.iter().fold(start, |key, &part| mix64(key ^ mix64(part))))
    }

    /// The key of the dropout mask of one layer (its index in the network) in one pass.
    /// `update` counts the discriminator updates within the step and is 0 in the generator's step.
    pub fn mask(seed: u64, step: u64, update: u32, pass: Pass, layer: usize) -> Self {
        Self::new(seed, Purpose::Mask, &[step, u64::from(update), pass as u64, layer as u64])
    }

    /// A sequential generator for this stream.
    pub fn generator(self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.0)
    }

    /// The low and the high 32 bits, for [`hash32`].
    pub const fn halves(self) -> (u32, u32) {
        (self.0 as u32, (self.0 >> 32) as u32)
    }
}

/// A permutation of `0..count` (Fisher and Yates), or the identity without shuffling.
pub fn epoch_order(seed: u64, epoch: u32, count: u32, shuffle: bool) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count).collect();
    if shuffle {
        let mut generator = Key::new(seed, Purpose::Order, &[u64::from(epoch)]).generator();
        for last in (1..count).rev() {
            // Multiply-shift without rejection: its bias is below count / 2^32, and the number of draws is fixed.
            let other = (u64::from(generator.next_u32()) * u64::from(last + 1)) >> 32;
            order.swap(last as usize, other as usize);
        }
    }
    order
}

/// Whether an image is mirrored in an epoch: one in two. It depends on no other image and no order.
pub fn is_flipped(seed: u64, epoch: u32, image: u32) -> bool {
    let (low, high) = Key::new(seed, Purpose::Flip, &[u64::from(epoch)]).halves();
    hash32(low, high, image) >> 31 == 1
}

/// Fills `out` with values uniform on `[-bound, bound)`.
pub fn uniform(key: Key, bound: f32, out: &mut [f32]) {
    let mut generator = key.generator();
    out.fill_with(|| bound * (2.0 * unit(generator.next_u32()) - 1.0));
}

/// Fills `out` with numbers uniform on `[0, 1)`: number `i` is the hash of `i` in 24 bits.
pub fn fractions(key: Key, out: &mut [f32]) {
    for (index, value) in (0u32..).zip(out) {
        *value = fraction(key, index);
    }
}

/// Number `index` of [`fractions`].
pub fn fraction(key: Key, index: u32) -> f32 {
    let (low, high) = key.halves();
    unit(hash32(low, high, index))
}

/// Fills `out` with ones, with that probability, and zeros.
pub fn flips(key: Key, probability: f64, out: &mut [f32]) {
    let (low, high) = key.halves();
    let threshold = mask_threshold(probability);
    for (index, value) in (0u32..).zip(out) {
        *value = if hash32(low, high, index) < threshold { 1.0 } else { 0.0 };
    }
}

/// Fills `out` with classes below `classes`, each as likely as the others.
pub fn classes(key: Key, classes: u32, out: &mut [u16]) {
    let (low, high) = key.halves();
    for (index, class) in (0u32..).zip(out) {
        // Multiply-shift without rejection: its bias is below classes / 2^32.
        *class = ((u64::from(hash32(low, high, index)) * u64::from(classes)) >> 32) as u16;
    }
}

/// Fills `out` with a dropout mask: 0 with probability `rate`, else `1 / (1 - rate)`.
///
/// Entry `i` depends on `(key, i)` alone, so a device can produce the same mask on its own.
pub fn dropout_mask(key: Key, rate: f64, out: &mut [f32]) {
    let (low, high) = key.halves();
    let threshold = mask_threshold(rate);
    let kept = (1.0 / (1.0 - rate)) as f32;
    for (index, value) in (0u32..).zip(out) {
        *value = if hash32(low, high, index) < threshold { 0.0 } else { kept };
    }
}

/// Entries whose hash is below this are dropped.
pub fn mask_threshold(rate: f64) -> u32 {
    (rate * f64::from(u32::MAX)) as u32
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood 2014) after one step of its counter.
const fn mix64(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// 24 bits on `[0, 1)`: every value is exact.
fn unit(bits: u32) -> f32 {
    (bits >> 8) as f32 * (1.0 / 16_777_216.0)
}

#[cfg(test)]
mod tests {
    use gansweep_config::Latent;

    use super::*;

    #[test]
    fn an_epoch_order_is_a_permutation_that_differs_between_epochs_and_seeds() {
        let order = epoch_order(1, 0, 1000, true);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        assert_ne!(order, epoch_order(1, 1, 1000, true));
        assert_ne!(order, epoch_order(2, 0, 1000, true));
        assert_eq!(epoch_order(1, 0, 1000, false), (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn a_dropout_mask_drops_the_asked_share_and_keeps_the_mean() {
        let mut mask = vec![0.0; 200_000];
        dropout_mask(Key::mask(7, 3, 0, Pass::DiscriminatorReal, 2), 0.3, &mut mask);
        let dropped = mask.iter().filter(|&&value| value == 0.0).count() as f64 / mask.len() as f64;
        let mean = mask.iter().map(|&value| f64::from(value)).sum::<f64>() / mask.len() as f64;
        // Five standard deviations of a share of 200,000 draws.
        assert!((dropped - 0.3).abs() < 0.0052, "{dropped}");
        assert!((mean - 1.0).abs() < 0.0075, "{mean}");
    }

    #[test]
    fn neighbouring_entries_and_keys_of_masks_are_uncorrelated() {
        let draw = |step| {
            let mut mask = vec![0.0; 100_000];
            dropout_mask(Key::mask(7, step, 0, Pass::DiscriminatorReal, 2), 0.5, &mut mask);
            mask.iter().map(|&value| f64::from(value) - 1.0).collect::<Vec<_>>()
        };
        let (a, b) = (draw(0), draw(1));
        let correlation =
            |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>() / x.len() as f64;
        assert!(correlation(&a, &b).abs() < 0.016);
        assert!(correlation(&a[1..], &a[..a.len() - 1]).abs() < 0.016);
    }

    // Changing any number below changes every run's bits: it needs a new release and a note in the
    // changelog. `tests/golden/streams.py` derives all of them a second time from the streams'
    // description, the normal latents but for their last bits.

    #[test]
    fn keys_and_hashes_are_the_ones_that_every_recorded_run_was_trained_with() {
        assert_eq!(mix64(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(Key::new(1, Purpose::Init, &[0, 3]), Key(0x73be_db3e_52e4_f51a));
        let mask = Key::mask(7, 3, 1, Pass::GeneratorInG, 2);
        assert_eq!(mask, Key(0x086c_0866_eb41_3d38));
        assert_eq!(mask.halves(), (0xeb41_3d38, 0x086c_0866));
        assert_eq!(hash32(1, 2, 3), 0xe683_f479);
        assert_eq!(hash32(u32::MAX, 1 << 31, 7), 0x1b0a_8e82);
        let mut values = [0.0; 24];
        dropout_mask(mask, 0.3, &mut values);
        let dropped: Vec<usize> = (0..24).filter(|&index| values[index] == 0.0).collect();
        assert_eq!(dropped, [1, 6, 10, 11, 14, 18, 19]);
        assert!(values.iter().all(|&value| value == 0.0 || value.to_bits() == (1.0f32 / 0.7).to_bits()));
    }

    #[test]
    fn epoch_orders_are_the_ones_that_every_recorded_run_was_trained_with() {
        assert_eq!(epoch_order(1, 0, 12, true), [7, 6, 11, 0, 4, 2, 3, 5, 9, 1, 10, 8]);
        assert_eq!(epoch_order(1, 1, 12, true), [1, 4, 2, 5, 7, 6, 9, 10, 11, 8, 0, 3]);
        let order = epoch_order(1, 0, 60_000, true);
        assert_eq!([order[0], order[1], order[2], order[59_999]], [1117, 41_159, 59_159, 40_819]);
    }

    #[test]
    fn half_of_the_images_are_flipped_and_others_in_the_next_epoch() {
        let flipped = |epoch| (0..10_000).map(|image| is_flipped(7, epoch, image)).collect::<Vec<_>>();
        let (one, other) = (flipped(0), flipped(1));
        // Five standard deviations of 10,000 tosses of a coin.
        let count = |flips: &[bool]| flips.iter().filter(|&&flip| flip).count();
        assert!(count(&one).abs_diff(5_000) < 250 && count(&other).abs_diff(5_000) < 250);
        let equal = one.iter().zip(&other).filter(|(a, b)| a == b).count();
        assert!(equal.abs_diff(5_000) < 250, "{equal}");
        let first: Vec<u32> = (0..12).filter(|&image| one[image as usize]).collect();
        assert_eq!(first, [1, 4, 5, 6, 9, 10], "as every recorded run was trained with");
    }

    #[test]
    fn weights_and_latents_are_the_ones_that_every_recorded_run_was_trained_with() {
        let bits = |values: [f32; 4]| values.map(f32::to_bits);
        let mut values = [0.0; 4];
        uniform(Key::new(1, Purpose::Init, &[0, 3]), 0.125, &mut values);
        assert_eq!(bits(values), bits([-0.053_985_82, 0.070_198, 0.058_503_374, -0.037_504_047]));
        let key = Key::new(1, Purpose::LatentD, &[2, 0]);
        latents(key, Latent::Uniform, &mut values);
        assert_eq!(bits(values), bits([0.781_422_85, -0.469_296_46, -0.625_449_8, 0.300_450_44]));
        latents(key, Latent::Normal, &mut values);
        assert_eq!(bits(values), bits([0.477_562_7, 0.822_015_17, 0.635_501_86, -0.623_213]));
    }
}
