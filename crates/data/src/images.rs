//! Labelled images in memory.

use gansweep_config::{Dataset, IMAGE_PIXELS, TRAIN_IMAGES};

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
            Self::Train => TRAIN_IMAGES as usize,
            Self::Test => 10_000,
        }
    }
}

/// Labelled grey images of 28 x 28 pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// How many.
    pub count: usize,
    /// `[count, 784]`: 0 is background, 255 full ink; rows from the top, each from the left.
    pub pixels: Vec<u8>,
    /// `[count]`: the class of each image, 0 to 9.
    pub labels: Vec<u8>,
}

impl Images {
    /// The 784 pixels of image `index`, or `None` beyond the last.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        self.pixels.chunks_exact(IMAGE_PIXELS).nth(index)
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
