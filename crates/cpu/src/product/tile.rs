//! Tiles: what products of every kind add up in registers, and who takes the finished lines.

use std::array;
use std::hint::black_box;
use std::ops::Range;

use pulp::Simd;

use crate::matrix::{LINE, Line, Matrix};

/// What becomes of the lines of a product.
pub(crate) trait Finish {
    /// Takes lines of the product: sixteen columns of each of `R` rows from `row`, those of `panel`.
    fn finish<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        lines: [[S::f32s; V]; R],
    );

    /// Fetches what [`finish`](Self::finish) will need for a line before long.
    #[inline(always)]
    fn prepare(&self, _row: usize, _panel: usize) {}
}

/// A [`Finish`] with room for sums that are not complete.
pub(crate) trait Gather: Finish {
    /// Whether the left operand is the large one, which comes from far away; else the right one is.
    const LEFT_IS_LARGE: bool;

    /// Where lines of `panel` wait for the rest of their sums.
    fn partial(&mut self, rows: Range<usize>, panel: usize) -> &mut [Line];
}

/// A [`Finish`] of rows that come after others.
pub(crate) struct Below<F> {
    pub(crate) finish: F,
    /// How many others.
    pub(crate) first_row: usize,
}

impl<F: Finish> Finish for Below<F> {
    #[inline(always)]
    fn finish<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        lines: [[S::f32s; V]; R],
    ) {
        self.finish.finish(simd, self.first_row + row, panel, lines);
    }

    #[inline(always)]
    fn prepare(&self, row: usize, panel: usize) {
        self.finish.prepare(self.first_row + row, panel);
    }
}

impl<F: Gather> Gather for Below<F> {
    const LEFT_IS_LARGE: bool = F::LEFT_IS_LARGE;

    #[inline(always)]
    fn partial(&mut self, rows: Range<usize>, panel: usize) -> &mut [Line] {
        self.finish.partial(self.first_row + rows.start..self.first_row + rows.end, panel)
    }
}

/// The sums of a tile: `R` rows of a panel, a line being `V` vectors.
pub(super) type Sums<S, const V: usize, const R: usize> = [[<S as Simd>::f32s; V]; R];

#[inline(always)]
pub(super) fn add_product<S: Simd, const V: usize>(
    simd: S,
    left: S::f32s,
    right: [S::f32s; V],
    sums: &mut [S::f32s; V],
) {
    for v in 0..V {
        sums[v] = simd.mul_add_e_f32s(left, right[v], sums[v]);
    }
}

#[inline(always)]
pub(super) fn vectors<S: Simd, const V: usize>(line: &Line) -> [S::f32s; V] {
    let vectors = S::as_simd_f32s(&line.0).0;
    array::from_fn(|v| vectors[v])
}

/// The same sums, in other memory as far as the compiler knows. What follows a tile's sums may index them
/// by numbers that it does not know, for which they must be in memory; if that were the same memory, they
/// would be stored there after every product that is added, which takes twice the time.
#[inline(always)]
pub(super) fn settled<S: Simd, const V: usize, const R: usize>(sums: &Sums<S, V, R>) -> Sums<S, V, R> {
    black_box(array::from_fn(|r| array::from_fn(|v| sums[r][v])))
}

/// Panels that are taken whole: a last one that is at most half full takes half the vectors, if there
/// are such.
pub(super) fn full_panels(matrix: &Matrix, halves: bool) -> usize {
    let half = halves && (1..=LINE / 2).contains(&(matrix.cols() % LINE));
    matrix.panels() - usize::from(half)
}

/// Rows of the next tile when `left` are left and `most` fit: full tiles, but no last one so small
/// that its few sums wait for each other.
pub(super) const fn tile_rows(left: usize, most: usize) -> usize {
    if left > most && left < most + 4 {
        left.div_ceil(2)
    } else if left < most {
        left
    } else {
        most
    }
}
