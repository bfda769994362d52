//! Matrix products in 32-bit floats, each handing its finished lines on while they are in registers.
//!
//! An element of a product is one chain of multiply-adds in the order of the inner dimension,
//! whatever the width of the processor's vectors and however rows and panels are cut into tiles. So
//! a product has the same bits on every processor that has fused multiply-adds.

/// Calls a method with constants that let the sums of a tile keep the processor busy from its vector
/// registers: vectors in a line, in a last line that is at most half full, rows of a tile.
macro_rules! with_tile {
    ($product:ident.$run:ident($S:ident, $simd:expr)) => {
        match $S::F32_LANES {
            16 => $product.$run::<$S, 1, 1, 8>($simd),
            8 => $product.$run::<$S, 2, 1, 6>($simd),
            4 => $product.$run::<$S, 4, 2, 6>($simd),
            1 => $product.$run::<$S, 16, 8, 1>($simd),
            lanes => unreachable!("vectors of {lanes} floats"),
        }
    };
}

/// Calls a method with the number of rows of a tile as a constant.
macro_rules! with_rows {
    ($rows:expr, $product:ident.$tile:ident::<$S:ident, $V:ident>$arguments:tt) => {
        match $rows {
            1 => $product.$tile::<$S, $V, 1>$arguments,
            2 => $product.$tile::<$S, $V, 2>$arguments,
            3 => $product.$tile::<$S, $V, 3>$arguments,
            4 => $product.$tile::<$S, $V, 4>$arguments,
            5 => $product.$tile::<$S, $V, 5>$arguments,
            6 => $product.$tile::<$S, $V, 6>$arguments,
            7 => $product.$tile::<$S, $V, 7>$arguments,
            _ => $product.$tile::<$S, $V, 8>$arguments,
        }
    };
}

mod ink;
mod plain;
#[cfg(test)]
mod tests;
mod transposed;

use std::array;
use std::hint::black_box;
use std::ops::Range;

use pulp::{Arch, Simd};

use ink::Inked;
use plain::Plain;
use transposed::Transposed;

use super::input::Input;
use super::matrix::{LINE, Line, Matrix};

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

/// A [`Finish`] of rows that come after others.
pub(super) struct Below<F> {
    pub(super) finish: F,
    /// How many others.
    pub(super) first_row: usize,
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

/// The product of `a` `[m, k]` and `b` `[k, n]`.
pub(super) fn product<'a>(arch: Arch, a: impl Into<Input<'a>>, b: &Matrix, mut finish: impl Gather) {
    let a = a.into();
    assert_eq!(a.cols(), b.rows(), "inner dimensions");
    if let Some(a) = a.sparse {
        arch.dispatch(Inked { a, b, finish: &mut finish });
    }
    arch.dispatch(Plain { a: a.full, b, finish: Below { finish, first_row: a.sparse_rows() } });
}

/// The product of `a` `[k, m]`, transposed, and `b` `[k, n]`, for a short inner dimension.
pub(super) fn product_transposed<'a>(arch: Arch, a: impl Into<Input<'a>>, b: &Matrix, finish: impl Finish) {
    let a = a.into();
    assert_eq!(a.rows(), b.rows(), "inner dimensions");
    arch.dispatch(Transposed { a, b, finish });
}

/// The sums of a tile: `R` rows of a panel, a line being `V` vectors.
type Sums<S, const V: usize, const R: usize> = [[<S as Simd>::f32s; V]; R];

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

/// The same sums, in other memory as far as the compiler knows. What follows a tile's sums may index them
/// by numbers that it does not know, for which they must be in memory; if that were the same memory, they
/// would be stored there after every product that is added, which takes twice the time.
#[inline(always)]
fn settled<S: Simd, const V: usize, const R: usize>(sums: &Sums<S, V, R>) -> Sums<S, V, R> {
    black_box(array::from_fn(|r| array::from_fn(|v| sums[r][v])))
}

/// Panels that are taken whole: a last one that is at most half full takes half the vectors, if there
/// are such.
fn full_panels(matrix: &Matrix, halves: bool) -> usize {
    let half = halves && (1..=LINE / 2).contains(&(matrix.cols() % LINE));
    matrix.panels() - usize::from(half)
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
