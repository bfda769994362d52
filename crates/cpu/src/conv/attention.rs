//! Self-attention over the pixels of a map ([`gansweep_nn::network::Attention`]), one image after the other.
//!
//! With the queries, keys and values of an image as matrices of a row for each pixel, `s` the softmax of each row, and `f` the layer's
//! factor, the output is `s(f queries keys^T) values`. The weights `s` are computed again where they are needed: of all images they
//! would take far more memory than the maps.

use std::ops::Range;

use gansweep_nn::network::Attention;
use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};

use crate::activation::StoreProduct;
use crate::exponential::exp_of_minus;
use crate::matrix::{LINE, Line, Matrix};
use crate::product::{AddedPair, product, product_transposed};
use crate::transpose::transpose;

/// The layer on maps of one shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Attend {
    pub(super) layer: Attention,
    pub(super) pixels: usize,
    /// Channels of the values.
    pub(super) values: usize,
}

/// Memory for one image, of the layers that share it.
#[derive(Debug, Clone, Default)]
pub(super) struct AttentionMemory {
    own: Operands,
    weights: Matrix,
    /// Of the output, `[pixels, channels]`.
    gradient: Matrix,
    /// Of the weights, then of the products of queries and keys, `[pixels, pixels]`.
    slopes: Matrix,
    results: [Matrix; 2],
    tangents: Operands,
    /// Queries and their tangents beside each other, and keys and their tangents the other way around, below each other.
    both: [Matrix; 2],
    /// Tangents of the products, then of the weights.
    along: Matrix,
    /// What second derivatives make of these.
    bent: Matrix,
}

/// Queries times the layer's factor, keys and values of an image, `[pixels, channels]`; also transposed.
#[derive(Debug, Clone, Default)]
struct Operands {
    queries: Matrix,
    keys: Matrix,
    values: Matrix,
    keys_across: Matrix,
    values_across: Matrix,
}

fn shaped(matrix: &mut Matrix, rows: usize, cols: usize) -> &mut Matrix {
    matrix.reshape(rows, cols);
    matrix
}

/// Gives a matrix memory for that shape, unless it has it.
fn reserve(matrix: &mut Matrix, rows: usize, cols: usize) {
    let lines = Matrix::lines_of(rows, cols);
    if matrix.capacity() < lines {
        *matrix = Matrix::of_lines(lines);
    }
}

impl AttentionMemory {
    /// Makes room for passes of that layer; backward ones too, if they are `both`.
    pub(super) fn reserve(&mut self, attend: Attend, both: bool) {
        let Attend { pixels, values, .. } = attend;
        self.own.reserve(attend);
        reserve(&mut self.weights, pixels, pixels);
        reserve(&mut self.results[0], pixels, attend.widest());
        if both {
            reserve(&mut self.gradient, pixels, values);
            reserve(&mut self.slopes, pixels, pixels);
        }
    }

    /// Makes room for tangents of that layer too.
    pub(super) fn reserve_tangents(&mut self, attend: Attend) {
        let (pixels, both) = (attend.pixels, 2 * attend.layer.width);
        self.tangents.reserve(attend);
        reserve(&mut self.both[0], pixels, both);
        reserve(&mut self.both[1], both, pixels);
        reserve(&mut self.along, pixels, pixels);
        reserve(&mut self.bent, pixels, pixels);
        reserve(&mut self.results[1], pixels, attend.widest());
    }
}

/// One image of a map, `[pixels * images, channels]`.
#[derive(Debug, Clone, Copy)]
struct Image {
    images: usize,
    index: usize,
}

impl Image {
    /// Reads channels from `first` on, times `factor`, into `[pixels, channels]`.
    fn read(self, map: &Matrix, first: usize, factor: f32, into: &mut Matrix) {
        into.lines_mut().fill(Line::ZERO);
        for channels in of_panels(first..first + into.cols()) {
            let lines = map.panel(channels.start / LINE).iter().skip(self.index).step_by(self.images);
            for (pixel, line) in lines.enumerate() {
                for channel in channels.clone() {
                    into.set(pixel, channel - first, factor * line.0[channel % LINE]);
                }
            }
        }
    }

