//! The architecture for a shape of images, and where each parameter lies.

use std::ops::Range;

use gansweep_config::ImageShape;

/// Number of features: the outputs of the last hidden layer.
pub(crate) const FEATURES: usize = 128;
/// Channels of the first block; each further block has twice as many.
const CHANNELS: usize = 32;
/// Images are halved until no side is as large.
const SMALL: usize = 12;

/// Blocks of a 3x3 convolution (padded), 2x2 max pooling and ReLU, then a hidden layer with ReLU, whose outputs are the
/// features, and a layer of logits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) image: ImageShape,
    pub(crate) classes: usize,
    pub(crate) blocks: Vec<Block>,
    /// Weight `[inputs, FEATURES]`.
    pub(crate) hidden: Dense,
    /// Weight `[FEATURES, classes]`.
    pub(crate) logits: Dense,
    /// Number of parameters.
    pub(crate) parameters: usize,
}

/// A convolution, followed by pooling and ReLU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// `[9 * inputs, outputs]`: for each tap, row by row, the channels.
    pub(crate) weight: Range<usize>,
    pub(crate) bias: Range<usize>,
}

/// A fully connected layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dense {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) weight: Range<usize>,
    pub(crate) bias: Range<usize>,
}

impl Layout {
    pub(crate) fn new(image: ImageShape, classes: usize) -> Self {
        let mut end = 0;
        let mut take = |count: usize| {
            end += count;
            end - count..end
        };
        let (mut height, mut width) = (image.height as usize, image.width as usize);
        let (mut inputs, mut outputs) = (image.channels as usize, CHANNELS);
        let mut blocks = Vec::new();
        while height.min(width) > 1 && (blocks.is_empty() || height.max(width) >= SMALL) {
            let weight = take(9 * inputs * outputs);
            blocks.push(Block { height, width, inputs, outputs, weight, bias: take(outputs) });
            (height, width) = (height / 2, width / 2);
            (inputs, outputs) = (outputs, 2 * outputs);
        }
        let mut dense = |inputs: usize, outputs: usize| Dense {
            inputs,
            outputs,
            weight: take(inputs * outputs),
            bias: take(outputs),
        };
        let hidden = dense(height * width * inputs, FEATURES);
        let logits = dense(FEATURES, classes);
        Self { image, classes, blocks, hidden, logits, parameters: end }
    }

    /// Floating-point operations of the products for one image.
    pub(crate) fn flops(&self) -> f64 {
        let blocks: usize = self.blocks.iter().map(|block| block.pixels() * block.weight.len()).sum();
        2.0 * (blocks + self.hidden.weight.len() + self.logits.weight.len()) as f64
    }

    /// Each weight with its number of inputs.
    pub(crate) fn weights(&self) -> impl Iterator<Item = (Range<usize>, usize)> + '_ {
        let blocks = self.blocks.iter().map(|block| (block.weight.clone(), 9 * block.inputs));
        let dense =
            [&self.hidden, &self.logits].into_iter().map(|layer| (layer.weight.clone(), layer.inputs));
        blocks.chain(dense)
    }
}

impl Block {
    pub(crate) fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Pixels after pooling; the last row and column of an odd side are left out.
    pub(crate) fn pooled(&self) -> usize {
        (self.height / 2) * (self.width / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operations_of_an_image_are_those_of_its_products() {
        let layout = Layout::new(ImageShape { channels: 1, height: 28, width: 28 }, 10);
        let products = 784 * 9 * 32 + 196 * 9 * 32 * 64 + 49 * 64 * 128 + 128 * 10;
        assert!((layout.flops() - 2.0 * f64::from(products)).abs() < 0.5);
    }

    #[test]
    fn images_are_halved_until_they_are_small_whatever_their_shape() {
        let sides = |channels, height, width| -> Vec<(usize, usize)> {
            let layout = Layout::new(ImageShape { channels, height, width }, 10);
            assert_eq!(layout.logits.bias.end, layout.parameters);
            layout.blocks.iter().map(|block| (block.height, block.width)).collect()
        };
        assert_eq!(sides(3, 64, 64), [(64, 64), (32, 32), (16, 16)]);
        assert_eq!(sides(1, 17, 30), [(17, 30), (8, 15)]);
        assert_eq!(sides(1, 5, 4), [(5, 4)]);
        assert_eq!(sides(1, 1, 100), []);
        assert_eq!(sides(1, 2, 100), [(2, 100)]);
    }
}
