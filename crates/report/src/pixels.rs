//! The pixels of sample grids: how diverse they are, and a smaller encoding for the page.

use std::borrow::Cow;

use gansweep_protocol::Geometry;
use image::{DynamicImage, GrayImage, ImageFormat};
use png::{BitDepth, ColorType, DeflateCompression, Encoder, Filter};

use crate::context::Shades;

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

impl Shades {
    /// For each pixel, the nearest of evenly spaced shades, from 0 for black. A table, since pages have a billion pixels.
    fn nearest(self) -> [u8; 256] {
        let steps = usize::from(u8::from(self)) - 1;
        std::array::from_fn(|pixel| ((pixel * steps + 127) / 255) as u8)
    }

    /// The pixel of a shade.
    fn pixel(self, shade: u8) -> u8 {
        let steps = u16::from(u8::from(self)) - 1;
        ((u16::from(shade) * 255 + steps / 2) / steps) as u8
    }
}

/// The PNG with fewer shades of grey, if that is smaller. Images in colour and what is not a PNG stay as they
/// are.
pub(crate) fn compact(png: &[u8], shades: Shades) -> Cow<'_, [u8]> {
    match in_few_shades(png, shades) {
        Some(smaller) if smaller.len() < png.len() => Cow::Owned(smaller),
        _ => Cow::Borrowed(png),
    }
}

fn in_few_shades(png: &[u8], shades: Shades) -> Option<Vec<u8>> {
    let image = image::load_from_memory_with_format(png, ImageFormat::Png).ok()?;
    let DynamicImage::ImageLuma8(grid) = image else { return None };
    let nearest = shades.nearest();
    let (layout, bytes) = match shades {
        Shades::ThirtyTwo => {
            let rounded = nearest.map(|shade| shades.pixel(shade));
            (Layout::Bytes, grid.iter().map(|pixel| rounded[usize::from(*pixel)]).collect())
        }
        Shades::Sixteen => (Layout::Halves, packed(&grid, &nearest)),
        Shades::Seven => {
            let palette = (0..7).flat_map(|shade| [shades.pixel(shade); 3]).collect();
            (Layout::HalvesOfPalette(palette), packed(&grid, &nearest))
        }
    };
    encoded(grid.dimensions(), layout, &bytes).ok()
}

/// What the bytes of a PNG's rows are.
enum Layout {
    /// Pixels.
    Bytes,
    /// Two pixels each, of 16 shades.
    Halves,
    /// Two places in this palette of red, green and blue.
    HalvesOfPalette(Vec<u8>),
}

/// Two pixels to a byte; each row begins with a byte of its own.
fn packed(grid: &GrayImage, nearest: &[u8; 256]) -> Vec<u8> {
    let shade = |pixel: u8| nearest[usize::from(pixel)];
    let mut bytes = Vec::with_capacity(grid.len() / 2 + grid.height() as usize);
    for row in grid.chunks(grid.width().max(1) as usize) {
        let pairs = row.chunks_exact(2);
        let last = pairs.remainder().first().map(|pixel| shade(*pixel) << 4);
        bytes.extend(pairs.map(|pair| shade(pair[0]) << 4 | shade(pair[1])));
        bytes.extend(last);
    }
    bytes
}

fn encoded((width, height): (u32, u32), layout: Layout, bytes: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    let (color, depth) = match &layout {
        Layout::Bytes => (ColorType::Grayscale, BitDepth::Eight),
        Layout::Halves => (ColorType::Grayscale, BitDepth::Four),
        Layout::HalvesOfPalette(_) => (ColorType::Indexed, BitDepth::Four),
    };
    encoder.set_color(color);
    encoder.set_depth(depth);
    if let Layout::HalvesOfPalette(palette) = layout {
        encoder.set_palette(palette);
    }
    // Filters predict a pixel from its neighbours. That helps with smooth images, not with few shades.
    encoder.set_filter(Filter::NoFilter);
    // The next level takes twice as long for files that are 2 % smaller.
    encoder.set_deflate_compression(DeflateCompression::Level(5));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(bytes)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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
    fn a_noisy_grid_becomes_smaller_and_no_pixel_changes_by_more_than_half_a_shade() {
        // An odd width, so that the last byte of a row holds one pixel.
        let noisy = GrayImage::from_fn(141, 112, |x, y| {
            image::Luma([((x * x * 31 + y * y * 17 + x * y) % 256) as u8])
        });
        let before = png(&noisy);
        let mut size = before.len();
        for (shades, most) in [(Shades::ThirtyTwo, 4), (Shades::Sixteen, 8), (Shades::Seven, 21)] {
            let after = compact(&before, shades);
            assert!(after.len() < size, "{} bytes of {size}", after.len());
            size = after.len();
            let after = image::load_from_memory(&after).unwrap().into_luma8();
            let difference = noisy.iter().zip(after.iter()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(difference.unwrap() <= most, "{difference:?}");
            assert_eq!(after.iter().collect::<BTreeSet<_>>().len(), usize::from(u8::from(shades)));
        }
    }

    #[test]
    fn black_and_white_stay_and_other_images_are_not_touched() {
        for shades in [Shades::ThirtyTwo, Shades::Sixteen, Shades::Seven] {
            assert_eq!([0, 255].map(|pixel| shades.pixel(shades.nearest()[pixel])), [0, 255]);
            assert_eq!(&*compact(b"no PNG", shades), b"no PNG");
        }
    }
}
