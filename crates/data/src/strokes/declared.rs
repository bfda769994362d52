//! The declaration of the drawn digits: counts, size and digests.

use gansweep_config::{Dataset, DatasetSpec, ImageShape};

use crate::{
    declaration::{Declaration, Part},
    digest::Digest::Sha256,
};

/// The side of an image in pixels.
pub(super) const SIDE: usize = 28;
/// The number of pixels of an image.
pub(super) const PIXELS: usize = SIDE * SIDE;
/// The shape of every image.
pub(super) const SHAPE: ImageShape = ImageShape { channels: 1, height: SIDE as u32, width: SIDE as u32 };
/// The number of training images, which are drawn first.
pub(super) const TRAIN_IMAGES: usize = 60_000;
/// The number of test images.
pub(super) const TEST_IMAGES: usize = 10_000;

/// The declaration of the files in the cache.
pub(crate) static STROKES: Declaration = Declaration {
    dataset: Dataset::Strokes,
    torchvision: "",
    image: SHAPE,
    class_names: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    mirrors: &[],
    train: Part {
        count: TRAIN_IMAGES,
        images: Sha256("b9bb54e0dabcdd6b95ad2a0eedf35637ce57eba5a0493c1a7640e5e25f0ab080"),
        labels: Sha256("9da43bfe8f85ff945fecffe7ce264e461ca4e0b1bb7f0af52f905d035f66dd55"),
    },
    test: Part {
        count: TEST_IMAGES,
        images: Sha256("4110e1663056eb549b6efd1a6c63a2824cedc5c1a450c55ac5c05e03051c0136"),
        labels: Sha256("fb36f44b5f766559b7c4861e71a25690c6ed21319fc41cec7cd5ef96798f6acd"),
    },
};

/// The spec of the drawn digits.
pub fn spec() -> DatasetSpec {
    STROKES.spec()
}
