//! Matrix products in 32-bit floats, each handing its finished lines on while they are in registers.
//!
//! An element of a product is one chain of multiply-adds in the order of the inner dimension,
//! whatever the width of the processor's vectors and however rows and panels are cut into tiles. So
//! a product has the same bits on every processor that has fused multiply-adds.

use std::array;

use pulp::{Arch, Simd, WithSimd};

use super::matrix::{LINE, Line, Matrix};

/// What becomes of the lines of a product.
pub(super) trait Finish {
    /// Takes a line of the product: sixteen columns of `row`, those of `panel`.
    fn finish<S: Simd, const V: usize>(&mut self, simd: S, row: usize, panel: usize, line: [S::f32s; V]);
}

/// The product of `a` `[m, k]` and `b` `[k, n]`.
pub(super) fn product(arch: Arch, a: &Matrix, b: &Matrix, finish: impl Finish) {
    assert_eq!(a.cols(), b.rows(), "inner dimensions");
    arch.dispatch(Product { a: Plain(a), b, finish });
}

/// The product of `a` `[k, m]`, transposed, and `b` `[k, n]`.
pub(super) fn product_transposed(arch: Arch, a: &Matrix, b: &Matrix, finish: impl Finish) {
    assert_eq!(a.rows(), b.rows(), "inner dimensions");
    arch.dispatch(Product { a: Transposed(a), b, finish });
}

/// The sums of a tile: `R` rows of `P` panels, a line being `V` vectors.
type Sums<S, const V: usize, const R: usize, const P: usize> = [[[<S as Simd>::f32s; V]; P]; R];

/// The left operand: its elements are spread over vectors one by one.
trait Left: Copy {
    /// Rows of the product.
    fn rows(self) -> usize;

    /// No tile spans a multiple of so many rows.
    fn span(self) -> usize;

    /// The sums over the inner dimension of `R` rows from `row` with panels of the right operand.
    fn sums<S: Simd, const V: usize, const R: usize, const P: usize>(
        self,
        simd: S,
        row: usize,
        right: [&[Line]; P],
    ) -> Sums<S, V, R, P>;
}

#[derive(Clone, Copy)]
struct Plain<'a>(&'a Matrix);

impl Left for Plain<'_> {
    fn rows(self) -> usize {
        self.0.rows()
    }

    fn span(self) -> usize {
        self.0.rows().max(1)
    }

    #[inline(always)]
    fn sums<S: Simd, const V: usize, const R: usize, const P: usize>(
        self,
        simd: S,
        row: usize,
        right: [&[Line]; P],
    ) -> Sums<S, V, R, P> {
        let mut sums = [[[simd.splat_f32s(0.0); V]; P]; R];
        let mut left = self.0.lines();
        let mut right = right;
        loop {
            let block = &left[row..row + R];
            let depth = right[0].len().min(LINE);
            let (heads, rest) = split_each(right, depth);
            for k in 0..depth {
                let lines = array::from_fn(|p| vectors::<S, V>(&heads[p][k]));
                for r in 0..R {
                    accumulate(simd, block[r].0[k], &lines, &mut sums[r]);
                }
            }
            if rest[0].is_empty() {
                return sums;
            }
            right = rest;
            left = &left[self.0.rows()..];
        }
    }
}

#[derive(Clone, Copy)]
struct Transposed<'a>(&'a Matrix);

impl Left for Transposed<'_> {
    fn rows(self) -> usize {
        self.0.cols()
    }

    fn span(self) -> usize {
        LINE
    }

    #[inline(always)]
    fn sums<S: Simd, const V: usize, const R: usize, const P: usize>(
        self,
        simd: S,
        row: usize,
        right: [&[Line]; P],
    ) -> Sums<S, V, R, P> {
        let mut sums = [[[simd.splat_f32s(0.0); V]; P]; R];
        let left = self.0.panel(row / LINE);
        let first = row % LINE;
        assert!(first + R <= LINE);
        let right = right.map(|lines| &lines[..left.len()]);
        for (k, line) in left.iter().enumerate() {
            let lines = array::from_fn(|p| vectors::<S, V>(&right[p][k]));
            for r in 0..R {
                accumulate(simd, line.0[first + r], &lines, &mut sums[r]);
            }
        }
        sums
    }
}

#[inline(always)]
fn split_each<const P: usize>(lines: [&[Line]; P], at: usize) -> ([&[Line]; P], [&[Line]; P]) {
    (lines.map(|lines| &lines[..at]), lines.map(|lines| &lines[at..]))
}

#[inline(always)]
fn vectors<S: Simd, const V: usize>(line: &Line) -> [S::f32s; V] {
    let vectors = S::as_simd_f32s(&line.0).0;
    array::from_fn(|v| vectors[v])
}

#[inline(always)]
fn accumulate<S: Simd, const V: usize, const P: usize>(
    simd: S,
    left: f32,
    lines: &[[S::f32s; V]; P],
    sums: &mut [[S::f32s; V]; P],
) {
    let left = simd.splat_f32s(left);
    for p in 0..P {
        for v in 0..V {
            sums[p][v] = simd.mul_add_e_f32s(left, lines[p][v], sums[p][v]);
        }
    }
}

struct Product<'a, A, F> {
    a: A,
    b: &'a Matrix,
    finish: F,
}

impl<A: Left, F: Finish> WithSimd for Product<'_, A, F> {
    type Output = ();

    /// Chooses a tile that fills the vector registers with sums.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.run::<S, 1, 8, 2>(simd),
            8 => self.run::<S, 2, 6, 1>(simd),
            4 => self.run::<S, 4, 6, 1>(simd),
            1 => self.run::<S, 16, 1, 1>(simd),
            lanes => unreachable!("vectors of {lanes} floats"),
        }
    }
}

impl<A: Left, F: Finish> Product<'_, A, F> {
    #[inline(always)]
    fn run<S: Simd, const V: usize, const R: usize, const P: usize>(mut self, simd: S) {
        let panels = self.b.panels();
        for panel in (0..panels / P * P).step_by(P) {
            self.run_panels::<S, V, R, P>(simd, panel);
        }
        for panel in panels / P * P..panels {
            self.run_panels::<S, V, R, 1>(simd, panel);
        }
    }

    #[inline(always)]
    fn run_panels<S: Simd, const V: usize, const R: usize, const P: usize>(&mut self, simd: S, panel: usize) {
        let (rows, span) = (self.a.rows(), self.a.span());
        let mut row = 0;
        while row < rows {
            let end = (row / span * span + span).min(rows);
            let tile = tile_rows(end - row, R);
            match tile {
                1 => self.tile::<S, V, 1, P>(simd, row, panel),
                2 => self.tile::<S, V, 2, P>(simd, row, panel),
                3 => self.tile::<S, V, 3, P>(simd, row, panel),
                4 => self.tile::<S, V, 4, P>(simd, row, panel),
                5 => self.tile::<S, V, 5, P>(simd, row, panel),
                6 => self.tile::<S, V, 6, P>(simd, row, panel),
                7 => self.tile::<S, V, 7, P>(simd, row, panel),
                _ => self.tile::<S, V, 8, P>(simd, row, panel),
            }
            row += tile;
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize, const R: usize, const P: usize>(&mut self, simd: S, row: usize, panel: usize) {
        let sums = self.a.sums::<S, V, R, P>(simd, row, array::from_fn(|p| self.b.panel(panel + p)));
        for (r, lines) in sums.into_iter().enumerate() {
            for (p, line) in lines.into_iter().enumerate() {
                self.finish.finish::<S, V>(simd, row + r, panel + p, line);
            }
        }
    }
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
