//! Grids of real images.

use gansweep_config::IMAGE_SIDE;
use gansweep_protocol::Geometry;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

use crate::{DataError, Images};

/// The first `rows * cols` images as one 8-bit grey PNG without gaps, row by row, and its layout:
/// the geometry of a sample grid, so that real and generated images can be compared cell by cell.
///
/// # Errors
///
/// A grid without images, or of more images than there are.
pub fn real_grid(images: &Images, rows: u32, cols: u32) -> Result<(Vec<u8>, Geometry), DataError> {
    let cells = rows as usize * cols as usize;
    if cells == 0 || cells > images.count {
        return Err(DataError::Grid { rows, cols, count: images.count });
    }
    let side = IMAGE_SIDE as u32;
    let mut canvas = Canvas::new(cols as usize * IMAGE_SIDE, rows as usize * IMAGE_SIDE, 0);
    for (index, image) in images.pixels.chunks_exact(IMAGE_SIDE * IMAGE_SIDE).take(cells).enumerate() {
        let (row, col) = (index / cols as usize, index % cols as usize);
        canvas.place(image, IMAGE_SIDE, col * IMAGE_SIDE, row * IMAGE_SIDE);
    }
    Ok((canvas.into_png(), Geometry { rows, cols, height: side, width: side }))
}

/// A grey picture to put images on.
pub(crate) struct Canvas {
    width: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// Of one grey.
    pub(crate) fn new(width: usize, height: usize, grey: u8) -> Self {
        Self { width, pixels: vec![grey; width * height] }
    }

    /// Copies an image of rows of `side` pixels to where its left upper corner is `(x, y)`.
    pub(crate) fn place(&mut self, image: &[u8], side: usize, x: usize, y: usize) {
        for (row, line) in image.chunks_exact(side).enumerate() {
            let start = (y + row) * self.width + x;
            self.pixels[start..start + side].copy_from_slice(line);
        }
    }

    /// As an 8-bit grey PNG.
    pub(crate) fn into_png(self) -> Vec<u8> {
        let mut png = Vec::new();
        let height = self.pixels.len() / self.width;
        PngEncoder::new(&mut png)
            .write_image(&self.pixels, self.width as u32, height as u32, ExtendedColorType::L8)
            .expect("a canvas has pixels, and memory takes every byte");
        png
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_images() -> Images {
        let pixels = [10_u8, 20, 30].iter().flat_map(|&grey| [grey; IMAGE_SIDE * IMAGE_SIDE]).collect();
        Images { count: 3, pixels, labels: vec![0, 1, 2] }
    }

    #[test]
    fn a_grid_holds_the_first_images_row_by_row() {
        let (png, geometry) = real_grid(&three_images(), 1, 2).unwrap();
        assert_eq!(geometry, Geometry { rows: 1, cols: 2, height: 28, width: 28 });
        let grid = image::load_from_memory(&png).unwrap().into_luma8();
        assert_eq!(grid.dimensions(), (56, 28));
        assert_eq!([grid.get_pixel(27, 27).0[0], grid.get_pixel(28, 0).0[0]], [10, 20]);
        let (png, _) = real_grid(&three_images(), 3, 1).unwrap();
        assert_eq!(image::load_from_memory(&png).unwrap().into_luma8().get_pixel(5, 60).0[0], 30);
    }

    #[test]
    fn a_grid_of_no_images_or_of_too_many_is_refused() {
        for (rows, cols) in [(0, 3), (2, 2), (u32::MAX, u32::MAX)] {
            let error = real_grid(&three_images(), rows, cols).unwrap_err();
            assert!(matches!(error, DataError::Grid { count: 3, .. }), "{error}");
        }
    }
}
