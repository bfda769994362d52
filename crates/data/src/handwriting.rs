//! A handwritten character on a picture of any size, prepared as the authors of MNIST prepared theirs: its bounding box is
//! scaled to five sevenths of the image's side, and its centre of mass is put into the middle.
//!
//! See "The MNIST database of handwritten digits" (1998), by its authors.

use image::imageops::{self, FilterType};
use image::{DynamicImage, GenericImageView, GrayImage, Luma};

use crate::folder::picture;

/// Why a picture shows no character.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// It is no PNG or JPEG, or is damaged.
    #[error("{0}")]
    Unreadable(String),
    /// It has several frames.
    #[error("it is an animation; save the one frame that shows the character")]
    Animated,
    /// All of its pixels are nearly the same.
    #[error("it shows nothing: all of its pixels have nearly the same brightness")]
    Blank,
}

/// Larger pictures are reduced to this side first: a character of an image has far fewer pixels.
const LARGEST_SIDE: u32 = 1024;
/// Difference from the background, of at most 1, below which a picture counts as blank.
const LEAST_CONTRAST: f32 = 0.1;
/// Contrast with the background, of at most 1, of a pixel in a stroke. Edges of strokes that were enlarged have less.
const STROKE: f32 = 0.3;
/// Less contrast than this is noise, such as that of JPEG.
const NOISE: f32 = 0.06;
/// Connected pixels whose contrast adds up to less than this share of the largest part's are no part of the character.
const LEAST_PART: f32 = 0.05;
/// Contrast along all of the edge of a region that makes it a sheet that the character is written on. Enlarged strokes have soft
/// edges.
const SHEET_EDGE: f32 = 0.8;
/// The side of the smallest sheet.
const LEAST_SHEET: u32 = 12;

/// Finds the character in the bytes of a PNG or a JPEG, dark on light or light on dark, and returns it as an image
/// `[side, side]`, light on dark.
pub fn character(bytes: &[u8], side: u32) -> Result<Vec<u8>, PictureError> {
    let image = picture::decode(bytes).map_err(PictureError::Unreadable)?;
    if picture::is_animated(bytes) {
        return Err(PictureError::Animated);
    }
    let (width, height) = image.dimensions();
    let image = match width.max(height) > LARGEST_SIDE {
        true => image.thumbnail(LARGEST_SIDE, LARGEST_SIDE),
        false => image,
    };
    // Light strokes on a transparent background vanish before white.
    let backgrounds: &[f32] = if image.color().has_alpha() { &[1.0, 0.0] } else { &[1.0] };
    let found = backgrounds.iter().find_map(|background| Plane::of(&image, *background).character());
    let character = found.ok_or(PictureError::Blank)?;
    Ok(centred(&scaled(&character, side), side))
}

/// Values from 0 to 1, row by row.
struct Plane {
    width: u32,
    height: u32,
    values: Vec<f32>,
}

/// A rectangle of pixels; its ends are beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Region {
    left: u32,
    top: u32,
    right: u32,
    bottom: u32,
}

impl Region {
    fn width(self) -> u32 {
        self.right - self.left
    }

    fn height(self) -> u32 {
        self.bottom - self.top
    }

    fn with(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    fn is_at_edge(self, x: u32, y: u32) -> bool {
        x == self.left || y == self.top || x + 1 == self.right || y + 1 == self.bottom
    }

    fn pixels(self) -> impl Iterator<Item = (u32, u32)> {
        (self.top..self.bottom).flat_map(move |y| (self.left..self.right).map(move |x| (x, y)))
    }

    /// Without a margin of a twentieth, in which a sheet's edge may be soft.
    fn inside(self) -> Option<Self> {
        let margin = (self.width().min(self.height()) / 20).max(2);
        let inside = Self {
            left: self.left + margin,
            top: self.top + margin,
            right: self.right.checked_sub(margin)?,
            bottom: self.bottom.checked_sub(margin)?,
        };
        (inside.left < inside.right && inside.top < inside.bottom).then_some(inside)
    }
}

impl Plane {
    /// The brightness of a picture before a background of that brightness.
    fn of(image: &DynamicImage, background: f32) -> Self {
        let (width, height) = image.dimensions();
        let values = match image.color().has_alpha() {
            false => image.to_luma32f().into_raw(),
            true => image
                .to_luma_alpha32f()
                .pixels()
                .map(|pixel| {
                    let [luma, alpha] = pixel.0;
                    luma * alpha + background * (1.0 - alpha)
                })
                .collect(),
        };
        Self { width, height, values }
    }

