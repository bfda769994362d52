//! Tangents through a layer normalisation, and its second derivative, for a [penalty](super::penalty).
//!
//! A layer normalisation of `N` numbers, `y = weight x + bias` with `x = inverse (z - mean(z))`, has the tangents `weight t`
//! where `t = inverse (d - mean(d) - x mean(x d))` for the tangents `d` of its input. They depend on its input, so the
//! derivative of the output's tangent does too. With the signals `q` of the layer's output, `a = weight q` and the signals
//! `s = inverse (a - mean(a) - x mean(a x))` of its input, that of the weight is `q t`, and with respect to the input it is
//! `-inverse (x <s, d> / N + mean(x d) s + mean(a x) t)`. It goes back through the layers before as a gradient does.
//! `tests/golden/layer_norm_tangents.py` compares the formula with finite differences.

use pulp::{Arch, Simd};

use super::affine::NormTrace;
use super::lines::{InVectors, OnLines, add, mul, sub, vectors, within, write};
use super::matrix::{LINE, Line, Matrix};

/// A layer normalisation, with what its forward and its backward pass have computed at the points.
pub(super) struct LayerNormTangents<'a> {
    pub(super) weight: &'a Matrix,
    pub(super) trace: &'a NormTrace,
    /// Of the input.
    pub(super) signals: &'a Matrix,
    /// Of the input; becomes that of the output.
    pub(super) tangents: &'a mut Matrix,
    /// The signals of the output; becomes the gradient of the input.
    pub(super) output: &'a mut Matrix,
    pub(super) weight_gradient: &'a mut Matrix,
    /// Memory for sums, `[images, 16]` each.
    pub(super) sums: &'a mut [Matrix; 4],
}

impl LayerNormTangents<'_> {
    pub(super) fn compute(mut self, arch: Arch) {
        let images = self.trace.inverse_std.rows();
        for sums in self.sums.iter_mut() {
            sums.reshape(images, LINE);
            sums.lines_mut().fill(Line::ZERO);
        }
        arch.dispatch(InVectors(Sums(&mut self)));
        arch.dispatch(InVectors(Apply(self)));
    }
}

/// Computes `mean(d)`, `mean(x d)`, `<s, d> / N` and `mean(a x)` of each image, and repeats each in its line.
struct Sums<'a, 'b>(&'a mut LayerNormTangents<'b>);

impl OnLines for Sums<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let LayerNormTangents { weight, trace, signals, tangents, output, sums, .. } = self.0;
        let [mean, along, signalled, behind] = sums.each_mut().map(Matrix::lines_mut);
        let images = mean.len();
        let count = (tangents.cols() * (tangents.rows() / images)) as f32;
        for panel in 0..tangents.panels() {
            let width = LINE.min(tangents.cols() - panel * LINE);
            for (pixel, weight) in weight.panel(panel).iter().enumerate() {
                let weight = vectors::<S, V>(weight);
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
        for line in [mean, along, signalled, behind].into_iter().flatten() {
            *line = Line([line.0.iter().sum::<f32>() / count; LINE]);
        }
    }
}

struct Apply<'a>(LayerNormTangents<'a>);

impl OnLines for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let LayerNormTangents { weight, trace, signals, tangents, output, weight_gradient, sums } = self.0;
        let [mean, along, signalled, behind] = sums.each_ref().map(Matrix::lines);
        let (images, inverse) = (mean.len(), trace.inverse_std.lines());
        let zero = [simd.splat_f32s(0.0); V];
        for panel in 0..tangents.panels() {
            let width = LINE.min(tangents.cols() - panel * LINE);
            let pixels = weight.panel(panel).iter().zip(weight_gradient.panel_mut(panel)).enumerate();
            for (pixel, (weight, of_weight)) in pixels {
                let (weight, mut sum) = (vectors::<S, V>(weight), zero);
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
                write::<S, V>(of_weight, sum);
            }
        }
    }
}
