//! Counter-based random numbers: hashes of a key and an index, in any order and on any number of threads.

use pulp::Simd;

/// Multipliers and shifts that Wellons' search found least biased (hash-prospector, `lowbias32`).
const FACTORS: [u32; 2] = [0x7feb_352d, 0x846c_a68b];
const SHIFTS: [u32; 3] = [16, 15, 16];

/// A 32-bit hash of an index under a 64-bit key: two rounds of multiply and xor-shift.
pub const fn hash32(low: u32, high: u32, index: u32) -> u32 {
    scramble(scramble(index.wrapping_add(low)) ^ high)
}

const fn scramble(mut x: u32) -> u32 {
    x = (x ^ (x >> SHIFTS[0])).wrapping_mul(FACTORS[0]);
    x = (x ^ (x >> SHIFTS[1])).wrapping_mul(FACTORS[1]);
    x ^ (x >> SHIFTS[2])
}

/// [`hash32`] under one key, for a SIMD vector of indices.
#[derive(Debug, Clone, Copy)]
pub struct Hash<S: Simd> {
    simd: S,
    low: S::u32s,
    high: S::u32s,
}

impl<S: Simd> Hash<S> {
    /// Under the two halves of a key.
    #[inline(always)]
    pub fn new(simd: S, (low, high): (u32, u32)) -> Self {
        Self { simd, low: simd.splat_u32s(low), high: simd.splat_u32s(high) }
    }

    /// The hashes of a vector of indices.
    #[inline(always)]
    pub fn of(self, index: S::u32s) -> S::u32s {
        let once = self.scramble(self.simd.add_u32s(index, self.low));
        self.scramble(self.simd.xor_u32s(once, self.high))
    }

    #[inline(always)]
    fn scramble(self, x: S::u32s) -> S::u32s {
        let x = self.simd.mul_u32s(self.fold(x, SHIFTS[0]), self.simd.splat_u32s(FACTORS[0]));
        let x = self.simd.mul_u32s(self.fold(x, SHIFTS[1]), self.simd.splat_u32s(FACTORS[1]));
        self.fold(x, SHIFTS[2])
    }

    #[inline(always)]
    fn fold(self, x: S::u32s, shift: u32) -> S::u32s {
        let shifted = self.simd.wrapping_dyn_shr_u32s(x, self.simd.splat_u32s(shift));
        self.simd.xor_u32s(x, shifted)
    }
}
