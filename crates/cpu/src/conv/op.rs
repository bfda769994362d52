//! Layers between products: activations, dropout, enlarging, reducing, and the order of numbers in memory.

use gansweep_config::SmoothActivation;
use gansweep_nn::network::Pool;
use pulp::{Arch, NullaryFnOnce};

use crate::matrix::{LINE, Line, Matrix};
use crate::output_activation::OutputActivation;
use crate::smooth;
use crate::transpose::{Derivative, times_derivative};

/// An activation that is a layer of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pointwise {
    LeakyRelu(f32),
    Smooth(SmoothActivation),
    /// Tanh or sigmoid.
    Output(OutputActivation),
}

impl Pointwise {
    /// Whether its derivatives follow from its input, not from its output.
    pub(super) fn needs_input(self) -> bool {
        match self {
            Self::LeakyRelu(_) | Self::Output(_) => false,
            Self::Smooth(_) => true,
        }
    }

    /// Whether the derivative changes with the input, but for jumps.
    pub(super) fn has_second_derivative(self) -> bool {
        match self {
            Self::LeakyRelu(_) => false,
            Self::Smooth(_) | Self::Output(_) => true,
        }
    }

    /// Applies the activation in place.
    pub(super) fn apply(self, arch: Arch, matrix: &mut Matrix) {
        match self {
            Self::LeakyRelu(slope) => {
                for line in matrix.lines_mut() {
                    for x in &mut line.0 {
                        *x = if *x > 0.0 { *x } else { slope * *x };
                    }
                }
            }
            Self::Smooth(activation) => smooth::apply(arch, activation, matrix),
            Self::Output(activation) => activation.apply(arch, matrix.lines_mut()),
        }
    }

    /// Multiplies `gradient` by the derivative, which follows from the input if it [is needed](Self::needs_input), and
    /// otherwise from the output.
    pub(super) fn times_derivative(self, arch: Arch, saved: &Matrix, gradient: &mut Matrix) {
        match self {
            Self::LeakyRelu(slope) => times_derivative(arch, Derivative::LeakyRelu(slope), saved, gradient),
            Self::Smooth(activation) => smooth::times_derivative(arch, activation, saved, gradient),
            Self::Output(activation) => times_derivative(arch, activation.derivative(), saved, gradient),
        }
    }

    /// Multiplies the `signals` of the output by the tangents of the input and the second derivative, which follows from
    /// what the first does.
    pub(super) fn times_second_derivative(
        self,
        arch: Arch,
        saved: &Matrix,
        tangents: &Matrix,
        signals: &mut Matrix,
    ) {
        match self {
            Self::LeakyRelu(_) => signals.lines_mut().fill(Line::ZERO),
            Self::Smooth(activation) => {
                times_derivative(arch, Derivative::Saved, tangents, signals);
                smooth::times_second_derivative(arch, activation, saved, signals);
            }
            Self::Output(function) => arch.dispatch(SecondDerivative {
                function,
                output: saved.lines(),
                tangents: tangents.lines(),
                signals: signals.lines_mut(),
            }),
        }
    }
}

struct SecondDerivative<'a> {
    function: OutputActivation,
    output: &'a [Line],
    tangents: &'a [Line],
    signals: &'a mut [Line],
}

impl NullaryFnOnce for SecondDerivative<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for ((signals, tangents), output) in self.signals.iter_mut().zip(self.tangents).zip(self.output) {
            for i in 0..LINE {
                let y = output.0[i];
                let second = match self.function {
                    OutputActivation::Tanh => -2.0 * y * (1.0 - y * y),
                    OutputActivation::Sigmoid => y * (1.0 - y) * (1.0 - 2.0 * y),
                };
                signals.0[i] *= tangents.0[i] * second;
            }
        }
    }
}

/// A feature map whose pixels become `factor` times as many along both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Enlarge {
    pub(super) factor: usize,
    /// Height and width of the input.
    pub(super) sides: [usize; 2],
}

impl Enlarge {
    /// The pixel of the input that each pixel of the output is.
    fn sources(self) -> impl Iterator<Item = usize> {
        let Self { factor, sides: [height, width] } = self;
        (0..height * factor)
            .flat_map(move |y| (0..width * factor).map(move |x| y / factor * width + x / factor))
    }

