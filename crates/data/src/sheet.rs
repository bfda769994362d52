//! Contact sheets: what a dataset looks like, class by class.

use gansweep_config::IMAGE_SIDE;

use crate::{Images, grid::Canvas};

/// Screen pixels along one side of an image's pixel.
const ZOOM: usize = 2;
/// An image's side on the sheet.
const SIDE: usize = IMAGE_SIDE * ZOOM;
/// Between two images.
const GAP: usize = 4;
/// From one image to the next.
const PITCH: usize = SIDE + GAP;
/// Screen pixels along one side of a glyph's pixel.
const GLYPH_ZOOM: usize = 4;
/// Room for a row's label.
const LABEL_WIDTH: usize = 3 * GLYPH_ZOOM + 2 * GAP;
/// A sheet is to be looked at: no number of columns may fill the memory.
const MAX_COLS: usize = 100;
/// Of the sheet, so that the images' edges can be seen.
const BACKGROUND: u8 = 48;
/// Of the labels.
const INK: u8 = 200;

/// The first `cols` images of each class, a row per class with its label before it, twice as large
/// as they are, as an 8-bit grey PNG. A class with fewer images has a shorter row; a row has at most
/// 100 images.
pub fn contact_sheet(images: &Images, cols: u32) -> Vec<u8> {
    let cols = (cols as usize).min(MAX_COLS);
    let (width, height) = (LABEL_WIDTH + cols * PITCH + GAP, DIGITS.len() * PITCH + GAP);
    let mut canvas = Canvas::new(width, height, BACKGROUND);
    let mut filled = [0; DIGITS.len()];
    let all = images.pixels.chunks_exact(IMAGE_SIDE * IMAGE_SIDE);
    for (image, &label) in all.zip(&images.labels) {
        let Some(col) = filled.get_mut(usize::from(label)).filter(|filled| **filled < cols) else { continue };
        let (x, y) = (LABEL_WIDTH + GAP + *col * PITCH, GAP + usize::from(label) * PITCH);
        canvas.place(&enlarge(image, IMAGE_SIDE, ZOOM), SIDE, x, y);
        *col += 1;
    }
    for (row, glyph) in DIGITS.iter().enumerate() {
        let y = GAP + row * PITCH + (SIDE - 5 * GLYPH_ZOOM) / 2;
        let glyph: Vec<u8> =
            (0..15).rev().map(|bit| if glyph >> bit & 1 == 1 { INK } else { BACKGROUND }).collect();
        canvas.place(&enlarge(&glyph, 3, GLYPH_ZOOM), 3 * GLYPH_ZOOM, GAP, y);
    }
    canvas.into_png()
}

/// Every pixel `zoom` times as broad and as high.
fn enlarge(image: &[u8], width: usize, zoom: usize) -> Vec<u8> {
    let stretch =
        |line: &[u8]| -> Vec<u8> { line.iter().flat_map(|&byte| std::iter::repeat_n(byte, zoom)).collect() };
    image.chunks_exact(width).flat_map(|line| stretch(line).repeat(zoom)).collect()
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

    fn decode(png: &[u8]) -> image::GrayImage {
        image::load_from_memory(png).unwrap().into_luma8()
    }

    #[test]
    fn each_image_stands_in_the_row_of_its_class() {
        let pixels = [1_u8, 2, 3].iter().flat_map(|&grey| [grey; IMAGE_SIDE * IMAGE_SIDE]).collect();
        let sheet = decode(&contact_sheet(&Images { count: 3, pixels, labels: vec![7, 0, 7] }, 2));
        let at = |col: usize, row: usize| {
            sheet.get_pixel((LABEL_WIDTH + GAP + col * PITCH) as u32, (GAP + row * PITCH) as u32).0[0]
        };
        assert_eq!([at(0, 7), at(1, 7), at(0, 0), at(1, 0)], [1, 3, 2, BACKGROUND]);
    }

    #[test]
    fn a_class_keeps_to_its_columns() {
        let images = Images { count: 5, pixels: vec![9; 5 * IMAGE_SIDE * IMAGE_SIDE], labels: vec![9; 5] };
        let sheet = decode(&contact_sheet(&images, 2));
        assert_eq!(sheet.width() as usize, LABEL_WIDTH + 2 * PITCH + GAP);
    }
}
