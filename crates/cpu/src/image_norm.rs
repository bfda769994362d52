//! `LayerNorm` and `InstanceNorm2d` with affine parameters: each image is normalised by itself.
//!
//! An image lies in one line of each panel and pixel. The loops go panel by panel, in the order of memory. Over all
//! numbers of an image they keep sixteen partial sums, which are added in a fixed order at the end; over each channel
//! the columns of a line are the sums.

use gansweep_nn::network;
use pulp::{Arch, Simd};

use super::activation::LeakyRelu;
use super::affine::{Affine, BatchRows, NormTrace};
use super::lines::{InVectors, OnLines, add, mul, sub, vectors, within, write};
use super::matrix::{LINE, Line, Matrix};
use super::product::store;
use super::together::Together;

/// Added to the variance. Both layers have the same.
const EPS: f32 = {
    assert!(network::LayerNorm::EPS == network::InstanceNorm::EPS);
    network::LayerNorm::EPS as f32
};

/// A layer that normalises each image by itself. Its parameters are `[pixels, features]`, or `[1, features]`.
#[derive(Debug)]
pub(super) struct ImageNorm {
    pub(super) affine: Affine,
    pub(super) together: Together,
}

impl ImageNorm {
    /// All zero, with `buffers` buffers of the optimiser for each parameter.
    pub(super) fn new(together: Together, [pixels, features]: [usize; 2], buffers: usize) -> Self {
        Self { affine: Affine::new(together.rows(pixels), features, buffers), together }
    }

    /// Normalises `trace.normalised` in place, and writes the scaled, shifted and activated rows to `out`.
    pub(super) fn forward(
        &self,
        arch: Arch,
        batch: BatchRows,
        trace: &mut NormTrace,
        leaky_relu: LeakyRelu,
        out: &mut Matrix,
    ) {
        for matrix in trace.row_sums.iter_mut().chain([&mut trace.inverse_std]) {
            matrix.reshape(batch.images, matrix.cols());
        }
        arch.dispatch(InVectors(Moments { together: self.together, trace }));
        arch.dispatch(InVectors(Forward { norm: self, trace, leaky_relu, out }));
    }

    /// Turns the gradient of the layer's output into that of its input, in place, and writes the gradients
    /// of its parameters to the trace.
    pub(super) fn backward(&self, arch: Arch, trace: &mut NormTrace, gradient: &mut Matrix) {
        arch.dispatch(InVectors(Backward { norm: self, trace, gradient }));
    }
}

/// Computes means, and one over the standard deviations.
struct Moments<'a> {
    together: Together,
    trace: &'a mut NormTrace,
}

impl OnLines for Moments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let together = self.together;
        let NormTrace { normalised: x, inverse_std: inverse, row_sums: [mean, _], .. } = self.trace;
        let images = mean.rows();
        mean.lines_mut().fill(Line::ZERO);
        for panel in 0..x.panels() {
            let width = width(x, panel);
            let mean = mean.panel_mut(together.panel(panel));
            for pixel in x.panel(panel).chunks_exact(images) {
                for (mean, x) in mean.iter_mut().zip(pixel) {
                    let x = within::<S, V>(vectors::<S, V>(x), width);
                    let sums = add(simd, vectors::<S, V>(mean), x);
                    write::<S, V>(mean, sums);
                }
            }
        }
        together.average(mean, x);
        inverse.lines_mut().fill(Line::ZERO);
        for panel in 0..x.panels() {
            let width = width(x, panel);
            let own = together.panel(panel);
            let (inverse, mean) = (inverse.panel_mut(own), mean.panel(own));
            for pixel in x.panel(panel).chunks_exact(images) {
                for ((sum, mean), x) in inverse.iter_mut().zip(mean).zip(pixel) {
                    let difference = sub(simd, vectors::<S, V>(x), vectors::<S, V>(mean));
                    let square = within::<S, V>(mul(simd, difference, difference), width);
                    let sums = add(simd, vectors::<S, V>(sum), square);
                    write::<S, V>(sum, sums);
                }
            }
        }
        together.average(inverse, x);
        for inverse in inverse.lines_mut() {
            *inverse = Line(inverse.0.map(|variance| 1.0 / (variance + EPS).sqrt()));
        }
    }
}

struct Forward<'a> {
    norm: &'a ImageNorm,
    trace: &'a mut NormTrace,
    leaky_relu: LeakyRelu<'a>,
    out: &'a mut Matrix,
}

