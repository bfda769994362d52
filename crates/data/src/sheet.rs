//! Contact sheets: what a dataset looks like, class by class.

use gansweep_config::ImageShape;

use crate::{DataError, Images, grid::Canvas};

/// The side of an enlarged pixel of an image.
const ZOOM: usize = 2;
/// The space between two images, in pixels.
const GAP: usize = 4;
/// The side of an enlarged pixel of a glyph.
const GLYPH_ZOOM: usize = 4;
/// The shape of a digit's glyph.
const GLYPH: ImageShape = ImageShape { channels: 1, height: 5, width: 3 };
/// The distance from one digit of a label to the next.
const DIGIT_PITCH: usize = 4 * GLYPH_ZOOM;
/// The most columns.
const MAX_COLS: usize = 100;
/// The most rows.
const MAX_ROWS: usize = 256;
/// The most bytes of a sheet of several columns, so that it fits in memory.
const MAX_BYTES: usize = 256 << 20;
/// The grey of the sheet, different from black so that the edges of images are visible.
const BACKGROUND: u8 = 48;
/// The grey of the labels.
const LABEL_GREY: u8 = 200;

/// An 8-bit PNG with a row for each class: its label and its first `cols` images, at twice their size. Only the first 256
/// classes and 100 columns are shown, of a sheet of more than 256 MiB fewer columns, and none that no class fills.
///
/// # Errors
///
/// A sheet that PNG cannot hold.
pub fn contact_sheet(images: &Images, cols: u32) -> Result<Vec<u8>, DataError> {
    let rows = images.labels.iter().max().map_or(0, |&label| usize::from(label) + 1).min(MAX_ROWS);
    let Pitch { right, down } = Pitch::of(images.shape);
    let left = label_width(rows);
    let mut of_class = vec![0; rows];
    images.labels.iter().for_each(|&label| {
        if let Some(count) = of_class.get_mut(usize::from(label)) {
            *count += 1;
        }
    });
    let fullest = of_class.into_iter().max().unwrap_or(0);
    let bytes_of_col = (rows * down + GAP) * right * images.shape.channels as usize;
    let affordable = (MAX_BYTES / bytes_of_col.max(1)).max(1);
    let cols = (cols as usize).min(MAX_COLS).min(fullest).min(affordable);
    let (width, height) = (left + cols * right + GAP, rows * down + GAP);
    let mut canvas = Canvas::new(images.shape.channels, width, height, BACKGROUND);
    let mut filled = vec![0; rows];
    let all = images.pixels.chunks_exact(images.shape.size());
    for (image, &label) in all.zip(&images.labels) {
        let Some(col) = filled.get_mut(usize::from(label)).filter(|filled| **filled < cols) else { continue };
        let (x, y) = (left + GAP + *col * right, GAP + usize::from(label) * down);
        let (image, shape) = enlarge(image, images.shape, ZOOM);
        canvas.place(&image, shape, x, y);
        *col += 1;
    }
    for row in 0..rows {
        let y = GAP + row * down + (down - GAP - 5 * GLYPH_ZOOM) / 2;
        write_number(&mut canvas, row, GAP, y);
    }
    canvas.into_png()
}

/// The width of the labels of this many rows.
fn label_width(rows: usize) -> usize {
    rows.saturating_sub(1).to_string().len() * DIGIT_PITCH - GLYPH_ZOOM + 2 * GAP
}

fn write_number(canvas: &mut Canvas, number: usize, x: usize, y: usize) {
    for (place, digit) in number.to_string().bytes().enumerate() {
        let glyph = DIGITS[usize::from(digit - b'0')];
        let glyph: Vec<u8> =
            (0..15).rev().map(|bit| if glyph >> bit & 1 == 1 { LABEL_GREY } else { BACKGROUND }).collect();
        let (glyph, shape) = enlarge(&glyph, GLYPH, GLYPH_ZOOM);
        canvas.place(&glyph, shape, x + place * DIGIT_PITCH, y);
    }
}

/// The distances from one image to the next.
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

/// Enlarges an image by a factor.
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
            sheet.get_pixel((label_width(8) + GAP + col * PITCH) as u32, (GAP + row * PITCH) as u32).0[0]
        };
        assert_eq!([at(0, 7), at(1, 7), at(0, 0), at(1, 0)], [1, 3, 2, BACKGROUND]);
    }

    #[test]
    fn a_sheet_of_colour_has_a_row_for_each_class_there_is() {
        let shape = ImageShape { channels: 3, height: 20, width: 24 };
        let mut pixels = vec![0; shape.size()];
        pixels[..480].fill(250);
        let images = Images { shape, count: 1, pixels, labels: vec![11] };
        let sheet = image::load_from_memory(&contact_sheet(&images, 1).unwrap()).unwrap().into_rgb8();
        assert_eq!(sheet.height() as usize, 12 * (2 * 20 + GAP) + GAP);
        let (x, y) = (label_width(12) + GAP, GAP + 11 * (2 * 20 + GAP));
        assert_eq!(sheet.get_pixel(x as u32, y as u32).0, [250, 0, 0]);
        // Both digits of 11 have a vertical stroke.
        let inked =
            |x: usize| (0..40).any(|row| sheet.get_pixel(x as u32, (y + row) as u32).0 == [LABEL_GREY; 3]);
        assert!(inked(GAP + GLYPH_ZOOM) && inked(GAP + DIGIT_PITCH + GLYPH_ZOOM));
    }

    #[test]
    fn a_sheet_has_no_empty_columns_and_of_large_images_few() {
        let few = Images { shape: SHAPE, count: 2, pixels: vec![9; 2 * SHAPE.size()], labels: vec![0, 1] };
        let sheet = decode(&contact_sheet(&few, 20).unwrap());
        assert_eq!(sheet.width() as usize, label_width(2) + PITCH + GAP);

        let shape = ImageShape { channels: 3, height: 256, width: 256 };
        let labels: Vec<u16> = (0..4).map(|image| 255 * (image % 2)).collect();
        let many = Images { shape, count: 4, pixels: vec![9; 4 * shape.size()], labels };
        let sheet = decode(&contact_sheet(&many, 20).unwrap());
        assert_eq!(sheet.width() as usize, label_width(256) + 516 + GAP);
    }

    #[test]
    fn a_class_keeps_to_its_columns() {
        let images = Images { shape: SHAPE, count: 5, pixels: vec![9; 5 * SHAPE.size()], labels: vec![9; 5] };
        let sheet = decode(&contact_sheet(&images, 2).unwrap());
        assert_eq!(sheet.width() as usize, label_width(10) + 2 * PITCH + GAP);
    }
}
