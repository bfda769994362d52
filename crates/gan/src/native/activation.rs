//! What follows a Linear layer, and the factors that a gradient takes on its way back through it.

use pulp::{Arch, Simd};

use super::matrix::{Line, Matrix};
use super::product::{Finish, Gather};

/// Adds the bias to a product; the sum goes to rows of `out` from `first_row`.
pub(super) struct AddBias<'a> {
    pub(super) bias: &'a Matrix,
    pub(super) out: &'a mut Matrix,
    pub(super) first_row: usize,
}

impl Finish for AddBias<'_> {
    #[inline(always)]
    fn finish<S: Simd, const V: usize>(&mut self, simd: S, row: usize, panel: usize, line: [S::f32s; V]) {
        let bias = S::as_simd_f32s(&self.bias.lines()[panel].0).0;
        let out = S::as_mut_simd_f32s(&mut self.out.panel_mut(panel)[self.first_row + row].0).0;
        for v in 0..V {
            out[v] = simd.add_f32s(line[v], bias[v]);
        }
    }
}

impl Gather for AddBias<'_> {
    #[inline(always)]
    fn partial(&mut self, row: usize, panel: usize) -> &mut Line {
        &mut self.out.panel_mut(panel)[self.first_row + row]
    }
}

/// Adds the bias to a product, applies a leaky ReLU and Dropout, and keeps the derivative.
pub(super) struct Activate<'a> {
    pub(super) bias: &'a Matrix,
    pub(super) slope: f32,
    /// Whether `factor` holds a dropout mask on entry.
    pub(super) masked: bool,
    pub(super) out: &'a mut Matrix,
    /// Becomes the derivative of the output with respect to the Linear layer's.
    pub(super) factor: &'a mut Matrix,
}

impl Finish for Activate<'_> {
    #[inline(always)]
    fn finish<S: Simd, const V: usize>(&mut self, simd: S, row: usize, panel: usize, line: [S::f32s; V]) {
        let bias = S::as_simd_f32s(&self.bias.lines()[panel].0).0;
        let out = S::as_mut_simd_f32s(&mut self.out.panel_mut(panel)[row].0).0;
        let factor = S::as_mut_simd_f32s(&mut self.factor.panel_mut(panel)[row].0).0;
        let (zero, one, slope) = (simd.splat_f32s(0.0), simd.splat_f32s(1.0), simd.splat_f32s(self.slope));
        for v in 0..V {
            let x = simd.add_f32s(line[v], bias[v]);
            let mut derivative = simd.select_f32s(simd.greater_than_f32s(x, zero), one, slope);
            if self.masked {
                derivative = simd.mul_f32s(derivative, factor[v]);
            }
            factor[v] = derivative;
            out[v] = simd.mul_f32s(x, derivative);
        }
    }
}

impl Gather for Activate<'_> {
    #[inline(always)]
    fn partial(&mut self, row: usize, panel: usize) -> &mut Line {
        &mut self.out.panel_mut(panel)[row]
    }
}

/// Keeps a product as it is.
pub(super) struct Keep<'a>(pub(super) &'a mut Matrix);

impl Finish for Keep<'_> {
    #[inline(always)]
    fn finish<S: Simd, const V: usize>(&mut self, _: S, row: usize, panel: usize, line: [S::f32s; V]) {
        let out = S::as_mut_simd_f32s(&mut self.0.panel_mut(panel)[row].0).0;
        out[..V].copy_from_slice(&line);
    }
}

impl Gather for Keep<'_> {
    #[inline(always)]
    fn partial(&mut self, row: usize, panel: usize) -> &mut Line {
        &mut self.0.panel_mut(panel)[row]
    }
}

/// A leaky ReLU and Dropout on a line in memory: the output and the derivative.
#[inline(always)]
pub(super) fn leaky_line(x: &Line, slope: f32, mask: Option<&Line>) -> (Line, Line) {
    let mut factor = Line(std::array::from_fn(|i| if x.0[i] > 0.0 { 1.0 } else { slope }));
    if let Some(mask) = mask {
        factor = Line(std::array::from_fn(|i| factor.0[i] * mask.0[i]));
    }
    (Line(std::array::from_fn(|i| x.0[i] * factor.0[i])), factor)
}

/// Applies tanh to `count` rows of `values` from `first_row`; its derivative goes to `factor`.
pub(super) fn tanh(arch: Arch, values: &mut Matrix, first_row: usize, factor: &mut Matrix) {
    each_output(arch, values, first_row, factor, |x| {
        let y = exponential::tanh(x);
        (y, 1.0 - y * y)
    });
}

