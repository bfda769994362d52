//! A run's sample grids as an animation over its epochs.

mod frames;
mod gif;
mod webp;

use std::io;

use image::{DynamicImage, GenericImageView as _, imageops::FilterType};

use self::frames::{Frame, Frames};

/// The file format of an animation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Shown everywhere. Colours are reduced to 256 per frame; grey is exact.
    Gif,
    /// Lossless, and smaller.
    WebP,
}

/// How an animation is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnimationOptions {
    /// The format.
    pub format: Format,
    /// How long a frame is shown, in milliseconds. The last one is shown five times as long.
    pub frame_ms: u32,
    /// Pixels of the animation per pixel of an image, along each side.
    pub scale: u32,
}

/// Why there is no animation.
#[derive(Debug, thiserror::Error)]
pub enum AnimationError {
    /// The run has no sample grid of that kind.
    #[error("there is no sample grid to animate")]
    NoFrames,
    /// A grid is no image.
    #[error("a sample grid in the database cannot be read: {0}")]
    Image(#[from] image::ImageError),
    /// The format has a limit.
    #[error("{width} x {height} pixels are too many for this format; use a smaller --scale")]
    TooLarge {
        /// Of the animation.
        width: u32,
        /// Of the animation.
        height: u32,
    },
    /// The encoder failed.
    #[error("the animation cannot be encoded: {0}")]
    Encoding(String),
}

/// Encodes an animation of these PNGs, in this order. It repeats for ever. Images of other sizes than the last one's are
/// left out: a run that was recorded with two layouts has grids of both.
///
/// # Errors
/// [`AnimationError::NoFrames`] if there is no image.
pub fn animation(pngs: &[Vec<u8>], options: &AnimationOptions) -> Result<Vec<u8>, AnimationError> {
    /// The longest side of a WebP image; that of a GIF is four times as long.
    const LONGEST: u32 = 16_383;
    let images: Vec<DynamicImage> =
        pngs.iter().map(|png| image::load_from_memory(png)).collect::<Result<_, _>>()?;
    let size = images.last().ok_or(AnimationError::NoFrames)?.dimensions();
    let images: Vec<DynamicImage> = images.into_iter().filter(|image| image.dimensions() == size).collect();
    let (width, height) = (size.0.saturating_mul(options.scale), size.1.saturating_mul(options.scale));
    if width > LONGEST || height > LONGEST {
        return Err(AnimationError::TooLarge { width, height });
    }
    let grey = images.iter().all(|image| image.color().channel_count() < 3);
    let last = images.len() - 1;
    let frame = |(place, image): (usize, DynamicImage)| {
        // Pixels stay squares.
        let image = image.resize_exact(width, height, FilterType::Nearest);
        let pixels = if grey { image.into_luma8().into_raw() } else { image.into_rgb8().into_raw() };
        Frame { pixels, ms: if place == last { 5 * options.frame_ms } else { options.frame_ms } }
    };
    let frames = Frames { width, height, grey, all: images.into_iter().enumerate().map(frame).collect() };
    let encoded = match options.format {
        Format::Gif => gif::encode(&frames).map_err(|error| error.to_string()),
        Format::WebP => webp::encode(&frames).map_err(|error: io::Error| error.to_string()),
    };
    encoded.map_err(AnimationError::Encoding)
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, ImageFormat, Luma, Rgb, RgbImage};

    use super::*;

    fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
        let mut bytes = io::Cursor::new(Vec::new());
        image.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn grey(shade: u8) -> Vec<u8> {
        png(GrayImage::from_fn(5, 3, |x, y| Luma([shade.wrapping_add((7 * x + 40 * y) as u8)])))
    }

    fn colour(shade: u8) -> Vec<u8> {
        png(RgbImage::from_fn(5, 3, |x, y| Rgb([shade, (50 * x) as u8, (80 * y) as u8])))
    }

    const OPTIONS: AnimationOptions = AnimationOptions { format: Format::Gif, frame_ms: 200, scale: 2 };

    /// The image twice as large, as bytes of RGB.
    fn doubled(png: &[u8]) -> Vec<u8> {
        image::load_from_memory(png).unwrap().resize_exact(10, 6, FilterType::Nearest).into_rgb8().into_raw()
    }

    #[test]
    fn a_gif_has_the_images_pixels_and_times() {
        for pngs in [[grey(0), grey(90), grey(200)], [colour(0), colour(90), colour(200)]] {
            let bytes = animation(&pngs, &OPTIONS).unwrap();
            let mut options = ::gif::DecodeOptions::new();
            options.set_color_output(::gif::ColorOutput::RGBA);
            let mut decoder = options.read_info(bytes.as_slice()).unwrap();
            assert_eq!(
                (decoder.width(), decoder.height(), decoder.repeat()),
                (10, 6, ::gif::Repeat::Infinite)
            );
            for (place, png) in pngs.iter().enumerate() {
                let frame = decoder.read_next_frame().unwrap().unwrap();
                let rgb: Vec<u8> = frame.buffer.chunks(4).flat_map(|pixel| pixel[..3].to_vec()).collect();
                assert_eq!(rgb, doubled(png), "frame {place}");
                assert_eq!(frame.delay, if place == 2 { 100 } else { 20 });
            }
            assert!(decoder.read_next_frame().unwrap().is_none());
        }
    }

    #[test]
    fn a_webp_has_the_images_pixels_and_times() {
        for pngs in [[grey(0), grey(90), grey(200)], [colour(0), colour(90), colour(200)]] {
            let bytes = animation(&pngs, &AnimationOptions { format: Format::WebP, ..OPTIONS }).unwrap();
            let mut decoder = image_webp::WebPDecoder::new(io::Cursor::new(bytes)).unwrap();
            assert_eq!((decoder.dimensions(), decoder.num_frames()), ((10, 6), 3));
            assert_eq!(decoder.loop_count(), image_webp::LoopCount::Forever);
            let channels = if decoder.has_alpha() { 4 } else { 3 };
            for (place, png) in pngs.iter().enumerate() {
                let mut pixels = vec![0; decoder.output_buffer_size().unwrap()];
                let ms = decoder.read_frame(&mut pixels).unwrap();
                let rgb: Vec<u8> = pixels.chunks(channels).flat_map(|pixel| pixel[..3].to_vec()).collect();
                assert_eq!(rgb, doubled(png), "frame {place}");
                assert_eq!(ms, if place == 2 { 1000 } else { 200 });
            }
        }
    }

    #[test]
    fn what_cannot_be_animated_is_said() {
        assert!(matches!(animation(&[], &OPTIONS), Err(AnimationError::NoFrames)));
        assert!(matches!(animation(&[b"text".to_vec()], &OPTIONS), Err(AnimationError::Image(_))));
        let huge = AnimationOptions { scale: 1_000_000, ..OPTIONS };
        assert!(matches!(animation(&[grey(0)], &huge), Err(AnimationError::TooLarge { .. })));
    }

    #[test]
    fn grids_of_another_size_are_left_out() {
        let other = png(GrayImage::new(2, 2));
        let bytes = animation(&[other, grey(1), grey(2)], &OPTIONS).unwrap();
        let mut decoder = ::gif::DecodeOptions::new().read_info(bytes.as_slice()).unwrap();
        let mut frames = 0;
        while decoder.read_next_frame().unwrap().is_some() {
            frames += 1;
        }
        assert_eq!(frames, 2);
    }
}
