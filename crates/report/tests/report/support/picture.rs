//! Sample grids and real images of nothing but rings.

use std::io::Cursor;

use gansweep_protocol::{Event, SampleSource, Samples};
use gansweep_store::RealImages;

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
        let images: Vec<_> = (0..self.side * self.side).map(|cell| (self.image)(spec, cell, share)).collect();
        Event::Samples(Samples {
            step,
            epoch,
            source,
            geometry: self.geometry(),
            png: png(&tiles(&images, self.side), self.side),
        })
    }

    /// Real images of the data of runs with that seed.
    pub(super) fn real_images(&self, seed: u64) -> RealImages {
        let spec = Spec { lr: 0.0, width: 0, seed: if seed == 2 { 2 } else { 0 } };
        let images: Vec<_> = (0..self.side * self.side).map(|cell| (self.image)(&spec, cell, 1.0)).collect();
        RealImages {
            dataset: self.dataset,
            data_fingerprint: self.data(seed).fingerprint,
            geometry: self.geometry(),
            png: png(&tiles(&images, self.side), self.side),
        }
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

fn tiles(images: &[Vec<u8>], side: u32) -> Vec<u8> {
    let side = side as usize;
    let mut grid = vec![0; side * side * 784];
    for (cell, image) in images.iter().enumerate() {
        for row in 0..28 {
            let at = (cell / side * 28 + row) * side * 28 + cell % side * 28;
            grid[at..at + 28].copy_from_slice(&image[row * 28..(row + 1) * 28]);
        }
    }
    grid
}

fn png(pixels: &[u8], side: u32) -> Vec<u8> {
    let image = image::GrayImage::from_raw(side * 28, side * 28, pixels.to_vec()).unwrap();
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