    /// Writes `[pixels, channels]`, times `factor`, to the channels from `first` on.
    fn write(self, from: &Matrix, factor: f32, map: &mut Matrix, first: usize) {
        for channels in of_panels(first..first + from.cols()) {
            let lines = map.panel_mut(channels.start / LINE).iter_mut().skip(self.index).step_by(self.images);
            for (pixel, line) in lines.enumerate() {
                for channel in channels.clone() {
                    line.0[channel % LINE] = factor * from.get(pixel, channel - first);
                }
            }
        }
    }
}

/// The parts of a range of channels that are in one panel each. The lines of an image lie far apart in a map, so each is visited
/// once for all channels in it.
fn of_panels(channels: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let Range { start, end } = channels;
    (start / LINE..end.div_ceil(LINE)).map(move |panel| start.max(panel * LINE)..end.min((panel + 1) * LINE))
}

/// Writes the transpose of a matrix from the row `first` on.
fn transpose_into(matrix: &Matrix, into: &mut Matrix, first: usize) {
    for col in 0..matrix.cols() {
        let from = matrix.panel(col / LINE);
        for row in 0..matrix.rows() {
            into.set(first + col, row, from[row].0[col % LINE]);
        }
    }
}

impl Operands {
    fn reserve(&mut self, attend: Attend) {
        let Attend { pixels, values, layer: Attention { width } } = attend;
        reserve(&mut self.queries, pixels, width);
        reserve(&mut self.keys, pixels, width);
        reserve(&mut self.keys_across, width, pixels);
        reserve(&mut self.values, pixels, values);
        reserve(&mut self.values_across, values, pixels);
    }

    fn read(&mut self, arch: Arch, attend: Attend, map: &Matrix, image: Image) {
        let Attend { pixels, values, layer: Attention { width } } = attend;
        image.read(map, 0, attend.factor(), shaped(&mut self.queries, pixels, width));
        image.read(map, width, 1.0, shaped(&mut self.keys, pixels, width));
        image.read(map, 2 * width, 1.0, shaped(&mut self.values, pixels, values));
        transpose(arch, &self.keys, &mut self.keys_across);
        transpose(arch, &self.values, &mut self.values_across);
    }
}

impl Attend {
    fn factor(self) -> f32 {
        self.layer.factor() as f32
    }

    /// Channels of the input.
    fn inputs(self) -> usize {
        2 * self.layer.width + self.values
    }

    /// Channels of the widest result.
    fn widest(self) -> usize {
        self.values.max(self.layer.width)
    }

    /// Lines of memory for passes forward and backward.
    pub(super) fn memory_lines(self) -> usize {
        let lines = |cols| Matrix::lines_of(self.pixels, cols);
        self.operand_lines() + lines(self.values) + 2 * lines(self.pixels) + self.result_lines()
    }

    /// Lines of memory that tangents need besides.
    pub(super) fn tangent_lines(self) -> usize {
        let (pixels, both) = (self.pixels, 2 * self.layer.width);
        let lines = Matrix::lines_of;
        let products = lines(pixels, both) + lines(both, pixels) + 2 * lines(pixels, pixels);
        self.operand_lines() + products + self.result_lines()
    }

    fn operand_lines(self) -> usize {
        let (lines, pixels, width) = (Matrix::lines_of, self.pixels, self.layer.width);
        2 * lines(pixels, width)
            + lines(width, pixels)
            + lines(pixels, self.values)
            + lines(self.values, pixels)
    }

    fn result_lines(self) -> usize {
        Matrix::lines_of(self.pixels, self.widest())
    }

    /// Writes the layer's output for `input`, `[pixels * images, channels]`.
    pub(super) fn forward(
        self,
        arch: Arch,
        input: &Matrix,
        images: usize,
        out: &mut Matrix,
        memory: &mut AttentionMemory,
    ) {
        out.reshape(self.pixels * images, self.values);
        out.lines_mut().fill(Line::ZERO);
        for image in (0..images).map(|index| Image { images, index }) {
            self.weights(arch, input, image, memory);
            let AttentionMemory { own, weights, results: [result, _], .. } = memory;
            let result = shaped(result, self.pixels, self.values);
            product(arch, &*weights, &own.values, StoreProduct(result));
            image.write(result, 1.0, out, 0);
        }
    }

