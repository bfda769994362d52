//! Dropout masks.

use std::array;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::matrix::{LINE, Matrix};
use gansweep_nn::rng::{self, Hash, Key};

/// Fills some rows of `mask` with the dropout mask of `key`: the numbers of
/// [`rng::dropout_mask`] for `[rows, mask.cols()]`.
pub(super) fn fill(arch: Arch, key: Key, rate: f64, mask: &mut Matrix, rows: Range<usize>) {
    arch.dispatch(Fill { key, rate, mask, rows });
}

/// Fills the rows of some images of a feature map's `mask`: the numbers of [`rng::dropout_mask`] for `[images,
/// channels, pixels]`, PyTorch's order.
pub(super) fn fill_map(
    arch: Arch,
    key: Key,
    rate: f64,
    mask: &mut Matrix,
    batch: usize,
    images: Range<usize>,
) {
    arch.dispatch(FillMap { key, rate, mask, batch, images });
}

struct FillMap<'a> {
    key: Key,
    rate: f64,
    mask: &'a mut Matrix,
    /// Images in the whole batch.
    batch: usize,
    images: Range<usize>,
}

impl WithSimd for FillMap<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let hash = Hash::new(simd, self.key.halves());
        let threshold = simd.splat_u32s(rng::mask_threshold(self.rate));
        let kept = simd.splat_f32s((1.0 / (1.0 - self.rate)) as f32);
        let (pixels, channels) = (self.mask.rows() / self.batch, self.mask.cols());
        let mut planes = [0; LINE];
        for (channel, plane) in planes.iter_mut().enumerate() {
            *plane = (channel * pixels) as u32;
        }
        for panel in 0..self.mask.panels() {
            for pixel in 0..pixels {
                let rows = pixel * self.batch + self.images.start..pixel * self.batch + self.images.end;
                for (image, line) in self.mask.part_mut(panel, rows).iter_mut().enumerate() {
                    let first = (image * channels + panel * LINE) * pixels + pixel;
                    let first = simd.splat_u32s(first as u32);
                    let vectors = S::as_mut_simd_f32s(&mut line.0).0;
                    for (vector, &offset) in vectors.iter_mut().zip(S::as_simd_u32s(&planes).0) {
                        let dropped = simd.less_than_u32s(hash.of(simd.add_u32s(first, offset)), threshold);
                        *vector = simd.select_f32s(dropped, simd.splat_f32s(0.0), kept);
                    }
                }
            }
        }
    }
}

struct Fill<'a> {
    key: Key,
    rate: f64,
    mask: &'a mut Matrix,
    rows: Range<usize>,
}

impl WithSimd for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let hash = Hash::new(simd, self.key.halves());
        let threshold = simd.splat_u32s(rng::mask_threshold(self.rate));
        let kept = simd.splat_f32s((1.0 / (1.0 - self.rate)) as f32);
        let count: [u32; LINE] = array::from_fn(|i| i as u32);
        let cols = self.mask.cols();
        for panel in 0..self.mask.panels() {
            for (row, line) in self.mask.part_mut(panel, self.rows.clone()).iter_mut().enumerate() {
                let first = simd.splat_u32s((row * cols + panel * LINE) as u32);
                let vectors = S::as_mut_simd_f32s(&mut line.0).0;
                for (vector, &offset) in vectors.iter_mut().zip(S::as_simd_u32s(&count).0) {
                    let dropped = simd.less_than_u32s(hash.of(simd.add_u32s(first, offset)), threshold);
                    *vector = simd.select_f32s(dropped, simd.splat_f32s(0.0), kept);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gansweep_nn::Vectors;
    use gansweep_nn::rng::Pass;

    #[test]
    fn a_feature_maps_mask_has_the_numbers_of_its_stream_in_the_order_of_pytorch() {
        let key = Key::mask(3, 1 << 40, 2, Pass::GeneratorInD, 5);
        let (channels, pixels, images) = (19, 6, 3);
        let mut expected = vec![0.0; images * channels * pixels];
        rng::dropout_mask(key, 0.4, &mut expected);
        for arch in Vectors::all().into_iter().map(Vectors::arch) {
            // The second part of a batch of five.
            let mut mask = Matrix::new(pixels * 5, channels);
            fill_map(arch, key, 0.4, &mut mask, 5, 2..5);
            for (image, channel, pixel) in (0..images).flat_map(|image| {
                (0..channels).flat_map(move |channel| (0..pixels).map(move |pixel| (image, channel, pixel)))
            }) {
                let at = (image * channels + channel) * pixels + pixel;
                assert_eq!(mask.get(pixel * 5 + 2 + image, channel), expected[at]);
            }
            assert_eq!(mask.get(0, 0), 0.0);
        }
    }

    #[test]
    fn a_mask_has_the_numbers_of_its_stream_on_any_processor() {
        let key = Key::mask(3, 1 << 40, 2, Pass::GeneratorInD, 5);
        for (rate, (rows, cols)) in [(0.3, (7, 33)), (0.5, (1, 16)), (0.0, (2, 3)), (0.99, (100, 5))] {
            let mut expected = vec![0.0; rows * cols];
            rng::dropout_mask(key, rate, &mut expected);
            for arch in Vectors::all().into_iter().map(Vectors::arch) {
                let mut mask = Matrix::new(rows + 2, cols);
                fill(arch, key, rate, &mut mask, 1..rows + 1);
                for row in 0..rows {
                    for col in 0..cols {
                        assert_eq!(mask.get(row + 1, col), expected[row * cols + col]);
                    }
                }
                assert!((0..cols).all(|col| mask.get(0, col) == 0.0 && mask.get(rows + 1, col) == 0.0));
            }
        }
    }
}
