//! Tangents through a normalisation of each image by itself, and its second derivative, for a [penalty](super::penalty).
//!
//! A normalisation of `N` numbers, `y = weight x + bias` with `x = inverse (z - mean(z))`, has the tangents `weight t`
//! where `t = inverse (d - mean(d) - x mean(x d))` for the tangents `d` of its input. They depend on its input, so the
//! derivative of the output's tangent does too. With the signals `q` of the layer's output, `a = weight q` and the signals
//! `s = inverse (a - mean(a) - x mean(a x))` of its input, that of the weight is `q t`, and with respect to the input it is
//! `-inverse (x <s, d> / N + mean(x d) s + mean(a x) t)`. It goes back through the layers before as a gradient does.
//! `tests/golden/image_norm_tangents.py` compares the formula with finite differences.

use pulp::{Arch, Simd};

use super::affine::NormTrace;
use super::image_norm::ImageNorm;
use super::lines::{InVectors, OnLines, add, mul, sub, vectors, within, write};
use super::matrix::{LINE, Line, Matrix};

/// A normalisation, with what its forward and its backward pass have computed at the points.
pub(super) struct ImageNormTangents<'a> {
    pub(super) norm: &'a ImageNorm,
    pub(super) trace: &'a NormTrace,
    /// Of the input.
    pub(super) signals: &'a Matrix,
    /// Of the input; becomes that of the output.
    pub(super) tangents: &'a mut Matrix,
    /// The signals of the output; becomes the gradient of the input.
    pub(super) output: &'a mut Matrix,
    pub(super) weight_gradient: &'a mut Matrix,
    /// Memory for sums, at least as large as those in the trace.
    pub(super) sums: &'a mut [Matrix; 4],
}

impl ImageNormTangents<'_> {
    pub(super) fn compute(mut self, arch: Arch) {
        let images = self.trace.inverse_std.rows();
        for sums in self.sums.iter_mut() {
            sums.reshape(images, self.trace.inverse_std.cols());
            sums.lines_mut().fill(Line::ZERO);
        }
        arch.dispatch(InVectors(Sums(&mut self)));
        arch.dispatch(InVectors(Apply(self)));
    }
}

/// Computes `mean(d)`, `mean(x d)`, `<s, d> / N` and `mean(a x)` of the numbers of each image that are normalised together.
struct Sums<'a, 'b>(&'a mut ImageNormTangents<'b>);

impl OnLines for Sums<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let ImageNormTangents { norm, trace, signals, tangents, output, sums, .. } = self.0;
        let (weights, together, images) = (&norm.affine.weight.value, norm.together, sums[0].rows());
        for panel in 0..tangents.panels() {
            let width = LINE.min(tangents.cols() - panel * LINE);
            let [mean, along, signalled, behind] =
                sums.each_mut().map(|sums| sums.panel_mut(together.panel(panel)));
            for pixel in 0..tangents.rows() / images {
                let weight = vectors::<S, V>(&weights.panel(panel)[together.row(pixel)]);
                let rows = pixel * images..(pixel + 1) * images;
                let [tangents, signals] =
                    [&**tangents, *signals].map(|matrix| &matrix.panel(panel)[rows.clone()]);
                let [normalised, output] =
                    [&trace.normalised, &**output].map(|matrix| &matrix.panel(panel)[rows.clone()]);
                for image in 0..images {
                    let [x, s] = [&normalised[image], &signals[image]].map(vectors::<S, V>);
                    let d = within::<S, V>(vectors::<S, V>(&tangents[image]), width);
                    let a = within::<S, V>(mul(simd, weight, vectors::<S, V>(&output[image])), width);
                    let grow = |sum: &mut Line, by| {
                        let sums = add(simd, vectors::<S, V>(sum), by);
                        write::<S, V>(sum, sums);
                    };
                    grow(&mut mean[image], d);
                    grow(&mut along[image], mul(simd, x, d));
                    grow(&mut signalled[image], mul(simd, s, d));
                    grow(&mut behind[image], mul(simd, a, x));
                }
            }
        }
        for sums in sums.iter_mut() {
            together.average(sums, tangents);
        }
    }
}

struct Apply<'a>(ImageNormTangents<'a>);

impl OnLines for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let ImageNormTangents { norm, trace, signals, tangents, output, weight_gradient, sums } = self.0;
        let (weights, together, images) = (&norm.affine.weight.value, norm.together, sums[0].rows());
        let zero = [simd.splat_f32s(0.0); V];
        for panel in 0..tangents.panels() {
            let width = LINE.min(tangents.cols() - panel * LINE);
            let own = together.panel(panel);
            let [mean, along, signalled, behind] = sums.each_ref().map(|sums| sums.panel(own));
            let (inverse, weight_gradient) = (trace.inverse_std.panel(own), weight_gradient.panel_mut(panel));
            for pixel in 0..tangents.rows() / images {
                let row = together.row(pixel);
                let weight = vectors::<S, V>(&weights.panel(panel)[row]);
                // The pixels before may have the same weight.
                let mut sum = if row == pixel { zero } else { vectors::<S, V>(&weight_gradient[row]) };
                let rows = pixel * images..(pixel + 1) * images;
                let [normalised, signals] =
                    [&trace.normalised, signals].map(|matrix| &matrix.panel(panel)[rows.clone()]);
                let tangents = tangents.part_mut(panel, rows.clone());
                let output = output.part_mut(panel, rows);
                for image in 0..images {
                    let [x, s] = [&normalised[image], &signals[image]].map(vectors::<S, V>);
                    let [mean, along] = [&mean[image], &along[image]].map(vectors::<S, V>);
                    let [signalled, behind] = [&signalled[image], &behind[image]].map(vectors::<S, V>);
                    let inverse = vectors::<S, V>(&inverse[image]);
                    let [d, q] = [&tangents[image], &output[image]].map(vectors::<S, V>);
                    let t = sub(simd, sub(simd, d, mean), mul(simd, x, along));
                    let t = mul(simd, inverse, t);
                    let common = add(simd, mul(simd, x, signalled), mul(simd, along, s));
                    let common = add(simd, common, mul(simd, behind, t));
                    sum = add(simd, sum, within::<S, V>(mul(simd, q, t), width));
                    let gradient = mul(simd, sub(simd, zero, inverse), common);
                    write::<S, V>(&mut output[image], within::<S, V>(gradient, width));
                    write::<S, V>(&mut tangents[image], within::<S, V>(mul(simd, weight, t), width));
                }
                write::<S, V>(&mut weight_gradient[row], sum);
            }
        }
    }
}
