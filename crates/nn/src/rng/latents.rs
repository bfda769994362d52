//! Latents, drawn with SIMD: a group of 64 lanes needs a million of them for every step.
//!
//! Their bits are the same on every processor and for vectors of any width: every operation is rounded
//! as IEEE 754 says, fused multiply-adds are fused everywhere, and functions are polynomials.

use std::f32::consts::{FRAC_PI_2, LN_2};

use gansweep_config::Latent;
use pulp::{Arch, Simd, WithSimd};

use super::hash::Hash;
use super::{Key, Pass, Purpose};

/// Numbers in half a block: one vector of AVX-512, the widest.
const HALF: usize = 16;
/// Numbers that are drawn together. Fixed, so that pairs do not depend on the width of the vectors.
const BLOCK: usize = 2 * HALF;
/// The indices of the numbers of a half, from its first.
const OFFSETS: [u32; HALF] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Fills `out` with latents, row by row.
///
/// Number `i` of a uniform stream is the hash of `i` in 24 bits, on `[-1, 1)`. Normal numbers come in
/// pairs (Box and Muller 1958), of `i` and `i + 16` in each block of 32: their radius is
/// `sqrt(-2 ln((h + 1/2) / 2^32))` with the hash `h` of `i`, where `h + 1/2` is rounded to 24 bits, and
/// their angle is that of the hash of `i + 16`: its highest two bits are the quadrant, and the next 23
/// the place in it, from an eighth of a turn before its axis.
pub fn latents(key: Key, latent: Latent, out: &mut [f32]) {
    draw(Arch::new(), key, latent, out);
}

/// Fills `out` with noise on the inputs of a pass of the discriminator, in row-major order.
pub fn instance_noise(seed: u64, step: u64, update: u32, pass: Pass, deviation: f32, out: &mut [f32]) {
    let key = Key::new(seed, Purpose::InstanceNoise, &[step, u64::from(update), pass as u64]);
    latents(key, Latent::Normal, out);
    for value in out {
        *value *= deviation;
    }
}

fn draw(arch: Arch, key: Key, latent: Latent, out: &mut [f32]) {
    match latent {
        Latent::Normal => arch.dispatch(Draw { key, out, distribution: Normal }),
        Latent::Uniform => arch.dispatch(Draw { key, out, distribution: Uniform }),
    }
}

/// A distribution of latents.
trait Distribution: Copy {
    /// A number of each half of a block, from the hashes of both.
    fn pair<S: Simd>(self, simd: S, hashes: [S::u32s; 2]) -> [S::f32s; 2];
}

struct Draw<'a, D> {
    key: Key,
    out: &'a mut [f32],
    distribution: D,
}

impl<D: Distribution> WithSimd for Draw<'_, D> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let hash = Hash::new(simd, self.key.halves());
        let mut first = 0;
        let (blocks, rest) = self.out.as_chunks_mut::<BLOCK>();
        for block in blocks {
            fill(simd, self.distribution, hash, first, block);
            first += BLOCK as u32;
        }
        if !rest.is_empty() {
            let mut block = [0.0; BLOCK];
            fill(simd, self.distribution, hash, first, &mut block);
            rest.copy_from_slice(&block[..rest.len()]);
        }
    }
}

/// Fills a block whose first number is number `first`.
#[inline(always)]
fn fill<S: Simd, D: Distribution>(
    simd: S,
    distribution: D,
    hash: Hash<S>,
    first: u32,
    block: &mut [f32; BLOCK],
) {
    let [starts, ends] = [first, first + HALF as u32].map(|index| simd.splat_u32s(index));
    let (front, back) = block.split_at_mut(HALF);
    let (front, back) = (S::as_mut_simd_f32s(front).0, S::as_mut_simd_f32s(back).0);
    // `front` and `back` have as many whole vectors as `OFFSETS`.
    for ((front, back), &offset) in front.iter_mut().zip(back).zip(S::as_simd_u32s(&OFFSETS).0) {
        let starts = hash.of(simd.add_u32s(starts, offset));
        let ends = hash.of(simd.add_u32s(ends, offset));
        [*front, *back] = distribution.pair(simd, [starts, ends]);
    }
}

#[derive(Clone, Copy)]
struct Uniform;

