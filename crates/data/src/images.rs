//! Labelled images in memory.

use gansweep_config::{Dataset, ImageShape};

/// Pixels along one side of an image of MNIST and of the datasets made after it.
pub(crate) const SIDE: usize = 28;
/// Pixels of such an image.
pub(crate) const PIXELS: usize = SIDE * SIDE;
/// The shape of such an image.
pub(crate) const SHAPE: ImageShape = ImageShape { channels: 1, height: SIDE as u32, width: SIDE as u32 };

/// Labels of these datasets are from 0 to below this.
pub(crate) const CLASSES: u32 = 10;

/// Which part of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// The 60,000 images that runs train on.
    Train,
    /// The 10,000 images that nothing trains on.
    Test,
}

impl Split {
    /// Both parts.
    pub const ALL: [Self; 2] = [Self::Train, Self::Test];

    /// Images in this part of every dataset.
    pub const fn count(self) -> usize {
        match self {
            Self::Train => 60_000,
            Self::Test => 10_000,
        }
    }
}

/// Labelled images of one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// Of each of them.
    pub shape: ImageShape,
    /// How many.
    pub count: usize,
    /// `[count, channels, height, width]`: from 0, black, to 255.
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

/// What the labels 0 to 9 of a dataset stand for.
pub const fn class_names(dataset: Dataset) -> [&'static str; 10] {
    match dataset {
        Dataset::Mnist | Dataset::Strokes => ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        Dataset::FashionMnist => [
            "T-shirt/top",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ],
        Dataset::Kmnist => ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
    }
}
