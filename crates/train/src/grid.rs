//! Generated images as one picture.

use gansweep_config::{IMAGE_PIXELS, IMAGE_SIDE, Pixels};
use gansweep_protocol::Geometry;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

use crate::TrainError;

/// Generated values `[count, 784]` as grey bytes: the inverse of the scaling that training images
/// went through, clamped; NaN becomes black.
pub fn to_bytes(values: &[f32], pixels: Pixels) -> Vec<u8> {
    let byte = |value: f32| {
        let unit = match pixels {
            Pixels::Signed => value.mul_add(0.5, 0.5),
            Pixels::Unit => value,
        };
        (unit * 255.0).round().clamp(0.0, 255.0) as u8
    };
    values.iter().map(|&value| byte(value)).collect()
}

/// `rows * cols` images of 784 bytes as one 8-bit grey PNG without gaps, row by row.
pub fn encode(images: &[u8], rows: u32, cols: u32) -> Result<(Vec<u8>, Geometry), TrainError> {
    let side = IMAGE_SIDE as u32;
    let (width, height) = (cols * side, rows * side);
    let mut canvas = vec![0; (width * height) as usize];
    for (index, image) in images.chunks_exact(IMAGE_PIXELS).take((rows * cols) as usize).enumerate() {
        let (top, left) = (index / cols as usize * IMAGE_SIDE, index % cols as usize * IMAGE_SIDE);
        for (y, line) in image.chunks_exact(IMAGE_SIDE).enumerate() {
            let start = (top + y) * width as usize + left;
            canvas[start..start + IMAGE_SIDE].copy_from_slice(line);
        }
    }
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(&canvas, width, height, ExtendedColorType::L8)
        .map_err(|error| TrainError::Image(error.to_string()))?;
    Ok((png, Geometry { rows, cols, height: side, width: side }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaled_pixels_come_back_as_the_bytes_they_were() {
        for pixels in [Pixels::Signed, Pixels::Unit] {
            let values = crate::TrainingImages::table(pixels);
            assert_eq!(to_bytes(&values, pixels), (0..=255).collect::<Vec<u8>>());
        }
    }

    #[test]
    fn values_out_of_range_are_clamped_and_nan_is_black() {
        assert_eq!(to_bytes(&[-7.0, 7.0, f32::NAN, f32::INFINITY], Pixels::Signed), [0, 255, 0, 255]);
    }

    #[test]
    fn images_lie_row_by_row_without_gaps() {
        let images: Vec<u8> = (0..6u8).flat_map(|shade| [shade * 40; IMAGE_PIXELS]).collect();
        let (png, geometry) = encode(&images, 2, 3).unwrap();
        let picture = image::load_from_memory(&png).unwrap().into_luma8();
        assert_eq!(picture.dimensions(), (84, 56));
        assert_eq!(geometry, Geometry { rows: 2, cols: 3, height: 28, width: 28 });
        assert_eq!([picture[(0, 0)].0[0], picture[(83, 0)].0[0], picture[(28, 55)].0[0]], [0, 80, 160]);
    }
}
