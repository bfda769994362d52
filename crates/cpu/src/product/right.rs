//! The right operand of a dense product: a matrix, or the transpose of one.

use std::ops::Range;

use super::super::matrix::{LINE, Line, Matrix, fetch};
use super::super::transpose::{TransposeTile, tile_of};

/// Panels of the left operand in one pass over the inner dimension, of tiles of one panel: an MNIST image takes three
/// passes. The lines of a tile's panels for one pass (17 KiB) and its rows fit the first-level cache.
pub(super) const DEPTH: usize = 17;

/// The right operand of a product that is computed with vectors of the kind `S`.
pub(super) trait Right<S>: Copy {
    /// Whether it is taken for larger than the left operand, and is not in the caches.
    const IS_LARGER: bool;

    /// Memory for the lines of one or two panels in one pass over the inner dimension.
    type Memory;

    fn memory() -> Self::Memory;

    fn cols(self) -> usize;

    /// The lines of `P` panels, from `panel` on, in some rows, of which the first is the first of a tile.
    fn lines<'a, const P: usize>(
        self,
        simd: S,
        rows: Range<usize>,
        panel: usize,
        memory: &'a mut Self::Memory,
    ) -> [&'a [Line]; P]
    where
        Self: 'a;

    /// Prefetches a `part` of the sixteen lines that those of `panel`, from row `row` on, are made of.
    fn prefetch(self, row: usize, panel: usize, part: Range<usize>);
}

/// A matrix as it is.
#[derive(Clone, Copy)]
pub(super) struct Straight<'a>(pub(super) &'a Matrix);

impl<S> Right<S> for Straight<'_> {
    const IS_LARGER: bool = false;

    type Memory = ();

    #[inline(always)]
    fn memory() {}

    #[inline(always)]
    fn cols(self) -> usize {
        self.0.cols()
    }

    #[inline(always)]
    fn lines<'a, const P: usize>(
        self,
        _: S,
        rows: Range<usize>,
        panel: usize,
        (): &'a mut (),
    ) -> [&'a [Line]; P]
    where
        Self: 'a,
    {
        let mut lines: [&[Line]; P] = [&[]; P];
        for p in 0..P {
            lines[p] = &self.0.panel(panel + p)[rows.clone()];
        }
        lines
    }

    #[inline(always)]
    fn prefetch(self, row: usize, panel: usize, part: Range<usize>) {
        for line in part {
            fetch(self.0.lines(), panel * self.0.rows() + row + line);
        }
    }
}

/// The transpose of a matrix, tile by tile: a tile is transposed once for all rows of the left operand.
#[derive(Clone, Copy)]
pub(super) struct Transposed<'a>(pub(super) &'a Matrix);

impl<S: TransposeTile> Right<S> for Transposed<'_> {
    const IS_LARGER: bool = true;

    /// A pass has at most `DEPTH` panels of the left operand with one panel of this one, and half of them, rounded up, with two.
    type Memory = [Line; (DEPTH + 1) * LINE];

    #[expect(clippy::large_stack_arrays, reason = "18 KiB of a stack that has megabytes")]
    #[inline(always)]
    fn memory() -> Self::Memory {
        [Line::ZERO; (DEPTH + 1) * LINE]
    }

    #[inline(always)]
    fn cols(self) -> usize {
        self.0.rows()
    }

    #[inline(always)]
    fn lines<'a, const P: usize>(
        self,
        simd: S,
        rows: Range<usize>,
        panel: usize,
        memory: &'a mut Self::Memory,
    ) -> [&'a [Line]; P]
    where
        Self: 'a,
    {
        let mut padded = [Line::ZERO; LINE];
        let mut lines: [&[Line]; P] = [&[]; P];
        for (p, memory) in memory[..P * rows.len()].chunks_exact_mut(rows.len()).enumerate() {
            let own = (panel + p) * LINE..((panel + p + 1) * LINE).min(self.0.rows());
            for (tile, out) in memory.chunks_mut(LINE).enumerate() {
                let lines = &self.0.panel(rows.start / LINE + tile)[own.clone()];
                simd.transpose(tile_of(lines, &mut padded), out);
            }
            lines[p] = memory;
        }
        lines
    }

    #[inline(always)]
    fn prefetch(self, row: usize, panel: usize, part: Range<usize>) {
        for line in part {
            fetch(self.0.lines(), row / LINE * self.0.rows() + panel * LINE + line);
        }
    }
}
