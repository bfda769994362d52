//! Gradients of the parameters of a product over feature maps.

use std::hint::black_box;

use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};

use super::product::{load, rest_rows, with_map_tile};
use crate::matrix::{LINE, Line, Matrix};
use crate::product::{Sums, add_product};

/// Rows in one pass: of two panels of the gradient and one of the input they fit the first-level cache.
const ROWS: usize = 128;

/// Writes the gradient of the weights of one tap to `out`, `[inputs, outputs]`: the sum over the linked pixels
/// and all images of the input, transposed, times the gradient of the output.
pub(super) fn tap_gradient(
    arch: Arch,
    a: &Matrix,
    gradient: &Matrix,
    images: usize,
    pairs: &[(usize, usize)],
    out: &mut Matrix,
) {
    out.reshape(a.cols(), gradient.cols());
    if pairs.is_empty() {
        out.lines_mut().fill(Line::ZERO);
    }
    add_blocks(arch, a, gradient, images, pairs, true, out);
}

/// Adds such a sum to the gradient of the weights of the tap.
pub(super) fn add_tap_gradient(
    arch: Arch,
    a: &Matrix,
    gradient: &Matrix,
    images: usize,
    pairs: &[(usize, usize)],
    out: &mut Matrix,
) {
    add_blocks(arch, a, gradient, images, pairs, false, out);
}

/// Adds the products of the linked pixels to `out`; unless `is_first`, when they replace what it holds.
fn add_blocks(
    arch: Arch,
    a: &Matrix,
    gradient: &Matrix,
    images: usize,
    pairs: &[(usize, usize)],
    is_first: bool,
    out: &mut Matrix,
) {
    let most = (ROWS / images).max(1);
    for (block, pairs) in pairs.chunks(most).enumerate() {
        arch.dispatch(TapGradient { a, gradient, images, pairs, is_first: is_first && block == 0, out });
    }
}

struct TapGradient<'a> {
    a: &'a Matrix,
    gradient: &'a Matrix,
    images: usize,
    pairs: &'a [(usize, usize)],
    is_first: bool,
    out: &'a mut Matrix,
}

impl WithSimd for TapGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_map_tile!(self.run(S, simd));
    }
}

impl TapGradient<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize, const P: usize, const R: usize>(mut self, simd: S) {
        let all = self.gradient.panels();
        let paired = all / P * P;
        for panel in (0..paired).step_by(P) {
            self.column::<S, V, P, R>(simd, panel);
        }
        for panel in paired..all {
            self.column::<S, V, 1, R>(simd, panel);
        }
    }

    /// Computes `P` panels. No tile spans two panels of the left operand.
    #[inline(always)]
    fn column<S: Simd, const V: usize, const P: usize, const R: usize>(&mut self, simd: S, panel: usize) {
        for left in 0..self.a.panels() {
            let width = LINE.min(self.a.cols() - left * LINE);
            let mut first = 0;
            while first + R <= width {
                self.tile::<S, V, P, R>(simd, left, first, panel);
                first += R;
            }
            while first < width {
                let rows = rest_rows(width - first);
                match rows {
                    1 => self.tile::<S, V, P, 1>(simd, left, first, panel),
                    2 => self.tile::<S, V, P, 2>(simd, left, first, panel),
                    _ => self.tile::<S, V, P, 4>(simd, left, first, panel),
                }
                first += rows;
            }
        }
    }

    /// The sums of each pass are added to those before, so that no chain of additions is long.
    #[inline(always)]
    fn tile<S: Simd, const V: usize, const P: usize, const R: usize>(
        &mut self,
        simd: S,
        left: usize,
        first: usize,
        panel: usize,
    ) {
        assert!(first + R <= LINE, "a tile within one panel");
        let mut sums: [Sums<S, V, R>; P] = [[[simd.splat_f32s(0.0); V]; R]; P];
        for &(input, output) in self.pairs {
            let rows = &self.a.panel(left)[input * self.images..][..self.images];
            let mut right: [&[Line]; P] = [&[]; P];
            for p in 0..P {
                right[p] = &self.gradient.panel(panel + p)[output * self.images..][..self.images];
            }
            for image in 0..self.images {
                let mut lines = [[simd.splat_f32s(0.0); V]; P];
                for p in 0..P {
                    lines[p] = load::<S, V>(&right[p][image]);
                }
                for r in 0..R {
                    let left = simd.splat_f32s(rows[image].0[first + r]);
                    for p in 0..P {
                        add_product(simd, left, lines[p], &mut sums[p][r]);
                    }
                }
            }
        }
        let row = left * LINE + first;
        for p in 0..P {
            let sums = black_box(sums[p]);
            for (sums, line) in sums.iter().zip(self.out.part_mut(panel + p, row..row + R)) {
                let line = S::as_mut_simd_f32s(&mut line.0).0;
                for v in 0..V {
                    line[v] = if self.is_first { sums[v] } else { simd.add_f32s(line[v], sums[v]) };
                }
            }
        }
    }
}

/// Sums the rows of each pixel: to one row for each pixel, or to a single row for all, as `sums` has it.
pub(super) fn sum_images(arch: Arch, gradient: &Matrix, images: usize, sums: &mut Matrix) {
    sums.lines_mut().fill(Line::ZERO);
    add_images(arch, gradient, images, sums);
}

/// Adds such sums.
pub(super) fn add_images(arch: Arch, gradient: &Matrix, images: usize, sums: &mut Matrix) {
    arch.dispatch(SumImages { gradient, images, sums });
}

struct SumImages<'a> {
    gradient: &'a Matrix,
    images: usize,
    sums: &'a mut Matrix,
}

impl NullaryFnOnce for SumImages<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let by_pixel = self.sums.rows() > 1;
        for panel in 0..self.gradient.panels() {
            for (pixel, rows) in self.gradient.panel(panel).chunks_exact(self.images).enumerate() {
                let mut sum = Line::ZERO;
                for row in rows {
                    sum.add(row);
                }
                self.sums.panel_mut(panel)[if by_pixel { pixel } else { 0 }].add(&sum);
            }
        }
    }
}

/// The weights of each tap transposed, for the gradient of the input: `[taps * inputs, outputs]` to `[taps *
/// outputs, inputs]`.
pub(super) fn transpose_taps(arch: Arch, weight: &Matrix, taps: usize, to: &mut Matrix) {
    arch.dispatch(TransposeTaps { weight, taps, to });
}

struct TransposeTaps<'a> {
    weight: &'a Matrix,
    taps: usize,
    to: &'a mut Matrix,
}

impl NullaryFnOnce for TransposeTaps<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (inputs, outputs) = (self.weight.rows() / self.taps, self.weight.cols());
        self.to.reshape(self.taps * outputs, inputs);
        for tap in 0..self.taps {
            for from in 0..self.weight.panels() {
                let rows = &self.weight.panel(from)[tap * inputs..][..inputs];
                let width = LINE.min(outputs - from * LINE);
                for (panel, tile) in rows.chunks(LINE).enumerate() {
                    let first = tap * outputs + from * LINE;
                    for (col, line) in self.to.part_mut(panel, first..first + width).iter_mut().enumerate() {
                        *line = Line::ZERO;
                        for (value, row) in line.0.iter_mut().zip(tile) {
                            *value = row.0[col];
                        }
                    }
                }
            }
        }
    }
}
