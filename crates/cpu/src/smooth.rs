//! Activations whose derivative has no jump (`SiLU`, GELU, ELU), in SIMD, without branches.
//!
//! Their derivatives follow from their input: those of `SiLU` and GELU do not from their output, which is the same on both sides
//! of their minimum.

use std::f32::consts::PI;

use gansweep_config::SmoothActivation;
use pulp::{Arch, Simd, WithSimd};

use super::exponential::exp_of_minus;
use super::matrix::{Line, Matrix};

/// Applies the activation in place.
pub(super) fn apply(arch: Arch, activation: SmoothActivation, numbers: &mut Matrix) {
    arch.dispatch(Each::<0> { activation, times_at: None, numbers: numbers.lines_mut() });
}

/// Multiplies `numbers` by the derivative of the activation at `input`.
pub(super) fn times_derivative(
    arch: Arch,
    activation: SmoothActivation,
    input: &Matrix,
    numbers: &mut Matrix,
) {
    arch.dispatch(Each::<1> { activation, times_at: Some(input.lines()), numbers: numbers.lines_mut() });
}

/// Multiplies `numbers` by the second derivative of the activation at `input`.
pub(super) fn times_second_derivative(
    arch: Arch,
    activation: SmoothActivation,
    input: &Matrix,
    numbers: &mut Matrix,
) {
    arch.dispatch(Each::<2> { activation, times_at: Some(input.lines()), numbers: numbers.lines_mut() });
}

/// A function of a number.
trait Function: Copy {
    /// The derivative of that order at `x`: the value for 0, and the first and second for 1 and 2.
    fn derivative<S: Simd, const ORDER: u8>(simd: S, x: S::f32s) -> S::f32s;
}

/// Replaces each number by the derivative of that order at it, or multiplies it by the one at another number.
struct Each<'a, const ORDER: u8> {
    activation: SmoothActivation,
    /// The other numbers.
    times_at: Option<&'a [Line]>,
    numbers: &'a mut [Line],
}

impl<const ORDER: u8> WithSimd for Each<'_, ORDER> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.activation {
            SmoothActivation::Silu => self.run(simd, Silu),
            SmoothActivation::Gelu => self.run(simd, Gelu),
            SmoothActivation::Elu => self.run(simd, Elu),
        }
    }
}