impl Distribution for Uniform {
    #[inline(always)]
    fn pair<S: Simd>(self, simd: S, [starts, ends]: [S::u32s; 2]) -> [S::f32s; 2] {
        [centred(simd, starts), centred(simd, ends)]
    }
}

/// The highest 24 bits as a number on `[-1, 1)`; exact.
#[inline(always)]
fn centred<S: Simd>(simd: S, bits: S::u32s) -> S::f32s {
    let high = whole(simd, simd.wrapping_dyn_shr_u32s(bits, simd.splat_u32s(16)));
    let low = simd.wrapping_dyn_shr_u32s(bits, simd.splat_u32s(8));
    let low = whole(simd, simd.and_u32s(low, simd.splat_u32s(0xff)));
    let all = simd.mul_add_f32s(high, simd.splat_f32s(256.0), low);
    simd.mul_add_f32s(all, simd.splat_f32s(1.0 / 8_388_608.0), simd.splat_f32s(-1.0))
}

#[derive(Clone, Copy)]
struct Normal;

impl Distribution for Normal {
    #[inline(always)]
    fn pair<S: Simd>(self, simd: S, [radii, angles]: [S::u32s; 2]) -> [S::f32s; 2] {
        let (radius, [cos, sin]) = (radius(simd, radii), direction(simd, angles));
        [simd.mul_f32s(radius, cos), simd.mul_f32s(radius, sin)]
    }
}

/// `sqrt(-2 ln((bits + 1/2) / 2^32))`.
#[inline(always)]
fn radius<S: Simd>(simd: S, bits: S::u32s) -> S::f32s {
    /// The bits of `sqrt(1/2)`.
    const LEAST: u32 = 0x3f35_04f3;
    const ONE: u32 = 0x3f80_0000;
    /// Of `2 artanh(s) / s` by powers of `s^2`, the highest first. On `|s| < 0.172` what is left out is
    /// below a tenth of a unit in the last place.
    const SERIES: [f32; 5] = [2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0, 2.0];
    let one = simd.splat_f32s(1.0);
    let high = whole(simd, simd.wrapping_dyn_shr_u32s(bits, simd.splat_u32s(16)));
    let low = whole(simd, simd.and_u32s(bits, simd.splat_u32s(0xffff)));
    let low = simd.add_f32s(low, simd.splat_f32s(0.5));
    let x = simd.mul_add_f32s(high, simd.splat_f32s(65_536.0), low);
    // x = m 2^e with m on [sqrt(1/2), sqrt(2)), and ln m = 2 artanh((m - 1) / (m + 1)).
    let shifted = simd.add_u32s(simd.transmute_u32s_f32s(x), simd.splat_u32s(ONE - LEAST));
    let exponent = whole(simd, simd.wrapping_dyn_shr_u32s(shifted, simd.splat_u32s(23)));
    let exponent = simd.sub_f32s(exponent, simd.splat_f32s(127.0 + 32.0));
    let mantissa = simd.and_u32s(shifted, simd.splat_u32s(0x007f_ffff));
    let mantissa = simd.transmute_f32s_u32s(simd.add_u32s(mantissa, simd.splat_u32s(LEAST)));
    let s = simd.div_f32s(simd.sub_f32s(mantissa, one), simd.add_f32s(mantissa, one));
    let square = simd.mul_f32s(s, s);
    let mut sum = simd.splat_f32s(SERIES[0]);
    for coefficient in &SERIES[1..] {
        sum = simd.mul_add_f32s(sum, square, simd.splat_f32s(*coefficient));
    }
    let log = simd.mul_add_f32s(exponent, simd.splat_f32s(LN_2), simd.mul_f32s(sum, s));
    // The largest `bits` are rounded to 2^32, whose logarithm is zero.
    simd.sqrt_f32s(simd.mul_f32s(log, simd.splat_f32s(-2.0)))
}