    fn at(&self, x: u32, y: u32) -> f32 {
        self.values[(y * self.width + x) as usize]
    }

    fn whole(&self) -> Region {
        Region { left: 0, top: 0, right: self.width, bottom: self.height }
    }

    /// The contrast of the character, cut to its bounding box; `None` if there is none.
    fn character(&self) -> Option<GrayImage> {
        let (contrast, found) = self.strokes(self.whole())?;
        // What looks like a sheet is one if there is something on it: an upright stroke may have a straight edge too.
        let sheet = contrast.is_sheet(found).then(|| found.inside()).flatten();
        let (contrast, found) = sheet.and_then(|sheet| self.strokes(sheet)).unwrap_or((contrast, found));
        let byte = |x, y| {
            let value = contrast.at(found.left + x, found.top + y);
            Luma([if value < NOISE { 0 } else { (255.0 * value).round() as u8 }])
        };
        Some(GrayImage::from_fn(found.width(), found.height(), byte))
    }

    /// The contrast of a region, and where its strokes are.
    fn strokes(&self, region: Region) -> Option<(Self, Region)> {
        let contrast = self.contrast(region)?;
        let parts = contrast.parts(region);
        let largest = parts.iter().map(|part| part.contrast).fold(0.0, f32::max);
        let kept = parts.iter().filter(|part| part.contrast >= LEAST_PART * largest).map(|part| part.region);
        let found = kept.reduce(Region::with)?;
        Some((contrast, found))
    }

    /// How far each pixel of a region is from the background, at most 1; 0 outside. `None` if that is little everywhere.
    fn contrast(&self, region: Region) -> Option<Self> {
        let at_edge = region.pixels().filter(|(x, y)| region.is_at_edge(*x, *y));
        let mut edge: Vec<f32> = at_edge.map(|(x, y)| self.at(x, y)).collect();
        edge.sort_by(f32::total_cmp);
        let background = *edge.get(edge.len() / 2)?;
        let most = region.pixels().map(|(x, y)| (self.at(x, y) - background).abs()).fold(0.0, f32::max);
        if most < LEAST_CONTRAST {
            return None;
        }
        let mut values = vec![0.0; self.values.len()];
        for (x, y) in region.pixels() {
            values[(y * self.width + x) as usize] = (self.at(x, y) - background).abs() / most;
        }
        Some(Self { values, ..*self })
    }

    /// Connected strokes.
    fn parts(&self, region: Region) -> Vec<Part> {
        let mut is_seen = vec![false; self.values.len()];
        let mut parts = Vec::new();
        for (x, y) in region.pixels() {
            if self.at(x, y) >= STROKE && !is_seen[(y * self.width + x) as usize] {
                parts.push(self.part(region, (x, y), &mut is_seen));
            }
        }
        parts
    }

    fn part(&self, region: Region, first: (u32, u32), is_seen: &mut [bool]) -> Part {
        let pixel = |(x, y): (u32, u32)| Region { left: x, top: y, right: x + 1, bottom: y + 1 };
        let mut part = Part { contrast: 0.0, region: pixel(first) };
        is_seen[(first.1 * self.width + first.0) as usize] = true;
        let mut open = vec![first];
        while let Some((x, y)) = open.pop() {
            part.contrast += self.at(x, y);
            part.region = part.region.with(pixel((x, y)));
            let around = Region {
                left: x.saturating_sub(1).max(region.left),
                top: y.saturating_sub(1).max(region.top),
                right: (x + 2).min(region.right),
                bottom: (y + 2).min(region.bottom),
            };
            for (x, y) in around.pixels() {
                let place = (y * self.width + x) as usize;
                if self.values[place] >= STROKE && !std::mem::replace(&mut is_seen[place], true) {
                    open.push((x, y));
                }
            }
        }
        part
    }