    /// Reads an image, and computes its weights.
    fn weights(self, arch: Arch, input: &Matrix, image: Image, memory: &mut AttentionMemory) {
        let AttentionMemory { own, weights, .. } = memory;
        own.read(arch, self, input, image);
        let weights = shaped(weights, self.pixels, self.pixels);
        product(arch, &own.queries, &own.keys_across, StoreProduct(weights));
        arch.dispatch(Softmax(weights));
    }

    /// Writes the gradient of `input` from that of the output.
    pub(super) fn backward(
        self,
        arch: Arch,
        [input, gradient]: [&Matrix; 2],
        images: usize,
        out: &mut Matrix,
        memory: &mut AttentionMemory,
    ) {
        let (pixels, width) = (self.pixels, self.layer.width);
        out.reshape(pixels * images, self.inputs());
        out.lines_mut().fill(Line::ZERO);
        for image in (0..images).map(|index| Image { images, index }) {
            self.weights(arch, input, image, memory);
            let AttentionMemory { own, weights, gradient: of_image, slopes, results: [result, _], .. } =
                memory;
            image.read(gradient, 0, 1.0, shaped(of_image, pixels, self.values));
            product(arch, &*of_image, &own.values_across, StoreProduct(shaped(slopes, pixels, pixels)));
            arch.dispatch(ThroughSoftmax { weights, numbers: slopes });
            let result = shaped(result, pixels, width);
            product(arch, &*slopes, &own.keys, StoreProduct(result));
            image.write(result, self.factor(), out, 0);
            product_transposed(arch, &*slopes, &own.queries, None, StoreProduct(result));
            image.write(result, 1.0, out, width);
            let result = shaped(result, pixels, self.values);
            product_transposed(arch, &*weights, of_image, None, StoreProduct(result));
            image.write(result, 1.0, out, 2 * width);
        }
    }

    /// Writes the tangents of the output from those of `input`. If there are `signals` of the output, they become the gradient of the
    /// input that their product with these tangents has.
    pub(super) fn tangents(
        self,
        arch: Arch,
        [input, tangents]: [&Matrix; 2],
        images: usize,
        mut signals: Option<&mut Matrix>,
        out: &mut Matrix,
        memory: &mut AttentionMemory,
    ) {
        out.reshape(self.pixels * images, self.values);
        out.lines_mut().fill(Line::ZERO);
        if let Some(signals) = &mut signals {
            // Each channel stays in its place.
            signals.reshape(self.pixels * images, self.inputs());
        }
        for image in (0..images).map(|index| Image { images, index }) {
            self.weights(arch, input, image, memory);
            memory.tangents.read(arch, self, tangents, image);
            self.products_along(arch, memory);
            match &mut signals {
                Some(signals) => self.bend(arch, image, memory, signals),
                None => {
                    arch.dispatch(ThroughSoftmax { weights: &memory.weights, numbers: &mut memory.along });
                }
            }
            let AttentionMemory { own, weights, tangents, along, results: [result, other], .. } = memory;
            let result = shaped(result, self.pixels, self.values);
            product(arch, &*along, &own.values, StoreProduct(result));
            let other = shaped(other, self.pixels, self.values);
            product(arch, &*weights, &tangents.values, StoreProduct(other));
            result.add(arch, other);
            image.write(result, 1.0, out, 0);
        }
    }

    /// The tangents of the products of queries and keys.
    fn products_along(self, arch: Arch, memory: &mut AttentionMemory) {
        let AttentionMemory { own, tangents, both: [left, right], along, .. } = memory;
        let (pixels, width) = (self.pixels, self.layer.width);
        let left = shaped(left, pixels, 2 * width);
        left.lines_mut().fill(Line::ZERO);
        let whole = Image { images: 1, index: 0 };
        whole.write(&tangents.queries, 1.0, left, 0);
        whole.write(&own.queries, 1.0, left, width);
        let right = shaped(right, 2 * width, pixels);
        right.lines_mut().fill(Line::ZERO);
        transpose_into(&own.keys, right, 0);
        transpose_into(&tangents.keys, right, width);
        product(arch, &*left, right, StoreProduct(shaped(along, pixels, pixels)));
    }

