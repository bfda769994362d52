//! Random changes of the discriminator's inputs: what is drawn for each image (Zhao et al. 2020, `DiffAugment`).

use std::ops::Range;

use gansweep_config::{Config, ImageShape, Pixels};

use super::rng::{self, Key, Pass, Purpose};

/// Numbers that are drawn for an image.
const DRAWS: u32 = 7;

/// The change of one image, in the order of its fields. It is an affine function of the pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Augmentation {
    /// What is added to every pixel.
    pub brightness: f32,
    /// By how much the differences of a pixel's channels from their mean grow: 0 leaves them as they are.
    pub saturation: f32,
    /// By how much all differences from the image's mean grow.
    pub contrast: f32,
    /// Rows that the image is moved down, and columns that it is moved to the right.
    pub moved: [i32; 2],
    /// The rows and the columns of the part that is made grey.
    pub cut_out: [Range<u32>; 2],
}

/// The changes of `count` inputs of a pass of the discriminator.
///
/// Image `i` has the numbers from `7 i` on of the stream, uniform on `[0, 1)`: brightness, saturation, contrast, down,
/// right, and row and column of the middle of the grey part.
pub fn augmentations(
    config: &Config,
    image: ImageShape,
    (seed, step, update, pass): (u64, u64, u32, Pass),
    count: usize,
) -> impl Iterator<Item = Augmentation> {
    let key = Key::new(seed, Purpose::Augment, &[step, u64::from(update), pass as u64]);
    // In units of the pixels, whose range is two for `signed`.
    let unit = match config.data.pixels {
        Pixels::Signed => 1.0,
        Pixels::Unit => 0.5,
    };
    let strength = config.augment.color as f32;
    let most_moved = config.augment.most_moved(image);
    let sides = [image.height, image.width];
    let cut_out = config.augment.cut_out(image);
    (0..count as u32).map(move |index| {
        let draw = |number| rng::fraction(key, index * DRAWS + number);
        Augmentation {
            brightness: unit * strength * (draw(0) - 0.5),
            saturation: strength * (2.0 * draw(1) - 1.0),
            contrast: strength * (draw(2) - 0.5),
            moved: [distance(draw(3), most_moved[0]), distance(draw(4), most_moved[1])],
            cut_out: [part(draw(5), cut_out[0], sides[0]), part(draw(6), cut_out[1], sides[1])],
        }
    })
}

/// The value of a pixel in the middle of their range.
pub const fn grey(pixels: Pixels) -> f32 {
    match pixels {
        Pixels::Signed => 0.0,
        Pixels::Unit => 0.5,
    }
}

/// A whole number from `-most` to `most`.
fn distance(drawn: f32, most: u32) -> i32 {
    whole(drawn, 2 * most + 1).cast_signed() - most.cast_signed()
}

/// The part of a side that `length` pixels around one of its pixels cover. An even length has its middle between two
/// pixels or at an end.
fn part(drawn: f32, length: u32, side: u32) -> Range<u32> {
    let middle = whole(drawn, side + 1 - length % 2);
    let before = length / 2;
    middle.saturating_sub(before)..(middle + length - before).min(side)
}

/// A whole number below `count`.
fn whole(drawn: f32, count: u32) -> u32 {
    (f64::from(drawn) * f64::from(count)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use gansweep_config::{AugmentConfig, Experiment, LoadOptions};

    const IMAGE: ImageShape = ImageShape { channels: 3, height: 28, width: 20 };

    fn config(pixels: Pixels, augment: AugmentConfig) -> Config {
        let path = std::path::Path::new("empty.toml");
        let experiment = Experiment::parse(path, String::new(), &LoadOptions::default()).unwrap();
        let mut config = Config { augment, ..experiment.config };
        config.data.pixels = pixels;
        config
    }

    fn drawn(pixels: Pixels, augment: AugmentConfig) -> Vec<Augmentation> {
        augmentations(&config(pixels, augment), IMAGE, (1, 5, 0, Pass::DiscriminatorReal), 20_000).collect()
    }

    fn authors() -> AugmentConfig {
        AugmentConfig { color: 1.0, translation: 0.125, cutout: 0.5 }
    }

    #[test]
    fn numbers_have_the_ranges_of_the_authors_and_use_them_up() {
        let drawn = drawn(Pixels::Signed, authors());
        let range = |pick: fn(&Augmentation) -> f32| {
            let values = drawn.iter().map(pick);
            values.fold((f32::MAX, f32::MIN), |(least, most), value| (least.min(value), most.max(value)))
        };
        let ranges =
            [range(|it| it.brightness), range(|it| 1.0 + it.saturation), range(|it| 1.0 + it.contrast)];
        for ((least, most), (from, to)) in ranges.into_iter().zip([(-0.5, 0.5), (0.0, 2.0), (0.5, 1.5)]) {
            assert!(least >= from && most < to, "{least} to {most}");
            assert!(least < from + 0.01 && most > to - 0.01, "{least} to {most}");
        }
        // An eighth of 28 is 3.5, and one of 20 is 2.5.
        assert_eq!(range(|it| it.moved[0] as f32), (-4.0, 4.0));
        assert_eq!(range(|it| it.moved[1] as f32), (-3.0, 3.0));
    }

    #[test]
    fn grey_parts_lie_around_every_pixel_and_end_at_the_edge() {
        for (cutout, length) in [(0.5, 14), (0.6, 17)] {
            let drawn = drawn(Pixels::Signed, AugmentConfig { cutout, ..authors() });
            let rows: Vec<_> = drawn.iter().map(|it| it.cut_out[0].clone()).collect();
            assert!(rows.iter().all(|rows| rows.start < rows.end && rows.end <= 28 && rows.len() <= length));
            assert!(rows.iter().any(|rows| rows.len() == length));
            // The middle is at the first and at the last row, too: half of the part is beyond the edge then.
            assert_eq!(rows.iter().map(|rows| rows.end).min(), Some((length - length / 2) as u32));
            assert_eq!(rows.iter().map(|rows| rows.start).max(), Some((28 - length.div_ceil(2)) as u32));
        }
    }

    #[test]
    fn what_is_zero_changes_nothing() {
        let nothing = drawn(Pixels::Unit, AugmentConfig::default());
        assert!(nothing.iter().all(|it| it.brightness == 0.0 && it.saturation == 0.0 && it.contrast == 0.0));
        assert!(nothing.iter().all(|it| it.moved == [0, 0] && it.cut_out.iter().all(Range::is_empty)));
    }

    #[test]
    fn pixels_of_half_the_range_are_changed_by_half_as_much() {
        let [signed, unit] = [Pixels::Signed, Pixels::Unit].map(|pixels| drawn(pixels, authors()));
        for (signed, unit) in signed.iter().zip(unit) {
            assert_eq!(Augmentation { brightness: signed.brightness / 2.0, ..signed.clone() }, unit);
        }
    }

    #[test]
    fn passes_and_images_have_numbers_of_their_own() {
        let config = config(Pixels::Signed, authors());
        let of = |pass| augmentations(&config, IMAGE, (1, 5, 0, pass), 2).collect::<Vec<_>>();
        let (real, fake) = (of(Pass::DiscriminatorReal), of(Pass::DiscriminatorFake));
        assert!(real[0] != real[1] && real != fake);
    }
}
