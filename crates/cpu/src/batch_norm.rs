//! `BatchNorm1d` and `BatchNorm2d` with affine parameters.

use gansweep_nn::network;
use pulp::{Arch, NullaryFnOnce, Simd};

use super::activation::LeakyRelu;
use super::affine::{Affine, BatchRows, NormTrace, Statistics};
use super::lines::{InVectors, OnLines};
use super::matrix::{LINE, Line, Matrix};
use super::product::store;

const EPS: f32 = network::BatchNorm::EPS as f32;
const MOMENTUM: f32 = network::BatchNorm::MOMENTUM as f32;

/// The parameters and running statistics of one layer; the latter are `[1, features]`.
#[derive(Debug)]
pub(super) struct BatchNorm {
    pub(super) affine: Affine,
    pub(super) running_mean: Matrix,
    pub(super) running_var: Matrix,
    /// Mean and unbiased variance of the last batch in training, each `[1, features]`.
    last: [Matrix; 2],
    /// Averages of the running statistics, if they are kept.
    pub(super) averages: Option<[Matrix; 2]>,
}

impl BatchNorm {
    /// All zero, with `buffers` buffers of the optimiser for each parameter. `affine` is the shape of weight and bias: one row, or
    /// a row for each class.
    pub(super) fn new(affine: [usize; 2], buffers: usize) -> Self {
        let [rows, features] = affine;
        Self {
            affine: Affine::new(rows, features, buffers),
            running_mean: Matrix::new(1, features),
            running_var: Matrix::new(1, features),
            last: [Matrix::new(1, features), Matrix::new(1, features)],
            averages: None,
        }
    }

    /// Normalises `trace.normalised` in place, and writes the scaled, shifted and activated rows to `out`.
    pub(super) fn forward(
        &mut self,
        arch: Arch,
        statistics: Statistics,
        batch: BatchRows,
        trace: &mut NormTrace,
        leaky_relu: LeakyRelu,
        out: &mut Matrix,
    ) {
        trace.inverse_std.reshape(batch.parts, out.cols());
        arch.dispatch(InVectors(Forward { norm: self, statistics, batch, trace, leaky_relu, out }));
    }

    /// Mean and variance of a panel's features in one part of the rows. Each pixel is summed by itself: the
    /// rounding of a sum grows with its length.
    #[inline(always)]
    fn statistics(
        &mut self,
        statistics: Statistics,
        panel: usize,
        rows: &[Line],
        batch: BatchRows,
        part: usize,
    ) -> (Line, Line) {
        let running_mean = &mut self.running_mean.lines_mut()[panel];
        let running_var = &mut self.running_var.lines_mut()[panel];
        if statistics == Statistics::Running {
            return (*running_mean, *running_var);
        }
        let number = rows.len() / batch.parts;
        let count = number as f32;
        let part = batch.part(part);
        let is_map = batch.images < rows.len();
        let mut total = Total::ZERO;
        for pixel in rows.chunks_exact(batch.images) {
            total.add(sum_rows(&pixel[part.clone()], is_map));
        }
        let mean = map(&total.line(), |sum| sum / count);
        let mut total = Total::ZERO;
        for pixel in rows.chunks_exact(batch.images) {
            total.add(sum_squares(&pixel[part.clone()], &mean, is_map));
        }
        let var = map(&total.line(), |sum| sum / count);
        if statistics == Statistics::Training {
            // A single row has no unbiased variance; its biased one, zero, is used.
            let unbiased = if number > 1 { count / (count - 1.0) } else { 1.0 };
            let unbiased = map(&var, |var| var * unbiased);
            let [last_mean, last_var] = &mut self.last;
            (last_mean.lines_mut()[panel], last_var.lines_mut()[panel]) = (mean, unbiased);
            track(running_mean, &mean);
            track(running_var, &unbiased);
        }
        (mean, var)
    }

    /// Updates the running statistics by the last batch once more.
    pub(super) fn track_again(&mut self) {
        let [mean, var] = &self.last;
        for (running, last) in [(&mut self.running_mean, mean), (&mut self.running_var, var)] {
            for (running, last) in running.lines_mut().iter_mut().zip(last.lines()) {
                track(running, last);
            }
        }
    }

    /// Turns the gradient of the layer's output into that of its input, in place, and writes the gradients
    /// of its parameters to the trace.
    pub(super) fn backward(
        &self,
        arch: Arch,
        batch: BatchRows,
        trace: &mut NormTrace,
        gradient: &mut Matrix,
    ) {
        if trace.classes.is_some() {
            arch.dispatch(OfClasses { weight: &self.affine.weight.value, batch, trace, gradient });
            arch.dispatch(Backward { weight: None, batch, trace, gradient });
        } else {
            arch.dispatch(Backward { weight: Some(&self.affine.weight.value), batch, trace, gradient });
        }
    }
}