impl OnLines for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(mut self, simd: S) {
        let ImageNorm { affine, together } = self.norm;
        let NormTrace { normalised, inverse_std, row_sums: [mean, _], .. } = self.trace;
        let images = mean.rows();
        for panel in 0..self.out.panels() {
            let weights = affine.weight.value.panel(panel);
            let biases = affine.bias.value.panel(panel);
            let (means, inverses) =
                (mean.panel(together.panel(panel)), inverse_std.panel(together.panel(panel)));
            let rows = normalised.panel_mut(panel).iter_mut().zip(self.out.panel_mut(panel));
            for (row, (x, out)) in rows.enumerate() {
                let (own, image) = (together.row(row / images), row % images);
                let weight = S::as_simd_f32s(&weights[own].0).0;
                let bias = S::as_simd_f32s(&biases[own].0).0;
                let mean = S::as_simd_f32s(&means[image].0).0;
                let inverse = S::as_simd_f32s(&inverses[image].0).0;
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
    norm: &'a ImageNorm,
    trace: &'a mut NormTrace,
    gradient: &'a mut Matrix,
}

impl OnLines for Backward<'_> {
    type Output = ();

    /// The derivative of `(x - mean) / std` by the chain rule: as for `BatchNorm`, along the other axis.
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let (weights, together) = (&self.norm.affine.weight.value, self.norm.together);
        let NormTrace {
            normalised, inverse_std, weight_gradient, bias_gradient, row_sums: [sum, along], ..
        } = self.trace;
        let images = sum.rows();
        sum.lines_mut().fill(Line::ZERO);
        along.lines_mut().fill(Line::ZERO);
        let zero = [simd.splat_f32s(0.0); V];
        for panel in 0..self.gradient.panels() {
            let width = width(self.gradient, panel);
            let own = together.panel(panel);
            let (sum, along) = (sum.panel_mut(own), along.panel_mut(own));
            let (weight_gradient, bias_gradient) =
                (weight_gradient.panel_mut(panel), bias_gradient.panel_mut(panel));
            let pixels = self.gradient.panel(panel).chunks_exact(images);
            for (pixel, (dy, x)) in pixels.zip(normalised.panel(panel).chunks_exact(images)).enumerate() {
                let row = together.row(pixel);
                let weight = vectors::<S, V>(&weights.panel(panel)[row]);
                let (mut of_weight, mut of_bias) = match row == pixel {
                    true => (zero, zero),
                    // The pixels before have the same weight.
                    false => (vectors::<S, V>(&weight_gradient[row]), vectors::<S, V>(&bias_gradient[row])),
                };
                for (image, (dy, x)) in dy.iter().zip(x).enumerate() {
                    let (dy, x) = (within::<S, V>(vectors::<S, V>(dy), width), vectors::<S, V>(x));
                    of_bias = add(simd, of_bias, dy);
                    of_weight = add(simd, of_weight, mul(simd, dy, x));
                    let scaled = add(simd, zero, mul(simd, dy, weight));
                    let sums = add(simd, vectors::<S, V>(&sum[image]), scaled);
                    write::<S, V>(&mut sum[image], sums);
                    let sums = add(simd, vectors::<S, V>(&along[image]), mul(simd, scaled, x));
                    write::<S, V>(&mut along[image], sums);
                }
                write::<S, V>(&mut weight_gradient[row], of_weight);
                write::<S, V>(&mut bias_gradient[row], of_bias);
            }
        }
        together.average(sum, self.gradient);
        together.average(along, self.gradient);
        for panel in 0..self.gradient.panels() {
            let width = width(self.gradient, panel);
            let own = together.panel(panel);
            let [sum, along, inverse] = [&*sum, &*along, &*inverse_std].map(|matrix| matrix.panel(own));
            let pixels = self.gradient.panel_mut(panel).chunks_exact_mut(images);
            for (pixel, (dy, x)) in pixels.zip(normalised.panel(panel).chunks_exact(images)).enumerate() {
                let weight = vectors::<S, V>(&weights.panel(panel)[together.row(pixel)]);
                for (image, (dy, x)) in dy.iter_mut().zip(x).enumerate() {
                    let [sum, along, inverse] =
                        [&sum[image], &along[image], &inverse[image]].map(vectors::<S, V>);
                    let common = add(simd, sum, mul(simd, vectors::<S, V>(x), along));
                    let scaled = mul(simd, vectors::<S, V>(dy), weight);
                    let own = mul(simd, inverse, sub(simd, scaled, common));
                    // Subtracting the means has changed the padding, which must stay zero.
                    write::<S, V>(dy, within::<S, V>(own, width));
                }
            }
        }
    }
}

/// Columns of a panel that are not padding.
#[inline(always)]
fn width(matrix: &Matrix, panel: usize) -> usize {
    LINE.min(matrix.cols() - panel * LINE)
}
