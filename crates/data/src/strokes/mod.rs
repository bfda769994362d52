//! Digits drawn from vector strokes: the dataset that needs no download.
//!
//! Each image plans a digit in one of several forms (a 7 with or without a bar, a closed or an open
//! 4), varies it as a hand would (slant, width, wobble, strokes that end early or late, corners that
//! are rounded), and draws it with a pen of varying pressure and a soft edge.
//!
//! The bytes are the same on every machine: there is nothing but IEEE addition, subtraction,
//! multiplication, division and square root, each exactly rounded everywhere, in a fixed order; and
//! every image has a random stream of its own, so that the number of threads does not matter.

mod cache;
mod curve;
mod form;
mod frame;
mod hand;
mod pen;
mod random;
mod warp;

use gansweep_config::{Dataset, DatasetSpec, ImageShape};
use rayon::prelude::*;

use self::frame::{PIXELS, SIDE};
use self::{pen::Page, random::Random};
use crate::{
    DataError, DataSource, Found, Images, Location, Progress, Split,
    digest::Digest::Sha256,
    published::{Declaration, Part},
    reader::Reader,
};

/// Of every image: one grey channel.
const SHAPE: ImageShape = ImageShape { channels: 1, height: SIDE as u32, width: SIDE as u32 };
/// The first images are those to train on.
const TRAIN_IMAGES: usize = 60_000;
/// The ones after them.
const TEST_IMAGES: usize = 10_000;

/// The digits as files: what a cache holds, and what the fingerprint stands for.
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

/// The digits, drawn where the cache lacks them, and kept there if it can be written.
pub(crate) struct Strokes;

impl Reader for Strokes {
    fn class_names(&self) -> &'static [&'static str] {
        STROKES.class_names
    }

    fn spec(&self, _: &DataSource) -> Result<DatasetSpec, DataError> {
        Ok(spec())
    }

    fn locate(&self, _: &DataSource) -> Result<Location, DataError> {
        Ok(Location::Found(Found::BuiltIn))
    }

    fn fetch(&self, source: &DataSource, _: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
        cache::fill(&source.cache_dir.join(Dataset::Strokes.name()))
    }

    fn load(&self, source: &DataSource, split: Split) -> Result<Images, DataError> {
        cache::load(&source.cache_dir.join(Dataset::Strokes.name()), split)
    }
}

/// Shape, classes, counts and fingerprint of the digits.
pub fn spec() -> DatasetSpec {
    STROKES.spec()
}

/// Draws the images of one part, on all threads of the current rayon pool.
pub fn generate(split: Split) -> Images {
    let (first, count) = match split {
        Split::Train => (0, TRAIN_IMAGES),
        Split::Test => (TRAIN_IMAGES, TEST_IMAGES),
    };
    let mut pixels = vec![0; count * PIXELS];
    let labels = pixels
        .par_chunks_exact_mut(PIXELS)
        .enumerate()
        .map(|(index, image)| draw((first + index) as u64, image))
        .collect();
    Images { shape: SHAPE, count, pixels, labels }
}

/// Draws one image and returns its label.
fn draw(index: u64, image: &mut [u8]) -> u16 {
    let mut random = Random::of_image(index);
    let digit = random.index(form::digits());
    let strokes = form::plan(digit, &mut random);
    let mut page = Page::blank();
    for dabs in hand::write(&strokes, &mut random) {
        page.draw(&dabs);
    }
    let mut drawn = [0; PIXELS];
    page.develop(random.between(0.7, 1.2), &mut drawn);
    frame::balance(&drawn, image);
    digit as u16
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, mem, sync::LazyLock};

    use super::*;

    const DRAWN: usize = 400;

    static TRAIN: LazyLock<Images> = LazyLock::new(|| generate(Split::Train));
    static TEST: LazyLock<Images> = LazyLock::new(|| generate(Split::Test));

    #[test]
    fn images_do_not_depend_on_the_threads_that_draw_them() {
        let mut images = vec![[0; PIXELS]; DRAWN];
        let labels: Vec<_> = (0..).zip(&mut images).map(|(index, image)| draw(index, image)).collect();
        assert_eq!(TRAIN.pixels[..DRAWN * PIXELS], *images.as_flattened());
        assert_eq!(TRAIN.labels[..DRAWN], labels);
    }

    #[test]
    fn the_two_parts_share_no_image_and_all_classes() {
        assert_eq!([TRAIN.count, TEST.count], [60_000, 10_000]);
        let seen: HashSet<_> = TRAIN.pixels.chunks_exact(PIXELS).collect();
        assert_eq!(seen.len(), TRAIN.count);
        assert!(TEST.pixels.chunks_exact(PIXELS).all(|image| !seen.contains(image)));
        let mut shares = [0; 10];
        TEST.labels.iter().for_each(|&label| shares[usize::from(label)] += 1);
        assert!(shares.iter().all(|share| (900..1_100).contains(share)), "{shares:?}");
    }

    #[test]
    fn every_digit_is_clearly_inked_and_balances_on_the_middle() {
        for image in TEST.pixels.chunks_exact(PIXELS) {
            assert!(image.iter().any(|&byte| byte > 200));
            let centre = frame::centre_of_mass(image);
            assert!((centre.x - 14.0).abs() <= 0.5 && (centre.y - 14.0).abs() <= 0.5, "{centre:?}");
        }
    }

    #[test]
    fn no_stroke_is_broken() {
        for (image, &label) in TEST.pixels.chunks_exact(PIXELS).zip(&TEST.labels) {
            // A digit has at most two strokes, which need not touch.
            let islands = islands(image);
            assert!((1..=2).contains(&islands), "{islands} islands of ink in a {label}");
        }
    }

    /// How many connected parts the clearly visible ink has.
    fn islands(image: &[u8]) -> usize {
        let mut ink: Vec<bool> = image.iter().map(|&byte| byte > 40).collect();
        let mut count = 0;
        while let Some(start) = ink.iter().position(|&inked| inked) {
            count += 1;
            let mut open = vec![start];
            while let Some(at) = open.pop() {
                if mem::take(&mut ink[at]) {
                    let steps =
                        [1, 27, 28, 29].into_iter().flat_map(|step| [at.checked_sub(step), Some(at + step)]);
                    open.extend(
                        steps.flatten().filter(|&to| to < PIXELS && (at % 28).abs_diff(to % 28) <= 1),
                    );
                }
            }
        }
        count
    }
}
