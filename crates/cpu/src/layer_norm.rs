//! `LayerNorm` with affine parameters.
//!
//! An image lies in one line of each panel and pixel. The loops go panel by panel, in the order of memory, and
//! keep sixteen partial sums for each image, which are added in a fixed order at the end.

use gansweep_nn::network;
use pulp::{Arch, Simd};

use super::activation::{LeakyRelu, store};
use super::affine::{Affine, BatchRows, NormTrace};
use super::lines::{InVectors, OnLines, add, mul, sub, vectors, within, write};
use super::matrix::{LINE, Line, Matrix};

const EPS: f32 = network::LayerNorm::EPS as f32;

/// A layer that normalises each image by itself. Its parameters are `[pixels, features]`.
#[derive(Debug)]
pub(super) struct LayerNorm {
    pub(super) affine: Affine,
}

impl LayerNorm {
    /// All zero, with `buffers` buffers of the optimiser for each parameter.
    pub(super) fn new(pixels: usize, features: usize, buffers: usize) -> Self {
        Self { affine: Affine::new(pixels, features, buffers) }
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
            matrix.reshape(batch.images, LINE);
        }
        arch.dispatch(InVectors(Moments(trace)));
        arch.dispatch(InVectors(Forward { affine: &self.affine, trace, leaky_relu, out }));
    }

    /// Turns the gradient of the layer's output into that of its input, in place, and writes the gradients
    /// of its parameters to the trace.
    pub(super) fn backward(&self, arch: Arch, trace: &mut NormTrace, gradient: &mut Matrix) {
        arch.dispatch(InVectors(Backward { weight: &self.affine.weight.value, trace, gradient }));
    }
}

/// Computes each row's mean and one over its standard deviation, repeated in all elements of a line.
struct Moments<'a>(&'a mut NormTrace);

impl OnLines for Moments<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let NormTrace { normalised: x, inverse_std, row_sums: [mean, _], .. } = self.0;
        let (mean, inverse) = (mean.lines_mut(), inverse_std.lines_mut());
        let images = mean.len();
        let count = (x.cols() * (x.rows() / images)) as f32;
        mean.fill(Line::ZERO);
        for panel in 0..x.panels() {
            let width = width(x, panel);
            for pixel in x.panel(panel).chunks_exact(images) {
                for (mean, x) in mean.iter_mut().zip(pixel) {
                    let x = within::<S, V>(vectors::<S, V>(x), width);
                    let sums = add(simd, vectors::<S, V>(mean), x);
                    write::<S, V>(mean, sums);
                }
            }
        }
        for mean in &mut *mean {
            *mean = Line([total(mean) / count; LINE]);
        }
        inverse.fill(Line::ZERO);
        for panel in 0..x.panels() {
            let width = width(x, panel);
            for pixel in x.panel(panel).chunks_exact(images) {
                for ((sum, mean), x) in inverse.iter_mut().zip(&*mean).zip(pixel) {
                    let difference = sub(simd, vectors::<S, V>(x), vectors::<S, V>(mean));
                    let square = within::<S, V>(mul(simd, difference, difference), width);
                    let sums = add(simd, vectors::<S, V>(sum), square);
                    write::<S, V>(sum, sums);
                }
            }
        }
        for inverse in inverse {
            *inverse = Line([1.0 / (total(inverse) / count + EPS).sqrt(); LINE]);
        }
    }
}

struct Forward<'a> {
    affine: &'a Affine,
    trace: &'a mut NormTrace,
    leaky_relu: LeakyRelu<'a>,
    out: &'a mut Matrix,
}

impl OnLines for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(mut self, simd: S) {
        let NormTrace { normalised, inverse_std, row_sums: [mean, _], .. } = self.trace;
        let images = mean.rows();
        for panel in 0..self.out.panels() {
            let weights = self.affine.weight.value.panel(panel);
            let biases = self.affine.bias.value.panel(panel);
            let rows = normalised.panel_mut(panel).iter_mut().zip(self.out.panel_mut(panel));
            for (row, (x, out)) in rows.enumerate() {
                let (pixel, image) = (row / images, row % images);
                let weight = S::as_simd_f32s(&weights[pixel].0).0;
                let bias = S::as_simd_f32s(&biases[pixel].0).0;
                let mean = S::as_simd_f32s(&mean.lines()[image].0).0;
                let inverse = S::as_simd_f32s(&inverse_std.lines()[image].0).0;
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

impl OnLines for Backward<'_> {
    type Output = ();

    /// The derivative of `(x - mean) / std` by the chain rule: as for `BatchNorm`, along the other axis.
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let NormTrace { normalised, inverse_std, weight_gradient, bias_gradient, row_sums: [sum, along] } =
            self.trace;
        let images = sum.rows();
        let count = (self.gradient.cols() * (self.gradient.rows() / images)) as f32;
        let (sum, along) = (sum.lines_mut(), along.lines_mut());
        sum.fill(Line::ZERO);
        along.fill(Line::ZERO);
        let zero = [simd.splat_f32s(0.0); V];
        for panel in 0..self.gradient.panels() {
            let width = width(self.gradient, panel);
            let pixels = self.gradient.panel(panel).chunks_exact(images);
            for (pixel, (dy, x)) in pixels.zip(normalised.panel(panel).chunks_exact(images)).enumerate() {
                let weight = vectors::<S, V>(&self.weight.panel(panel)[pixel]);
                let (mut of_weight, mut of_bias) = (zero, zero);
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
                write::<S, V>(&mut weight_gradient.panel_mut(panel)[pixel], of_weight);
                write::<S, V>(&mut bias_gradient.panel_mut(panel)[pixel], of_bias);
            }
        }
        for line in sum.iter_mut().chain(&mut *along) {
            *line = Line([total(line) / count; LINE]);
        }
        for panel in 0..self.gradient.panels() {
            let width = width(self.gradient, panel);
            let weights = self.weight.panel(panel);
            let pixels = self.gradient.panel_mut(panel).chunks_exact_mut(images);
            for (pixel, (dy, x)) in pixels.zip(normalised.panel(panel).chunks_exact(images)).enumerate() {
                let weight = vectors::<S, V>(&weights[pixel]);
                for (image, (dy, x)) in dy.iter_mut().zip(x).enumerate() {
                    let [sum, along, inverse] =
                        [&sum[image], &along[image], &inverse_std.lines()[image]].map(vectors::<S, V>);
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

/// The sum of the elements of a line, added pairwise.
#[inline(always)]
fn total(line: &Line) -> f32 {
    let mut sums = line.0;
    let mut half = LINE / 2;
    while half > 0 {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
        half /= 2;
    }
    sums[0]
}
