//! Operations of an update for which AVX-512 has shorter ways. Their results have the same bits as those of any other vectors.

use std::any::Any;
use std::arch::x86_64::__m512;

use pulp::Simd;
use pulp::bytemuck::cast;
use pulp::x86::V4;

/// The least number whose root is computed without the divider: below it a remainder would be subnormal.
const LEAST: f32 = f32::from_bits((127 - 78) << 23);
/// The bits of an exponent. All are zero in zero and in subnormal numbers alone.
const EXPONENT: u32 = 0x7f80_0000;

/// `value`, with zero for subnormal numbers; `None` if the vectors are others.
#[inline(always)]
pub(super) fn normal_or_zero<S: Simd>(simd: S, value: S::f32s) -> Option<S::f32s> {
    let avx = (&simd as &dyn Any).downcast_ref::<V4>()?.avx512f;
    let value: __m512 = cast(value);
    let exponent = avx._mm512_set1_epi32(EXPONENT as i32);
    let is_normal = avx._mm512_test_epi32_mask(avx._mm512_castps_si512(value), exponent);
    Some(cast(avx._mm512_maskz_mov_ps(is_normal, value)))
}

/// The square roots; `None` if the vectors are others, or if a number is zero, negative, less than `LEAST`, infinite or NaN.
///
/// The divider takes as long for a vector of roots as twenty multiply-adds, and an update needs it for a quotient, too. A step of
/// Newton's method, in Goldschmidt's form, brings a root and half of its reciprocal from the 14 bits of the processor's estimate to about
/// 24. The remainder of the root's square is exact, and so the root that it corrects is rounded correctly (Markstein 1990): for every
/// significand, and any estimate that is wrong by less than 2^-13 of itself.
#[inline(always)]
pub(super) fn sqrt<S: Simd>(simd: S, squares: S::f32s) -> Option<S::f32s> {
    let avx = (&simd as &dyn Any).downcast_ref::<V4>()?.avx512f;
    let squares: __m512 = cast(squares);
    let least = avx._mm512_set1_epi32(LEAST.to_bits() as i32);
    let range = avx._mm512_set1_epi32((f32::INFINITY.to_bits() - LEAST.to_bits()) as i32);
    // Without a sign: zero and numbers that are too small are far above the range then, and so are NaN and infinity.
    let above = avx._mm512_sub_epi32(avx._mm512_castps_si512(squares), least);
    if avx._mm512_cmpge_epu32_mask(above, range) != 0 {
        return None;
    }
    let half = avx._mm512_set1_ps(0.5);
    let reciprocal = avx._mm512_rsqrt14_ps(squares);
    let root = avx._mm512_mul_ps(squares, reciprocal);
    let half_reciprocal = avx._mm512_mul_ps(reciprocal, half);
    let error = avx._mm512_fnmadd_ps(root, half_reciprocal, half);
    let root = avx._mm512_fmadd_ps(root, error, root);
    let half_reciprocal = avx._mm512_fmadd_ps(half_reciprocal, error, half_reciprocal);
    let remainder = avx._mm512_fnmadd_ps(root, root, squares);
    Some(cast(avx._mm512_fmadd_ps(remainder, half_reciprocal, root)))
}