    /// Writes the enlarged map of `input`, `[pixels * images, channels]`.
    pub(super) fn forward(self, input: &Matrix, images: usize, out: &mut Matrix) {
        out.reshape(input.rows() * self.factor * self.factor, input.cols());
        for panel in 0..input.panels() {
            let from = input.panel(panel);
            for (to, source) in out.panel_mut(panel).chunks_exact_mut(images).zip(self.sources()) {
                to.copy_from_slice(&from[source * images..(source + 1) * images]);
            }
        }
    }

    /// Writes the gradient of the input: the sum over the pixels that are made of each.
    pub(super) fn backward(self, gradient: &Matrix, images: usize, out: &mut Matrix) {
        out.reshape(gradient.rows() / (self.factor * self.factor), gradient.cols());
        out.lines_mut().fill(Line::ZERO);
        for panel in 0..gradient.panels() {
            let sums = out.panel_mut(panel);
            for (from, source) in gradient.panel(panel).chunks_exact(images).zip(self.sources()) {
                for (sum, line) in sums[source * images..(source + 1) * images].iter_mut().zip(from) {
                    sum.add(line);
                }
            }
        }
    }
}

/// A feature map whose squares of `factor` pixels along both sides become one pixel each, their mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reduce {
    pub(super) pool: Pool,
    /// Height and width of the input.
    pub(super) sides: [usize; 2],
}

impl Reduce {
    /// The pixels of the input that belong to a square, each with the pixel of the output that the square becomes.
    fn pixels(self) -> impl Iterator<Item = (usize, usize)> {
        let (factor, [height, width]) = (self.pool.factor, self.sides);
        let [rows, columns] = [height, width].map(|side| side / factor);
        (0..rows * factor).flat_map(move |y| {
            (0..columns * factor).map(move |x| (y * width + x, y / factor * columns + x / factor))
        })
    }

    /// Writes the reduced map of `input`, `[pixels * images, channels]`.
    pub(super) fn forward(self, input: &Matrix, images: usize, out: &mut Matrix) {
        let [rows, columns] = self.sides.map(|side| side / self.pool.factor);
        out.reshape(rows * columns * images, input.cols());
        out.lines_mut().fill(Line::ZERO);
        for panel in 0..input.panels() {
            let (from, sums) = (input.panel(panel), out.panel_mut(panel));
            for (pixel, square) in self.pixels() {
                let sums = &mut sums[square * images..(square + 1) * images];
                for (sum, line) in sums.iter_mut().zip(&from[pixel * images..]) {
                    sum.add(line);
                }
            }
        }
        for number in out.lines_mut().iter_mut().flat_map(|line| &mut line.0) {
            *number *= self.pool.share();
        }
    }

    /// Writes the gradient of the input, zero where a pixel belongs to no square.
    pub(super) fn backward(self, gradient: &Matrix, images: usize, out: &mut Matrix) {
        let [height, width] = self.sides;
        out.reshape(height * width * images, gradient.cols());
        out.lines_mut().fill(Line::ZERO);
        for panel in 0..gradient.panels() {
            let (from, to) = (gradient.panel(panel), out.panel_mut(panel));
            for (pixel, square) in self.pixels() {
                let to = &mut to[pixel * images..(pixel + 1) * images];
                for (to, line) in to.iter_mut().zip(&from[square * images..]) {
                    to.0 = line.0.map(|number| number * self.pool.share());
                }
            }
        }
    }
}

/// Writes rows of numbers, `[images, channels * pixels]` in PyTorch's order, as a map, `[pixels * images, channels]`.
pub(super) fn rows_to_map(rows: &Matrix, pixels: usize, map: &mut Matrix) {
    if pixels == 1 {
        return map.copy_from(rows);
    }
    let images = rows.rows();
    map.reshape(pixels * images, rows.cols() / pixels);
    // Columns of padding have to be zero.
    map.lines_mut().fill(Line::ZERO);
    for channel in 0..map.cols() {
        let to = map.panel_mut(channel / LINE);
        for pixel in 0..pixels {
            let number = channel * pixels + pixel;
            let from = rows.panel(number / LINE);
            for image in 0..images {
                to[pixel * images + image].0[channel % LINE] = from[image].0[number % LINE];
            }
        }
    }
}

