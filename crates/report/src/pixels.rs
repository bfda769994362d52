//! The pixels of sample grids: how diverse they are, and a smaller encoding for the page.

use std::borrow::Cow;

use gansweep_protocol::Geometry;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, GrayImage, ImageEncoder as _, ImageFormat};

/// Shades of grey of a grid in the page. Generated images have noise of one or two shades in their background
/// that nobody sees, and that takes half of a file.
const SHADES: u16 = 32;

/// The mean over the pixels of their variance between the grid's images; `None` if the PNG is not a grid of
/// that geometry. 0 means that all images are the same.
pub(crate) fn variance(png: &[u8], geometry: Geometry) -> Option<f64> {
    let grid = image::load_from_memory_with_format(png, ImageFormat::Png).ok()?.into_luma8();
    let (height, width) = (geometry.height, geometry.width);
    if grid.dimensions() != (geometry.cols * width, geometry.rows * height) {
        return None;
    }
    let images = f64::from(geometry.rows * geometry.cols);
    let of_pixel = |x: u32, y: u32| {
        let (mut sum, mut squares) = (0.0, 0.0);
        for row in 0..geometry.rows {
            for column in 0..geometry.cols {
                let value = f64::from(grid.get_pixel(column * width + x, row * height + y).0[0]);
                sum += value;
                squares += value * value;
            }
        }
        squares / images - (sum / images).powi(2)
    };
    let total: f64 =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| of_pixel(x, y)).sum();
    Some(total / f64::from(height * width))
}

/// The PNG with fewer shades of grey, if that is smaller. Images in colour and what is not a PNG stay as they
/// are.
pub(crate) fn compact(png: &[u8]) -> Cow<'_, [u8]> {
    match in_few_shades(png) {
        Some(smaller) if smaller.len() < png.len() => Cow::Owned(smaller),
        _ => Cow::Borrowed(png),
    }
}

fn in_few_shades(png: &[u8]) -> Option<Vec<u8>> {
    let image::DynamicImage::ImageLuma8(mut grid) =
        image::load_from_memory_with_format(png, ImageFormat::Png).ok()?
    else {
        return None;
    };
    reduce_shades(&mut grid);
    let mut bytes = Vec::new();
    // Filters predict a pixel from its neighbours. That helps with smooth images, not with few shades.
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::NoFilter);
    encoder.write_image(&grid, grid.width(), grid.height(), ExtendedColorType::L8).ok()?;
    Some(bytes)
}

/// Rounds to evenly spaced shades from black to white: no pixel changes by more than 4 of 255.
fn reduce_shades(grid: &mut GrayImage) {
    for pixel in grid.iter_mut() {
        let shade = (u16::from(*pixel) * (SHADES - 1) + 127) / 255;
        *pixel = ((shade * 255 + (SHADES - 1) / 2) / (SHADES - 1)) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(grid: &GrayImage) -> Vec<u8> {
        let mut bytes = std::io::Cursor::new(Vec::new());
        grid.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    const GEOMETRY: Geometry = Geometry { rows: 2, cols: 2, height: 4, width: 3 };

    #[test]
    fn equal_images_have_no_variance_and_black_and_white_ones_the_largest() {
        let same = GrayImage::from_fn(6, 8, |x, y| image::Luma([(x % 3 * 80 + y % 4 * 10) as u8]));
        assert_eq!(variance(&png(&same), GEOMETRY), Some(0.0));
        let halves = GrayImage::from_fn(6, 8, |x, _| image::Luma([if x < 3 { 0 } else { 255 }]));
        assert_eq!(variance(&png(&halves), GEOMETRY), Some(127.5 * 127.5));
        assert_eq!(variance(&png(&halves), Geometry { rows: 1, ..GEOMETRY }), None);
        assert_eq!(variance(b"no PNG", GEOMETRY), None);
    }

    #[test]
    fn a_noisy_grid_becomes_smaller_and_no_pixel_changes_by_more_than_four() {
        let noisy = GrayImage::from_fn(140, 112, |x, y| {
            image::Luma([((x * x * 31 + y * y * 17 + x * y) % 256) as u8])
        });
        let before = png(&noisy);
        let after = compact(&before);
        assert!(after.len() < before.len(), "{} bytes of {}", after.len(), before.len());
        let after = image::load_from_memory(&after).unwrap().into_luma8();
        let difference = noisy.iter().zip(after.iter()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(difference.unwrap() <= 4, "{difference:?}");
    }

    #[test]
    fn black_and_white_stay_and_other_images_are_not_touched() {
        let mut ends = GrayImage::from_raw(2, 1, vec![0, 255]).unwrap();
        reduce_shades(&mut ends);
        assert_eq!(ends.into_raw(), [0, 255]);
        assert_eq!(&*compact(b"no PNG"), b"no PNG");
    }
}
