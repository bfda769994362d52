//! Bicubic resizing of the square in the middle of a picture.
//!
//! It computes what `image::imageops::resize` computes with `FilterType::CatmullRom`, to the bit: the sums of a
//! pixel have the same terms in the same order. That function reads its source pixel by pixel down the columns, and takes
//! most of the time that preparing a photo takes; this one adds whole rows.

use image::{ImageBuffer, Pixel};

/// How far the kernel reaches, in pixels of the smaller of both images.
const SUPPORT: f32 = 2.0;

/// The square in the middle of `image`, resized to that side.
pub(super) fn resized_middle<P>(image: &ImageBuffer<P, Vec<u8>>, side: u32) -> ImageBuffer<P, Vec<u8>>
where
    P: Pixel<Subpixel = u8>,
{
    let channels = usize::from(P::CHANNEL_COUNT);
    let (left, top, from) = middle(image.dimensions());
    let [width, left, top, from] = [image.width(), left, top, from].map(|length| length as usize);
    let row = |row: usize| &image.as_raw()[((top + row) * width + left) * channels..][..from * channels];
    let places: Vec<Weights> = (0..side).map(|place| Weights::new(place, from as u32, side)).collect();
    let mut pixels = Vec::with_capacity((side * side) as usize * channels);
    let mut sums = vec![0.0f32; from * channels];
    for Weights { first, weights } in &places {
        sums.fill(0.0);
        for (place, &weight) in weights.iter().enumerate() {
            for (sum, &value) in sums.iter_mut().zip(row(first + place)) {
                *sum += f32::from(value) * weight;
            }
        }
        for Weights { first, weights } in &places {
            let of_pixel = &sums[first * channels..];
            for channel in 0..channels {
                let values = of_pixel[channel..].iter().step_by(channels);
                let sum = weights.iter().zip(values).fold(0.0, |sum, (weight, value)| sum + value * weight);
                pixels.push(sum.clamp(0.0, 255.0).round() as u8);
            }
        }
    }
    ImageBuffer::from_fn(side, side, |x, y| {
        *P::from_slice(&pixels[(y * side + x) as usize * channels..][..channels])
    })
}

/// Left, top and side of the square in the middle.
pub(super) fn middle((width, height): (u32, u32)) -> (u32, u32, u32) {
    let side = width.min(height);
    ((width - side) / 2, (height - side) / 2, side)
}

/// The pixels along one side that a pixel of the resized image is the sum of.
struct Weights {
    first: usize,
    /// Their sum is one.
    weights: Vec<f32>,
}

impl Weights {
    /// Those of a pixel of `to`, of `from` pixels. The kernel is as wide as the pixels that are further apart.
    fn new(place: u32, from: u32, to: u32) -> Self {
        let ratio = from as f32 / to as f32;
        let scale = ratio.max(1.0);
        let middle = (place as f32 + 0.5) * ratio;
        let first = ((middle - SUPPORT * scale).floor() as i64).clamp(0, i64::from(from) - 1);
        let end = ((middle + SUPPORT * scale).ceil() as i64).clamp(first + 1, i64::from(from));
        let middle = middle - 0.5;
        let mut weights: Vec<f32> =
            (first..end).map(|place| catmull_rom((place as f32 - middle) / scale)).collect();
        let sum = weights.iter().fold(0.0, |sum, weight| sum + weight);
        for weight in &mut weights {
            *weight /= sum;
        }
        Self { first: first as usize, weights }
    }
}

/// The cubic of Catmull and Rom (1974).
fn catmull_rom(x: f32) -> f32 {
    let a = x.abs();
    let six_times = if a < 1.0 {
        9.0 * a.powi(3) + -15.0 * a.powi(2) + 6.0
    } else if a < 2.0 {
        -3.0 * a.powi(3) + 15.0 * a.powi(2) + -24.0 * a + 12.0
    } else {
        0.0
    };
    six_times / 6.0
}

#[cfg(test)]
mod tests {
    use image::{GenericImageView, GrayImage, Luma, Rgb, RgbImage, imageops};

    use super::*;

    /// Noise with extremes, where the kernel's negative weights leave the range of a byte.
    fn byte(x: u32, y: u32, channel: u32) -> u8 {
        let mixed =
            (x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca6b) ^ channel.wrapping_mul(0xc2b2_ae35))
                .wrapping_mul(0x27d4_eb2f);
        match mixed >> 30 {
            0 => 0,
            1 => 255,
            _ => (mixed >> 16) as u8,
        }
    }

    fn assert_same<P>(picture: &ImageBuffer<P, Vec<u8>>, side: u32)
    where
        P: Pixel<Subpixel = u8> + Send + Sync + PartialEq + std::fmt::Debug + 'static,
    {
        let (left, top, from) = middle(picture.dimensions());
        let square = picture.view(left, top, from, from);
        let expected = imageops::resize(&*square, side, side, imageops::FilterType::CatmullRom);
        let (width, height) = picture.dimensions();
        assert_eq!(resized_middle(picture, side), expected, "{width} x {height} to {side}");
    }

    #[test]
    fn it_has_the_bits_of_the_library() {
        for [width, height, side] in
            [[64, 64, 28], [300, 200, 28], [61, 127, 60], [9, 13, 28], [1, 5, 8], [1001, 700, 3], [40, 40, 1]]
        {
            assert_same(&GrayImage::from_fn(width, height, |x, y| Luma([byte(x, y, 0)])), side);
            let colour = |x, y| Rgb([0, 1, 2].map(|channel| byte(x, y, channel)));
            assert_same(&RgbImage::from_fn(width, height, colour), side);
        }
    }
}
