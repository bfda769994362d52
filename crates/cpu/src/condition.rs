//! How a perceptron knows the class of an image.
//!
//! A first Linear layer whose input is a row and the embedding of its class, `[x, e(y)]`, adds the same numbers to
//! every row of a class: the bias plus `e(y)` times the weights of the embedding. So they are computed once for each
//! class, and the product itself has `x` alone, which may be sparse. Back-propagation sums the gradient of the rows
//! of each class first, for the same reason.

use pulp::Arch;

use super::activation::{AddBias, StoreProduct};
use super::matrix::{Line, Matrix};
use super::product::product;
use super::trained::{Learning, Trained};
use super::transpose::transpose;

/// The embedding of classes at the first Linear layer.
#[derive(Debug)]
pub(super) struct Embedded {
    /// `[classes, width]`.
    pub(super) embedding: Trained,
    /// `[width, outputs]`: the Linear layer's weights of the embedding.
    pub(super) weight: Trained,
    /// `[classes, outputs]`: what the layer adds to a row of each class.
    pub(super) offsets: Matrix,
    /// `[classes, outputs]`: the gradient with respect to the offsets.
    sums: Matrix,
    /// `[outputs, width]`: the weights, transposed.
    transposed: Matrix,
    /// `[classes, width]`: the gradient of the embedding.
    gradient: Matrix,
}

impl Embedded {
    /// All zero.
    pub(super) fn new(classes: usize, width: usize, outputs: usize, buffers: usize) -> Self {
        Self {
            embedding: Trained::new(classes, width, buffers),
            weight: Trained::new(width, outputs, buffers),
            offsets: Matrix::new(classes, outputs),
            sums: Matrix::new(classes, outputs),
            transposed: Matrix::new(outputs, width),
            gradient: Matrix::new(classes, width),
        }
    }

    /// Computes the offsets, with the layer's bias.
    pub(super) fn prepare(&mut self, arch: Arch, bias: &Matrix) {
        let add_bias = AddBias { bias, classes: None, out: &mut self.offsets };
        product(arch, &self.embedding.value, &self.weight.value, add_bias);
    }

    /// Updates embedding and weights by the gradient of the layer's output, whose rows have these classes.
    pub(super) fn learn(&mut self, arch: Arch, classes: &[u16], gradient: &Matrix, learning: &mut Learning) {
        sum_classes(gradient, classes, self.sums.rows(), &mut self.sums);
        // Before the weights are updated.
        transpose(arch, &self.weight.value, &mut self.transposed);
        product(arch, &self.sums, &self.transposed, StoreProduct(&mut self.gradient));
        self.weight.learn_product(arch, (&self.embedding.value).into(), &self.sums, None, learning);
        self.embedding.learn(arch, &self.gradient, learning);
    }
}

/// Sums the rows of each pixel, `[pixels * images, channels]`, by the classes of the images, of which there are `count`.
pub(super) fn sum_classes(rows: &Matrix, classes: &[u16], count: usize, sums: &mut Matrix) {
    sums.lines_mut().fill(Line::ZERO);
    for panel in 0..rows.panels() {
        let pixels = rows.panel(panel).chunks_exact(classes.len());
        for (of_pixel, sums) in pixels.zip(sums.panel_mut(panel).chunks_exact_mut(count)) {
            for (line, &class) in of_pixel.iter().zip(classes) {
                sums[usize::from(class)].add(line);
            }
        }
    }
}

/// Turns the outputs of a layer for the image (the first column) and for each class (the others) into the sum of the
/// first and that of the row's class: `w . h + b + e(y) . h`. Row 0 goes to row `first_row` of `logits`.
pub(super) fn project(outputs: &Matrix, classes: &[u16], logits: &mut Matrix, first_row: usize) {
    for (row, &class) in classes.iter().enumerate() {
        let mut line = Line::ZERO;
        line.0[0] = outputs.get(row, 0) + outputs.get(row, 1 + usize::from(class));
        logits.panel_mut(0)[first_row + row] = line;
    }
}

/// The gradient of the layer's outputs from that of their sums, in place: each row's in the first column and in that of
/// its class.
pub(super) fn spread(gradient: &mut Matrix, classes: &[u16], outputs: usize) {
    let rows = gradient.rows();
    gradient.reshape(rows, outputs);
    // The first panel stays where it is.
    gradient.lines_mut()[rows..].fill(Line::ZERO);
    for (row, &class) in classes.iter().enumerate() {
        gradient.set(row, 1 + usize::from(class), gradient.get(row, 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_summed_by_pixel_and_class() {
        // Two pixels of three images.
        let rows = Matrix::from_fn(6, 17, |row, col| (100 * row + col) as f32);
        let mut sums = Matrix::from_fn(4, 17, |_, _| 7.0);
        sum_classes(&rows, &[1, 0, 1], 2, &mut sums);
        let found: Vec<_> = (0..4).map(|row| sums.get(row, 16)).collect();
        assert_eq!(found, [116.0, 232.0, 416.0, 832.0]);
    }

    #[test]
    fn rows_of_a_class_are_summed_and_others_left_out() {
        let rows = Matrix::from_fn(4, 20, |row, col| (100 * row + col) as f32);
        let mut sums = Matrix::from_fn(3, 20, |_, _| 7.0);
        sum_classes(&rows, &[2, 0, 2, 2], 3, &mut sums);
        assert_eq!((sums.get(0, 19), sums.get(1, 3), sums.get(2, 17)), (119.0, 0.0, 551.0));
    }

    #[test]
    fn a_projection_and_its_gradient_take_the_column_of_the_class() {
        let outputs = Matrix::from_fn(2, 21, |row, col| (100 * row + col) as f32);
        let mut logits = Matrix::new(3, 1);
        project(&outputs, &[19, 4], &mut logits, 1);
        assert_eq!((logits.get(1, 0), logits.get(2, 0)), (20.0, 205.0));
        let mut gradient = Matrix::new(2, 21);
        gradient.lines_mut().fill(Line([9.0; 16]));
        gradient.reshape(2, 1);
        gradient.lines_mut().copy_from_slice(Matrix::from_fn(2, 1, |row, _| 1.0 + row as f32).lines());
        spread(&mut gradient, &[19, 4], 21);
        let expected = |row: usize, col: usize| match (row, col) {
            (_, 0) | (0, 20) | (1, 5) => 1.0 + row as f32,
            _ => 0.0,
        };
        assert_eq!(gradient.lines(), Matrix::from_fn(2, 21, expected).lines());
    }
}
