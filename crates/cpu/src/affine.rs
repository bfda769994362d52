//! What all normalisation layers share: parameters, saved tensors, the choice of statistics, and how the rows
//! of a batch lie.

use std::ops::Range;

use super::matrix::Matrix;
use super::together::Together;
use super::trained::Trained;

/// The most parts of a batch: real images and fakes.
const MOST_PARTS: usize = 2;

/// Scale and shift of a normalised row, each `[1, features]`; of a feature map whose images are normalised each over all numbers,
/// `[pixels, channels]`; of a batch whose classes have their own, `[classes, features]`.
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
    /// The class of each image, where classes have their own weight and bias.
    pub(super) classes: Option<Vec<u16>>,
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
    pub(super) fn new(rows: usize, features: usize, buffers: usize) -> Self {
        let zero = Trained::new(rows, features, buffers);
        Self { weight: zero.clone(), bias: zero }
    }

    /// Rows of weight and bias.
    pub(super) fn rows(&self) -> usize {
        self.weight.value.rows()
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

    /// Keeps the classes of the images that are normalised next, if the layer is of classes.
    pub(super) fn keep_classes(&mut self, classes: &[u16]) {
        if let Some(kept) = &mut self.classes {
            kept.clear();
            kept.extend_from_slice(classes);
        }
    }

    /// Memory for up to `images` images of that many pixels, whose features are normalised over the batch. `affine` is the shape
    /// of weight and bias.
    pub(super) fn of_columns(images: usize, pixels: usize, affine: [usize; 2]) -> Self {
        let [rows, features] = affine;
        let gradient = Matrix::new(rows, features);
        Self {
            normalised: Matrix::new(images * pixels, features),
            inverse_std: Matrix::new(MOST_PARTS, features),
            weight_gradient: gradient.clone(),
            bias_gradient: gradient,
            row_sums: [Matrix::new(0, 0), Matrix::new(0, 0)],
            classes: (rows > 1).then(|| Vec::with_capacity(images)),
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
            classes: None,
        }
    }
}
