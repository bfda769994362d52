//! Tangents through a layer normalisation, and its second derivative, for a [penalty](super::penalty).
//!
//! A layer normalisation of `N` numbers, `y = weight x + bias` with `x = inverse (z - mean(z))`, has the tangents `weight t`
//! where `t = inverse (d - mean(d) - x mean(x d))` for the tangents `d` of its input. They depend on its input, so the
//! derivative of the output's tangent does too. With the signals `q` of the layer's output, `a = weight q` and the signals
//! `s = inverse (a - mean(a) - x mean(a x))` of its input, that of the weight is `q t`, and with respect to the input it is
//! `-inverse (x <s, d> / N + mean(x d) s + mean(a x) t)`. It goes back through the layers before as a gradient does.
//! `tests/golden/layer_norm_tangents.py` compares the formula with finite differences.

use pulp::{Arch, NullaryFnOnce};

use super::affine::NormTrace;
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
        arch.dispatch(Sums(&mut self));
        arch.dispatch(Apply(self));
    }
}

/// Computes `mean(d)`, `mean(x d)`, `<s, d> / N` and `mean(a x)` of each image, and repeats each in its line.
struct Sums<'a, 'b>(&'a mut LayerNormTangents<'b>);

impl NullaryFnOnce for Sums<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let LayerNormTangents { weight, trace, signals, tangents, output, sums, .. } = self.0;
        let [mean, along, signalled, behind] = sums.each_mut().map(Matrix::lines_mut);
        let images = mean.len();
        let count = (tangents.cols() * (tangents.rows() / images)) as f32;
        for panel in 0..tangents.panels() {
            let width = LINE.min(tangents.cols() - panel * LINE);
            let weights = weight.panel(panel);
            let rows = tangents.panel(panel).iter().zip(trace.normalised.panel(panel));
            let rows = rows.zip(signals.panel(panel)).zip(output.panel(panel));
            for (row, (((d, x), s), q)) in rows.enumerate() {
                let (pixel, image) = (row / images, row % images);
                for i in 0..LINE {
                    let is_padding = i >= width;
                    let d = if is_padding { 0.0 } else { d.0[i] };
                    let a = if is_padding { 0.0 } else { weights[pixel].0[i] * q.0[i] };
                    mean[image].0[i] += d;
                    along[image].0[i] += x.0[i] * d;
                    signalled[image].0[i] += s.0[i] * d;
                    behind[image].0[i] += a * x.0[i];
                }
            }
        }
        for line in [mean, along, signalled, behind].into_iter().flatten() {
            *line = Line([line.0.iter().sum::<f32>() / count; LINE]);
        }
    }
}

struct Apply<'a>(LayerNormTangents<'a>);

impl NullaryFnOnce for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let LayerNormTangents { weight, trace, signals, tangents, output, weight_gradient, sums } = self.0;
        let [mean, along, signalled, behind] = sums.each_ref().map(Matrix::lines);
        let (images, inverse) = (mean.len(), trace.inverse_std.lines());
        for panel in 0..tangents.panels() {
            let width = LINE.min(tangents.cols() - panel * LINE);
            let weights = weight.panel(panel);
            let of_weight = weight_gradient.panel_mut(panel);
            of_weight.fill(Line::ZERO);
            let rows = tangents.panel_mut(panel).iter_mut().zip(trace.normalised.panel(panel));
            let rows = rows.zip(signals.panel(panel)).zip(output.panel_mut(panel));
            for (row, (((d, x), s), q)) in rows.enumerate() {
                let (pixel, image) = (row / images, row % images);
                let (mean, along, inverse) = (&mean[image], &along[image], &inverse[image]);
                for i in 0..LINE {
                    let is_padding = i >= width;
                    let t = inverse.0[i] * (d.0[i] - mean.0[i] - x.0[i] * along.0[i]);
                    let common =
                        x.0[i] * signalled[image].0[i] + along.0[i] * s.0[i] + behind[image].0[i] * t;
                    of_weight[pixel].0[i] += if is_padding { 0.0 } else { q.0[i] * t };
                    q.0[i] = if is_padding { 0.0 } else { -inverse.0[i] * common };
                    d.0[i] = if is_padding { 0.0 } else { weights[pixel].0[i] * t };
                }
            }
        }
    }
}
