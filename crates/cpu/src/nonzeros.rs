//! The nonzero elements of a matrix, row by row.
//!
//! A ReLU leaves about half of its outputs behind a normalisation, and often far fewer elsewhere. A product with these
//! alone has the bits of the full product, for a zero adds nothing to a sum if the other factor is finite.

use pulp::{Arch, NullaryFnOnce, Scalar};

use super::matrix::{LINE, Line, Matrix, panels};
use super::transpose::transpose;

/// Rows from one to the next of which the density is estimated.
const SAMPLED: usize = 8;

/// The nonzero elements of a row within one block of columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct List<'a> {
    /// The column of each, counted from the first one of the block.
    pub(super) at: &'a [u8],
    pub(super) values: &'a [f32],
}

/// The nonzero elements of a matrix, row by row.
#[derive(Debug, Clone, Default)]
pub(super) struct Nonzeros {
    rows: usize,
    cols: usize,
    /// Block by block, and row by row within a block.
    at: Vec<u8>,
    values: Vec<f32>,
    /// Where the list of each row of each block begins, and the end of the last one.
    starts: Vec<u32>,
}

impl Nonzeros {
    /// Panels of a block.
    const PANELS: usize = 8;
    /// Columns of a block. As many lines of four panels of the other operand fill two thirds of a first-level cache of
    /// 48 KiB.
    pub(super) const BLOCK: usize = Self::PANELS * LINE;

    /// Memory for the nonzero elements of matrices of up to `[rows, cols]`, transposed or not.
    pub(super) fn new(rows: usize, cols: usize) -> Self {
        let (elements, lists) = Self::room(rows, cols);
        Self {
            rows: 0,
            cols: 0,
            at: vec![0; elements],
            values: vec![0.0; elements],
            starts: vec![0; lists + 1],
        }
    }

    /// Bytes of that memory.
    pub(super) fn bytes(rows: usize, cols: usize) -> u64 {
        let (elements, lists) = Self::room(rows, cols);
        (elements * (size_of::<u8>() + size_of::<f32>()) + (lists + 1) * size_of::<u32>()) as u64
    }

    /// Elements and lists of a matrix, transposed or not.
    const fn room(rows: usize, cols: usize) -> (usize, usize) {
        // A line is written as a whole, beyond the elements that are counted.
        let elements = rows.next_multiple_of(LINE) * cols.next_multiple_of(LINE) + LINE;
        let (lists, transposed) = (rows * Self::blocks_of(cols), cols * Self::blocks_of(rows));
        (elements, if lists > transposed { lists } else { transposed })
    }

    const fn blocks_of(cols: usize) -> usize {
        cols.div_ceil(Self::BLOCK)
    }

    /// The nonzero elements of `matrix`, if these are few.
    pub(super) fn of(&mut self, arch: Arch, matrix: &Matrix) -> Option<&Self> {
        if !is_sparse(arch, matrix) {
            return None;
        }
        self.collect(arch, matrix);
        Some(self)
    }

    /// The nonzero elements of the columns of `matrix`, if these are few and the columns are no longer than a block.
    /// `transposed` is memory to work with.
    pub(super) fn of_columns(
        &mut self,
        arch: Arch,
        matrix: &Matrix,
        transposed: &mut Matrix,
    ) -> Option<&Self> {
        if matrix.rows() > Self::BLOCK || !is_sparse(arch, matrix) {
            return None;
        }
        transpose(arch, matrix, transposed);
        self.collect(arch, transposed);
        Some(self)
    }

    fn collect(&mut self, arch: Arch, matrix: &Matrix) {
        (self.rows, self.cols) = (matrix.rows(), matrix.cols());
        match arch {
            #[cfg(target_arch = "x86_64")]
            Arch::V4(simd) => simd.vectorize(Collect { simd, nonzeros: self, matrix }),
            #[cfg(target_arch = "x86_64")]
            Arch::V3(simd) => simd.vectorize(Collect { simd, nonzeros: self, matrix }),
            _ => Collect { simd: Scalar, nonzeros: self, matrix }.call(),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Blocks of columns.
    pub(super) fn blocks(&self) -> usize {
        Self::blocks_of(self.cols)
    }

    /// The nonzero elements of a row within a block, from the left.
    #[inline(always)]
    pub(super) fn list(&self, row: usize, block: usize) -> List<'_> {
        let i = block * self.rows + row;
        let list = self.starts[i] as usize..self.starts[i + 1] as usize;
        List { at: &self.at[list.clone()], values: &self.values[list] }
    }
}

/// Whether a product with the nonzero elements alone is faster than the full one. Some rows are enough to tell, since
/// both have the same bits.
fn is_sparse(arch: Arch, matrix: &Matrix) -> bool {
    let sampled = matrix.rows().div_ceil(SAMPLED) * matrix.panels() * LINE;
    arch.dispatch(Count(matrix)) as f64 <= max_density(arch) * sampled as f64
}

/// The largest share of nonzero elements with which a product with these alone is faster. Tiles of dense products are
/// larger with AVX-512.
const fn max_density(arch: Arch) -> f64 {
    match arch {
        #[cfg(target_arch = "x86_64")]
        Arch::V4(_) => 0.45,
        _ => 0.65,
    }
}

/// Counts the nonzero elements of the sampled rows.
struct Count<'a>(&'a Matrix);

