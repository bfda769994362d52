//! Matrix products in 32-bit floats, each handing its finished lines on while they are in registers.
//!
//! An element of a product is one chain of multiply-adds in the order of the inner dimension,
//! whatever the width of the processor's vectors and however rows and panels are cut into tiles. So
//! a product has the same bits on every processor that has fused multiply-adds.

#[cfg(test)]
mod tests;

use std::array;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::matrix::{LINE, Line, Matrix, fetch, panels};

/// Panels of the left operand that a pass over the product takes at once: sixteen streams to fetch
/// ahead, and as many lines of one panel of the right operand stay in the first cache.
const DEPTH: usize = 16;
/// Rows of the left operand that meet all panels of the right one before the next rows do. With
/// `DEPTH` they fill half of a small second cache.
const HEIGHT: usize = 240;

/// Rows between the one that is finished and the one that is fetched.
const AHEAD: usize = 12;
/// Lines of each block of the next panel that a tile fetches, until all are on their way.
const SHARE: usize = 4;

/// What becomes of the lines of a product.
pub(super) trait Finish {
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
pub(super) trait Gather: Finish {
    /// Whether the left operand is the large one, which comes from far away; else the right one is.
    const LEFT_IS_LARGE: bool;

    /// Where lines of `panel` wait for the rest of their sums.
    fn partial(&mut self, rows: Range<usize>, panel: usize) -> &mut [Line];
}

/// The product of `a` `[m, k]` and `b` `[k, n]`.
pub(super) fn product(arch: Arch, a: &Matrix, b: &Matrix, finish: impl Gather) {
    assert_eq!(a.cols(), b.rows(), "inner dimensions");
    arch.dispatch(Product { a, b, finish });
}

/// The product of `a` `[k, m]`, transposed, and `b` `[k, n]`, for a short inner dimension.
pub(super) fn product_transposed(arch: Arch, a: &Matrix, b: &Matrix, finish: impl Finish) {
    assert_eq!(a.rows(), b.rows(), "inner dimensions");
    arch.dispatch(ProductTransposed { a, b, finish });
}

/// The sums of a tile: `R` rows of `P` panels, a line being `V` vectors.
type Sums<S, const V: usize, const R: usize, const P: usize> = [[[<S as Simd>::f32s; V]; R]; P];

/// Calls a method with constants that let the sums of a tile fill the vector registers: vectors in
/// a line, in a last line that is at most half full, rows and panels of a tile.
macro_rules! with_tile {
    ($product:ident.$run:ident($S:ident, $simd:expr)) => {
        match $S::F32_LANES {
            16 => $product.$run::<$S, 1, 1, 8, 2>($simd),
            8 => $product.$run::<$S, 2, 1, 6, 1>($simd),
            4 => $product.$run::<$S, 4, 2, 6, 1>($simd),
            1 => $product.$run::<$S, 16, 8, 1, 1>($simd),
            lanes => unreachable!("vectors of {lanes} floats"),
        }
    };
}

/// Calls a method with the number of rows of a tile as a constant.
macro_rules! with_rows {
    ($rows:expr, $product:ident.$tile:ident::<$S:ident, $V:ident, $P:ident>$arguments:tt) => {
        match $rows {
            1 => $product.$tile::<$S, $V, 1, $P>$arguments,
            2 => $product.$tile::<$S, $V, 2, $P>$arguments,
            3 => $product.$tile::<$S, $V, 3, $P>$arguments,
            4 => $product.$tile::<$S, $V, 4, $P>$arguments,
            5 => $product.$tile::<$S, $V, 5, $P>$arguments,
            6 => $product.$tile::<$S, $V, 6, $P>$arguments,
            7 => $product.$tile::<$S, $V, 7, $P>$arguments,
            _ => $product.$tile::<$S, $V, 8, $P>$arguments,
        }
    };
}

struct Product<'a, F> {
    a: &'a Matrix,
    b: &'a Matrix,
    finish: F,
}

impl<F: Gather> WithSimd for Product<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_tile!(self.run(S, simd));
    }
}