struct Forward<'a> {
    norm: &'a mut BatchNorm,
    statistics: Statistics,
    batch: BatchRows,
    trace: &'a mut NormTrace,
    leaky_relu: LeakyRelu<'a>,
    out: &'a mut Matrix,
}

impl OnLines for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const V: usize>(mut self, simd: S) {
        for panel in 0..self.out.panels() {
            for part in 0..self.batch.parts {
                self.part::<S, V>(simd, panel, part);
            }
        }
    }
}

impl Forward<'_> {
    #[inline(always)]
    fn part<S: Simd, const V: usize>(&mut self, simd: S, panel: usize, part: usize) {
        let batch = self.batch;
        let NormTrace { normalised, inverse_std, classes, .. } = &mut *self.trace;
        let (rows, classes) = (normalised.panel_mut(panel), classes.as_deref());
        let (mean, var) = self.norm.statistics(self.statistics, panel, rows, batch, part);
        let inverse = map(&var, |var| 1.0 / (var + EPS).sqrt());
        inverse_std.panel_mut(panel)[part] = inverse;
        let [mean, inverse] = [&mean, &inverse].map(|line| S::as_simd_f32s(&line.0).0);
        let Affine { weight, bias } = &self.norm.affine;
        let [weights, biases] = [weight, bias].map(|parameter| parameter.value.panel(panel));
        let outs = self.out.panel_mut(panel).chunks_exact_mut(batch.images);
        for (pixel, (rows, outs)) in rows.chunks_exact_mut(batch.images).zip(outs).enumerate() {
            for image in batch.part(part) {
                let own = classes.map_or(0, |classes| usize::from(classes[image]));
                let [weight, bias] = [&weights[own], &biases[own]].map(|line| S::as_simd_f32s(&line.0).0);
                let x = S::as_mut_simd_f32s(&mut rows[image].0).0;
                let mut y = [simd.splat_f32s(0.0); V];
                for v in 0..V {
                    x[v] = simd.mul_f32s(simd.sub_f32s(x[v], mean[v]), inverse[v]);
                    y[v] = simd.mul_add_e_f32s(x[v], weight[v], bias[v]);
                }
                let row = pixel * batch.images + image;
                let activated = self.leaky_relu.apply(simd, row, panel, [y]);
                store(simd, std::slice::from_mut(&mut outs[image]), &activated);
            }
        }
    }
}

/// From the gradient of the layer's output to that of the normalised rows, in place, where each class has a weight and a bias;
/// writes their gradients to the trace.
struct OfClasses<'a> {
    /// `[classes, features]`.
    weight: &'a Matrix,
    batch: BatchRows,
    trace: &'a mut NormTrace,
    gradient: &'a mut Matrix,
}

impl NullaryFnOnce for OfClasses<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let NormTrace { normalised, weight_gradient, bias_gradient, classes, .. } = self.trace;
        let classes = classes.as_deref().unwrap_or_default();
        for panel in 0..self.gradient.panels() {
            let weights = self.weight.panel(panel);
            let (of_weights, of_biases) = (weight_gradient.panel_mut(panel), bias_gradient.panel_mut(panel));
            of_weights.fill(Line::ZERO);
            of_biases.fill(Line::ZERO);
            let pixels = self.gradient.panel_mut(panel).chunks_exact_mut(self.batch.images);
            for (dy, x) in pixels.zip(normalised.panel(panel).chunks_exact(self.batch.images)) {
                for ((dy, x), &class) in dy.iter_mut().zip(x).zip(classes) {
                    let own = usize::from(class);
                    let (weight, of_weight, of_bias) =
                        (&weights[own], &mut of_weights[own], &mut of_biases[own]);
                    for i in 0..LINE {
                        of_bias.0[i] += dy.0[i];
                        of_weight.0[i] += dy.0[i] * x.0[i];
                        dy.0[i] *= weight.0[i];
                    }
                }
            }
        }
    }
}

struct Backward<'a> {
    /// `[1, features]`; none where the gradient is that of the normalised rows, and those of weight and bias are known.
    weight: Option<&'a Matrix>,
    batch: BatchRows,
    trace: &'a mut NormTrace,
    gradient: &'a mut Matrix,
}

impl NullaryFnOnce for Backward<'_> {
    type Output = ();

    /// The formula of Ioffe and Szegedy 2015, section 3.
    #[inline(always)]
    fn call(mut self) {
        for panel in 0..self.gradient.panels() {
            let (mut of_weight, mut of_bias) = (Line::ZERO, Line::ZERO);
            for part in 0..self.batch.parts {
                let [along, sum] = self.part(panel, part);
                of_weight.add(&along);
                of_bias.add(&sum);
            }
            if self.weight.is_some() {
                self.trace.weight_gradient.lines_mut()[panel] = of_weight;
                self.trace.bias_gradient.lines_mut()[panel] = of_bias;
            }
        }
    }
}

