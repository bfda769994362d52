//! What the classifier makes of images, where nothing is kept for training.

use pulp::Arch;

use crate::convolution::{Convolution, pad, padded_size};
use crate::images::to_inputs;
use crate::layout::Layout;
use crate::passes::{Classified, classify};

/// The classifier, prepared for many images.
pub(crate) struct Inference<'a> {
    layout: &'a Layout,
    parameters: &'a [f32],
    blocks: Vec<Convolution>,
    arch: Arch,
}

impl<'a> Inference<'a> {
    pub(crate) fn new(layout: &'a Layout, parameters: &'a [f32]) -> Self {
        let last = layout.blocks.len().saturating_sub(1);
        let blocks = layout.blocks.iter().enumerate();
        let blocks = blocks.map(|(place, block)| Convolution::new(block, parameters, place < last)).collect();
        Self { layout, parameters, blocks, arch: Arch::new() }
    }

    /// Features and probabilities of images `[images, channels, height, width]`.
    pub(crate) fn of(&self, images: &[u8]) -> Classified {
        let Some((last, before)) = self.blocks.split_last() else {
            return classify(self.layout, self.parameters, &to_inputs(self.layout.image, images));
        };
        let size = self.layout.image.size();
        // One image at a time, whose maps stay in the caches; the hidden layer takes all at once.
        let mut padded = vec![0.0; padded_size(&self.layout.blocks[0])];
        let mut maps: Vec<Vec<f32>> = before.iter().map(|block| vec![0.0; block.output()]).collect();
        let mut flat = vec![0.0; images.len() / size * last.output()];
        for (image, flat) in images.chunks_exact(size).zip(flat.chunks_exact_mut(last.output())) {
            pad(&self.layout.blocks[0], image, &mut padded);
            let mut input = &padded;
            for (block, output) in before.iter().zip(&mut maps) {
                block.apply(self.arch, input, output);
                input = output;
            }
            last.apply(self.arch, input, flat);
        }
        classify(self.layout, self.parameters, &flat)
    }
}

#[cfg(test)]
mod tests {
    use gansweep_config::ImageShape;

    use super::*;
    use crate::passes::forward;
    use crate::training::initial;

    /// Bytes, by a formula.
    fn images(count: usize) -> Vec<u8> {
        (0..count).map(|place| (place * 7919 % 1021 % 256) as u8).collect()
    }

    #[test]
    fn an_image_has_the_features_that_training_sees() {
        for (channels, height, width) in
            [(1, 28, 28), (3, 32, 32), (2, 13, 6), (1, 5, 4), (1, 1, 8), (3, 2, 100)]
        {
            let image = ImageShape { channels, height, width };
            let layout = Layout::new(image, 7);
            let parameters = initial(&layout);
            let bytes = images(5 * image.size());
            let found = Inference::new(&layout, &parameters).of(&bytes);
            let expected = forward(&layout, &parameters, to_inputs(image, &bytes));
            // The same bits where the processor has fused multiply-adds, which both then sum by.
            if !matches!(Arch::new(), Arch::Scalar) {
                assert!(found.features == expected.features, "{image:?}");
                assert!(found.probabilities == expected.probabilities, "{image:?}");
            }
            for (one, other) in found.features.iter().zip(&expected.features) {
                assert!((one - other).abs() < 1e-4 * other.abs().max(1.0), "{image:?}: {one} {other}");
            }
        }
    }
}
