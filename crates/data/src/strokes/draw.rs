//! Drawing the images, each from its own random stream.

use rayon::prelude::*;

use super::{
    declared::{PIXELS, SHAPE, TEST_IMAGES, TRAIN_IMAGES},
    form, frame, hand,
    pen::Page,
    random::Random,
};
use crate::{Images, Split};

/// Draws the images of one split, on all threads of the current rayon pool.
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
