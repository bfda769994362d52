//! Labelled images in memory.

use gansweep_config::ImageShape;

/// A part of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// The training images.
    Train,
    /// The test images, which nothing trains on.
    Test,
}

impl Split {
    /// Both splits.
    pub const ALL: [Self; 2] = [Self::Train, Self::Test];
}

/// Labelled images of one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// The shape of each image.
    pub shape: ImageShape,
    /// The number of images.
    pub count: usize,
    /// `[count, channels, height, width]`, from 0 (black) to 255.
    pub pixels: Vec<u8>,
    /// `[count]`: the class of each image, from 0 to below the spec's number of classes.
    pub labels: Vec<u16>,
}

impl Images {
    /// The bytes of image `index`, `[channels, height, width]`, or `None` beyond the last.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        self.pixels.chunks_exact(self.shape.size()).nth(index)
    }
}