    /// From the tangents of the products to those of the weights, and from the signals of the output to what they make of second
    /// derivatives.
    ///
    /// With `p` the weights, `t` the tangents of the products, `g` the products of signals and values, and `h` those of signals and
    /// tangents of values, the output's tangents times the signals are the sum of `g p (t - sum(p t))` and of `h p`. Sums are over
    /// rows.
    fn bend(self, arch: Arch, image: Image, memory: &mut AttentionMemory, signals: &mut Matrix) {
        let (pixels, width) = (self.pixels, self.layer.width);
        let AttentionMemory {
            own,
            tangents,
            weights,
            gradient,
            slopes,
            along,
            bent,
            results: [result, other],
            ..
        } = memory;
        image.read(signals, 0, 1.0, shaped(gradient, pixels, self.values));
        product(arch, &*gradient, &own.values_across, StoreProduct(shaped(slopes, pixels, pixels)));
        product(arch, &*gradient, &tangents.values_across, StoreProduct(shaped(bent, pixels, pixels)));
        arch.dispatch(Bend { weights, along, slopes, bent });
        for numbers in [&mut *bent, &mut *slopes, &mut *along] {
            arch.dispatch(ThroughSoftmax { weights, numbers });
        }
        let (result, other) = (shaped(result, pixels, width), shaped(other, pixels, width));
        product(arch, &*bent, &own.keys, StoreProduct(result));
        product(arch, &*slopes, &tangents.keys, StoreProduct(other));
        result.add(arch, other);
        image.write(result, self.factor(), signals, 0);
        let added = Some(AddedPair { left: slopes, right: &tangents.queries });
        product_transposed(arch, &*bent, &own.queries, added, StoreProduct(result));
        image.write(result, 1.0, signals, width);
        let result = shaped(result, pixels, self.values);
        product_transposed(arch, &*along, gradient, None, StoreProduct(result));
        image.write(result, 1.0, signals, 2 * width);
    }
}

/// How many columns of the last panel of a matrix are no padding.
fn used_columns(matrix: &Matrix) -> usize {
    matrix.cols() - (matrix.panels() - 1) * LINE
}

/// The softmax of each row of a matrix. Columns of padding become zero.
struct Softmax<'a>(&'a mut Matrix);

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (rows, panels, used) = (self.0.rows(), self.0.panels(), used_columns(self.0));
        let lines = self.0.lines_mut();
        for row in 0..rows {
            let last = (panels - 1) * rows + row;
            lines[last].0[used..].fill(f32::NEG_INFINITY);
            let mut most = Line([f32::NEG_INFINITY; LINE]);
            for line in lines[row..].iter().step_by(rows) {
                for col in 0..LINE {
                    most.0[col] = if line.0[col] > most.0[col] { line.0[col] } else { most.0[col] };
                }
            }
            let most = most.0.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            lines[last].0[used..].fill(most);
            let mut sums = Line::ZERO;
            for panel in 0..panels {
                let line = &mut lines[panel * rows + row];
                for number in S::as_mut_simd_f32s(&mut line.0).0 {
                    let below = simd.sub_f32s(simd.splat_f32s(most), *number);
                    let (scale, rest) = exp_of_minus(simd, below);
                    // `below - below` is zero, but NaN where `below` is: the exponential hides that.
                    let own = simd.sub_f32s(below, below);
                    *number = simd.add_f32s(simd.mul_add_e_f32s(scale, rest, scale), own);
                }
                if panel == panels - 1 {
                    line.0[used..].fill(0.0);
                }
                for col in 0..LINE {
                    sums.0[col] += line.0[col];
                }
            }
            let factor = 1.0 / sums.0.iter().sum::<f32>();
            for line in lines[row..].iter_mut().step_by(rows) {
                for col in 0..LINE {
                    line.0[col] *= factor;
                }
            }
        }
    }
}

