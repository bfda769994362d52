//! Datasets: their names, and the spec that the rest of the program knows of each.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ClassNames;

/// The name of a dataset. The `data` crate knows where its files are and what they contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dataset {
    /// Handwritten digits.
    Mnist,
    /// Articles of clothing.
    FashionMnist,
    /// Cursive Japanese characters.
    Kmnist,
    /// Handwritten digits of EMNIST.
    EmnistDigits,
    /// Handwritten letters of EMNIST, both cases of a letter in one class.
    EmnistLetters,
    /// Handwritten digits and letters of EMNIST, in 47 classes of equal size.
    EmnistBalanced,
    /// Photographs of ten kinds of animals and vehicles, in colour.
    #[serde(rename = "cifar10")]
    Cifar10,
    /// Digits drawn by this program from vector strokes, in several shapes; needs no download.
    Strokes,
    /// The user's images, in IDX files in the folder `data.path`.
    Idx,
    /// The user's pictures, PNG and JPEG files in the folder `data.path`, made in several shapes.
    Folder,
}

/// The sides of the images that `strokes` can be drawn with.
pub const STROKES_SIDES: [u32; 3] = [28, 32, 64];

impl Dataset {
    /// Every dataset, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Mnist,
        Self::FashionMnist,
        Self::Kmnist,
        Self::EmnistDigits,
        Self::EmnistLetters,
        Self::EmnistBalanced,
        Self::Cifar10,
        Self::Strokes,
        Self::Idx,
        Self::Folder,
    ];

    /// The name in experiment files, on the command line and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Kmnist => "kmnist",
            Self::EmnistDigits => "emnist-digits",
            Self::EmnistLetters => "emnist-letters",
            Self::EmnistBalanced => "emnist-balanced",
            Self::Cifar10 => "cifar10",
            Self::Strokes => "strokes",
            Self::Idx => "idx",
            Self::Folder => "folder",
        }
    }

    /// The dataset with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dataset| dataset.name() == name)
    }

    /// The shape of the images of a dataset that is made in the shape that a run asks for, where it asks
    /// for none; `None` for a dataset whose files decide the shape.
    pub const fn default_shape(self) -> Option<ImageShape> {
        match self {
            Self::Strokes => Some(ImageShape { channels: 1, height: 28, width: 28 }),
            Self::Folder => Some(ImageShape { channels: 3, height: 64, width: 64 }),
            _ => None,
        }
    }

    /// Whether the images are the user's own, in the folder `data.path`.
    pub const fn is_own(self) -> bool {
        matches!(self, Self::Idx | Self::Folder)
    }

    /// Whether images of the dataset may have that shape. Where only its files tell, they may.
    pub fn can_have(self, shape: ImageShape) -> bool {
        let ImageShape { channels, height, width } = shape;
        match self {
            Self::Strokes => height == width && STROKES_SIDES.contains(&width) && matches!(channels, 1 | 3),
            _ => true,
        }
    }
}

/// The images that a run asks for: a dataset, and the shape of its images where there is a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DataRequest {
    /// The dataset.
    pub dataset: Dataset,
    /// Rows and columns of an image; 0 for the dataset's own.
    pub side: u32,
    /// Channels of an image; 0 for the dataset's own.
    pub channels: u32,
}

impl DataRequest {
    /// Asks for images of that shape from a dataset that has a choice; else for those that it has.
    pub const fn of_shape(dataset: Dataset, shape: ImageShape) -> Self {
        match dataset.default_shape() {
            Some(_) => Self { dataset, side: shape.width, channels: shape.channels },
            None => Self { dataset, side: 0, channels: 0 },
        }
    }

    /// The shape of the images, if the dataset has a choice.
    pub fn shape(self) -> Option<ImageShape> {
        let own = self.dataset.default_shape()?;
        let or_own = |asked, own| if asked == 0 { own } else { asked };
        let side = or_own(self.side, own.width);
        Some(ImageShape { channels: or_own(self.channels, own.channels), height: side, width: side })
    }

    /// Whether images of that shape are what was asked for.
    pub const fn agrees_with(self, shape: ImageShape) -> bool {
        (self.side == 0 || self.side == shape.height && self.side == shape.width)
            && (self.channels == 0 || self.channels == shape.channels)
    }
}

impl From<Dataset> for DataRequest {
    /// The dataset in its own shape.
    fn from(dataset: Dataset) -> Self {
        Self { dataset, side: 0, channels: 0 }
    }
}

/// The shape of one image of a dataset.
///
/// In memory an image is planar, as in `PyTorch`: `[channels, height, width]`. One channel is grey; three
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
    /// The number of values in one image: the generator's output and the discriminator's input.
    pub const fn size(self) -> usize {
        (self.channels as usize).saturating_mul(self.height as usize).saturating_mul(self.width as usize)
    }

    /// Channels, height and width.
    pub fn shape(self) -> [usize; 3] {
        [self.channels, self.height, self.width].map(|side| side as usize)
    }

    /// The images that a DCGAN takes, for messages.
    pub const DCGAN_IMAGES: &str =
        "1 or 3 channels and square sides that are 4, 5, 6 or 7 doubled at least twice";

    /// The side of the smallest feature map of a DCGAN for these images, from which it is doubled to theirs;
    /// `None` if there is no such network. It is from 4 to 7: 4 for the sides 32 and 64, as in the paper.
    pub const fn dcgan_base(self) -> Option<u32> {
        let mut base = self.width;
        while base > 7 && base.is_multiple_of(2) {
            base /= 2;
        }
        let is_square = self.height == self.width && matches!(self.channels, 1 | 3);
        // A single doubling would leave no feature map between the smallest one and the image.
        if is_square && matches!(base, 4..=7) && self.width >= 4 * base { Some(base) } else { None }
    }
}

/// Everything about a dataset but the images. The shapes of networks and sample grids, the number of
/// steps in an epoch and the ids of runs follow from it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetSpec {
    /// The shape of every training and test image.
    pub image: ImageShape,
    /// The number of classes: labels are from 0 to `classes - 1`.
    pub classes: u32,
    /// The number of training images.
    pub train_images: u32,
    /// The number of test images, which are not trained on; 0 if there are none.
    pub test_images: u32,
    /// A digest of the training images and their labels.
    pub fingerprint: String,
    /// What the classes are called. No part of the fingerprint, and so of no run's id. Jobs are without it: training
    /// needs no names.
    #[serde(skip)]
    pub class_names: ClassNames,
}

/// What the runs on a dataset really train on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataIdentity {
    /// The dataset itself, or its fallback.
    pub dataset: Dataset,
    /// The spec of that dataset.
    pub spec: DatasetSpec,
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
