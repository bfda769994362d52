//! Generated values as bytes.

use gansweep_config::Pixels;

/// Generated values `[count, image size]` as bytes: the inverse of the scaling that training images
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
}
