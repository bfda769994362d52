//! The first convolution of an image and the last transposed convolution to one, whose one or three channels
//! would fill a small part of a panel: products with patches.
//!
//! A patch is what a convolution reads of an image at one position of its kernel: a row of `channels * taps`
//! numbers. Unfolding an image writes its patches; folding adds patches up to an image, which is the transpose
//! of unfolding.

use std::ops::Range;

use gansweep_config::ImageShape;
use gansweep_nn::network::Window;

use crate::matrix::{LINE, Line, Matrix};
use crate::transpose::Derivative;

/// What sums of patches begin with where there is no bias: zero for each channel, a class's among them.
pub(super) const NO_BIAS: [f32; 4] = [0.0; 4];

/// A channel behind those of each image that is the same for all images of a class.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClassPlanes<'a> {
    /// `[classes, height * width]`.
    pub(super) planes: &'a Matrix,
    /// The class of each image.
    pub(super) classes: &'a [u16],
}

/// The positions of a kernel on an image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patches {
    pub(super) image: ImageShape,
    pub(super) window: Window,
    /// Positions along height and width.
    pub(super) positions: [usize; 2],
}

impl Patches {
    /// The number of positions.
    pub(super) const fn count(&self) -> usize {
        self.positions[0] * self.positions[1]
    }

    /// Numbers in a patch.
    pub(super) const fn size(&self) -> usize {
        self.image.channels as usize * self.window.taps()
    }

    /// Height and width of an image with its padding, which the kernel may not fill.
    fn padded(&self) -> [usize; 2] {
        let Self { image, window, positions: [rows, columns] } = self;
        let reach = |positions: usize| (positions - 1) * window.stride + window.kernel;
        let side = |pixels: u32, positions| (pixels as usize + 2 * window.padding).max(reach(positions));
        [side(image.height, *rows), side(image.width, *columns)]
    }

    /// Numbers in an image with its padding.
    pub(super) fn padded_size(&self) -> usize {
        self.image.channels as usize * self.padded()[0] * self.padded()[1]
    }

    /// The channels of rows of `numbers` numbers: those of the image without a class's.
    fn channels(&self, numbers: usize) -> Range<usize> {
        0..numbers / (self.image.height as usize * self.image.width as usize)
    }

    /// Calls `work` for each number of some channels, in the order of memory, with its place in the padded image.
    #[inline(always)]
    fn each_pixel(&self, channels: Range<usize>, mut work: impl FnMut(usize, usize)) {
        let (padding, [height, width]) = (self.window.padding, self.padded());
        let mut number = 0;
        for channel in channels {
            for y in 0..self.image.height as usize {
                let first = (channel * height + y + padding) * width + padding;
                for x in 0..self.image.width as usize {
                    work(number, first + x);
                    number += 1;
                }
            }
        }
    }

    /// Calls `work` for each number of the patch at a position with its place in the padded image.
    #[inline(always)]
    fn each_tap(&self, position: usize, mut work: impl FnMut(usize, usize)) {
        let (Window { kernel, stride, .. }, [height, width]) = (self.window, self.padded());
        let (top, left) = (position / self.positions[1] * stride, position % self.positions[1] * stride);
        let mut number = 0;
        for channel in 0..self.image.channels as usize {
            for y in 0..kernel {
                let first = (channel * height + top + y) * width + left;
                for x in 0..kernel {
                    work(number, first + x);
                    number += 1;
                }
            }
        }
    }

    /// Writes the patches of images, the rows of `images`, to `patches`, `[positions * images, size]`. The channel of a
    /// class, if there is one, is zero without `planes`. `padded` is memory for one image with its padding.
    pub(super) fn unfold(
        &self,
        images: &Matrix,
        planes: Option<ClassPlanes<'_>>,
        patches: &mut Matrix,
        padded: &mut [f32],
    ) {
        let (count, own) = (images.rows(), self.channels(images.cols()));
        patches.reshape(self.count() * count, self.size());
        padded.fill(0.0);
        let mut patch = vec![0.0; self.size().next_multiple_of(LINE)];
        for image in 0..count {
            self.each_pixel(own.clone(), |number, at| {
                padded[at] = images.panel(number / LINE)[image].0[number % LINE];
            });
            if let Some(ClassPlanes { planes, classes }) = planes {
                let class = usize::from(classes[image]);
                self.each_pixel(own.end..own.end + 1, |number, at| padded[at] = planes.get(class, number));
            }
            for position in 0..self.count() {
                self.each_tap(position, |number, at| patch[number] = padded[at]);
                for (panel, part) in patch.as_chunks::<LINE>().0.iter().enumerate() {
                    patches.panel_mut(panel)[position * count + image] = Line(*part);
                }
            }
        }
    }

    /// Adds up the patches of one image of `count`; the sums begin with `initial`, one number for each channel.
    fn fold_one(&self, patches: &Matrix, [image, count]: [usize; 2], initial: &[f32], padded: &mut [f32]) {
        let size = padded.len() / self.image.channels as usize;
        for (plane, &initial) in padded.chunks_exact_mut(size).zip(initial) {
            plane.fill(initial);
        }
        for position in 0..self.count() {
            let row = position * count + image;
            self.each_tap(position, |number, at| {
                padded[at] += patches.panel(number / LINE)[row].0[number % LINE];
            });
        }
    }

    /// Adds up `patches`, `[positions * images, size]`, and a bias for each channel, to rows of `images` from
    /// `first_row` on. The rows may be without the channel of a class.
    pub(super) fn fold(
        &self,
        patches: &Matrix,
        bias: &[f32],
        images: &mut Matrix,
        first_row: usize,
        padded: &mut [f32],
    ) {
        let count = patches.rows() / self.count();
        for image in 0..count {
            self.fold_one(patches, [image, count], bias, padded);
            self.each_pixel(self.channels(images.cols()), |number, at| {
                images.panel_mut(number / LINE)[first_row + image].0[number % LINE] = padded[at];
            });
        }
    }

    /// Adds up `patches`, the gradient of the patches of `images`, to the gradient of the images, and multiplies
    /// it by the derivative of the activation whose output they are.
    pub(super) fn fold_gradient(
        &self,
        patches: &Matrix,
        derivative: Derivative,
        images: &Matrix,
        gradient: &mut Matrix,
        padded: &mut [f32],
    ) {
        let count = images.rows();
        gradient.reshape(count, images.cols());
        // The last line of an image has padding, which has to be zero.
        gradient.lines_mut().fill(Line::ZERO);
        for image in 0..count {
            self.fold_one(patches, [image, count], &NO_BIAS, padded);
            self.each_pixel(self.channels(images.cols()), |number, at| {
                let saved = images.panel(number / LINE)[image].0[number % LINE];
                let line = &mut gradient.panel_mut(number / LINE)[image];
                line.0[number % LINE] = derivative.apply(pulp::Scalar, padded[at], saved);
            });
        }
    }

    /// The sum of each channel over all images, the gradient of the bias of the layer that drew them: one row.
    pub(super) fn sum_channels(&self, gradient: &Matrix, sums: &mut Matrix) {
        let pixels = self.image.height as usize * self.image.width as usize;
        sums.lines_mut().fill(Line::ZERO);
        for channel in 0..self.image.channels as usize {
            let mut total = 0.0;
            for image in 0..gradient.rows() {
                let numbers = channel * pixels..(channel + 1) * pixels;
                total += numbers.map(|n| gradient.panel(n / LINE)[image].0[n % LINE]).sum::<f32>();
            }
            sums.lines_mut()[0].0[channel] = total;
        }
    }
}