impl<F: Gather> Product<'_, F> {
    #[inline(always)]
    fn run<S: Simd, const V: usize, const H: usize, const R: usize, const P: usize>(mut self, simd: S) {
        let (wide, full) = wide_and_full_panels::<P>(self.b, H < V);
        let depth = even_share(panels(self.a.cols()), DEPTH);
        for first in (0..panels(self.a.cols())).step_by(depth) {
            let inner = first * LINE..((first + depth) * LINE).min(self.a.cols());
            for row in (0..self.a.rows()).step_by(HEIGHT) {
                let rows = row..(row + HEIGHT).min(self.a.rows());
                for panel in (0..wide).step_by(P) {
                    self.column::<S, V, R, P>(simd, inner.clone(), rows.clone(), panel);
                }
                for panel in wide..full {
                    self.column::<S, V, R, 1>(simd, inner.clone(), rows.clone(), panel);
                }
                for panel in full..self.b.panels() {
                    self.column::<S, H, R, 1>(simd, inner.clone(), rows.clone(), panel);
                }
            }
        }
    }

    /// The part of the sums over `inner` of some rows of `P` panels.
    #[inline(always)]
    fn column<S: Simd, const V: usize, const R: usize, const P: usize>(
        &mut self,
        simd: S,
        inner: Range<usize>,
        rows: Range<usize>,
        panel: usize,
    ) {
        let (mut row, mut turn) = (rows.start, 0);
        while row < rows.end {
            let tile = tile_rows(rows.end - row, R);
            with_rows!(tile, self.tile::<S, V, P>(simd, inner.clone(), row, panel, turn));
            row += tile;
            turn += 1;
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize, const R: usize, const P: usize>(
        &mut self,
        simd: S,
        inner: Range<usize>,
        row: usize,
        panel: usize,
        turn: usize,
    ) {
        let mut sums: Sums<S, V, R, P> = [[[simd.splat_f32s(0.0); V]; R]; P];
        if inner.start > 0 {
            for p in 0..P {
                let lines = self.finish.partial(row..row + R, panel + p);
                for (sums, line) in sums[p].iter_mut().zip(lines) {
                    *sums = vectors::<S, V>(line);
                }
            }
        }
        let last = inner.end == self.a.cols();
        self.accumulate(simd, inner, row, panel, turn, &mut sums);
        for p in 0..P {
            if last {
                self.finish.finish(simd, row, panel + p, sums[p]);
            } else {
                let lines = self.finish.partial(row..row + R, panel + p);
                for (sums, line) in sums[p].iter().zip(lines) {
                    S::as_mut_simd_f32s(&mut line.0).0[..V].copy_from_slice(sums);
                }
            }
        }
    }

    /// Adds the products over `inner`, sixteen columns of the left operand after the other.
    #[inline(always)]
    fn accumulate<S: Simd, const V: usize, const R: usize, const P: usize>(
        &self,
        simd: S,
        inner: Range<usize>,
        row: usize,
        panel: usize,
        turn: usize,
        sums: &mut Sums<S, V, R, P>,
    ) {
        let mut left = &self.a.lines()[inner.start / LINE * self.a.rows() + row..];
        let right: [_; P] = array::from_fn(|p| self.b.panel(panel + p)[inner.clone()].as_chunks::<LINE>());
        let mut next = (panel + P) * self.b.rows() + inner.start + turn * SHARE;
        for block in 0..right[0].0.len() {
            if F::LEFT_IS_LARGE {
                for r in 0..R {
                    fetch(left, R + r);
                }
            } else if turn < LINE / SHARE {
                for (p, line) in (0..P).flat_map(|p| (0..SHARE).map(move |line| (p, line))) {
                    fetch(self.b.lines(), next + p * self.b.rows() + line);
                }
                next += LINE;
            }
            let rows: &[Line; R] = left.first_chunk().expect("a tile within the left operand");
            for k in 0..LINE {
                multiply_add(simd, rows, k, array::from_fn(|p| &right[p].0[block][k]), sums);
            }
            left = left.get(self.a.rows()..).unwrap_or_default();
        }
        if let Some(rows) = left.first_chunk::<R>() {
            for k in 0..right[0].1.len() {
                multiply_add(simd, rows, k, array::from_fn(|p| &right[p].1[k]), sums);
            }
        }
    }
}

struct ProductTransposed<'a, F> {
    a: &'a Matrix,
    b: &'a Matrix,
    finish: F,
}