/// Cosine and sine of the angle that `bits` stand for.
#[inline(always)]
fn direction<S: Simd>(simd: S, bits: S::u32s) -> [S::f32s; 2] {
    /// Taylor's coefficients by powers of the angle's square, the highest first. Within an eighth of a
    /// turn what is left out is below half a unit in the last place.
    const SIN: [f32; 5] = [1.0 / 362_880.0, -1.0 / 5_040.0, 1.0 / 120.0, -1.0 / 6.0, 1.0];
    const COS: [f32; 5] = [1.0 / 40_320.0, -1.0 / 720.0, 1.0 / 24.0, -0.5, 1.0];
    const SIGN: u32 = 1 << 31;
    let place = simd.wrapping_dyn_shr_u32s(bits, simd.splat_u32s(7));
    let place = simd.and_u32s(place, simd.splat_u32s(0x007f_ffff));
    let place = simd.transmute_f32s_u32s(simd.or_u32s(place, simd.splat_u32s(0x3f80_0000)));
    let place = simd.sub_f32s(place, simd.splat_f32s(1.5));
    let angle = simd.mul_f32s(place, simd.splat_f32s(FRAC_PI_2));
    let square = simd.mul_f32s(angle, angle);
    let (mut sin, mut cos) = (simd.splat_f32s(SIN[0]), simd.splat_f32s(COS[0]));
    for power in 1..SIN.len() {
        sin = simd.mul_add_f32s(sin, square, simd.splat_f32s(SIN[power]));
        cos = simd.mul_add_f32s(cos, square, simd.splat_f32s(COS[power]));
    }
    let sin = simd.mul_f32s(sin, angle);
    // A quarter of a turn makes (cos, sin) to (-sin, cos), two change both signs.
    let doubled = simd.add_u32s(bits, bits);
    let odd = simd.greater_than_or_equal_u32s(doubled, simd.splat_u32s(SIGN));
    let (x, y) = (simd.select_f32s(odd, sin, cos), simd.select_f32s(odd, cos, sin));
    let x_sign = simd.and_u32s(simd.xor_u32s(bits, doubled), simd.splat_u32s(SIGN));
    let y_sign = simd.and_u32s(bits, simd.splat_u32s(SIGN));
    [simd.xor_f32s(x, simd.transmute_f32s_u32s(x_sign)), simd.xor_f32s(y, simd.transmute_f32s_u32s(y_sign))]
}

/// An integer below `2^23` as a number; exact.
#[inline(always)]
fn whole<S: Simd>(simd: S, integer: S::u32s) -> S::f32s {
    /// `2^23`, whose lowest bit is one.
    const UNIT: f32 = 8_388_608.0;
    let bits = simd.or_u32s(integer, simd.splat_u32s(UNIT.to_bits()));
    simd.sub_f32s(simd.transmute_f32s_u32s(bits), simd.splat_f32s(UNIT))
}

#[cfg(test)]
mod tests {
    use super::super::hash32;
    use super::*;
    use crate::Vectors;

    const KEY: (u64, Purpose, [u64; 1]) = (0, Purpose::LatentG, [5]);

    fn key() -> Key {
        Key::new(KEY.0, KEY.1, &KEY.2)
    }

    fn drawn(latent: Latent, count: usize) -> Vec<f32> {
        let mut values = vec![0.0; count];
        latents(key(), latent, &mut values);
        values
    }

    /// The description of [`latents`] in 64-bit floats.
    fn described(latent: Latent, index: usize) -> f64 {
        let (low, high) = key().halves();
        let hash = |index: usize| hash32(low, high, index as u32);
        if latent == Latent::Uniform {
            return f64::from(hash(index) >> 8) / f64::from(1 << 23) - 1.0;
        }
        let (block, place) = (index / BLOCK * BLOCK, index % BLOCK);
        let (radius, angle) = (hash(block + place % HALF), hash(block + HALF + place % HALF));
        let rounded = (f64::from(radius) + 0.5) as f32;
        let radius = (-2.0 * (f64::from(rounded) / 2f64.powi(32)).ln()).sqrt();
        let place = f64::from(angle >> 7 & 0x007f_ffff) / 2f64.powi(23) - 0.5;
        let turn = (f64::from(angle >> 30) + place) * std::f64::consts::FRAC_PI_2;
        radius * if index % BLOCK < HALF { turn.cos() } else { turn.sin() }
    }