    /// Whether a region has contrast all along its edge.
    fn is_sheet(&self, region: Region) -> bool {
        let mut edge = region.pixels().filter(|(x, y)| region.is_at_edge(*x, *y));
        region.width().min(region.height()) >= LEAST_SHEET && edge.all(|(x, y)| self.at(x, y) >= SHEET_EDGE)
    }
}

/// Pixels of strokes that touch.
struct Part {
    /// The sum over its pixels.
    contrast: f32,
    region: Region,
}

/// Scales the longer side to five sevenths of `side`: 20 of 28.
fn scaled(character: &GrayImage, side: u32) -> GrayImage {
    let (width, height) = character.dimensions();
    let (from, to) = (width.max(height), (side * 5 / 7).max(1));
    let fit = |length: u32| ((length * to + from / 2) / from).max(1);
    if from == to {
        return character.clone();
    }
    imageops::resize(character, fit(width), fit(height), FilterType::CatmullRom)
}

/// Puts the centre of mass into the middle.
fn centred(character: &GrayImage, side: u32) -> Vec<u8> {
    let moments = |place: fn(u32, u32) -> u32| -> f64 {
        let all = character.enumerate_pixels();
        all.map(|(x, y, pixel)| f64::from(place(x, y)) * f64::from(pixel.0[0])).sum()
    };
    let mass = character.pixels().map(|pixel| f64::from(pixel.0[0])).sum::<f64>().max(1.0);
    let start = |moment: f64, length: u32| {
        let start = (f64::from(side) / 2.0 - moment / mass).round().max(0.0) as u32;
        start.min(side.saturating_sub(length))
    };
    let left = start(moments(|x, _| x), character.width());
    let top = start(moments(|_, y| y), character.height());
    let mut image = GrayImage::new(side, side);
    imageops::replace(&mut image, character, left.into(), top.into());
    image.into_raw()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, RgbaImage};

    use super::*;

    const SIDE: u32 = 28;

    fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    /// Strokes of a seven, light on dark.
    fn seven() -> GrayImage {
        GrayImage::from_fn(SIDE, SIDE, |x, y| {
            let on_top = (4..7).contains(&y) && (6..22).contains(&x);
            let is_down = (6..24).contains(&y) && x.abs_diff(20 - (y - 4) / 2) <= 1;
            Luma([if on_top || is_down { 250 } else { 0 }])
        })
    }

    fn inverted(image: &GrayImage) -> GrayImage {
        let mut image = image.clone();
        imageops::invert(&mut image);
        image
    }

    fn difference(one: &[u8], other: &[u8]) -> f64 {
        let sum: f64 = one.iter().zip(other).map(|(a, b)| f64::from(a.abs_diff(*b))).sum();
        sum / one.iter().map(|value| f64::from(*value)).sum::<f64>()
    }

    #[test]
    fn a_prepared_character_stays_as_it_is_in_both_polarities_and_anywhere_on_a_page() {
        let expected = character(&png(seven()), SIDE).unwrap();
        assert_eq!(character(&png(inverted(&seven())), SIDE).unwrap(), expected);
        let prepared = GrayImage::from_raw(SIDE, SIDE, expected.clone()).unwrap();
        assert_eq!(character(&png(prepared), SIDE).unwrap(), expected);
        let mut page = GrayImage::from_pixel(400, 300, Luma([0]));
        imageops::replace(&mut page, &seven(), 310, 20);
        assert_eq!(character(&png(page.clone()), SIDE).unwrap(), expected);
        assert_eq!(character(&png(inverted(&page)), SIDE).unwrap(), expected);
    }

    #[test]
    fn its_box_is_five_sevenths_of_the_side_and_its_centre_of_mass_is_the_middle() {
        for factor in [1, 2, 5, 20] {
            let large = imageops::resize(&seven(), SIDE * factor, SIDE * factor, FilterType::CatmullRom);
            let image = GrayImage::from_raw(SIDE, SIDE, character(&png(large), SIDE).unwrap()).unwrap();
            let light: Vec<(u32, u32, f64)> =
                image.enumerate_pixels().map(|(x, y, pixel)| (x, y, f64::from(pixel.0[0]))).collect();
            let rows: Vec<u32> = light.iter().filter(|it| it.2 > 60.0).map(|it| it.1).collect();
            let height = rows.iter().max().unwrap() - rows.iter().min().unwrap() + 1;
            assert!(height.abs_diff(20) <= 1, "{height} at {factor}");
            let mass: f64 = light.iter().map(|it| it.2).sum();
            let (x, y) = light
                .iter()
                .fold((0.0, 0.0), |sum, it| (sum.0 + f64::from(it.0) * it.2, sum.1 + f64::from(it.1) * it.2));
            assert!((x / mass - 14.0).abs() <= 0.5 && (y / mass - 14.0).abs() <= 0.5, "{factor}");
        }
    }