impl NullaryFnOnce for Count<'_> {
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        let mut counts = [0_u32; LINE];
        for panel in 0..self.0.panels() {
            for line in self.0.panel(panel).iter().step_by(SAMPLED) {
                for i in 0..LINE {
                    counts[i] += u32::from(line.0[i] != 0.0);
                }
            }
        }
        counts.iter().map(|&count| count as usize).sum()
    }
}

/// Collects the nonzero elements of a matrix.
struct Collect<'a, S> {
    simd: S,
    nonzeros: &'a mut Nonzeros,
    matrix: &'a Matrix,
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
                    // Columns of padding may hold anything.
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
trait Compress: Copy {
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
    use std::arch::x86_64::{__m512, _CMP_NEQ_UQ};

    use pulp::bytemuck::cast;
    use pulp::x86::V4;

    use super::{Compress, LINE, Line};

    const INDICES: [u32; LINE] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    impl Compress for V4 {
        #[inline(always)]
        fn compress(self, line: &Line, first: u8, at: &mut [u8; LINE], values: &mut [f32; LINE]) -> usize {
            let avx = self.avx512f;
            let line: __m512 = cast(line.0);
            // NaN is no zero.
            let mask = avx._mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(line, avx._mm512_setzero_ps());
            let indices = avx._mm512_add_epi32(cast(INDICES), avx._mm512_set1_epi32(i32::from(first)));
            *at = cast(avx._mm512_cvtepi32_epi8(avx._mm512_maskz_compress_epi32(mask, indices)));
            *values = cast(avx._mm512_maskz_compress_ps(mask, line));
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

#[cfg(test)]
mod tests {
    use gansweep_nn::Vectors;
    use gansweep_nn::rng::hash32;
    use proptest::prelude::*;

    use super::*;

    fn lists_of(nonzeros: &Nonzeros, row: usize) -> Vec<(usize, u32)> {
        let lists = (0..nonzeros.blocks()).map(|block| (block * Nonzeros::BLOCK, nonzeros.list(row, block)));
        let elements = lists.flat_map(|(first, list)| {
            list.at
                .iter()
                .zip(list.values)
                .map(move |(&at, value)| (first + usize::from(at), value.to_bits()))
        });
        elements.collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_nonzero_element_is_in_its_rows_list_and_in_its_columns(
            rows in 1usize..140, cols in 1usize..300, percent in 0u32..65, seed: u32,
        ) {
            let value = |row: usize, col: usize| {
                let bits = hash32(seed, 1, (row * cols + col) as u32);
                match bits % 100 {
                    0 => f32::NAN,
                    rest if rest < percent => bits as f32 - 2f32.powi(31),
                    rest if rest % 2 == 0 => -0.0,
                    _ => 0.0,
                }
            };
            let mut matrix = Matrix::from_fn(rows, cols.next_multiple_of(LINE), value);
            // Columns of padding hold what was there.
            matrix.reshape(rows, cols);
            let of = |row, col| {
                let value: f32 = matrix.get(row, col);
                (value != 0.0).then_some(value.to_bits())
            };
            let mut nonzeros = Nonzeros::new(rows, cols);
            let mut transposed = Matrix::new(cols, rows);
            for arch in Vectors::all().into_iter().map(Vectors::arch) {
                if nonzeros.of(arch, &matrix).is_some() {
                    for row in 0..rows {
                        let expected: Vec<_> =
                            (0..cols).filter_map(|col| Some((col, of(row, col)?))).collect();
                        prop_assert_eq!(lists_of(&nonzeros, row), expected);
                    }
                }
                if nonzeros.of_columns(arch, &matrix, &mut transposed).is_some() {
                    for col in 0..cols {
                        let expected: Vec<_> =
                            (0..rows).filter_map(|row| Some((row, of(row, col)?))).collect();
                        prop_assert_eq!(lists_of(&nonzeros, col), expected);
                    }
                }
            }
        }
    }

    #[test]
    fn matrices_with_many_nonzero_elements_are_multiplied_in_full() {
        let (mut nonzeros, mut transposed) = (Nonzeros::new(200, 320), Matrix::new(320, 200));
        for arch in Vectors::all().into_iter().map(Vectors::arch) {
            let most = max_density(arch);
            // A column of 200 elements would have two blocks.
            for (rows, density, sparse) in [
                (128, most - 0.02, [true; 2]),
                (128, most + 0.02, [false; 2]),
                (200, most - 0.02, [true, false]),
            ] {
                let value =
                    |row, col| if (row * 37 + col) % 100 < (density * 100.0) as usize { 1.0 } else { 0.0 };
                let matrix = Matrix::from_fn(rows, 320, value);
                assert_eq!(nonzeros.of(arch, &matrix).is_some(), sparse[0]);
                assert_eq!(nonzeros.of_columns(arch, &matrix, &mut transposed).is_some(), sparse[1]);
            }
        }
    }
}
