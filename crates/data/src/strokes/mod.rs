//! Digits drawn from vector strokes.

mod cache;
mod curve;
mod form;
mod forms;
mod hand;
mod pen;
mod random;

pub(crate) use cache::{fill_cache, load};
use gansweep_experiment::IMAGE_PIXELS;
use rayon::prelude::*;

use self::{form::Form, pen::Page, random::Random};
use crate::{Images, Split};

/// The images of one part; the same bytes on every machine.
pub fn generate(split: Split) -> Images {
    let count = split.count();
    let first = match split {
        Split::Train => 0,
        Split::Test => Split::Train.count(),
    };
    let mut pixels = vec![0; count * IMAGE_PIXELS];
    let labels = pixels
        .par_chunks_exact_mut(IMAGE_PIXELS)
        .enumerate()
        .map(|(index, image)| draw((first + index) as u64, image))
        .collect();
    Images { count, pixels, labels }
}

/// Draws one image and returns its label.
fn draw(index: u64, image: &mut [u8]) -> u8 {
    let mut random = Random::of_image(index);
    let digit = random.index(forms::DIGITS.len());
    let form = Form::choose(forms::DIGITS[digit], &mut random);
    let lines = form.mix(&mut random);
    let mut page = Page::blank();
    for dabs in hand::write(&lines, &mut random) {
        page.draw(&dabs);
    }
    page.develop(random.between(0.7, 1.2), image);
    digit as u8
}