    #[test]
    fn a_light_character_on_a_dark_sheet_on_a_white_page_is_found_on_the_sheet() {
        let expected = character(&png(seven()), SIDE).unwrap();
        let large = imageops::resize(&seven(), 112, 112, FilterType::Triangle);
        let mut page = GrayImage::from_pixel(300, 300, Luma([255]));
        imageops::replace(&mut page, &large, 150, 170);
        assert!(difference(&expected, &character(&png(page), SIDE).unwrap()) < 0.35);
        // A thick upright stroke is no sheet.
        let bar = GrayImage::from_fn(60, 90, |x, y| {
            Luma([if (20..40).contains(&x) && (10..80).contains(&y) { 0 } else { 255 }])
        });
        let image = character(&png(bar), SIDE).unwrap();
        assert_eq!(image.iter().filter(|value| **value > 128).count(), 6 * 20);
    }

    #[test]
    fn specks_and_noise_are_no_part_of_a_character() {
        let expected = character(&png(seven()), SIDE).unwrap();
        let mut page = GrayImage::from_fn(200, 200, |x, y| Luma([((x * 7 + y * 13) % 11) as u8]));
        imageops::replace(&mut page, &seven(), 100, 100);
        page.put_pixel(10, 10, Luma([255]));
        assert!(difference(&expected, &character(&png(page), SIDE).unwrap()) < 0.05);
    }

    #[test]
    fn transparent_pages_sixteen_bits_colours_and_jpeg_are_read() {
        let expected = character(&png(seven()), SIDE).unwrap();
        let transparent = |shade: u8| {
            let pixels = seven();
            RgbaImage::from_fn(SIDE, SIDE, |x, y| {
                image::Rgba([shade, shade, shade, pixels.get_pixel(x, y).0[0]])
            })
        };
        for shade in [0, 255] {
            let found = character(&png(transparent(shade)), SIDE).unwrap();
            assert!(difference(&expected, &found) < 0.01, "{shade}");
        }
        let deep = DynamicImage::ImageLuma8(seven()).into_luma16();
        assert_eq!(character(&png(deep), SIDE).unwrap(), expected);
        let colour = DynamicImage::ImageLuma8(seven()).into_rgb8();
        assert_eq!(character(&png(colour), SIDE).unwrap(), expected);
        let mut jpeg = Cursor::new(Vec::new());
        DynamicImage::ImageLuma8(seven()).write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
        assert!(difference(&expected, &character(jpeg.get_ref(), SIDE).unwrap()) < 0.1);
        // Pillow 13.0: dark on light, 84 x 84 pixels.
        let cmyk = include_bytes!("folder/fixtures/seven-cmyk.jpg");
        let large = imageops::resize(&seven(), 84, 84, FilterType::Nearest);
        let expected = character(&png(large), SIDE).unwrap();
        assert!(difference(&expected, &character(cmyk, SIDE).unwrap()) < 0.1);
    }

    #[test]
    fn what_shows_no_character_is_refused_with_the_reason() {
        let error = |bytes: &[u8]| character(bytes, SIDE).unwrap_err().to_string();
        assert_eq!(error(b""), "it is empty");
        assert_eq!(error(b"a text named digit.png"), "its content is neither PNG nor JPEG");
        let whole = png(seven());
        assert!(matches!(character(&whole[..60], SIDE), Err(PictureError::Unreadable(_))));
        let blank = GrayImage::from_pixel(30, 30, Luma([200]));
        assert_eq!(character(&png(blank), SIDE), Err(PictureError::Blank));
        assert_eq!(character(&png(GrayImage::new(1, 1)), SIDE), Err(PictureError::Blank));
        let mut gif = b"GIF89a".to_vec();
        gif.extend([0; 40]);
        assert_eq!(error(&gif), "its content is neither PNG nor JPEG");
        let mut animated = Vec::new();
        let mut encoder = png::Encoder::new(&mut animated, SIDE, SIDE);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_animated(2, 0).unwrap();
        let mut writer = encoder.write_header().unwrap();
        for _ in 0..2 {
            writer.write_image_data(seven().as_raw()).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(character(&animated, SIDE), Err(PictureError::Animated));
    }
}
