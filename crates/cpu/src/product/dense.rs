//! The product of two dense matrices, blocked for the caches.

use std::ops::Range;

use pulp::{NullaryFnOnce, Simd, WithSimd};

use super::super::matrix::{LINE, Line, Matrix, fetch, panels};
use super::super::transpose::TransposeTile;
use super::right::{DEPTH, Right, Straight, Transposed};
use super::tile::{ResumableEpilogue, Sums, add_product, apply_or_keep, full_panels, tile_rows, vectors};

/// Rows of the left operand that are multiplied with all panels of the right one before the next rows are.
/// At `DEPTH` panels of one pass they fill half of a second-level cache of 512 KiB.
const HEIGHT: usize = 240;

/// Lines of each of the next panels that a tile prefetches for each panel of the left operand.
const SHARE: usize = 4;

/// The product of two dense matrices.
pub(super) struct DenseProduct<'a, B, F> {
    pub(super) a: &'a Matrix,
    pub(super) b: B,
    pub(super) epilogue: F,
}

/// `P` panels of the right operand, from `panel` on, in one pass over the inner dimension.
struct Column<'a, const P: usize> {
    inner: Range<usize>,
    panel: usize,
    lines: [&'a [Line]; P],
}

impl<F: ResumableEpilogue> WithSimd for DenseProduct<'_, Straight<'_>, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_tile!(self.run(S, 2, simd));
    }
}

/// A product with a transposed matrix, for vectors that transpose tiles.
pub(super) struct WithTransposed<'a, S, F> {
    pub(super) simd: S,
    pub(super) product: DenseProduct<'a, Transposed<'a>, F>,
}

impl<S: TransposeTile, F: ResumableEpilogue> NullaryFnOnce for WithTransposed<'_, S, F> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { simd, product } = self;
        with_tile!(product.run(S, 2, simd));
    }
}

