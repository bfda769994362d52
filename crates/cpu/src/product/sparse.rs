//! The product of sparse images and a matrix: the product with the background, which is the same for every
//! image, plus the products with the foreground pixels.

use std::array;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::super::matrix::{Line, Matrix};
use super::super::sparse::{Pixel, SparseBatch, SparseImages};
use super::tile::{Epilogue, add_product, vectors};

/// Rows whose partial sums are kept between two blocks of columns: 32 KiB of lines of four panels.
const HEIGHT: usize = 128;

/// Calls a method with constants for the width of the vectors: vectors in a line, and panels and rows that are
/// computed at once. There are enough independent sums to hide the latency of a multiply-add, and few
/// enough for a block of the panels to fit the first-level cache.
macro_rules! with_group {
    ($object:ident.$run:ident($S:ident, $($argument:expr),+)) => {
        match $S::F32_LANES {
            16 => $object.$run::<$S, 1, 4, 2>($($argument),+),
            8 => $object.$run::<$S, 2, 4, 1>($($argument),+),
            4 => $object.$run::<$S, 4, 2, 1>($($argument),+),
            1 => $object.$run::<$S, 16, 1, 1>($($argument),+),
            lanes => unreachable!("vectors of {lanes} floats"),
        }
    };
}
pub(super) use with_group;

/// Sums of a line of each of `P` panels.
pub(super) type Lines<S, const V: usize, const P: usize> = [[<S as Simd>::f32s; V]; P];

/// The product of images and a matrix.
pub(super) struct SparseProduct<'a, F> {
    pub(super) a: &'a SparseBatch,
    pub(super) b: &'a Matrix,
    pub(super) epilogue: &'a mut F,
}

impl<F: Epilogue> WithSimd for SparseProduct<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let whole = &mut self;
        with_group!(whole.run(S, simd));
    }
}

impl<F: Epilogue> SparseProduct<'_, F> {
    #[inline(always)]
    fn run<S: Simd, const V: usize, const P: usize, const T: usize>(&mut self, simd: S) {
        let grouped = self.b.panels() / P * P;
        for row in (0..self.a.rows()).step_by(HEIGHT) {
            let rows = row..(row + HEIGHT).min(self.a.rows());
            for panel in (0..grouped).step_by(P) {
                self.column::<S, V, P, T>(simd, rows.clone(), panel);
            }
            for panel in grouped..self.b.panels() {
                self.column::<S, V, 1, T>(simd, rows.clone(), panel);
            }
        }
    }

    /// Computes some rows of `P` panels.
    #[inline(always)]
    fn column<S: Simd, const V: usize, const P: usize, const T: usize>(
        &mut self,
        simd: S,
        rows: Range<usize>,
        panel: usize,
    ) {
        let right = array::from_fn(|p| self.b.panel(panel + p));
        let mut sums = [[Line::ZERO; P]; HEIGHT];
        let mut all = [[simd.splat_f32s(0.0); V]; P];
        for block in 0..self.a.blocks() {
            // Besides the sum, this loads the block's lines into the first-level cache for the rows below.
            let lines = block * SparseImages::BLOCK..((block + 1) * SparseImages::BLOCK).min(right[0].len());
            all = add_lines(simd, right.map(|right| &right[lines.clone()]), all);
            let (groups, rest) = sums[..rows.len()].as_chunks_mut::<T>();
            let alone = rows.end - rest.len();
            for (row, sums) in (rows.start..alone).step_by(T).zip(groups) {
                self.add_block::<S, V, P, T>(simd, row, block, right, sums);
            }
            for (row, sums) in (alone..rows.end).zip(rest) {
                self.add_block::<S, V, P, 1>(simd, row, block, right, array::from_mut(sums));
            }
        }
        let background = scale(simd, self.a.background(), all);
        for (row, sums) in rows.zip(&sums) {
            for p in 0..P {
                let foreground = vectors::<S, V>(&sums[p]);
                let mut line = Line::ZERO;
                for v in 0..V {
                    S::as_mut_simd_f32s(&mut line.0).0[v] = simd.add_f32s(background[p][v], foreground[v]);
                }
                self.epilogue.apply::<S, V, 1>(simd, row, panel + p, &[line]);
            }
        }
    }
}

impl<F> SparseProduct<'_, F> {
    /// Adds the products with the pixels of one block of each row to the sums of the rows.
    #[inline(always)]
    fn add_block<S: Simd, const V: usize, const P: usize, const T: usize>(
        &self,
        simd: S,
        row: usize,
        block: usize,
        right: [&[Line]; P],
        sums: &mut [[Line; P]; T],
    ) {
        let mut pixels: [&[Pixel]; T] = [&[]; T];
        let mut added: [Lines<S, V, P>; T] = [[[simd.splat_f32s(0.0); V]; P]; T];
        for t in 0..T {
            pixels[t] = self.a.row(row + t, block);
            for p in 0..P {
                added[t][p] = vectors::<S, V>(&sums[t][p]);
            }
        }
        add_pixels(simd, pixels, self.a.values(), right, &mut added);
        for t in 0..T {
            for p in 0..P {
                S::as_mut_simd_f32s(&mut sums[t][p].0).0[..V].copy_from_slice(&added[t][p]);
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

/// Adds the products of each pixel's value and the lines of its column, for `T` lists of pixels with sums of their own.
#[inline(always)]
pub(super) fn add_pixels<S: Simd, const V: usize, const P: usize, const T: usize>(
    simd: S,
    pixels: [&[Pixel]; T],
    values: &[f32; 256],
    right: [&[Line]; P],
    sums: &mut [Lines<S, V, P>; T],
) {
    // One length for all slices, so that the compiler needs one bounds check for all.
    let right = right.map(|lines| &lines[..right[0].len()]);
    let shared = pixels.iter().map(|pixels| pixels.len()).min().unwrap_or(0);
    let (mut heads, mut tails) = (pixels, pixels);
    for t in 0..T {
        (heads[t], tails[t]) = pixels[t].split_at(shared);
    }
    for i in 0..shared {
        for t in 0..T {
            add_pixel(simd, heads[t][i], values, right, &mut sums[t]);
        }
    }
    if T > 1 {
        for t in 0..T {
            for &pixel in tails[t] {
                add_pixel(simd, pixel, values, right, &mut sums[t]);
            }
        }
    }
}

#[inline(always)]
fn add_pixel<S: Simd, const V: usize, const P: usize>(
    simd: S,
    pixel: Pixel,
    values: &[f32; 256],
    right: [&[Line]; P],
    sums: &mut Lines<S, V, P>,
) {
    let left = simd.splat_f32s(values[usize::from(pixel.byte())]);
    for p in 0..P {
        add_product(simd, left, vectors::<S, V>(&right[p][pixel.at()]), &mut sums[p]);
    }
}
