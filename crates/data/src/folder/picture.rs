//! From the bytes of a PNG or a JPEG to a training image.

use std::{
    io::Cursor,
    sync::{Mutex, PoisonError},
};

use gansweep_config::ImageShape;
use image::{
    DynamicImage, GenericImageView, GrayImage, ImageBuffer, ImageDecoder, ImageFormat, ImageReader, Limits,
    Pixel, Rgb, RgbImage, metadata::Orientation,
};

use super::{
    jpeg,
    resize::{middle, resized_middle},
};

/// The most bytes of a decoded image.
pub(super) const MAX_DECODED: u64 = 512 << 20;
/// The most bytes of a file.
pub(super) const MAX_FILE: u64 = 256 << 20;
/// Of images that are larger when they are decoded, only one is in memory at a time.
const LARGE: u64 = 32 << 20;

static LARGE_IMAGES: Mutex<()> = Mutex::new(());

/// Decodes an image, cuts the largest square out of its middle, and resizes it once, to `[channels, side,
/// side]`.
///
/// Transparent pixels are composed with white, as a page shows them. The resizing is bicubic (Catmull and Rom,
/// as Pillow's `BICUBIC`), with a support that grows with the reduction, so that nothing aliases; its weights
/// are polynomials, and so the same on every machine. Grey is the luma of ITU-R BT.709.
pub(super) fn prepare(bytes: &[u8], shape: ImageShape) -> Result<Vec<u8>, String> {
    let (decoder, orientation) = open(bytes)?;
    let _one_large =
        (decoder.total_bytes() > LARGE).then(|| LARGE_IMAGES.lock().unwrap_or_else(PoisonError::into_inner));
    let image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    let mut square = match shape.channels {
        1 => DynamicImage::ImageLuma8(grey(&image, shape.width)),
        _ => DynamicImage::ImageRgb8(colour(&image, shape.width)),
    };
    // A turn exchanges rows and columns, and the middle stays the middle.
    square.apply_orientation(orientation);
    Ok(planar(&square.into_bytes(), shape))
}

/// A picture as an image of a dataset: the largest square out of its middle, resized.
///
/// # Errors
/// Why it is none, as a sentence about `it`.
pub fn fitted(bytes: &[u8], shape: ImageShape) -> Result<Vec<u8>, String> {
    if shape.height != shape.width {
        return Err(format!("it cannot be made an image of {shape}, which is no square"));
    }
    prepare(bytes, shape)
}

/// The whole picture, the right way up.
pub(crate) fn decode(bytes: &[u8]) -> Result<DynamicImage, String> {
    let (decoder, orientation) = open(bytes)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// Whether a picture that can be decoded has several frames.
pub(crate) fn is_animated(bytes: &[u8]) -> bool {
    let decoder = image::codecs::png::PngDecoder::new(Cursor::new(bytes));
    decoder.and_then(|decoder| decoder.is_apng()).unwrap_or(false)
}

/// A decoder with limits, and how the picture is to be turned.
fn open(bytes: &[u8]) -> Result<(impl ImageDecoder, Orientation), String> {
    let reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| error.to_string())?;
    match reader.format() {
        Some(ImageFormat::Png) => {}
        Some(ImageFormat::Jpeg) if jpeg::is_complete(bytes) => {}
        Some(ImageFormat::Jpeg) => return Err("it ends before its image does".to_owned()),
        _ if bytes.is_empty() => return Err("it is empty".to_owned()),
        _ => return Err("its content is neither PNG nor JPEG".to_owned()),
    }
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions();
    let decoded = decoder.total_bytes();
    if decoded > MAX_DECODED {
        return Err(format!(
            "its {width} x {height} pixels have {} MiB, more than the {} MiB that are read",
            decoded >> 20,
            MAX_DECODED >> 20
        ));
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(2 * MAX_DECODED);
    decoder.set_limits(limits).map_err(|error| error.to_string())?;
    // Metadata that cannot be read says nothing about the image.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((decoder, orientation))
}

fn grey(image: &DynamicImage, side: u32) -> GrayImage {
    match image {
        DynamicImage::ImageLuma8(grey) => resized(grey, side),
        _ => resized(&DynamicImage::ImageRgb8(opaque(image)).into_luma8(), side),
    }
}

fn colour(image: &DynamicImage, side: u32) -> RgbImage {
    match image {
        DynamicImage::ImageRgb8(colour) => resized(colour, side),
        DynamicImage::ImageLuma8(grey) => DynamicImage::ImageLuma8(resized(grey, side)).into_rgb8(),
        _ => resized(&opaque(image), side),
    }
}

/// The square in the middle of an image, composed with white, with 8 bits a channel.
fn opaque(image: &DynamicImage) -> RgbImage {
    let (x, y, side) = middle(image.dimensions());
    let square = image.crop_imm(x, y, side, side);
    if !square.color().has_alpha() {
        return square.into_rgb8();
    }
    let pixels = square.into_rgba8();
    ImageBuffer::from_fn(side, side, |x, y| {
        let [colour @ .., alpha] = pixels.get_pixel(x, y).0;
        let alpha = u32::from(alpha);
        Rgb(colour.map(|value| ((u32::from(value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8))
    })
}

/// The square in the middle, resized.
fn resized<P>(image: &ImageBuffer<P, Vec<u8>>, side: u32) -> ImageBuffer<P, Vec<u8>>
where
    P: Pixel<Subpixel = u8> + Send + Sync + 'static,
{
    let (x, y, from) = middle(image.dimensions());
    if from == side {
        return image.view(x, y, from, from).to_image();
    }
    resized_middle(image, side)
}

/// `[side, side, channels]` as `[channels, side, side]`.
fn planar(pixels: &[u8], shape: ImageShape) -> Vec<u8> {
    let channels = shape.channels as usize;
    (0..channels).flat_map(|channel| pixels[channel..].iter().step_by(channels).copied()).collect()
}
