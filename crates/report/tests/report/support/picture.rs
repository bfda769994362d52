//! Sample grids and real images of nothing but rings.

use std::io::Cursor;

use gansweep_config::ImageShape;
use gansweep_protocol::{Event, SampleSource, Samples};
use gansweep_store::RealImages;
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};

use super::{Spec, Synthetic};

impl Synthetic {
    pub(super) fn samples(
        &self,
        spec: &Spec,
        step: u64,
        epoch: u32,
        share: f64,
        source: SampleSource,
    ) -> Event {
        // An average lags behind.
        let share = if source == SampleSource::Ema { 0.8 * share } else { share };
        Event::Samples(Samples {
            step,
            epoch,
            source,
            geometry: self.geometry(spec),
            png: self.png(spec, share),
        })
    }

    /// Real images of the data of a run.
    pub(super) fn real_images(&self, spec: &Spec) -> RealImages {
        let seed = if self.mixed && spec.seed.is_multiple_of(2) { 2 } else { 0 };
        RealImages {
            dataset: self.dataset,
            data_fingerprint: self.data(spec).fingerprint,
            geometry: self.geometry(spec),
            png: self.png(&Spec { seed, ..*spec }, 1.0),
        }
    }

    fn png(&self, spec: &Spec, share: f64) -> Vec<u8> {
        let images: Vec<_> = (0..self.side * self.side).map(|cell| (self.image)(spec, cell, share)).collect();
        let ImageShape { channels, height, width } = (self.shape)(spec);
        let pixel = |x: u32, y: u32| {
            let image = &images[(y / height * self.side + x / width) as usize];
            image[(y % height % 28 * 28 + x % width % 28) as usize]
        };
        let (across, down) = (self.side * width, self.side * height);
        let grid = if channels == 1 {
            DynamicImage::from(GrayImage::from_fn(across, down, |x, y| Luma([pixel(x, y)])))
        } else {
            let half = |value| value / 2;
            let color = |x, y| Rgb([pixel(x, y), half(pixel(x, y)), 255 - pixel(x, y)]);
            DynamicImage::from(RgbImage::from_fn(across, down, color))
        };
        let mut bytes = Cursor::new(Vec::new());
        grid.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }
}

/// A ring that closes as training goes on.
pub(super) fn ring(spec: &Spec, cell: u32, share: f64) -> Vec<u8> {
    let radius = 5 + i64::from(cell % 4) + (spec.seed % 3).cast_signed();
    let noise = |place: i64| ((place * 7919 + i64::from(cell) * 104_729) % 251) as f64 * (1.0 - share);
    let pixel = |place: i64| {
        let (x, y) = (place % 28 - 14, place / 28 - 14);
        let off = (x * x + y * y - radius * radius).abs();
        if off < 14 { (255.0 * share) as u8 } else { noise(place) as u8 }
    };
    (0..784).map(pixel).collect()
}
