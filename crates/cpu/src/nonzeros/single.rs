//! Lists of the nonzero elements of single rows.

use pulp::{NullaryFnOnce, Scalar};

use super::super::matrix::{LINE, Line, Matrix, panels};
use super::lists::Nonzeros;

/// Collects the nonzero elements of a matrix.
pub(super) struct Collect<'a, S> {
    pub(super) simd: S,
    pub(super) nonzeros: &'a mut Nonzeros,
    pub(super) matrix: &'a Matrix,
}

impl<S: Compress> NullaryFnOnce for Collect<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, nonzeros: Nonzeros { at, values, starts, .. }, matrix } = self;
        let (mut count, mut list) = (0, 0);
        for first in (0..matrix.panels()).step_by(Nonzeros::PANELS) {
            let mut block: [&[Line]; Nonzeros::PANELS] = [&[]; Nonzeros::PANELS];
            let width = Nonzeros::PANELS.min(panels(matrix.cols()) - first);
            for p in 0..width {
                block[p] = matrix.panel(first + p);
            }
            for row in 0..matrix.rows() {
                starts[list] = count as u32;
                list += 1;
                for (p, panel) in block[..width].iter().enumerate() {
                    let mut line = panel[row];
                    // What a matrix of more columns has left in the padding is no element.
                    let cols = matrix.cols() - (first + p) * LINE;
                    if cols < LINE {
                        line.0[cols..].fill(0.0);
                    }
                    let (Some(at), Some(values)) =
                        (at[count..].first_chunk_mut(), values[count..].first_chunk_mut())
                    else {
                        unreachable!("there is room for every element and a line")
                    };
                    count += simd.compress(&line, (p * LINE) as u8, at, values);
                }
            }
        }
        starts[list] = count as u32;
    }
}

/// Compression of a line to its nonzero elements, for each instruction set.
pub(super) trait Compress: Copy {
    /// Writes the nonzero elements of `line` and their indices, counted from `first`, and returns how many there are.
    /// The rest of `at` and `values` is unspecified.
    fn compress(self, line: &Line, first: u8, at: &mut [u8; LINE], values: &mut [f32; LINE]) -> usize;
}

impl Compress for Scalar {
    #[inline(always)]
    fn compress(self, line: &Line, first: u8, at: &mut [u8; LINE], values: &mut [f32; LINE]) -> usize {
        let mut count = 0;
        for (i, &value) in line.0.iter().enumerate() {
            // Without a branch: which elements are zero cannot be predicted.
            (at[count], values[count]) = (first + i as u8, value);
            count += usize::from(value != 0.0);
        }
        count
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use pulp::bytemuck::cast;
    use pulp::x86::V4;

    use super::super::groups::nonzero_bits;
    use super::{Compress, LINE, Line};

    const INDICES: [u32; LINE] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    impl Compress for V4 {
        #[inline(always)]
        fn compress(self, line: &Line, first: u8, at: &mut [u8; LINE], values: &mut [f32; LINE]) -> usize {
            let avx = self.avx512f;
            let mask = nonzero_bits(self, line);
            let indices = avx._mm512_add_epi32(cast(INDICES), avx._mm512_set1_epi32(i32::from(first)));
            *at = cast(avx._mm512_cvtepi32_epi8(avx._mm512_maskz_compress_epi32(mask, indices)));
            *values = cast(avx._mm512_maskz_compress_ps(mask, cast(line.0)));
            mask.count_ones() as usize
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{__m256, __m256i, _CMP_NEQ_UQ};

    use pulp::bytemuck::cast;
    use pulp::x86::V3;

    use super::{Compress, LINE, Line};

    /// Floats in a vector.
    const WIDTH: usize = 8;
    /// For each mask of a vector, the indices of the bits that are set, a byte each, from the lowest on.
    const INDICES: [[u8; WIDTH]; 256] = indices();

    const fn indices() -> [[u8; WIDTH]; 256] {
        let mut indices = [[0; WIDTH]; 256];
        let mut mask = 0;
        while mask < indices.len() {
            let (mut count, mut bit) = (0, 0);
            while bit < WIDTH {
                if mask >> bit & 1 == 1 {
                    indices[mask][count] = bit as u8;
                    count += 1;
                }
                bit += 1;
            }
            mask += 1;
        }
        indices
    }

    impl Compress for V3 {
        #[inline(always)]
        fn compress(self, line: &Line, first: u8, at: &mut [u8; LINE], values: &mut [f32; LINE]) -> usize {
            let halves: [__m256; 2] = cast(line.0);
            let mut count = 0;
            for (half, first) in halves.into_iter().zip([first, first + WIDTH as u8]) {
                // NaN is no zero.
                let nonzero = self.avx._mm256_cmp_ps::<_CMP_NEQ_UQ>(half, self.avx._mm256_setzero_ps());
                let mask = self.avx._mm256_movemask_ps(nonzero) as u8;
                let indices = INDICES[usize::from(mask)];
                let order: __m256i = self.avx2._mm256_cvtepu8_epi32(cast([indices, [0; WIDTH]]));
                let kept: [f32; WIDTH] = cast(self.avx2._mm256_permutevar8x32_ps(half, order));
                at[count..count + WIDTH].copy_from_slice(&indices.map(|index| first + index));
                values[count..count + WIDTH].copy_from_slice(&kept);
                count += mask.count_ones() as usize;
            }
            count
        }
    }
}
