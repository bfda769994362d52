//! The exponential function in SIMD, without branches.

use std::f32::consts::LOG2_E;

use pulp::Simd;

/// `exp(-a)` for `a >= 0` as `scale * (1 + rest)`: `scale` a power of two, `rest` on about
/// `[-0.3, 0.42]`. Beyond 80 (and for NaN) as for 80, where nothing is left of it next to one.
#[inline(always)]
pub(super) fn exp_of_minus<S: Simd>(simd: S, a: S::f32s) -> (S::f32s, S::f32s) {
    /// Adding `1.5 * 2^23` rounds to an integer, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    /// `ln 2` in two parts, the first with so few bits that its multiples are exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    /// Taylor's coefficients from the ninth power down to the square: between `-ln(2) / 2` and `ln(2) / 2` what is left out is
    /// below a quarter of a unit in the last place.
    const TAYLOR: [f32; 8] = [
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
    ];
    let most = simd.splat_f32s(80.0);
    let bounded = simd.select_f32s(simd.less_than_f32s(a, most), a, most);
    let round = simd.splat_f32s(ROUND);
    let shifted = simd.mul_add_e_f32s(bounded, simd.splat_f32s(-LOG2_E), round);
    let n = simd.sub_f32s(shifted, round);
    let r = simd.sub_f32s(simd.splat_f32s(0.0), bounded);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN_2[0]), r);
    let r = simd.mul_add_e_f32s(n, simd.splat_f32s(-LN_2[1]), r);
    // A loop, since a closure in a fold may be compiled as a function of its own, without SIMD instructions.
    let mut tail = simd.splat_f32s(TAYLOR[0]);
    for coefficient in &TAYLOR[1..] {
        tail = simd.mul_add_e_f32s(tail, r, simd.splat_f32s(*coefficient));
    }
    let exponent = simd.add_u32s(simd.transmute_u32s_f32s(shifted), simd.splat_u32s(127));
    let scale = simd.transmute_f32s_u32s(simd.wrapping_dyn_shl_u32s(exponent, simd.splat_u32s(23)));
    (scale, simd.mul_add_e_f32s(simd.mul_f32s(tail, r), r, r))
}
