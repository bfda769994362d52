//! Drawing the images, each from its own random stream.

use gansweep_config::ImageShape;
use rayon::prelude::*;

use super::{
    colour::Colours,
    declared::{STROKES, first_stream},
    form,
    frame::Frame,
    hand,
    pen::Page,
    random::Random,
};
use crate::{Images, Split, declaration::Declaration};

/// Draws the grey images of 28 pixels of one split, on all threads of the current rayon pool.
pub fn generate(split: Split) -> Images {
    draw_all(&STROKES, split)
}

/// Draws the images of one split, on all threads of the current rayon pool.
pub(super) fn draw_all(declared: &Declaration, split: Split) -> Images {
    let (shape, count) = (declared.image, declared.part(split).count);
    let first = first_stream(split);
    let mut pixels = vec![0; count * shape.size()];
    let labels = pixels
        .par_chunks_exact_mut(shape.size())
        .enumerate()
        .map(|(index, image)| draw((first + index) as u64, shape, image))
        .collect();
    Images { shape, count, pixels, labels }
}

/// Draws one image `[channels, side, side]` and returns its label. The same index has the same digit in every
/// shape, written by the same hand.
fn draw(index: u64, shape: ImageShape, image: &mut [u8]) -> u16 {
    let frame = Frame::new(shape.width as usize);
    let mut random = Random::of_image(index);
    let digit = random.index(form::digits());
    let strokes = form::plan(digit, &mut random);
    let mut page = Page::blank(frame.side);
    for dabs in hand::write(&strokes, frame, &mut random) {
        page.draw(&dabs);
    }
    let mut drawn = vec![0; frame.pixels()];
    page.develop(random.between(0.7, 1.2), &mut drawn);
    if shape.channels == 1 {
        frame.balance(&drawn, image);
    } else {
        let mut grey = vec![0; frame.pixels()];
        frame.balance(&drawn, &mut grey);
        Colours::draw(&mut random).fill(&grey, frame.side, image);
    }
    digit as u16
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, mem, sync::LazyLock};

    use super::*;
    use crate::{declaration::GREY_28, strokes::declared::OTHERS};

    const DRAWN: usize = 400;
    const PIXELS: usize = GREY_28.size();

    static TRAIN: LazyLock<Images> = LazyLock::new(|| generate(Split::Train));
    static TEST: LazyLock<Images> = LazyLock::new(|| generate(Split::Test));

    #[test]
    fn images_do_not_depend_on_the_threads_that_draw_them() {
        let mut images = vec![[0; PIXELS]; DRAWN];
        let labels: Vec<_> =
            (0..).zip(&mut images).map(|(index, image)| draw(index, GREY_28, image)).collect();
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
            let centre = Frame::new(28).centre_of_mass(image);
            assert!((centre.x - 14.0).abs() <= 0.5 && (centre.y - 14.0).abs() <= 0.5, "{centre:?}");
        }
    }

    /// The image is drawn with its pixels, and not enlarged: a stroke's edge is as sharp as in a small one.
    #[test]
    fn a_digit_is_the_same_in_every_size() {
        let mut image = vec![0; 64 * 64];
        let shape = ImageShape { channels: 1, height: 64, width: 64 };
        for index in 0..100 {
            let label = draw(index, shape, &mut image);
            assert_eq!(label, TRAIN.labels[index as usize]);
            let small = TRAIN.image(index as usize).unwrap();
            let share = |image: &[u8]| {
                image.iter().map(|&byte| f64::from(byte)).sum::<f64>() / (255.0 * image.len() as f64)
            };
            assert!((share(&image) - share(small)).abs() < 0.012, "{} and {}", share(&image), share(small));
            let grey = |image: &[u8]| image.iter().filter(|&&byte| (20..235).contains(&byte)).count() as f64;
            let white = |image: &[u8]| image.iter().filter(|&&byte| byte >= 235).count() as f64;
            assert!(grey(&image) / white(&image) < 0.8 * grey(small) / white(small));
        }
    }

    #[test]
    fn in_colour_strokes_are_brighter_than_the_background_and_hues_differ() {
        let shape = OTHERS[0].image;
        let mut image = vec![0; shape.size()];
        let mut backgrounds = HashSet::new();
        for index in 0..DRAWN {
            assert_eq!(draw(index as u64, shape, &mut image), TRAIN.labels[index]);
            let grey = TRAIN.image(index).unwrap();
            let brightest = |at: usize| (0..3).map(|channel| image[channel * PIXELS + at]).max().unwrap();
            backgrounds.insert([image[0], image[PIXELS], image[2 * PIXELS]]);
            for (at, &value) in grey.iter().enumerate() {
                match value {
                    0 => assert!(brightest(at) <= 77),
                    255 => assert!(brightest(at) >= 140),
                    _ => {}
                }
            }
        }
        assert!(backgrounds.len() > DRAWN * 9 / 10, "{} colours of backgrounds", backgrounds.len());
    }

    #[test]
    fn no_stroke_is_broken() {
        for (image, &label) in TEST.pixels.chunks_exact(PIXELS).zip(&TEST.labels) {
            // A digit has at most two strokes, which need not touch.
            let parts = parts(image);
            assert!((1..=2).contains(&parts), "{parts} parts in a {label}");
        }
    }

    /// How many connected parts the clearly visible pixels have.
    fn parts(image: &[u8]) -> usize {
        let mut visible: Vec<bool> = image.iter().map(|&byte| byte > 40).collect();
        let mut count = 0;
        while let Some(start) = visible.iter().position(|&is_visible| is_visible) {
            count += 1;
            let mut open = vec![start];
            while let Some(at) = open.pop() {
                if mem::take(&mut visible[at]) {
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
