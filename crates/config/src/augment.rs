//! `[augment]`: random changes of everything that the discriminator sees.

use serde::{Deserialize, Serialize};

use crate::ImageShape;

/// Random changes of the discriminator's inputs, real images and fakes, that the generator's gradient passes through
/// (Zhao et al. 2020, `DiffAugment`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentConfig {
    /// How much brightness, saturation and contrast change; 0 for not at all.
    pub color: f64,
    /// The largest distance that an image is moved, as a share of its side.
    pub translation: f64,
    /// The side of a square that is made grey, as a share of the image's.
    pub cutout: f64,
}

impl AugmentConfig {
    /// Whether images are changed.
    pub fn exists(&self) -> bool {
        self.color > 0.0 || self.translation > 0.0 || self.cutout > 0.0
    }

    /// The most pixels that an image is moved down or up, and right or left.
    pub fn most_moved(&self, image: ImageShape) -> [u32; 2] {
        [image.height, image.width].map(|side| (f64::from(side) * self.translation).round() as u32)
    }

    /// Rows and columns of the part that is made grey. A half is rounded up.
    pub fn cut_out(&self, image: ImageShape) -> [u32; 2] {
        [image.height, image.width].map(|side| (f64::from(side) * self.cutout + 0.5) as u32)
    }

    /// Zero for a distance or a square of less than a pixel.
    pub(crate) fn canonical(&self, image: ImageShape) -> Self {
        let unless_nothing = |share: f64, pixels: [u32; 2]| if pixels == [0, 0] { 0.0 } else { share };
        Self {
            color: self.color,
            translation: unless_nothing(self.translation, self.most_moved(image)),
            cutout: unless_nothing(self.cutout, self.cut_out(image)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREY_28: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };

    #[test]
    fn shares_of_a_side_are_whole_pixels() {
        let config = AugmentConfig { color: 0.0, translation: 0.125, cutout: 0.5 };
        // An eighth of 28 is 3.5.
        assert_eq!(config.most_moved(GREY_28), [4, 4]);
        assert_eq!(config.cut_out(GREY_28), [14, 14]);
        let wide = ImageShape { height: 5, width: 9, ..GREY_28 };
        assert_eq!(config.most_moved(wide), [1, 1]);
        assert_eq!(config.cut_out(wide), [3, 5]);
    }

    #[test]
    fn less_than_a_pixel_is_nothing() {
        let little = AugmentConfig { color: 0.1, translation: 0.017, cutout: 0.017 };
        assert_eq!(little.canonical(GREY_28), AugmentConfig { color: 0.1, ..AugmentConfig::default() });
        let enough = AugmentConfig { color: 0.0, translation: 0.018, cutout: 0.018 };
        assert_eq!(enough.canonical(GREY_28), enough);
    }
}