/// Applies the sigmoid like [`tanh`].
pub(super) fn sigmoid(arch: Arch, values: &mut Matrix, first_row: usize, factor: &mut Matrix) {
    each_output(arch, values, first_row, factor, |x| {
        let y = exponential::sigmoid(x);
        (y, y * (1.0 - y))
    });
}

#[inline(always)]
fn each_output(
    arch: Arch,
    values: &mut Matrix,
    first_row: usize,
    factor: &mut Matrix,
    function: impl Fn(f32) -> (f32, f32),
) {
    let count = factor.rows();
    arch.dispatch(
        #[inline(always)]
        || {
            for panel in 0..factor.panels() {
                let values = values.part_mut(panel, first_row..first_row + count);
                for (value, factor) in values.iter_mut().zip(factor.panel_mut(panel)) {
                    for (value, factor) in value.0.iter_mut().zip(&mut factor.0) {
                        (*value, *factor) = function(*value);
                    }
                }
            }
        },
    );
}

/// Functions of one number without branches, the same bits on every machine.
mod exponential {
    /// `exp(x) - 1` for `x <= 0` and what must be added to it for `exp(x)`... see [`parts`].
    ///
    /// Splits `exp(-a)` for `a >= 0` into `scale * (1 + rest)`: `scale` a power of two, `rest` on
    /// about `[-0.3, 0.42]`, by a Taylor polynomial of degree 8 whose error is below `2^-25`.
    #[inline(always)]
    fn parts(a: f32) -> (f32, f32) {
        // Beyond this the result is below the smallest normal number's root; `min` also maps NaN.
        let x = -(if a < 80.0 { a } else { 80.0 });
        // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
        let shifted = x * std::f32::consts::LOG2_E + 12_582_912.0;
        let n = shifted - 12_582_912.0;
        // ln 2 in two parts, the first with few enough bits for an exact product.
        let r = (x - n * 0.693_359_4) - n * -2.121_944_4e-4;
        let tail = ((((((r * (1.0 / 40320.0) + 1.0 / 5040.0) * r + 1.0 / 720.0) * r + 1.0 / 120.0) * r
            + 1.0 / 24.0)
            * r
            + 1.0 / 6.0)
            * r
            + 0.5)
            * r
            * r;
        let scale = f32::from_bits((shifted.to_bits().wrapping_add(127)) << 23);
        (scale, r + tail)
    }

    #[inline(always)]
    pub(super) fn tanh(x: f32) -> f32 {
        let (scale, rest) = parts(2.0 * x.abs());
        // exp(-2a) - 1, exactly rounded up to `rest`.
        let less = scale * rest + (scale - 1.0);
        let y = -less / (2.0 + less);
        if x.is_nan() { x } else { y.copysign(x) }
    }

    #[inline(always)]
    pub(super) fn sigmoid(x: f32) -> f32 {
        let (scale, rest) = parts(x.abs());
        let e = scale + scale * rest;
        let y = (if x < 0.0 { e } else { 1.0 }) / (1.0 + e);
        if x.is_nan() { x } else { y }
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn tanh_and_sigmoid_are_within_a_few_units_in_the_last_place() {
            for i in -400_000i32..=400_000 {
                let x = i as f32 * 1e-4;
                let (exact, y) = (f64::from(x).tanh(), f64::from(super::tanh(x)));
                assert!((y - exact).abs() <= 4e-7 * exact.abs(), "tanh({x}) = {y}, not {exact}");
                let (exact, y) = (1.0 / (1.0 + (-f64::from(x)).exp()), f64::from(super::sigmoid(x)));
                assert!((y - exact).abs() <= 4e-7 * exact, "sigmoid({x}) = {y}, not {exact}");
            }
        }

        #[test]
        fn extremes_saturate_and_what_is_no_number_stays_none() {
            assert_eq!([f32::INFINITY, 1e30, -1e30, f32::NEG_INFINITY].map(super::tanh), [1.0, 1.0, -1.0, -1.0]);
            assert_eq!(super::sigmoid(f32::INFINITY), 1.0);
            assert!(super::sigmoid(f32::NEG_INFINITY) < 1e-30);
            assert!(super::tanh(f32::NAN).is_nan() && super::sigmoid(f32::NAN).is_nan());
        }
    }
}
