//! Random numbers that are the same on every machine, in any order of drawing.

use std::f64::consts::SQRT_2;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// The random stream of one image, so that no image depends on another.
pub(super) struct Random(ChaCha8Rng);

impl Random {
    /// The stream of image `index`, counted over both splits.
    pub(super) fn of_image(index: u64) -> Self {
        let mut rng = ChaCha8Rng::from_seed(*b"gansweep: digits from strokes, 1");
        rng.set_stream(index);
        Self(rng)
    }

    /// Uniform on `[0, 1)`.
    pub(super) fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    /// Uniform on `[low, high)`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Approximately normal with mean 0 and standard deviation 1, never beyond 4.25: the scaled sum of six
    /// uniform numbers. A real normal distribution would need a logarithm or a cosine, whose last bits differ
    /// between machines.
    pub(super) fn bell(&mut self) -> f64 {
        let sum: f64 = (0..6).map(|_| self.unit()).sum();
        (sum - 3.0) * SQRT_2
    }

    /// True with this probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Uniform on `0..count`.
    pub(super) fn index(&mut self, count: usize) -> usize {
        (self.unit() * count as f64) as usize
    }
}
