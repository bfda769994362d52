//! How well digits are recognised on pictures of any size, in both polarities and anywhere on a page.

use std::io::Cursor;

use gansweep_data::{DataSource, Images, Split, character, strokes};
use gansweep_evaluator::{Evaluator, LabelledImages};
use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, ImageFormat, Luma};

/// The sides of the pictures.
const SIDES: [u32; 6] = [20, 28, 56, 100, 300, 600];

/// How a digit is put on a picture.
#[derive(Debug, Clone, Copy)]
enum Placed {
    /// It fills the picture.
    Alone,
    /// It is somewhere on a page of three times its side.
    OnPage,
}

fn png(image: GrayImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(image).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// The digit as a PNG; `number` decides where on a page it is.
fn picture(pixels: &[u8], side: u32, is_dark: bool, placed: Placed, number: u32) -> Vec<u8> {
    let digit = GrayImage::from_raw(28, 28, pixels.to_vec()).unwrap();
    let mut image = match side {
        28 => digit,
        _ => imageops::resize(&digit, side, side, FilterType::Triangle),
    };
    if let Placed::OnPage = placed {
        let mut page = GrayImage::from_pixel(3 * side, 3 * side, Luma([0]));
        let place = |factor: u32| i64::from(number.wrapping_mul(factor) % (2 * side));
        imageops::replace(&mut page, &image, place(7_919), place(104_729));
        image = page;
    }
    if is_dark {
        imageops::invert(&mut image);
    }
    png(image)
}

/// Share of the pictures whose class is found.
fn accuracy(
    images: &Images,
    chosen: &[usize],
    as_picture: impl Fn(&[u8], u32) -> Vec<u8>,
    class_of: impl Fn(&[u8]) -> usize,
) -> f64 {
    let size = images.shape.size();
    let is_found = |index: &&usize| {
        let picture = as_picture(&images.pixels[**index * size..][..size], **index as u32);
        let found = character(&picture, 28).map(|image| class_of(&image));
        found == Ok(usize::from(images.labels[**index]))
    };
    chosen.iter().filter(is_found).count() as f64 / chosen.len() as f64
}

/// Drawn digits are so alike that the nearest of others has their class.
#[test]
fn drawn_digits_are_recognised_in_every_size_polarity_and_place() {
    let images = strokes::generate(Split::Test);
    let (count, size) = (2_000, images.shape.size());
    let known: Vec<Vec<u8>> = images.pixels[..count * size]
        .chunks_exact(size)
        .map(|pixels| character(&picture(pixels, 28, false, Placed::Alone, 0), 28).unwrap())
        .collect();
    let distance = |one: &[u8], other: &[u8]| -> u64 {
        one.iter().zip(other).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum()
    };
    let nearest = |image: &[u8]| {
        let nearest = (0..count).min_by_key(|index| distance(&known[*index], image)).unwrap();
        usize::from(images.labels[nearest])
    };
    for side in SIDES {
        for (is_dark, placed) in [(false, Placed::Alone), (true, Placed::Alone), (true, Placed::OnPage)] {
            let chosen: Vec<usize> = (count..count + if side > 100 { 10 } else { 40 }).collect();
            let as_picture = |pixels: &[u8], number| picture(pixels, side, is_dark, placed, number);
            let found = accuracy(&images, &chosen, as_picture, nearest);
            assert!(found >= 0.9, "{found} at {side} pixels, dark {is_dark}, {placed:?}");
        }
    }
}

/// Needs MNIST and its evaluator, which it trains unless the cache has it: some minutes.
#[test]
#[ignore = "a measurement: cargo test --release -p gansweep-app --test recognition -- --ignored --nocapture"]
fn test_images_of_mnist_are_recognised_from_pictures() {
    let source = DataSource::from_environment(None);
    let dataset = gansweep_config::Dataset::Mnist;
    let images = source.load(dataset, Split::Test).unwrap();
    let spec = source.spec(dataset).unwrap();
    let path = Evaluator::cache_path(&source.cache_dir, &spec.fingerprint);
    let evaluator = Evaluator::read(&path, spec.image).unwrap().unwrap_or_else(|| {
        let train = source.load(dataset, Split::Train).unwrap();
        let labelled = LabelledImages { pixels: &train.pixels, labels: &train.labels };
        Evaluator::train(spec.image, 10, labelled, None, &mut |_| ())
    });
    let every: usize = std::env::var("EVERY").map_or(1, |every| every.parse().unwrap());
    let most_probable = |image: &[u8]| {
        let probabilities = evaluator.outputs(image).probabilities.unwrap();
        probabilities.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0
    };
    let mut worst = 1.0_f64;
    for side in SIDES {
        for is_dark in [false, true] {
            for placed in [Placed::Alone, Placed::OnPage] {
                // Large pictures take long to write and to read.
                let step = every * if side >= 300 { 10 } else { 1 };
                let chosen: Vec<usize> = (0..images.count).step_by(step).collect();
                let as_picture = |pixels: &[u8], number| picture(pixels, side, is_dark, placed, number);
                let found = accuracy(&images, &chosen, as_picture, most_probable);
                println!(
                    "{side} pixels, {}, {placed:?}: {:.2} % of {}",
                    if is_dark { "dark on light" } else { "light on dark" },
                    100.0 * found,
                    chosen.len()
                );
                worst = worst.min(found);
            }
        }
    }
    assert!(worst >= 0.97, "{worst}");
}
