//! Pictures of many images: grids without gaps, and the canvas for grids and contact sheets.

use gansweep_config::ImageShape;
use gansweep_protocol::Geometry;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

use crate::{DataError, Images};

/// The most cells of a grid, so that its canvas fits in memory. Experiments allow fewer.
const MAX_CELLS: usize = 10_000;

/// The first `rows * cols` images as one PNG without gaps, row by row, and its layout: the geometry
/// of a sample grid, so that real and generated images can be compared cell by cell. Where there are fewer
/// images than cells, the last cells are black.
///
/// # Errors
///
/// A grid without images, or one of more cells than a grid may have.
pub fn real_grid(images: &Images, rows: u32, cols: u32) -> Result<(Vec<u8>, Geometry), DataError> {
    let cells = rows as usize * cols as usize;
    if cells == 0 || cells > MAX_CELLS || images.count == 0 {
        return Err(DataError::Grid { rows, cols, count: images.count });
    }
    grid(&images.pixels, images.shape, rows, cols)
}

/// Images `[count, channels, height, width]` as one 8-bit PNG without gaps, row by row: grey for one
/// channel, RGB for three. Cells without an image are black; images beyond the last cell are left out.
///
/// # Errors
///
/// A grid without pixels, or one that PNG cannot hold.
pub fn grid(
    images: &[u8],
    shape: ImageShape,
    rows: u32,
    cols: u32,
) -> Result<(Vec<u8>, Geometry), DataError> {
    let (height, width) = (shape.height as usize, shape.width as usize);
    let cells = rows as usize * cols as usize;
    let mut canvas = Canvas::new(shape.channels, cols as usize * width, rows as usize * height, 0);
    for (index, image) in images.chunks_exact(shape.size()).take(cells).enumerate() {
        let (row, col) = (index / cols as usize, index % cols as usize);
        canvas.place(image, shape, col * width, row * height);
    }
    Ok((canvas.into_png()?, Geometry { rows, cols, height: shape.height, width: shape.width }))
}

/// The pixels of a picture.
pub(crate) struct Canvas {
    channels: u32,
    width: usize,
    height: usize,
    /// `[height, width, channels]`: PNG has the channels of a pixel side by side.
    pixels: Vec<u8>,
}

impl Canvas {
    /// All of one grey.
    pub(crate) fn new(channels: u32, width: usize, height: usize, grey: u8) -> Self {
        Self { channels, width, height, pixels: vec![grey; channels as usize * width * height] }
    }

    /// Copies an image `[channels, height, width]` to where its left upper corner is `(x, y)`. A grey
    /// image on a canvas of colour has its value in each channel.
    pub(crate) fn place(&mut self, image: &[u8], shape: ImageShape, x: usize, y: usize) {
        let (width, channels) = (shape.width as usize, self.channels as usize);
        let plane = width * shape.height as usize;
        for channel in 0..channels {
            let source = &image[channel.min(shape.channels as usize - 1) * plane..][..plane];
            for (row, line) in source.chunks_exact(width).enumerate() {
                let start = ((y + row) * self.width + x) * channels + channel;
                let cells = self.pixels[start..].iter_mut().step_by(channels);
                cells.zip(line).for_each(|(cell, &byte)| *cell = byte);
            }
        }
    }

    /// Encodes the canvas as an 8-bit PNG, grey or RGB.
    pub(crate) fn into_png(self) -> Result<Vec<u8>, DataError> {
        let color = if self.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
        let mut png = Vec::new();
        PngEncoder::new(&mut png)
            .write_image(&self.pixels, self.width as u32, self.height as u32, color)
            .map_err(|error| DataError::Picture(error.to_string()))?;
        Ok(png)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREY: ImageShape = ImageShape { channels: 1, height: 3, width: 5 };
    const COLOUR: ImageShape = ImageShape { channels: 3, height: 2, width: 4 };

    fn three_images() -> Images {
        let pixels = [10_u8, 20, 30].iter().flat_map(|&grey| [grey; GREY.size()]).collect();
        Images { shape: GREY, count: 3, pixels, labels: vec![0, 1, 2] }
    }

    #[test]
    fn a_grid_holds_the_first_images_row_by_row() {
        let (png, geometry) = real_grid(&three_images(), 1, 2).unwrap();
        assert_eq!(geometry, Geometry { rows: 1, cols: 2, height: 3, width: 5 });
        let grid = image::load_from_memory(&png).unwrap().into_luma8();
        assert_eq!(grid.dimensions(), (10, 3));
        assert_eq!([grid.get_pixel(4, 2).0[0], grid.get_pixel(5, 0).0[0]], [10, 20]);
        let (png, _) = real_grid(&three_images(), 3, 1).unwrap();
        assert_eq!(image::load_from_memory(&png).unwrap().into_luma8().get_pixel(4, 6).0[0], 30);
        let (png, geometry) = real_grid(&three_images(), 2, 2).unwrap();
        assert_eq!((geometry.rows, geometry.cols), (2, 2));
        let grid = image::load_from_memory(&png).unwrap().into_luma8();
        assert_eq!([grid.get_pixel(4, 3).0[0], grid.get_pixel(5, 3).0[0]], [30, 0]);
    }

    #[test]
    fn planar_colours_become_pixels_of_three() {
        let image: Vec<u8> = (0..COLOUR.size() as u8).collect();
        let (png, _) = grid(&[vec![0; COLOUR.size()], image].concat(), COLOUR, 2, 1).unwrap();
        let picture = image::load_from_memory(&png).unwrap();
        assert_eq!(picture.color(), image::ColorType::Rgb8);
        let picture = picture.into_rgb8();
        assert_eq!(picture.dimensions(), (4, 4));
        assert_eq!([picture.get_pixel(1, 2).0, picture.get_pixel(3, 3).0], [[1, 9, 17], [7, 15, 23]]);
    }

    #[test]
    fn cells_without_an_image_are_black() {
        let (png, geometry) = grid(&[200; 2 * GREY.size()], GREY, 2, 2).unwrap();
        let picture = image::load_from_memory(&png).unwrap().into_luma8();
        assert_eq!(geometry, Geometry { rows: 2, cols: 2, height: 3, width: 5 });
        assert_eq!([picture.get_pixel(9, 0).0[0], picture.get_pixel(0, 3).0[0]], [200, 0]);
    }

    #[test]
    fn a_grid_of_no_images_or_of_too_many_cells_is_refused() {
        for (rows, cols) in [(0, 3), (101, 100), (u32::MAX, u32::MAX)] {
            let error = real_grid(&three_images(), rows, cols).unwrap_err();
            assert!(matches!(error, DataError::Grid { count: 3, .. }), "{error}");
        }
        let none = Images { count: 0, pixels: Vec::new(), labels: Vec::new(), ..three_images() };
        assert!(matches!(real_grid(&none, 1, 1), Err(DataError::Grid { .. })));
        assert!(matches!(grid(&[], GREY, 0, 0), Err(DataError::Picture(_))));
    }
}
