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
