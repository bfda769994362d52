//! Which numbers of an image a normalisation has a mean and a deviation of, and how their sums lie in memory.

use gansweep_nn::network::Layer;

use super::matrix::{LINE, Line, Matrix};

/// The numbers of an image that are normalised together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Together {
    /// All of them: `LayerNorm`. Weight and bias have a number for each.
    Image,
    /// The pixels of a channel: `InstanceNorm2d`. Weight and bias have a number for each channel.
    Channel,
}

impl Together {
    /// Of a layer that normalises each image by itself.
    pub(super) const fn of(layer: Layer) -> Option<Self> {
        match layer {
            Layer::LayerNorm => Some(Self::Image),
            Layer::InstanceNorm => Some(Self::Channel),
            _ => None,
        }
    }

    /// Columns of a matrix with a row of sums for each image.
    pub(super) const fn sums(self, features: usize) -> usize {
        match self {
            Self::Image => LINE,
            Self::Channel => features,
        }
    }

    /// Rows of weight and bias, where an image has that many pixels.
    pub(super) const fn rows(self, pixels: usize) -> usize {
        match self {
            Self::Image => pixels,
            Self::Channel => 1,
        }
    }

    /// Lines of parameters with `copies` of each, of their gradients, and of the sums of that many images.
    pub(super) const fn lines(self, [pixels, features]: [usize; 2], copies: usize, images: usize) -> usize {
        (2 * copies + 2) * Matrix::lines_of(self.rows(pixels), features)
            + 3 * Matrix::lines_of(images, self.sums(features))
    }

    /// The row of weight and bias of a pixel.
    #[inline(always)]
    pub(super) const fn row(self, pixel: usize) -> usize {
        match self {
            Self::Image => pixel,
            Self::Channel => 0,
        }
    }

    /// The panel of the sums of a panel.
    #[inline(always)]
    pub(super) const fn panel(self, panel: usize) -> usize {
        match self {
            Self::Image => 0,
            Self::Channel => panel,
        }
    }

    /// Turns the sums of `images` images into means, of the numbers of `matrix` that are normalised together. An element is the
    /// mean that belongs to its column.
    #[inline(always)]
    pub(super) fn average(self, sums: &mut Matrix, matrix: &Matrix) {
        let pixels = matrix.rows() / sums.rows();
        for line in sums.lines_mut() {
            *line = match self {
                Self::Image => Line([total(line) / (matrix.cols() * pixels) as f32; LINE]),
                Self::Channel => Line(line.0.map(|sum| sum / pixels as f32)),
            };
        }
    }
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
