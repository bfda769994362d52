//! Products with images that are mostly background: the product with the background, which is the same
//! for all of them, and what the ink adds to it.

use std::array;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::super::matrix::{Line, Matrix};
use super::super::sparse::{Drawings, Ink, Sparse};
use super::tile::{Finish, add_product, vectors};

/// Rows whose sums wait at once for the next block of columns.
const HEIGHT: usize = 128;

/// Calls a method with constants that leave no unit for sums idle and fit the first cache: vectors in a
/// line, and panels that are taken at once.
macro_rules! with_group {
    ($object:ident.$run:ident($S:ident, $($argument:expr),+)) => {
        match $S::F32_LANES {
            16 => $object.$run::<$S, 1, 4>($($argument),+),
            8 => $object.$run::<$S, 2, 4>($($argument),+),
            4 => $object.$run::<$S, 4, 2>($($argument),+),
            1 => $object.$run::<$S, 16, 1>($($argument),+),
            lanes => unreachable!("vectors of {lanes} floats"),
        }
    };
}
pub(super) use with_group;

/// Sums of a line of each of `P` panels.
pub(super) type Lines<S, const V: usize, const P: usize> = [[<S as Simd>::f32s; V]; P];

/// The product of images and a matrix.
pub(super) struct Inked<'a, F> {
    pub(super) a: &'a Sparse,
    pub(super) b: &'a Matrix,
    pub(super) finish: &'a mut F,
}

impl<F: Finish> WithSimd for Inked<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let whole = &mut self;
        with_group!(whole.run(S, simd));
    }
}

impl<F: Finish> Inked<'_, F> {
    #[inline(always)]
    fn run<S: Simd, const V: usize, const P: usize>(&mut self, simd: S) {
        let grouped = self.b.panels() / P * P;
        for row in (0..self.a.rows()).step_by(HEIGHT) {
            let rows = row..(row + HEIGHT).min(self.a.rows());
            for panel in (0..grouped).step_by(P) {
                self.column::<S, V, P>(simd, rows.clone(), panel);
            }
            for panel in grouped..self.b.panels() {
                self.column::<S, V, 1>(simd, rows.clone(), panel);
            }
        }
    }

    /// Some rows of `P` panels.
    #[inline(always)]
    fn column<S: Simd, const V: usize, const P: usize>(&mut self, simd: S, rows: Range<usize>, panel: usize) {
        let (right, values) = (array::from_fn(|p| self.b.panel(panel + p)), self.a.values());
        let mut sums = [[Line::ZERO; P]; HEIGHT];
        let mut all = [[simd.splat_f32s(0.0); V]; P];
        for block in 0..self.a.blocks() {
            // This walk along the block's lines brings them into the first cache, too.
            let lines = block * Drawings::BLOCK..((block + 1) * Drawings::BLOCK).min(right[0].len());
            all = add_lines(simd, right.map(|right| &right[lines.clone()]), all);
            for (row, sums) in rows.clone().zip(&mut sums) {
                let ink = self.a.row(row, block);
                let added = add_ink(simd, ink, values, right, array::from_fn(|p| vectors::<S, V>(&sums[p])));
                for p in 0..P {
                    S::as_mut_simd_f32s(&mut sums[p].0).0[..V].copy_from_slice(&added[p]);
                }
            }
        }
        let background = scale(simd, self.a.background(), all);
        for (row, sums) in rows.zip(&sums) {
            for p in 0..P {
                let ink = vectors::<S, V>(&sums[p]);
                let line: [_; V] = array::from_fn(|v| simd.add_f32s(background[p][v], ink[v]));
                self.finish.finish(simd, row, panel + p, [line]);
            }
        }
    }
}

/// The sums of all lines, times the background.
#[inline(always)]
pub(super) fn background_sums<S: Simd, const V: usize, const P: usize>(
    simd: S,
    background: f32,
    right: [&[Line]; P],
) -> Lines<S, V, P> {
    scale(simd, background, add_lines(simd, right, [[simd.splat_f32s(0.0); V]; P]))
}

#[inline(always)]
fn scale<S: Simd, const V: usize, const P: usize>(
    simd: S,
    factor: f32,
    mut lines: Lines<S, V, P>,
) -> Lines<S, V, P> {
    let factor = simd.splat_f32s(factor);
    for line in &mut lines {
        for v in 0..V {
            line[v] = simd.mul_f32s(line[v], factor);
        }
    }
    lines
}

/// Adds all lines.
#[inline(always)]
fn add_lines<S: Simd, const V: usize, const P: usize>(
    simd: S,
    right: [&[Line]; P],
    mut sums: Lines<S, V, P>,
) -> Lines<S, V, P> {
    for row in 0..right[0].len() {
        for p in 0..P {
            let line = vectors::<S, V>(&right[p][row]);
            for v in 0..V {
                sums[p][v] = simd.add_f32s(sums[p][v], line[v]);
            }
        }
    }
    sums
}

/// Adds the lines where the ink is, times its values.
#[inline(always)]
pub(super) fn add_ink<S: Simd, const V: usize, const P: usize>(
    simd: S,
    ink: &[Ink],
    values: &[f32; 256],
    right: [&[Line]; P],
    mut sums: Lines<S, V, P>,
) -> Lines<S, V, P> {
    // One length for all, so that one comparison does for all.
    let right = right.map(|lines| &lines[..right[0].len()]);
    for ink in ink {
        let left = simd.splat_f32s(values[usize::from(ink.byte())]);
        for p in 0..P {
            add_product(simd, left, vectors::<S, V>(&right[p][ink.at()]), &mut sums[p]);
        }
    }
    sums
}