impl<const ORDER: u8> Each<'_, ORDER> {
    #[inline(always)]
    fn run<S: Simd, F: Function>(self, simd: S, _: F) {
        let Some(input) = self.times_at else {
            for line in self.numbers {
                for number in S::as_mut_simd_f32s(&mut line.0).0 {
                    *number = F::derivative::<S, ORDER>(simd, *number);
                }
            }
            return;
        };
        for (line, input) in self.numbers.iter_mut().zip(input) {
            let input = S::as_simd_f32s(&input.0).0;
            for (number, &x) in S::as_mut_simd_f32s(&mut line.0).0.iter_mut().zip(input) {
                *number = simd.mul_f32s(*number, F::derivative::<S, ORDER>(simd, x));
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Silu;

impl Function for Silu {
    /// With `s = 1 / (1 + exp(-x))` and `t = 1 - s`, both without cancellation: `x s`, `s (1 + x t)` and
    /// `s t (2 + x (t - s))`.
    #[inline(always)]
    fn derivative<S: Simd, const ORDER: u8>(simd: S, x: S::f32s) -> S::f32s {
        let one = simd.splat_f32s(1.0);
        let small = vanishing(simd, simd.abs_f32s(x));
        let sum = simd.add_f32s(one, small);
        let is_below = simd.less_than_f32s(x, simd.splat_f32s(0.0));
        let s = simd.div_f32s(simd.select_f32s(is_below, small, one), sum);
        let t = simd.div_f32s(simd.select_f32s(is_below, one, small), sum);
        match ORDER {
            0 => simd.mul_f32s(x, s),
            1 => simd.mul_f32s(s, simd.mul_add_e_f32s(x, t, one)),
            _ => {
                let bend = simd.mul_add_e_f32s(x, simd.sub_f32s(t, s), simd.splat_f32s(2.0));
                simd.mul_f32s(simd.mul_f32s(s, t), bend)
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Gelu;

impl Function for Gelu {
    /// With the standard normal distribution's density `d` at `x` and its share `p` below `x`: `x p`, `p + x d` and
    /// `d (2 - x^2)`.
    #[inline(always)]
    fn derivative<S: Simd, const ORDER: u8>(simd: S, x: S::f32s) -> S::f32s {
        let square = simd.mul_f32s(x, x);
        let half = simd.mul_f32s(square, simd.splat_f32s(0.5));
        let bell = vanishing(simd, half);
        let density = simd.mul_f32s(bell, simd.splat_f32s(1.0 / (2.0 * PI).sqrt()));
        if ORDER == 2 {
            // The square may be infinite where the density is zero.
            let bend = simd.mul_f32s(density, simd.sub_f32s(simd.splat_f32s(2.0), square));
            let is_infinite = simd.greater_than_or_equal_f32s(square, simd.splat_f32s(f32::INFINITY));
            return simd.select_f32s(is_infinite, simd.splat_f32s(0.0), bend);
        }
        let tail = simd.mul_f32s(bell, tail_over_bell(simd, x));
        let is_below = simd.less_than_f32s(x, simd.splat_f32s(0.0));
        let share = simd.select_f32s(is_below, tail, simd.sub_f32s(simd.splat_f32s(1.0), tail));
        match ORDER {
            0 => simd.mul_f32s(x, share),
            _ => simd.mul_add_e_f32s(x, density, share),
        }
    }
}

/// The share of a standard normal distribution below `-|x|`, over `exp(-x^2 / 2)`.
///
/// `tests/golden/gelu_coefficients.py` fitted the polynomial; its relative error is below 2e-8.
#[inline(always)]
fn tail_over_bell<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const SCALE: f32 = 0.21;
    /// From the ninth power down to the first.
    const COEFFICIENTS: [f32; 9] = [
        -0.071_656_3,
        0.283_588_53,
        -0.330_253_3,
        0.349_400_9,
        -0.093_925_14,
        0.124_872_7,
        0.069_192_18,
        0.085_068_86,
        0.083_711_58,
    ];
    let one = simd.splat_f32s(1.0);
    let u = simd.div_f32s(one, simd.mul_add_e_f32s(simd.abs_f32s(x), simd.splat_f32s(SCALE), one));
    let mut sum = simd.splat_f32s(COEFFICIENTS[0]);
    for coefficient in &COEFFICIENTS[1..] {
        sum = simd.mul_add_e_f32s(sum, u, simd.splat_f32s(*coefficient));
    }
    simd.mul_f32s(sum, u)
}

#[derive(Clone, Copy)]
struct Elu;

impl Function for Elu {
    /// `exp(x) - 1` without cancellation, `exp(x)` and `exp(x)` below zero; `x`, 1 and 0 above.
    #[inline(always)]
    fn derivative<S: Simd, const ORDER: u8>(simd: S, x: S::f32s) -> S::f32s {
        let (zero, one) = (simd.splat_f32s(0.0), simd.splat_f32s(1.0));
        let (scale, rest) = exp_of_minus(simd, simd.abs_f32s(x));
        // Not "is above", so that NaN stays what it is.
        let is_below = simd.less_than_f32s(x, zero);
        match ORDER {
            0 => {
                let less = simd.mul_add_e_f32s(scale, rest, simd.sub_f32s(scale, one));
                simd.select_f32s(is_below, less, x)
            }
            order => {
                let above = if order == 1 { one } else { zero };
                simd.select_f32s(is_below, simd.mul_add_e_f32s(scale, rest, scale), above)
            }
        }
    }
}

/// `exp(-a)` for `a >= 0`, and zero from 80 on, so that it stays zero when it is multiplied by something large.
#[inline(always)]
fn vanishing<S: Simd>(simd: S, a: S::f32s) -> S::f32s {
    let (scale, rest) = exp_of_minus(simd, a);
    let is_near = simd.less_than_f32s(a, simd.splat_f32s(80.0));
    simd.select_f32s(is_near, simd.mul_add_e_f32s(scale, rest, scale), simd.splat_f32s(0.0))
}

#[cfg(test)]
mod tests {
    use gansweep_nn::Vectors;

    use super::*;
    use crate::tests::oracle::curves::smooth;

    /// Value, first and second derivative of each number, as this backend computes them.
    fn computed(arch: Arch, activation: SmoothActivation, x: &[f32]) -> [Vec<f32>; 3] {
        let input = Matrix::from_fn(x.len(), 1, |row, _| x[row]);
        let ones = || Matrix::from_fn(x.len(), 1, |_, _| 1.0);
        let (mut value, mut first, mut second) = (input.clone(), ones(), ones());
        apply(arch, activation, &mut value);
        times_derivative(arch, activation, &input, &mut first);
        times_second_derivative(arch, activation, &input, &mut second);
        [value, first, second].map(|of| (0..x.len()).map(|row| of.get(row, 0)).collect())
    }

    #[test]
    fn values_and_derivatives_are_within_a_few_units_in_the_last_place() {
        let x: Vec<f32> = (-13_000i32..=13_000).map(|i| i as f32 * 1e-3).collect();
        for arch in Vectors::all().into_iter().map(Vectors::arch) {
            for activation in SmoothActivation::ALL {
                let computed = computed(arch, activation, &x);
                for (i, &x) in x.iter().enumerate() {
                    let exact = smooth(activation, f64::from(x));
                    for (order, (exact, computed)) in exact.iter().zip(&computed).enumerate() {
                        let far = (f64::from(computed[i]) - exact).abs();
                        let what = format!("derivative {order} of {} at {x}", activation.name());
                        assert!(far <= 3e-7 * (1.0 + exact.abs()), "{what}: {} {exact}", computed[i]);
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_overflows_far_from_zero_and_nan_stays_nan() {
        let x = [1e30, -1e30, 100.0, -100.0, 0.0, -0.0, f32::NAN];
        for activation in SmoothActivation::ALL {
            let [value, first, second] = computed(Arch::new(), activation, &x);
            let low = if activation == SmoothActivation::Elu { -1.0 } else { 0.0 };
            assert_eq!(value[0].to_bits(), 1e30f32.to_bits());
            assert!(
                (value[2] - 100.0).abs() < 1e-5
                    && (value[1] - low).abs() < 1e-3
                    && (value[3] - low).abs() < 1e-30
            );
            assert!((first[0] - 1.0).abs() < 1e-6 && first[1].abs() < 1e-3 && first[3].abs() < 1e-30);
            assert!(value[4] == 0.0 && value[5] == 0.0 && value[6].is_nan(), "{value:?}");
            assert!(second[..4].iter().all(|second| second.abs() < 1e-30), "{activation:?}: {second:?}");
        }
    }
}
