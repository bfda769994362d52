//! The lists that a product with nonzero elements reads.

use super::super::matrix::LINE;

/// Rows of a group.
pub(crate) const GROUP: usize = 4;
/// Patterns of a group that have any element.
pub(super) const PATTERNS: usize = (1 << GROUP) - 1;

/// Columns in which the same ones of `G` rows have nonzero elements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List<'a, const G: usize> {
    /// Each column, counted from the first one of the block.
    pub(crate) at: &'a [u8],
    /// The elements in each column.
    pub(crate) values: &'a [[f32; G]],
}

/// The lists of `G` rows within a block of columns: one for each pattern that has any element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lists<'a, const G: usize> {
    /// Where each list begins, and the end of the last one.
    starts: &'a [u32],
    at: &'a [u8],
    values: &'a [[f32; G]],
}

impl<'a, const G: usize> Lists<'a, G> {
    /// The columns with that pattern, from the left.
    #[inline(always)]
    pub(crate) fn of_pattern(self, pattern: usize) -> List<'a, G> {
        let list = self.starts[pattern - 1] as usize..self.starts[pattern] as usize;
        List { at: &self.at[list.clone()], values: &self.values[list] }
    }
}

/// The nonzero elements of a matrix.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nonzeros {
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// Rows of a list: a group, or one.
    pub(super) together: usize,
    /// The columns of the lists: block by block, within a block by group or row, and then by pattern.
    pub(super) at: Vec<u8>,
    /// As many numbers for each of `at` as a list has rows.
    pub(super) values: Vec<f32>,
    /// Where each list begins, and the end of the last one.
    pub(super) starts: Vec<u32>,
}

impl Nonzeros {
    /// Panels of a block.
    pub(super) const PANELS: usize = 8;
    /// Columns of a block. As many lines of four panels of the other operand fill two thirds of a first-level cache of
    /// 48 KiB.
    pub(crate) const BLOCK: usize = Self::PANELS * LINE;

    /// Memory for the nonzero elements of matrices of up to `[rows, cols]`, transposed or not.
    pub(crate) fn new(rows: usize, cols: usize) -> Self {
        let [at, values, starts] = Self::room(rows, cols);
        let (at, values, starts) = (vec![0; at], vec![0.0; values], vec![0; starts]);
        Self { rows: 0, cols: 0, together: 1, at, values, starts }
    }

    /// Bytes of that memory.
    pub(crate) fn bytes(rows: usize, cols: usize) -> u64 {
        let [at, values, starts] = Self::room(rows, cols);
        (at * size_of::<u8>() + values * size_of::<f32>() + starts * size_of::<u32>()) as u64
    }

    /// Columns, values and starts of the lists of a matrix, transposed or not.
    fn room(rows: usize, cols: usize) -> [usize; 3] {
        let elements = rows.next_multiple_of(LINE) * cols.next_multiple_of(LINE);
        let lists = |rows: usize, cols| Self::blocks_of(cols) * rows.max(PATTERNS * rows.div_ceil(GROUP));
        // A block is written as a whole, beyond the elements that are counted.
        let more = Self::BLOCK;
        [elements + more, elements + GROUP * more, lists(rows, cols).max(lists(cols, rows)) + 1]
    }

    const fn blocks_of(cols: usize) -> usize {
        cols.div_ceil(Self::BLOCK)
    }

    /// Rows of the matrix.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether lists have a group's rows.
    pub(crate) fn has_groups(&self) -> bool {
        self.together == GROUP
    }

    /// Blocks of columns.
    pub(crate) fn blocks(&self) -> usize {
        Self::blocks_of(self.cols)
    }

    /// The lists of `G` rows within a block, the first being `row`.
    #[inline(always)]
    pub(crate) fn lists<const G: usize>(&self, row: usize, block: usize) -> Lists<'_, G> {
        assert!(self.together == G && row.is_multiple_of(G), "rows of a list");
        let count = (1 << G) - 1;
        let first = (block * self.rows.div_ceil(G) + row / G) * count;
        Lists { starts: &self.starts[first..=first + count], at: &self.at, values: self.values.as_chunks().0 }
    }
}
