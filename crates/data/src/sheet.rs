//! Contact sheets: what a dataset looks like, class by class.

use gansweep_config::ImageShape;

use crate::{DataError, Images, grid::Canvas};

/// Screen pixels along one side of an image's pixel.
const ZOOM: usize = 2;
/// Between two images.
const GAP: usize = 4;
/// Screen pixels along one side of a glyph's pixel.
const GLYPH_ZOOM: usize = 4;
/// Of the glyph of a digit.
const GLYPH: ImageShape = ImageShape { channels: 1, height: 5, width: 3 };
/// Room for a row's label.
const LABEL_WIDTH: usize = 3 * GLYPH_ZOOM + 2 * GAP;
/// A sheet is to be looked at: no number of columns may fill the memory.
const MAX_COLS: usize = 100;
/// Of the sheet, so that the images' edges can be seen.
const BACKGROUND: u8 = 48;
/// Of the labels.
const INK: u8 = 200;

/// The first `cols` images of each class, a row per class with its label before it, twice as large
/// as they are, as an 8-bit PNG. A class with fewer images has a shorter row; a row has at most 100
/// images.
///
/// # Errors
///
/// A sheet that PNG cannot hold.
pub fn contact_sheet(images: &Images, cols: u32) -> Result<Vec<u8>, DataError> {
    let cols = (cols as usize).min(MAX_COLS);
    let Pitch { right, down } = Pitch::of(images.shape);
    let (width, height) = (LABEL_WIDTH + cols * right + GAP, DIGITS.len() * down + GAP);
    let mut canvas = Canvas::new(images.shape.channels, width, height, BACKGROUND);
    let mut filled = [0; DIGITS.len()];
    let all = images.pixels.chunks_exact(images.shape.size());
    for (image, &label) in all.zip(&images.labels) {
        let Some(col) = filled.get_mut(usize::from(label)).filter(|filled| **filled < cols) else { continue };
        let (x, y) = (LABEL_WIDTH + GAP + *col * right, GAP + usize::from(label) * down);
        let (image, shape) = enlarge(image, images.shape, ZOOM);
        canvas.place(&image, shape, x, y);
        *col += 1;
    }
    for (row, glyph) in DIGITS.iter().enumerate() {
        let y = GAP + row * down + (down - GAP - 5 * GLYPH_ZOOM) / 2;
        let glyph: Vec<u8> =
            (0..15).rev().map(|bit| if glyph >> bit & 1 == 1 { INK } else { BACKGROUND }).collect();
        let (glyph, shape) = enlarge(&glyph, GLYPH, GLYPH_ZOOM);
        canvas.place(&glyph, shape, GAP, y);
    }
    canvas.into_png()
}

/// From one image to the next.
struct Pitch {
    right: usize,
    down: usize,
}

impl Pitch {
    fn of(shape: ImageShape) -> Self {
        Self {
            right: shape.width as usize * ZOOM + GAP,
            down: (shape.height as usize * ZOOM).max(5 * GLYPH_ZOOM) + GAP,
        }
    }
}

/// Every pixel `zoom` times as broad and as high.
fn enlarge(image: &[u8], shape: ImageShape, zoom: usize) -> (Vec<u8>, ImageShape) {
    let stretch =
        |line: &[u8]| -> Vec<u8> { line.iter().flat_map(|&byte| std::iter::repeat_n(byte, zoom)).collect() };
    let lines = image.chunks_exact(shape.width as usize);
    let zoomed = |length: u32| length * zoom as u32;
    let shape = ImageShape { height: zoomed(shape.height), width: zoomed(shape.width), ..shape };
    (lines.flat_map(|line| stretch(line).repeat(zoom)).collect(), shape)
}

/// The labels 0 to 9 as glyphs of 3 x 5 pixels, row by row from the left upper corner.
const DIGITS: [u16; 10] = [
    0b111_101_101_101_111,
    0b010_110_010_010_111,
    0b111_001_111_100_111,
    0b111_001_111_001_111,
    0b101_101_111_001_001,
    0b111_100_111_001_111,
    0b111_100_111_101_111,
    0b111_001_010_010_010,
    0b111_101_111_101_111,
    0b111_101_111_001_111,
];

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };
    const PITCH: usize = 60;

    fn decode(png: &[u8]) -> image::GrayImage {
        image::load_from_memory(png).unwrap().into_luma8()
    }

    #[test]
    fn each_image_stands_in_the_row_of_its_class() {
        let pixels = [1_u8, 2, 3].iter().flat_map(|&grey| [grey; SHAPE.size()]).collect();
        let images = Images { shape: SHAPE, count: 3, pixels, labels: vec![7, 0, 7] };
        let sheet = decode(&contact_sheet(&images, 2).unwrap());
        let at = |col: usize, row: usize| {
            sheet.get_pixel((LABEL_WIDTH + GAP + col * PITCH) as u32, (GAP + row * PITCH) as u32).0[0]
        };
        assert_eq!([at(0, 7), at(1, 7), at(0, 0), at(1, 0)], [1, 3, 2, BACKGROUND]);
    }

    #[test]
    fn a_class_keeps_to_its_columns() {
        let images = Images { shape: SHAPE, count: 5, pixels: vec![9; 5 * SHAPE.size()], labels: vec![9; 5] };
        let sheet = decode(&contact_sheet(&images, 2).unwrap());
        assert_eq!(sheet.width() as usize, LABEL_WIDTH + 2 * PITCH + GAP);
    }
}
