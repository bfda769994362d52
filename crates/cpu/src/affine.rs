//! What all normalisation layers share: parameters, saved tensors, the choice of statistics, and how the rows
//! of a batch lie.

use std::ops::Range;

use super::matrix::Matrix;
use super::together::Together;
use super::trained::Trained;

/// The most parts of a batch: real images and fakes.
const MOST_PARTS: usize = 2;

/// Scale and shift of a normalised row, each `[1, features]`; of a feature map whose images are normalised each over all numbers,
/// `[pixels, channels]`.
#[derive(Debug)]
pub(super) struct Affine {
    pub(super) weight: Trained,
    pub(super) bias: Trained,
}

/// Tensors that the forward pass saves for the backward pass.
#[derive(Debug)]
pub(super) struct NormTrace {
    /// `[rows, features]`: the Linear layer's output, normalised in place.
    pub(super) normalised: Matrix,
    /// One over the standard deviation: `[parts, features]` for `BatchNorm`, otherwise a row for each image.
    pub(super) inverse_std: Matrix,
    /// Gradients of weight and bias, in their shape.
    pub(super) weight_gradient: Matrix,
    pub(super) bias_gradient: Matrix,
    /// A row for each image: scratch memory of its [sums](Together::sums).
    pub(super) row_sums: [Matrix; 2],
}

/// How the rows of a batch lie in a matrix: pixel by pixel, and within a pixel image by image. A row of a
/// multilayer perceptron is an image of one pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchRows {
    pub(super) images: usize,
    /// Equal parts of the images, one after the other, that `BatchNorm` normalises apart: real images and
    /// fakes in the discriminator's update.
    pub(super) parts: usize,
}

impl BatchRows {
    /// The images of one part, within those of a pixel.
    pub(super) fn part(self, part: usize) -> Range<usize> {
        let share = self.images / self.parts;
        part * share..(part + 1) * share
    }
}

/// Which statistics `BatchNorm` normalises with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statistics {
    /// Those of the batch; running statistics are updated.
    Training,
    /// Those of the batch; running statistics stay as they are.
    Batch,
    /// The running statistics.
    Running,
}

impl Affine {
    /// All zero, with `buffers` buffers of the optimiser for each tensor.
    pub(super) fn new(pixels: usize, features: usize, buffers: usize) -> Self {
        let zero = Trained::new(pixels, features, buffers);
        Self { weight: zero.clone(), bias: zero }
    }
}

impl NormTrace {
    /// Becomes that of these images of another trace, of a layer that normalises each image by itself.
    pub(super) fn copy_images(&mut self, from: &Self, images: &[Range<usize>]) {
        let (all, count) = (from.inverse_std.rows(), images.iter().map(Range::len).sum());
        self.normalised.copy_images(&from.normalised, all, images);
        self.inverse_std.copy_rows(&from.inverse_std, images, count);
        self.row_sums.iter_mut().for_each(|sums| sums.reshape(count, sums.cols()));
    }

    /// Memory for up to `rows` rows whose features are normalised over the batch.
    pub(super) fn of_columns(rows: usize, features: usize) -> Self {
        let line = Matrix::new(1, features);
        Self {
            normalised: Matrix::new(rows, features),
            inverse_std: Matrix::new(MOST_PARTS, features),
            weight_gradient: line.clone(),
            bias_gradient: line,
            row_sums: [Matrix::new(0, 0), Matrix::new(0, 0)],
        }
    }

    /// Memory for up to `images` images of that many pixels, each normalised by itself.
    pub(super) fn of_images(together: Together, images: usize, [pixels, features]: [usize; 2]) -> Self {
        let sums = Matrix::new(images, together.sums(features));
        let affine = Matrix::new(together.rows(pixels), features);
        Self {
            normalised: Matrix::new(images * pixels, features),
            inverse_std: sums.clone(),
            weight_gradient: affine.clone(),
            bias_gradient: affine,
            row_sums: [sums.clone(), sums],
        }
    }
}
