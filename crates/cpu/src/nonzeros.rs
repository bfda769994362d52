//! The nonzero elements of a matrix, sorted for products with these alone.
//!
//! A ReLU leaves about half of its outputs behind a normalisation, and often far fewer elsewhere. A zero adds nothing to a
//! sum if the other factor is finite, so a product may leave it out.
//!
//! Four rows of the matrix are a group. A column has a *pattern* in it: a bit for each row of the group, set if the row's element is
//! nonzero. Within a block of columns, a group's elements are sorted by pattern, then by column. A product has a loop
//! for each pattern, which loads a line of the other operand once for all rows of the pattern, and multiplies no zero. A
//! product without registers for four rows takes each row's elements in the same order, so that sums have the same bits.

use pulp::{Arch, NullaryFnOnce, Scalar};

use super::matrix::{LINE, Line, Matrix, panels};
use super::transpose::{TransposeTile, tile_of};

/// Rows of a group.
pub(super) const GROUP: usize = 4;
/// Patterns of a group, the one without any element among them.
const PATTERNS: usize = 1 << GROUP;
/// The largest share of nonzero elements with which a product with these alone is faster.
const MAX_DENSITY: f64 = 0.65;
/// Rows from one to the next of which the density is estimated.
const SAMPLED: usize = 8;

/// Columns of `G` rows, in which these have nonzero elements.
#[derive(Debug, Clone, Copy)]
pub(super) struct List<'a, const G: usize> {
    /// Each column, counted from the first one of the block.
    pub(super) at: &'a [u8],
    /// The elements in each column.
    pub(super) values: &'a [[f32; G]],
}

/// The lists of `G` rows within a block of columns: one for each pattern that has any element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lists<'a, const G: usize> {
    /// Where each list begins, and the end of the last one.
    starts: &'a [u32],
    at: &'a [u8],
    values: &'a [[f32; G]],
}

impl<'a, const G: usize> Lists<'a, G> {
    /// The columns with that pattern.
    #[inline(always)]
    pub(super) fn of_pattern(self, pattern: usize) -> List<'a, G> {
        let list = self.starts[pattern - 1] as usize..self.starts[pattern] as usize;
        List { at: &self.at[list.clone()], values: &self.values[list] }
    }
}

/// The nonzero elements of a matrix.
#[derive(Debug, Clone, Default)]
pub(super) struct Nonzeros {
    rows: usize,
    cols: usize,
    /// Rows of a list: a group, or one.
    together: usize,
    /// Block by block, within a block by group or row, and then by pattern.
    at: Vec<u8>,
    /// As many numbers for each of `at` as a list has rows.
    values: Vec<f32>,
    /// Where each list begins, and the end of the last one.
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
        let [at, values, starts] = Self::room(rows, cols);
        Self {
            rows: 0,
            cols: 0,
            together: 1,
            at: vec![0; at],
            values: vec![0.0; values],
            starts: vec![0; starts],
        }
    }

    /// Bytes of that memory.
    pub(super) fn bytes(rows: usize, cols: usize) -> u64 {
        let [at, values, starts] = Self::room(rows, cols);
        (at * size_of::<u8>() + values * size_of::<f32>() + starts * size_of::<u32>()) as u64
    }

    /// Columns, values and starts of the lists of a matrix, transposed or not.
    fn room(rows: usize, cols: usize) -> [usize; 3] {
        let elements = rows.next_multiple_of(LINE) * cols.next_multiple_of(LINE);
        let lists =
            |rows: usize, cols| Self::blocks_of(cols) * rows.max((PATTERNS - 1) * rows.div_ceil(GROUP));
        // A block's columns without any element are written, too, behind the others.
        let at = elements + Self::BLOCK;
        [at, elements + GROUP * Self::BLOCK, lists(rows, cols).max(lists(cols, rows)) + 1]
    }

    const fn blocks_of(cols: usize) -> usize {
        cols.div_ceil(Self::BLOCK)
    }

    /// The nonzero elements of `matrix`, if these are few.
    pub(super) fn of(&mut self, arch: Arch, matrix: &Matrix) -> Option<&Self> {
        if !is_sparse(arch, matrix) {
            return None;
        }
        (self.rows, self.cols) = (matrix.rows(), matrix.cols());
        Some(self.collect(arch, matrix, false))
    }

    /// The nonzero elements of the transpose of `matrix`, if these are few and its rows are no longer than a block.
    pub(super) fn of_columns(&mut self, arch: Arch, matrix: &Matrix) -> Option<&Self> {
        if matrix.rows() > Self::BLOCK || !is_sparse(arch, matrix) {
            return None;
        }
        (self.rows, self.cols) = (matrix.cols(), matrix.rows());
        Some(self.collect(arch, matrix, true))
    }

    fn collect(&mut self, arch: Arch, matrix: &Matrix, transposed: bool) -> &Self {
        self.together = rows_of_list(arch);
        let lists = Sorted { nonzeros: self, elements: 0, lists: 0 };
        match arch {
            #[cfg(target_arch = "x86_64")]
            Arch::V4(simd) => simd.vectorize(Collect { simd, lists, matrix, transposed }),
            #[cfg(target_arch = "x86_64")]
            Arch::V3(simd) => simd.vectorize(Collect { simd, lists, matrix, transposed }),
            _ => Collect { simd: Scalar, lists, matrix, transposed }.call(),
        }
        self
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Blocks of columns.
    pub(super) fn blocks(&self) -> usize {
        Self::blocks_of(self.cols)
    }

    /// The lists within a block: of the group with that index, if lists have a group's rows, or else of that row.
    #[inline(always)]
    pub(super) fn lists<const G: usize>(&self, index: usize, block: usize) -> Lists<'_, G> {
        assert_eq!(self.together, G, "rows of a list");
        let count = (1 << G) - 1;
        let first = (block * self.rows.div_ceil(G) + index) * count;
        Lists { starts: &self.starts[first..=first + count], at: &self.at, values: self.values.as_chunks().0 }
    }
}

