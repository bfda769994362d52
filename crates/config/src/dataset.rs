//! Datasets: their names, and the spec of one, which is what the rest of the program knows of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A dataset by its name. Where its files are and what they hold is known to the `data` crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dataset {
    /// Handwritten digits.
    Mnist,
    /// Articles of clothing.
    FashionMnist,
    /// Cursive Japanese characters.
    Kmnist,
    /// Digits drawn by this program from vector strokes; needs no download.
    Strokes,
    /// Images of the user's own, in IDX files in the folder that `data.path` names.
    Idx,
}

impl Dataset {
    /// Every dataset, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Mnist, Self::FashionMnist, Self::Kmnist, Self::Strokes, Self::Idx];

    /// The name in experiment files, on the command line and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Kmnist => "kmnist",
            Self::Strokes => "strokes",
            Self::Idx => "idx",
        }
    }

    /// The dataset of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dataset| dataset.name() == name)
    }
}

/// The shape of one image of a dataset.
///
/// An image in memory is planar, as in `PyTorch`: `[channels, height, width]`, the channels one after
/// the other, each row by row from the top and each row from the left. One channel is grey, three
/// are red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageShape {
    /// 1 for grey, 3 for colour.
    pub channels: u32,
    /// Rows, in pixels.
    pub height: u32,
    /// Columns, in pixels.
    pub width: u32,
}

impl fmt::Display for ImageShape {
    /// `3 x 20 x 24`: channels, rows, columns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {} x {}", self.channels, self.height, self.width)
    }
}

impl ImageShape {
    /// Numbers in one image: the width of a generator's output and of a discriminator's input.
    pub const fn size(self) -> usize {
        self.channels as usize * self.height as usize * self.width as usize
    }
}

/// What a run has to know of its data besides the images: the shapes of networks and pictures, the
/// steps of an epoch and the identity of runs follow from it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetSpec {
    /// Of every image, of training and of test images alike.
    pub image: ImageShape,
    /// Labels are from 0 to below this.
    pub classes: u32,
    /// Images to train on.
    pub train_images: u32,
    /// Images that nothing trains on; 0 if there are none.
    pub test_images: u32,
    /// Identity of the training images and their labels.
    pub fingerprint: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_datasets_are_those_of_their_serialised_form() {
        for dataset in Dataset::ALL {
            assert_eq!(serde_json::to_value(dataset).unwrap(), dataset.name());
        }
    }
}