    #[test]
    fn numbers_are_those_of_their_description() {
        for latent in [Latent::Normal, Latent::Uniform] {
            for (index, value) in drawn(latent, 100_003).into_iter().enumerate() {
                let expected = described(latent, index);
                assert!((f64::from(value) - expected).abs() < 1e-6, "{index}: {value}, not {expected}");
            }
        }
    }

    #[test]
    fn a_number_is_the_same_with_any_vectors_and_however_many_follow() {
        for latent in [Latent::Normal, Latent::Uniform] {
            let expected = drawn(latent, 500);
            for count in [0, 1, 15, 31, 32, 33, 500] {
                for vectors in Vectors::all() {
                    let mut found = vec![0.0; count];
                    draw(vectors.arch(), key(), latent, &mut found);
                    let bits =
                        |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(&found), bits(&expected[..count]), "{count} with {vectors}");
                }
            }
        }
    }

    #[test]
    fn extreme_hashes_become_numbers() {
        let vector = |bits: u32| radius(pulp::Scalar, bits);
        // The largest is rounded to certainty, and the smallest is an event of once in 2^33.
        assert_eq!(vector(u32::MAX).abs().to_bits(), 0);
        assert!((f64::from(vector(0)) - (66.0 * 2f64.ln()).sqrt()).abs() < 1e-6);
        for (bits, [cos, sin]) in [(0, [1.0, -1.0]), (1 << 30, [1.0, 1.0]), (3 << 30, [-1.0, -1.0])] {
            let found = direction(pulp::Scalar, bits).map(|x| f64::from(x) * std::f64::consts::SQRT_2);
            assert!((found[0] - cos).abs() < 1e-6 && (found[1] - sin).abs() < 1e-6, "{bits}: {found:?}");
        }
    }

    /// The mean of a function of neighbours at a distance.
    fn mean(values: &[f32], distance: usize, of: impl Fn(f64, f64) -> f64) -> f64 {
        let pairs = values.iter().zip(&values[distance..]);
        pairs.map(|(&a, &b)| of(a.into(), b.into())).sum::<f64>() / (values.len() - distance) as f64
    }

    #[test]
    fn latents_have_the_moments_of_their_distribution_and_no_memory() {
        // Mean squares and fourth powers; five standard deviations of what a sample of that size has.
        for (latent, square, fourth) in [(Latent::Normal, 1.0, 3.0), (Latent::Uniform, 1.0 / 3.0, 0.2)] {
            let values = drawn(latent, 1 << 20);
            let far = |found: f64, expected: f64| (found - expected).abs();
            assert!(far(mean(&values, 0, |x, _| x), 0.0) < 0.005);
            assert!(far(mean(&values, 0, |x, _| x * x), square) < 0.007);
            assert!(far(mean(&values, 0, |x, _| x.powi(3)), 0.0) < 0.02);
            assert!(far(mean(&values, 0, |x, _| x.powi(4)), fourth) < 0.05);
            // Of pairs of one radius, of neighbours, of blocks; their sizes too.
            for distance in [1, 2, 16, 32, 64] {
                assert!(mean(&values, distance, |a, b| a * b).abs() < 0.005, "{distance}");
                let sizes = mean(&values, distance, |a, b| (a * a - square) * (b * b - square));
                assert!(sizes.abs() < 0.011, "{distance}: {sizes}");
            }
        }
    }

    #[test]
    fn normal_latents_are_as_frequent_in_every_interval_as_they_should_be() {
        let mut values = drawn(Latent::Normal, 1 << 20);
        values.sort_unstable_by(f32::total_cmp);
        // The standard normal distribution below these numbers.
        for (x, share) in [
            (-4.0, 3.167_12e-5),
            (-3.0, 1.349_898e-3),
            (-2.0, 0.022_750_13),
            (-1.0, 0.158_655_25),
            (-0.5, 0.308_537_54),
            (0.0, 0.5),
            (0.25, 0.598_706_33),
            (1.5, 0.933_192_8),
            (3.5, 0.999_767_37),
        ] {
            let below = values.partition_point(|&value| f64::from(value) < x) as f64 / values.len() as f64;
            let deviation = (share * (1.0 - share) / values.len() as f64).sqrt();
            assert!((below - share).abs() < 5.0 * deviation, "{x}: {below}, not {share}");
        }
    }
}
