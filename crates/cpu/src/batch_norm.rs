//! `BatchNorm1d` with affine parameters.

use gansweep_nn::network;
use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};

use super::activation::{LeakyRelu, store};
use super::affine::{Affine, NormTrace, Statistics};
use super::matrix::{LINE, Line, Matrix};

const EPS: f32 = network::BatchNorm::EPS as f32;
const MOMENTUM: f32 = network::BatchNorm::MOMENTUM as f32;

/// The parameters and running statistics of one layer; the latter are `[1, features]`.
#[derive(Debug)]
pub(super) struct BatchNorm {
    pub(super) affine: Affine,
    pub(super) running_mean: Matrix,
    pub(super) running_var: Matrix,
}

impl BatchNorm {
    /// All zero, with `buffers` buffers of the optimiser for each parameter.
    pub(super) fn new(features: usize, buffers: usize) -> Self {
        Self {
            affine: Affine::new(features, buffers),
            running_mean: Matrix::new(1, features),
            running_var: Matrix::new(1, features),
        }
    }

    /// Normalises `trace.normalised` in place, and writes the scaled, shifted and activated rows to `out`.
    pub(super) fn forward(
        &mut self,
        arch: Arch,
        statistics: Statistics,
        trace: &mut NormTrace,
        leaky_relu: LeakyRelu,
        out: &mut Matrix,
    ) {
        arch.dispatch(Forward { norm: self, statistics, trace, leaky_relu, out });
    }

    /// Mean and variance of a panel's features.
    #[inline(always)]
    fn statistics(&mut self, statistics: Statistics, panel: usize, rows: &[Line]) -> (Line, Line) {
        let running_mean = &mut self.running_mean.lines_mut()[panel];
        let running_var = &mut self.running_var.lines_mut()[panel];
        if statistics == Statistics::Running {
            return (*running_mean, *running_var);
        }
        let count = rows.len() as f32;
        let mut mean = Line::ZERO;
        for row in rows {
            for i in 0..LINE {
                mean.0[i] += row.0[i];
            }
        }
        let mean = map(&mean, |sum| sum / count);
        let mut var = Line::ZERO;
        for row in rows {
            for i in 0..LINE {
                let difference = row.0[i] - mean.0[i];
                var.0[i] += difference * difference;
            }
        }
        let var = map(&var, |sum| sum / count);
        if statistics == Statistics::Training {
            // A single row has no unbiased variance; its biased one, zero, is used.
            let unbiased = if rows.len() > 1 { count / (count - 1.0) } else { 1.0 };
            for i in 0..LINE {
                running_mean.0[i] = (1.0 - MOMENTUM) * running_mean.0[i] + MOMENTUM * mean.0[i];
                running_var.0[i] = (1.0 - MOMENTUM) * running_var.0[i] + MOMENTUM * (var.0[i] * unbiased);
            }
        }
        (mean, var)
    }

    /// Turns the gradient of the layer's output into that of its input, in place, and writes the gradients
    /// of its parameters to the trace.
    pub(super) fn backward(&self, arch: Arch, trace: &mut NormTrace, gradient: &mut Matrix) {
        arch.dispatch(Backward { weight: &self.affine.weight.value, trace, gradient });
    }
}

struct Forward<'a> {
    norm: &'a mut BatchNorm,
    statistics: Statistics,
    trace: &'a mut NormTrace,
    leaky_relu: LeakyRelu<'a>,
    out: &'a mut Matrix,
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, 1>(simd),
            8 => self.run::<S, 2>(simd),
            4 => self.run::<S, 4>(simd),
            1 => self.run::<S, 16>(simd),
            lanes => unreachable!("vectors of {lanes} floats"),
        }
    }
}

impl Forward<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(mut self, simd: S) {
        for panel in 0..self.out.panels() {
            let rows = self.trace.normalised.panel_mut(panel);
            let (mean, var) = self.norm.statistics(self.statistics, panel, rows);
            let inverse = map(&var, |var| 1.0 / (var + EPS).sqrt());
            self.trace.inverse_std.lines_mut()[panel] = inverse;
            let lines = [
                &mean,
                &inverse,
                &self.norm.affine.weight.value.lines()[panel],
                &self.norm.affine.bias.value.lines()[panel],
            ];
            let [mean, inverse, weight, bias] = lines.map(|line| S::as_simd_f32s(&line.0).0);
            for (row, (x, out)) in rows.iter_mut().zip(self.out.panel_mut(panel)).enumerate() {
                let x = S::as_mut_simd_f32s(&mut x.0).0;
                let mut y = [simd.splat_f32s(0.0); V];
                for v in 0..V {
                    x[v] = simd.mul_f32s(simd.sub_f32s(x[v], mean[v]), inverse[v]);
                    y[v] = simd.mul_add_e_f32s(x[v], weight[v], bias[v]);
                }
                let activated = self.leaky_relu.apply(simd, row, panel, [y]);
                store(simd, std::slice::from_mut(out), &activated);
            }
        }
    }
}

struct Backward<'a> {
    weight: &'a Matrix,
    trace: &'a mut NormTrace,
    gradient: &'a mut Matrix,
}

impl NullaryFnOnce for Backward<'_> {
    type Output = ();

    /// The formula of Ioffe and Szegedy 2015, section 3.
    #[inline(always)]
    fn call(self) {
        let NormTrace { normalised, inverse_std, weight_gradient, bias_gradient, .. } = self.trace;
        for panel in 0..self.gradient.panels() {
            let (rows, normalised) = (self.gradient.panel_mut(panel), normalised.panel(panel));
            let (mut along, mut sum) = (Line::ZERO, Line::ZERO);
            for (dy, x) in rows.iter().zip(normalised) {
                for i in 0..LINE {
                    sum.0[i] += dy.0[i];
                    along.0[i] += dy.0[i] * x.0[i];
                }
            }
            let count = rows.len() as f32;
            let (weight, inverse) = (&self.weight.lines()[panel], &inverse_std.lines()[panel]);
            for (dy, x) in rows.iter_mut().zip(normalised) {
                for i in 0..LINE {
                    let common = (sum.0[i] + x.0[i] * along.0[i]) / count;
                    dy.0[i] = weight.0[i] * inverse.0[i] * (dy.0[i] - common);
                }
            }
            weight_gradient.lines_mut()[panel] = along;
            bias_gradient.lines_mut()[panel] = sum;
        }
    }
}

#[inline(always)]
fn map(line: &Line, function: impl Fn(f32) -> f32) -> Line {
    Line(std::array::from_fn(|i| function(line.0[i])))
}