impl<B, F: ResumableEpilogue> DenseProduct<'_, B, F> {
    #[inline(always)]
    pub(super) fn run<S: Simd, const V: usize, const H: usize, const P: usize, const R: usize>(
        mut self,
        simd: S,
    ) where
        B: Right<S>,
    {
        // Twice as many where each pass over some rows prepares the right operand anew.
        let (cols, height) = (self.b.cols(), if B::IS_LARGER { 2 * HEIGHT } else { HEIGHT });
        let full = full_panels(cols, H < V);
        let grouped = full / P * P;
        let mut memory = B::memory();
        let depth = even_share(panels(self.a.cols()), DEPTH.div_ceil(P));
        for first in (0..panels(self.a.cols())).step_by(depth) {
            let inner = first * LINE..((first + depth) * LINE).min(self.a.cols());
            for row in (0..self.a.rows()).step_by(height) {
                let rows = row..(row + height).min(self.a.rows());
                for panel in (0..grouped).step_by(P) {
                    let lines = self.b.lines(simd, inner.clone(), panel, &mut memory);
                    let right = Column { inner: inner.clone(), panel, lines };
                    self.column::<S, V, P, R>(simd, &right, rows.clone());
                }
                for panel in grouped..full {
                    let lines = self.b.lines(simd, inner.clone(), panel, &mut memory);
                    let right = Column { inner: inner.clone(), panel, lines };
                    self.column::<S, V, 1, R>(simd, &right, rows.clone());
                }
                for panel in full..panels(cols) {
                    let lines = self.b.lines(simd, inner.clone(), panel, &mut memory);
                    let right = Column { inner: inner.clone(), panel, lines };
                    self.column::<S, H, 1, R>(simd, &right, rows.clone());
                }
            }
        }
    }

    /// Adds the products with a column to the sums of some rows.
    #[inline(always)]
    fn column<S: Simd, const V: usize, const P: usize, const R: usize>(
        &mut self,
        simd: S,
        right: &Column<'_, P>,
        rows: Range<usize>,
    ) where
        B: Right<S>,
    {
        let (mut row, mut turn) = (rows.start, 0);
        while row < rows.end {
            let tile = tile_rows(rows.end - row, R);
            with_rows!(tile, self.tile::<S, V, P>(simd, right, row, turn));
            row += tile;
            turn += 1;
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize, const P: usize, const R: usize>(
        &mut self,
        simd: S,
        right: &Column<'_, P>,
        row: usize,
        turn: usize,
    ) where
        B: Right<S>,
    {
        let &Column { ref inner, panel, .. } = right;
        let mut sums: [Sums<S, V, R>; P] = [[[simd.splat_f32s(0.0); V]; R]; P];
        if inner.start > 0 {
            for p in 0..P {
                let lines = self.epilogue.partial(row..row + R, panel + p);
                for (sums, line) in sums[p].iter_mut().zip(lines) {
                    *sums = vectors::<S, V>(line);
                }
            }
        }
        self.accumulate(simd, right, row, turn, &mut sums);
        let is_last = inner.end == self.a.cols();
        apply_or_keep(simd, &mut self.epilogue, row, panel, &sums, is_last);
    }

    /// Adds the products with a column to the sums of a tile, one panel of the left operand at a time.
    #[inline(always)]
    fn accumulate<S: Simd, const V: usize, const P: usize, const R: usize>(
        &self,
        simd: S,
        right: &Column<'_, P>,
        row: usize,
        turn: usize,
        sums: &mut [Sums<S, V, R>; P],
    ) where
        B: Right<S>,
    {
        let &Column { ref inner, panel, lines } = right;
        let mut left = &self.a.lines()[inner.start / LINE * self.a.rows() + row..];
        let whole = inner.len() / LINE;
        let (mut chunks, mut rest): ([&[[Line; LINE]]; P], [&[Line]; P]) = ([&[]; P], [&[]; P]);
        for p in 0..P {
            (chunks[p], rest[p]) = lines[p].as_chunks();
            // One length for all slices, so that one bounds check is enough for all.
            (chunks[p], rest[p]) = (&chunks[p][..whole], &rest[p][..inner.len() % LINE]);
        }
        for chunk in 0..whole {
            if F::PREFETCH_LEFT && !B::IS_LARGER {
                for r in 0..R {
                    fetch(left, R + r);
                }
            } else if turn < LINE / SHARE {
                for p in 0..P {
                    let part = turn * SHARE..(turn + 1) * SHARE;
                    self.b.prefetch(inner.start + chunk * LINE, panel + P + p, part);
                }
            }
            let rows: &[Line; R] = left.first_chunk().expect("a tile within the left operand");
            for k in 0..LINE {
                let mut right = [[simd.splat_f32s(0.0); V]; P];
                for p in 0..P {
                    right[p] = vectors::<S, V>(&chunks[p][chunk][k]);
                }
                multiply_add(simd, rows, k, right, sums);
            }
            left = left.get(self.a.rows()..).unwrap_or_default();
        }
        if let Some(rows) = left.first_chunk::<R>() {
            for k in 0..inner.len() % LINE {
                let mut right = [[simd.splat_f32s(0.0); V]; P];
                for p in 0..P {
                    right[p] = vectors::<S, V>(&rest[p][k]);
                }
                multiply_add(simd, rows, k, right, sums);
            }
        }
    }
}

/// Adds the products of column `k` of `rows` with a line of each panel of the right operand.
#[inline(always)]
fn multiply_add<S: Simd, const V: usize, const P: usize, const R: usize>(
    simd: S,
    rows: &[Line; R],
    k: usize,
    right: [[S::f32s; V]; P],
    sums: &mut [Sums<S, V, R>; P],
) {
    for r in 0..R {
        let left = simd.splat_f32s(rows[r].0[k]);
        for p in 0..P {
            add_product(simd, left, right[p], &mut sums[p][r]);
        }
    }
}

/// The size of equal parts of `whole`, as few as possible and none larger than `most`.
const fn even_share(whole: usize, most: usize) -> usize {
    let parts = whole.div_ceil(most);
    if parts == 0 { 1 } else { whole.div_ceil(parts) }
}