/// The inverse of [`rows_to_map`]; writes the rows of `rows` from `first_row` on.
pub(super) fn map_to_rows(map: &Matrix, pixels: usize, rows: &mut Matrix, first_row: usize) {
    let images = map.rows() / pixels;
    for panel in 0..rows.panels() {
        if pixels == 1 {
            rows.part_mut(panel, first_row..first_row + images).copy_from_slice(map.panel(panel));
            continue;
        }
        let columns = panel * LINE..(panel * LINE + LINE).min(map.cols() * pixels);
        let to = rows.part_mut(panel, first_row..first_row + images);
        to.fill(Line::ZERO);
        for (at, number) in columns.enumerate() {
            let (channel, pixel) = (number / pixels, number % pixels);
            let from = &map.panel(channel / LINE)[pixel * images..(pixel + 1) * images];
            for (to, from) in to.iter_mut().zip(from) {
                to.0[at] = from.0[channel % LINE];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gansweep_nn::network::PoolKind;

    use super::*;

    fn numbered(rows: usize, cols: usize) -> Matrix {
        Matrix::from_fn(rows, cols, |row, col| (row * cols + col) as f32)
    }

    #[test]
    fn rows_become_maps_in_the_order_of_pytorch_and_back() {
        let (images, channels, pixels) = (3, 19, 6);
        let rows = numbered(images, channels * pixels);
        let mut map = Matrix::new(pixels * images, channels);
        rows_to_map(&rows, pixels, &mut map);
        for (image, channel, pixel) in [(0, 0, 0), (2, 18, 5), (1, 16, 3)] {
            assert_eq!(map.get(pixel * images + image, channel), rows.get(image, channel * pixels + pixel));
        }
        let mut back = Matrix::new(images + 1, channels * pixels);
        map_to_rows(&map, pixels, &mut back, 1);
        for (image, number) in (0..images).flat_map(|it| (0..channels * pixels).map(move |n| (it, n))) {
            assert_eq!(back.get(image + 1, number), rows.get(image, number));
        }
    }

    #[test]
    fn each_pixel_is_enlarged_and_its_gradient_is_the_sum_of_its_copies() {
        let enlarge = Enlarge { factor: 3, sides: [2, 4] };
        let (images, channels) = (2, 17);
        let map = numbered(8 * images, channels);
        let mut large = Matrix::new(72 * images, channels);
        enlarge.forward(&map, images, &mut large);
        for (y, x) in (0..6).flat_map(|y| (0..12).map(move |x| (y, x))) {
            let (pixel, source) = (y * 12 + x, y / 3 * 4 + x / 3);
            assert_eq!(large.get(pixel * images + 1, 16), map.get(source * images + 1, 16));
        }
        let mut gradient = Matrix::new(8 * images, channels);
        enlarge.backward(&large, images, &mut gradient);
        for (row, channel) in (0..8 * images).flat_map(|row| (0..channels).map(move |col| (row, col))) {
            assert_eq!(gradient.get(row, channel), 9.0 * map.get(row, channel));
        }
    }

    #[test]
    fn each_square_becomes_its_mean_and_pixels_outside_have_no_gradient() {
        let pool = Pool { factor: 2, kind: PoolKind::Average };
        let reduce = Reduce { pool, sides: [5, 6] };
        let (images, channels) = (2, 17);
        let map = numbered(30 * images, channels);
        let mut small = Matrix::new(6 * images, channels);
        reduce.forward(&map, images, &mut small);
        assert_eq!((small.rows(), small.cols()), (6 * images, channels));
        for (y, x) in (0..2).flat_map(|y| (0..3).map(move |x| (y, x))) {
            let of = |y: usize, x: usize| map.get((y * 6 + x) * images + 1, 16);
            let mean =
                (of(2 * y, 2 * x) + of(2 * y, 2 * x + 1) + of(2 * y + 1, 2 * x) + of(2 * y + 1, 2 * x + 1))
                    / 4.0;
            assert_eq!(small.get((y * 3 + x) * images + 1, 16), mean);
        }
        let mut gradient = Matrix::new(30 * images, channels);
        reduce.backward(&small, images, &mut gradient);
        for (y, x) in (0..5).flat_map(|y| (0..6).map(move |x| (y, x))) {
            let own = if y < 4 { small.get((y / 2 * 3 + x / 2) * images + 1, 16) / 4.0 } else { 0.0 };
            assert_eq!(gradient.get((y * 6 + x) * images + 1, 16), own);
        }
    }
}
