//! Lists of the nonzero elements of groups of rows, one for each pattern.

use std::arch::x86_64::{__m512, __m512i, _CMP_NEQ_UQ};

use pulp::NullaryFnOnce;
use pulp::bytemuck::cast;
use pulp::x86::V4;

use super::super::matrix::{LINE, Line, Matrix};
use super::super::transpose::{TransposeTile, tile_of};
use super::lists::{GROUP, Nonzeros, PATTERNS};

/// Collects the nonzero elements of a matrix.
pub(super) struct Collect<'a> {
    pub(super) simd: V4,
    pub(super) nonzeros: &'a mut Nonzeros,
    pub(super) matrix: &'a Matrix,
}

/// Collects the nonzero elements of the transpose of a matrix.
pub(super) struct CollectTransposed<'a> {
    pub(super) simd: V4,
    pub(super) nonzeros: &'a mut Nonzeros,
    pub(super) matrix: &'a Matrix,
}

impl NullaryFnOnce for Collect<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, nonzeros, matrix } = self;
        let mut sorted = Sorted { nonzeros, columns: 0, lists: 0 };
        let (mut block, mut padded) = ([Line::ZERO; Nonzeros::BLOCK], [Line::ZERO; LINE]);
        for first in (0..matrix.cols()).step_by(Nonzeros::BLOCK) {
            let block = &mut block[..Nonzeros::BLOCK.min(matrix.cols() - first)];
            for row in (0..matrix.rows()).step_by(LINE) {
                let rows = row..(row + LINE).min(matrix.rows());
                for (panel, columns) in (first / LINE..).zip(block.chunks_mut(LINE)) {
                    simd.transpose(tile_of(&matrix.panel(panel)[rows.clone()], &mut padded), columns);
                }
                sorted.add_rows(simd, block, rows.len());
            }
        }
        sorted.end();
    }
}

impl NullaryFnOnce for CollectTransposed<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, nonzeros, matrix } = self;
        let mut sorted = Sorted { nonzeros, columns: 0, lists: 0 };
        for panel in 0..matrix.panels() {
            sorted.add_rows(simd, matrix.panel(panel), LINE.min(matrix.cols() - panel * LINE));
        }
        sorted.end();
    }
}

/// Lists in the making.
struct Sorted<'a> {
    nonzeros: &'a mut Nonzeros,
    /// Columns in all lists so far.
    columns: usize,
    lists: usize,
}

impl Sorted<'_> {
    /// Adds up to sixteen rows within a block, which has a line for each column.
    #[inline(always)]
    fn add_rows(&mut self, simd: V4, block: &[Line], rows: usize) {
        let mut bits = [0; Nonzeros::BLOCK];
        for (bits, line) in bits.iter_mut().zip(block) {
            *bits = nonzero_bits(simd, line);
        }
        for first in (0..rows).step_by(GROUP) {
            // What is beyond the last row may hold anything.
            let all = (1 << GROUP.min(rows - first)) - 1;
            let mut patterns = [0; Nonzeros::BLOCK];
            for (pattern, bits) in patterns.iter_mut().zip(bits) {
                *pattern = (bits >> first) as u8 & all;
            }
            self.add_group(simd, block, first / GROUP, &patterns);
        }
    }

    /// Adds a list for each pattern of the group with that index in the block.
    #[inline(always)]
    fn add_group(&mut self, simd: V4, block: &[Line], index: usize, patterns: &[u8; Nonzeros::BLOCK]) {
        let mut next = [0; PATTERNS + 1];
        for pattern in 1..=PATTERNS {
            next[pattern] = self.columns;
            self.start_list();
            self.columns += count(simd, patterns, pattern as u8);
        }
        // Without a branch: columns without any element go where the next group overwrites them.
        next[0] = self.columns;
        let (at, values) = (&mut self.nonzeros.at[..], self.nonzeros.values.as_chunks_mut().0);
        for (col, (line, &pattern)) in (0..).zip(block.iter().zip(patterns)) {
            let next = &mut next[usize::from(pattern) % (PATTERNS + 1)];
            at[*next] = col;
            values[*next] = line.0.as_chunks::<GROUP>().0[index];
            *next += 1;
        }
    }

    #[inline(always)]
    fn start_list(&mut self) {
        self.nonzeros.starts[self.lists] = self.columns as u32;
        self.lists += 1;
    }

    #[inline(always)]
    fn end(mut self) {
        self.start_list();
    }
}

/// How many columns have that pattern.
#[inline(always)]
fn count(simd: V4, patterns: &[u8; Nonzeros::BLOCK], pattern: u8) -> usize {
    let pattern = simd.avx512f._mm512_set1_epi8(pattern as i8);
    let halves: [__m512i; 2] = cast(*patterns);
    let mut count = 0;
    for half in halves {
        count += simd.avx512bw._mm512_cmpeq_epi8_mask(half, pattern).count_ones() as usize;
    }
    count
}

/// A bit for each element of a line: whether it is nonzero. NaN is.
#[inline(always)]
pub(super) fn nonzero_bits(simd: V4, line: &Line) -> u16 {
    let line: __m512 = cast(line.0);
    simd.avx512f._mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(line, simd.avx512f._mm512_setzero_ps())
}