/// Multiplies each row by the derivative of the softmax whose result is `weights`, which is symmetric: `p (x - sum(p x))`.
struct ThroughSoftmax<'a> {
    weights: &'a Matrix,
    numbers: &'a mut Matrix,
}

impl NullaryFnOnce for ThroughSoftmax<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let rows = self.weights.rows();
        let (weights, numbers) = (self.weights.lines(), self.numbers.lines_mut());
        for row in 0..rows {
            let mean = row_products(&weights[row..], &numbers[row..], rows);
            for (line, weights) in
                numbers[row..].iter_mut().step_by(rows).zip(weights[row..].iter().step_by(rows))
            {
                for col in 0..LINE {
                    line.0[col] = weights.0[col] * (line.0[col] - mean);
                }
            }
        }
    }
}

/// Adds `g (t - sum(p t)) - t sum(p g)` to `bent`, with the names of [`Attend::bend`]: what the sum of `g p (t - sum(p t))` makes
/// of its derivative by `p`.
struct Bend<'a> {
    weights: &'a Matrix,
    along: &'a Matrix,
    slopes: &'a Matrix,
    bent: &'a mut Matrix,
}

impl NullaryFnOnce for Bend<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let rows = self.weights.rows();
        let [weights, along, slopes] = [self.weights, self.along, self.slopes].map(Matrix::lines);
        let bent = self.bent.lines_mut();
        for row in 0..rows {
            let mean_along = row_products(&weights[row..], &along[row..], rows);
            let mean_slope = row_products(&weights[row..], &slopes[row..], rows);
            for at in (row..bent.len()).step_by(rows) {
                for col in 0..LINE {
                    let (t, g) = (along[at].0[col], slopes[at].0[col]);
                    bent[at].0[col] += g * (t - mean_along) - t * mean_slope;
                }
            }
        }
    }
}

/// The sum of the products of the numbers of a row with its weights, which are zero in columns of padding. Both begin with the row's
/// first line, and have the others `rows` lines apart.
#[inline(always)]
fn row_products(weights: &[Line], numbers: &[Line], rows: usize) -> f32 {
    let mut sums = Line::ZERO;
    for (weights, numbers) in weights.iter().step_by(rows).zip(numbers.iter().step_by(rows)) {
        for col in 0..LINE {
            sums.0[col] += weights.0[col] * numbers.0[col];
        }
    }
    sums.0.iter().sum()
}

#[cfg(test)]
mod tests {
    use gansweep_nn::Vectors;

    use super::*;

    fn softmax(arch: Arch, row: &[f32]) -> Matrix {
        let mut matrix = Matrix::from_fn(2, row.len(), |_, col| row[col]);
        arch.dispatch(Softmax(&mut matrix));
        matrix
    }

    #[test]
    fn weights_are_a_softmax_on_any_processor_however_large_the_products_are() {
        for shift in [0.0, 1e4, -1e4] {
            let row: Vec<f32> = (0..19u8).map(|col| shift + f32::from(col) * 0.5).collect();
            let exact: Vec<f64> = row.iter().map(|x| f64::from(x - row[18]).exp()).collect();
            for arch in Vectors::all().into_iter().map(Vectors::arch) {
                let weights = softmax(arch, &row);
                for (col, exponential) in exact.iter().enumerate() {
                    let expected = exponential / exact.iter().sum::<f64>();
                    let far = (f64::from(weights.get(1, col)) - expected).abs();
                    assert!(far < 1e-6, "{} at {col}, not {expected}", weights.get(1, col));
                }
                let padding = &weights.panel(1)[1].0[3..];
                assert!(padding.iter().all(|weight| weight.to_bits() == 0), "{padding:?}");
            }
        }
    }

    #[test]
    fn a_product_that_is_no_number_is_told_by_the_weights() {
        let weights = softmax(Arch::new(), &[1.0, f32::NAN, 2.0]);
        assert!((0..3).all(|col| weights.get(0, col).is_nan()));
    }
}