impl Backward<'_> {
    /// Computes one part of a panel; returns its share of the gradients of weight and bias.
    #[inline(always)]
    fn part(&mut self, panel: usize, part: usize) -> [Line; 2] {
        let NormTrace { normalised, inverse_std, .. } = &*self.trace;
        let (rows, normalised) = (self.gradient.panel_mut(panel), normalised.panel(panel));
        let (images, range) = (self.batch.images, self.batch.part(part));
        let (mut along, mut sum) = (Total::ZERO, Total::ZERO);
        for (rows, normalised) in rows.chunks_exact(images).zip(normalised.chunks_exact(images)) {
            let [own_sum, own_along] = sum_gradients(&rows[range.clone()], &normalised[range.clone()]);
            sum.add(own_sum);
            along.add(own_along);
        }
        let (along, sum) = (along.line(), sum.line());
        let count = (rows.len() / self.batch.parts) as f32;
        let inverse = inverse_std.panel(panel)[part];
        let scale = self.weight.map_or(inverse, |weight| {
            let weight = weight.lines()[panel];
            Line(std::array::from_fn(|i| weight.0[i] * inverse.0[i]))
        });
        for (rows, normalised) in rows.chunks_exact_mut(images).zip(normalised.chunks_exact(images)) {
            for (dy, x) in rows[range.clone()].iter_mut().zip(&normalised[range.clone()]) {
                for i in 0..LINE {
                    let common = (sum.0[i] + x.0[i] * along.0[i]) / count;
                    dy.0[i] = scale.0[i] * (dy.0[i] - common);
                }
            }
        }
        [along, sum]
    }
}

/// Sums over many pixels, of which each is summed by itself: in 64-bit floats, since the rounding of a long sum
/// would enlarge the gradients that normalisation makes zero. One pixel alone is not rounded once more.
struct Total([f64; LINE]);

impl Total {
    const ZERO: Self = Self([0.0; LINE]);

    #[inline(always)]
    fn add(&mut self, line: Line) {
        for i in 0..LINE {
            self.0[i] += f64::from(line.0[i]);
        }
    }

    #[inline(always)]
    fn line(&self) -> Line {
        let mut line = Line::ZERO;
        for i in 0..LINE {
            line.0[i] = self.0[i] as f32;
        }
        line
    }
}

/// Independent sums of a column. Four hide the latency of an addition.
const SUMS: usize = 4;

/// The rows in groups that are summed side by side, and those that are summed in one chain: all of them, but of a
/// feature map.
#[inline(always)]
fn groups(rows: &[Line], is_map: bool) -> (&[[Line; SUMS]], &[Line]) {
    if is_map { rows.as_chunks() } else { (&[], rows) }
}

/// The sum of each column.
#[inline(always)]
fn sum_rows(rows: &[Line], is_map: bool) -> Line {
    let mut sums = [Line::ZERO; SUMS];
    let (fours, rest) = groups(rows, is_map);
    for lines in fours {
        for s in 0..SUMS {
            sums[s].add(&lines[s]);
        }
    }
    for line in rest {
        sums[0].add(line);
    }
    total_of(sums)
}

/// The sum of the squares of each column's differences from its mean.
#[inline(always)]
fn sum_squares(rows: &[Line], mean: &Line, is_map: bool) -> Line {
    let mut sums = [Line::ZERO; SUMS];
    let (fours, rest) = groups(rows, is_map);
    for lines in fours {
        for s in 0..SUMS {
            add_square(&mut sums[s], &lines[s], mean);
        }
    }
    for line in rest {
        add_square(&mut sums[0], line, mean);
    }
    total_of(sums)
}

#[inline(always)]
fn add_square(sum: &mut Line, line: &Line, mean: &Line) {
    for i in 0..LINE {
        let difference = line.0[i] - mean.0[i];
        sum.0[i] += difference * difference;
    }
}

#[inline(always)]
fn total_of([mut first, second, mut third, fourth]: [Line; SUMS]) -> Line {
    first.add(&second);
    third.add(&fourth);
    first.add(&third);
    first
}

/// The sums of the gradient, and of the gradient times the normalised rows.
#[inline(always)]
fn sum_gradients(gradient: &[Line], normalised: &[Line]) -> [Line; 2] {
    let (mut along, mut sum) = (Line::ZERO, Line::ZERO);
    for (dy, x) in gradient.iter().zip(normalised) {
        for i in 0..LINE {
            sum.0[i] += dy.0[i];
            along.0[i] += dy.0[i] * x.0[i];
        }
    }
    [sum, along]
}

/// Moves running statistics towards those of a batch.
#[inline(always)]
fn track(running: &mut Line, batch: &Line) {
    for i in 0..LINE {
        running.0[i] = (1.0 - MOMENTUM) * running.0[i] + MOMENTUM * batch.0[i];
    }
}

#[inline(always)]
fn map(line: &Line, function: impl Fn(f32) -> f32) -> Line {
    Line(std::array::from_fn(|i| function(line.0[i])))
}