/// Rows of a list: as many as a product has registers for.
const fn rows_of_list(arch: Arch) -> usize {
    match arch {
        #[cfg(target_arch = "x86_64")]
        Arch::V4(_) => GROUP,
        _ => 1,
    }
}

/// Whether a product with the nonzero elements alone is faster than the full one. Some rows are enough to tell. It must not
/// depend on the processor, since the two products add in different orders.
fn is_sparse(arch: Arch, matrix: &Matrix) -> bool {
    let sampled = matrix.rows().div_ceil(SAMPLED) * matrix.panels() * LINE;
    arch.dispatch(Count(matrix)) as f64 <= MAX_DENSITY * sampled as f64
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

/// Collects the nonzero elements of a matrix, or of its transpose.
struct Collect<'a, S> {
    simd: S,
    lists: Sorted<'a>,
    matrix: &'a Matrix,
    transposed: bool,
}

impl<S: TransposeTile + NonzeroBits> NullaryFnOnce for Collect<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, mut lists, matrix, transposed } = self;
        if transposed {
            for panel in 0..matrix.panels() {
                lists.add_rows(simd, matrix.panel(panel), LINE.min(matrix.cols() - panel * LINE));
            }
        } else {
            let (mut block, mut padded) = ([Line::ZERO; Nonzeros::BLOCK], [Line::ZERO; LINE]);
            for first in (0..matrix.cols()).step_by(Nonzeros::BLOCK) {
                let block = &mut block[..Nonzeros::BLOCK.min(matrix.cols() - first)];
                for row in (0..matrix.rows()).step_by(LINE) {
                    let rows = row..(row + LINE).min(matrix.rows());
                    for (panel, columns) in (first / LINE..).zip(block.chunks_mut(LINE)) {
                        simd.transpose(tile_of(&matrix.panel(panel)[rows.clone()], &mut padded), columns);
                    }
                    lists.add_rows(simd, block, rows.len());
                }
            }
        }
        lists.end();
    }
}

/// Lists in the making.
struct Sorted<'a> {
    nonzeros: &'a mut Nonzeros,
    elements: usize,
    lists: usize,
}