impl<F: Finish> WithSimd for ProductTransposed<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_tile!(self.run(S, simd));
    }
}

impl<F: Finish> ProductTransposed<'_, F> {
    #[inline(always)]
    fn run<S: Simd, const V: usize, const H: usize, const R: usize, const P: usize>(mut self, simd: S) {
        let (wide, full) = wide_and_full_panels::<P>(self.b, H < V);
        for panel in (0..wide).step_by(P) {
            self.column::<S, V, R, P>(simd, panel);
        }
        for panel in wide..full {
            self.column::<S, V, R, 1>(simd, panel);
        }
        for panel in full..self.b.panels() {
            self.column::<S, H, R, 1>(simd, panel);
        }
    }

    /// The whole product for `P` panels; no tile spans two panels of the left operand.
    #[inline(always)]
    fn column<S: Simd, const V: usize, const R: usize, const P: usize>(&mut self, simd: S, panel: usize) {
        for left in 0..self.a.panels() {
            let width = LINE.min(self.a.cols() - left * LINE);
            let mut first = 0;
            while first < width {
                let tile = tile_rows(width - first, R);
                with_rows!(tile, self.tile::<S, V, P>(simd, left, first, panel));
                first += tile;
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize, const R: usize, const P: usize>(
        &mut self,
        simd: S,
        left: usize,
        first: usize,
        panel: usize,
    ) {
        assert!(first + R <= LINE, "a tile within one panel");
        let row = left * LINE + first;
        for (p, r) in (0..P).flat_map(|p| (0..R).map(move |r| (p, r))) {
            self.finish.prepare(row + AHEAD + r, panel + p);
        }
        let mut sums: Sums<S, V, R, P> = [[[simd.splat_f32s(0.0); V]; R]; P];
        let lefts = self.a.panel(left);
        let right: [&[Line]; P] = array::from_fn(|p| &self.b.panel(panel + p)[..lefts.len()]);
        for (k, line) in lefts.iter().enumerate() {
            let right: [_; P] = array::from_fn(|p| vectors::<S, V>(&right[p][k]));
            for r in 0..R {
                let left = simd.splat_f32s(line.0[first + r]);
                for p in 0..P {
                    add_product(simd, left, right[p], &mut sums[p][r]);
                }
            }
        }
        for p in 0..P {
            self.finish.finish(simd, row, panel + p, sums[p]);
        }
    }
}

/// Adds the products of column `k` of `rows` with a line of each panel of the right operand.
#[inline(always)]
fn multiply_add<S: Simd, const V: usize, const R: usize, const P: usize>(
    simd: S,
    rows: &[Line; R],
    k: usize,
    right: [&Line; P],
    sums: &mut Sums<S, V, R, P>,
) {
    for r in 0..R {
        let left = simd.splat_f32s(rows[r].0[k]);
        for p in 0..P {
            add_product(simd, left, vectors::<S, V>(right[p]), &mut sums[p][r]);
        }
    }
}

#[inline(always)]
fn add_product<S: Simd, const V: usize>(
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
fn vectors<S: Simd, const V: usize>(line: &Line) -> [S::f32s; V] {
    let vectors = S::as_simd_f32s(&line.0).0;
    array::from_fn(|v| vectors[v])
}

/// Panels that are taken `P` at a time, and those that are taken whole: a last one that is at most
/// half full takes half the vectors, if there are such.
fn wide_and_full_panels<const P: usize>(matrix: &Matrix, halves: bool) -> (usize, usize) {
    let half = halves && (1..=LINE / 2).contains(&(matrix.cols() % LINE));
    let full = matrix.panels() - usize::from(half);
    (full / P * P, full)
}

/// Rows of the next tile when `left` are left and `most` fit: full tiles, but no last one so small
/// that its few sums wait for each other.
const fn tile_rows(left: usize, most: usize) -> usize {
    if left > most && left < most + 4 {
        left.div_ceil(2)
    } else if left < most {
        left
    } else {
        most
    }
}

/// The size of even parts of `whole`, none above `most`.
const fn even_share(whole: usize, most: usize) -> usize {
    let parts = whole.div_ceil(most);
    if parts == 0 { 1 } else { whole.div_ceil(parts) }
}
