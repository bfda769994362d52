//! Output activations (tanh, sigmoid) in SIMD, without branches.

use std::ops::Range;

use gansweep_config::Output;
use pulp::{Arch, Simd, WithSimd};

use super::activation::AddBias;
use super::exponential::exp_of_minus;
use super::matrix::{Line, Matrix};
use super::product::{Epilogue, OffsetRows, ResumableEpilogue, product, store};
use super::sparse::Input;
use super::transpose::Derivative;

/// An output activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputActivation {
    Tanh,
    Sigmoid,
}

impl OutputActivation {
    pub(super) fn of(output: Output) -> Self {
        match output {
            Output::Tanh => Self::Tanh,
            Output::Sigmoid => Self::Sigmoid,
        }
    }

    /// Its derivative as a function of its output.
    pub(super) fn derivative(self) -> Derivative {
        match self {
            Self::Tanh => Derivative::Tanh,
            Self::Sigmoid => Derivative::Sigmoid,
        }
    }

    /// Writes the activation of the product of `a` and `b`, plus the bias, to the rows from `first_row` on.
    pub(super) fn product(self, arch: Arch, a: Input, b: &Matrix, add_bias: AddBias, first_row: usize) {
        match self {
            Self::Tanh => {
                product(
                    arch,
                    a,
                    b,
                    OffsetRows { epilogue: WithOutputActivation { function: Tanh, add_bias }, first_row },
                );
            }
            Self::Sigmoid => {
                product(
                    arch,
                    a,
                    b,
                    OffsetRows { epilogue: WithOutputActivation { function: Sigmoid, add_bias }, first_row },
                );
            }
        }
    }
}

impl OutputActivation {
    /// Applies the activation to lines in place.
    pub(super) fn apply(self, arch: Arch, lines: &mut [Line]) {
        match self {
            Self::Tanh => arch.dispatch(InPlace { function: Tanh, lines }),
            Self::Sigmoid => arch.dispatch(InPlace { function: Sigmoid, lines }),
        }
    }
}

struct InPlace<'a, F> {
    function: F,
    lines: &'a mut [Line],
}

impl<F: Function> WithSimd for InPlace<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for line in self.lines {
            for value in S::as_mut_simd_f32s(&mut line.0).0 {
                *value = self.function.at(simd, *value);
            }
        }
    }
}

/// An element-wise function.
trait Function {
    fn at<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s;
}

struct WithOutputActivation<'a, F> {
    function: F,
    add_bias: AddBias<'a>,
}

impl<F: Function> Epilogue for WithOutputActivation<'_, F> {
    #[inline(always)]
    fn apply<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        lines: &[Line; R],
    ) {
        let mut values = self.add_bias.sums::<S, V, R>(simd, row, panel, lines);
        for value in values.as_flattened_mut() {
            *value = self.function.at(simd, *value);
        }
        store(simd, self.partial(row..row + R, panel), &values);
    }
}

impl<F: Function> ResumableEpilogue for WithOutputActivation<'_, F> {
    const PREFETCH_LEFT: bool = AddBias::PREFETCH_LEFT;

    #[inline(always)]
    fn partial(&mut self, rows: Range<usize>, panel: usize) -> &mut [Line] {
        self.add_bias.partial(rows, panel)
    }
}

struct Tanh;

impl Function for Tanh {
    /// `(1 - exp(-2|x|)) / (1 + exp(-2|x|))` with the sign of `x`, the numerator without
    /// cancellation.
    #[inline(always)]
    fn at<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s {
        let one = simd.splat_f32s(1.0);
        let sign = simd.and_f32s(x, simd.splat_f32s(-0.0));
        let magnitude = simd.xor_f32s(x, sign);
        let (scale, rest) = exp_of_minus(simd, simd.add_f32s(magnitude, magnitude));
        let less = simd.mul_add_e_f32s(scale, rest, simd.sub_f32s(scale, one));
        let y = simd.div_f32s(
            simd.sub_f32s(simd.splat_f32s(0.0), less),
            simd.add_f32s(one, simd.add_f32s(one, less)),
        );
        unless_nan(simd, x, simd.or_f32s(y, sign))
    }
}

struct Sigmoid;

impl Function for Sigmoid {
    /// `1 / (1 + exp(-x))`, with the exponential of a negative number on either side of zero.
    #[inline(always)]
    fn at<S: Simd>(&self, simd: S, x: S::f32s) -> S::f32s {
        let one = simd.splat_f32s(1.0);
        let magnitude = simd.and_f32s(x, simd.splat_f32s(f32::from_bits(0x7fff_ffff)));
        let (scale, rest) = exp_of_minus(simd, magnitude);
        let small = simd.mul_add_e_f32s(scale, rest, scale);
        let negative = simd.less_than_f32s(x, simd.splat_f32s(0.0));
        let above = simd.select_f32s(negative, small, one);
        unless_nan(simd, x, simd.div_f32s(above, simd.add_f32s(one, small)))
    }
}

#[inline(always)]
fn unless_nan<S: Simd>(simd: S, x: S::f32s, y: S::f32s) -> S::f32s {
    simd.select_f32s(simd.equal_f32s(x, x), y, x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gansweep_nn::Vectors;

    /// The activation of every element of `x`, as the product of a column and a 1 x 1 identity.
    fn apply(activation: OutputActivation, arch: Arch, x: &[f32]) -> Vec<f32> {
        let column = Matrix::from_fn(x.len(), 1, |row, _| x[row]);
        let (one, bias) = (Matrix::from_fn(1, 1, |_, _| 1.0), Matrix::new(1, 1));
        let mut out = Matrix::new(x.len() + 1, 1);
        activation.product(
            arch,
            (&column).into(),
            &one,
            AddBias { bias: &bias, classes: None, out: &mut out },
            1,
        );
        (0..x.len()).map(|row| out.get(row + 1, 0)).collect()
    }

    #[test]
    fn values_are_within_a_few_units_in_the_last_place() {
        let x: Vec<f32> = (-400_000i32..=400_000).map(|i| i as f32 * 1e-4).collect();
        for arch in Vectors::all().into_iter().map(Vectors::arch) {
            for (x, y) in x.iter().zip(apply(OutputActivation::Tanh, arch, &x)) {
                let exact = f64::from(*x).tanh();
                assert!((f64::from(y) - exact).abs() <= 3e-7 * exact.abs(), "tanh({x}) = {y}, not {exact}");
            }
            for (x, y) in x.iter().zip(apply(OutputActivation::Sigmoid, arch, &x)) {
                let exact = 1.0 / (1.0 + (-f64::from(*x)).exp());
                assert!((f64::from(y) - exact).abs() <= 3e-7 * exact, "sigmoid({x}) = {y}, not {exact}");
            }
        }
    }

    #[test]
    fn extremes_saturate_and_nan_stays_nan() {
        let x = [f32::INFINITY, 1e30, -1e30, f32::NEG_INFINITY, 0.0, -0.0, f32::NAN];
        let tanh = apply(OutputActivation::Tanh, Arch::new(), &x);
        assert_eq!(tanh[..4], [1.0, 1.0, -1.0, -1.0]);
        assert!(tanh[4] == 0.0 && tanh[5] == 0.0 && tanh[6].is_nan());
        let sigmoid = apply(OutputActivation::Sigmoid, Arch::new(), &x);
        assert_eq!(sigmoid[..2], [1.0, 1.0]);
        assert!(sigmoid[2] < 1e-30 && sigmoid[3] < 1e-30 && sigmoid[6].is_nan());
        assert_eq!(sigmoid[4..6], [0.5, 0.5]);
    }
}