impl Sorted<'_> {
    /// Adds up to sixteen rows within a block, which are columns of `block`.
    #[inline(always)]
    fn add_rows<S: NonzeroBits>(&mut self, simd: S, block: &[Line], rows: usize) {
        let mut bits = [0; Nonzeros::BLOCK];
        for (bits, line) in bits.iter_mut().zip(block) {
            *bits = simd.nonzero_bits(line);
        }
        for first in (0..rows).step_by(GROUP) {
            let count = GROUP.min(rows - first);
            let mut patterns = [0; Nonzeros::BLOCK];
            for (pattern, bits) in patterns.iter_mut().zip(bits) {
                // What is beyond the matrix may hold anything.
                *pattern = (bits >> first) as u8 & ((1 << count) - 1);
            }
            let group = Group { block, first, count, patterns: &patterns[..block.len()] };
            if self.nonzeros.together == 1 { self.add_by_row(&group) } else { self.add_group(&group) }
        }
    }

    /// Adds a list for each pattern.
    #[inline(always)]
    fn add_group(&mut self, group: &Group<'_>) {
        let counts = group.counts();
        let mut next = [0; PATTERNS];
        for pattern in 1..PATTERNS {
            next[pattern] = self.elements;
            self.start_list();
            self.elements += counts[pattern];
        }
        // Columns without any element: the next group is written over them.
        next[0] = self.elements;
        let Nonzeros { at, values, .. } = &mut *self.nonzeros;
        let values: &mut [[f32; GROUP]] = values.as_chunks_mut().0;
        for (col, (line, &pattern)) in (0..).zip(group.block.iter().zip(group.patterns)) {
            let next = &mut next[usize::from(pattern) % PATTERNS];
            at[*next] = col;
            values[*next] = group.elements(line);
            *next += 1;
        }
    }

    /// Adds a list for each row.
    #[inline(always)]
    fn add_by_row(&mut self, group: &Group<'_>) {
        let counts = group.counts();
        let end = self.elements + group.elements_of(&counts);
        // Without a branch: every element is written, those that are zero behind all others.
        let mut next = [[end; PATTERNS]; GROUP];
        for (row, next) in next.iter_mut().enumerate().take(group.count) {
            self.start_list();
            for pattern in (1..PATTERNS).filter(|pattern| pattern >> row & 1 == 1) {
                next[pattern] = self.elements;
                self.elements += counts[pattern];
            }
        }
        let Nonzeros { at, values, .. } = &mut *self.nonzeros;
        for (col, (line, &pattern)) in (0..).zip(group.block.iter().zip(group.patterns)) {
            let elements = group.elements(line);
            for row in 0..GROUP {
                let next = &mut next[row][usize::from(pattern) % PATTERNS];
                (at[*next], values[*next]) = (col, elements[row]);
                *next += 1;
            }
        }
    }

    #[inline(always)]
    fn start_list(&mut self) {
        self.nonzeros.starts[self.lists] = self.elements as u32;
        self.lists += 1;
    }

    fn end(mut self) {
        self.start_list();
    }
}

/// A group of rows within a block.
struct Group<'a> {
    /// A line for each column.
    block: &'a [Line],
    /// The first row's place in a line.
    first: usize,
    /// Rows, of which the last group may have fewer.
    count: usize,
    /// The pattern of each column.
    patterns: &'a [u8],
}

impl Group<'_> {
    /// How many columns have each pattern.
    #[inline(always)]
    fn counts(&self) -> [usize; PATTERNS] {
        // Neighbours are counted apart: an addition waits for the one before it in the same place.
        let mut apart = [[0_usize; PATTERNS]; 2];
        for (i, &pattern) in self.patterns.iter().enumerate() {
            apart[i % 2][usize::from(pattern) % PATTERNS] += 1;
        }
        std::array::from_fn(|pattern| apart[0][pattern] + apart[1][pattern])
    }

    /// How many elements are nonzero.
    fn elements_of(&self, counts: &[usize; PATTERNS]) -> usize {
        counts.iter().enumerate().map(|(pattern, count)| pattern.count_ones() as usize * count).sum()
    }

    /// The rows' elements in one column.
    #[inline(always)]
    fn elements(&self, line: &Line) -> [f32; GROUP] {
        line.0.as_chunks().0[self.first / GROUP]
    }
}

/// Which elements of a line are nonzero, for each instruction set.
trait NonzeroBits: Copy {
    /// A bit for each element. NaN is no zero.
    fn nonzero_bits(self, line: &Line) -> u16;
}

impl NonzeroBits for Scalar {
    #[inline(always)]
    fn nonzero_bits(self, line: &Line) -> u16 {
        line.0.iter().enumerate().map(|(i, &value)| u16::from(value != 0.0) << i).sum()
    }
}

#[cfg(target_arch = "x86_64")]
mod avx {
    use std::arch::x86_64::{__m256, __m512, _CMP_NEQ_UQ};

    use pulp::bytemuck::cast;
    use pulp::x86::{V3, V4};

    use super::{Line, NonzeroBits};

    impl NonzeroBits for V4 {
        #[inline(always)]
        fn nonzero_bits(self, line: &Line) -> u16 {
            let line: __m512 = cast(line.0);
            self.avx512f._mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(line, self.avx512f._mm512_setzero_ps())
        }
    }

    impl NonzeroBits for V3 {
        #[inline(always)]
        fn nonzero_bits(self, line: &Line) -> u16 {
            let halves: [__m256; 2] = cast(line.0);
            let mut bits = 0;
            for (half, shift) in halves.into_iter().zip([0, 8]) {
                let nonzero = self.avx._mm256_cmp_ps::<_CMP_NEQ_UQ>(half, self.avx._mm256_setzero_ps());
                bits |= (self.avx._mm256_movemask_ps(nonzero) as u16) << shift;
            }
            bits
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
