//! The product of a feature map with the weights of every tap: forward, and for the gradient of the input.
//!
//! Rows lie pixel by pixel, and within a pixel image by image ([`BatchRows`](crate::affine::BatchRows)). So a
//! tile, some images of one pixel, reads contiguous lines of each pixel that it is linked to, and there is no
//! matrix of patches in memory (compare Dukhan 2019, "The Indirect Convolution Algorithm", where rows of one
//! image are gathered by a table).

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::links::Group;
use crate::matrix::{LINE, Line, Matrix, panels};
use crate::product::{ResumableEpilogue, Sums, add_product, apply_or_keep};

/// Panels of the inner dimension in one pass: the lines of two panels of the weights for one pass (20 KiB) and
/// the rows of a tile fit the first-level cache.
const DEPTH: usize = 10;

/// Calls a method with constants for the width of the vectors: vectors in a line, panels and rows of a tile. A
/// tile has as many sums as hide the latency of a multiply-add, and loads less than two vectors for each
/// three of them: with one panel, loads would be what limits a processor with two multiply-adds a cycle.
macro_rules! with_map_tile {
    ($product:ident.$run:ident($S:ident, $simd:expr)) => {
        match $S::F32_LANES {
            16 => $product.$run::<$S, 1, 2, 8>($simd),
            8 => $product.$run::<$S, 2, 1, 6>($simd),
            4 => $product.$run::<$S, 4, 1, 6>($simd),
            1 => $product.$run::<$S, 16, 1, 1>($simd),
            lanes => unreachable!("vectors of {lanes} floats"),
        }
    };
}
pub(super) use with_map_tile;

/// For every group, the sum over its terms of the rows of a pixel of `a`, `[pixels * images, k]`, times the
/// weights of a tap, rows `tap * k..` of `b`, `[taps * k, n]`. Row `pixel * images + image` of the product is
/// that of the group's pixel.
pub(super) fn map_product(
    arch: Arch,
    a: &Matrix,
    images: usize,
    groups: &[Group],
    b: &Matrix,
    epilogue: impl ResumableEpilogue,
) {
    arch.dispatch(MapProduct { a, images, groups, b, parts: Vec::new(), epilogue });
}

struct MapProduct<'a, F> {
    a: &'a Matrix,
    images: usize,
    groups: &'a [Group],
    b: &'a Matrix,
    /// The parts of the current group's inner dimension.
    parts: Vec<Part>,
    epilogue: F,
}

/// A panel of the inner dimension.
#[derive(Clone, Copy)]
struct Part {
    /// The line of the first image, among all lines of the left operand.
    left: usize,
    /// The rows of the right operand.
    right: usize,
    width: usize,
}

impl<F: ResumableEpilogue> WithSimd for MapProduct<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_map_tile!(self.run(S, simd));
    }
}

impl<F: ResumableEpilogue> MapProduct<'_, F> {
    #[inline(always)]
    fn run<S: Simd, const V: usize, const P: usize, const R: usize>(mut self, simd: S) {
        let all = self.b.panels();
        let paired = all / P * P;
        for group in self.groups {
            self.list_parts(group);
            // A pixel without links has sums of zero.
            for first in (0..self.parts.len().max(1)).step_by(DEPTH) {
                let parts = first..(first + DEPTH).min(self.parts.len());
                for panel in (0..paired).step_by(P) {
                    self.column::<S, V, P, R>(simd, parts.clone(), group.pixel, panel);
                }
                for panel in paired..all {
                    self.column::<S, V, 1, R>(simd, parts.clone(), group.pixel, panel);
                }
            }
        }
    }

    fn list_parts(&mut self, group: &Group) {
        let (inner, rows) = (self.a.cols(), self.a.rows());
        self.parts.clear();
        for term in &group.terms {
            self.parts.extend((0..panels(inner)).map(|panel| Part {
                left: panel * rows + term.pixel * self.images,
                right: term.tap * inner + panel * LINE,
                width: LINE.min(inner - panel * LINE),
            }));
        }
    }

    /// Adds the products of some parts to the sums of one pixel, of `P` panels.
    #[inline(always)]
    fn column<S: Simd, const V: usize, const P: usize, const R: usize>(
        &mut self,
        simd: S,
        parts: Range<usize>,
        pixel: usize,
        panel: usize,
    ) {
        let mut image = 0;
        while image + R <= self.images {
            self.tile::<S, V, P, R>(simd, parts.clone(), pixel, image, panel);
            image += R;
        }
        while image < self.images {
            let rows = rest_rows(self.images - image);
            match rows {
                1 => self.tile::<S, V, P, 1>(simd, parts.clone(), pixel, image, panel),
                2 => self.tile::<S, V, P, 2>(simd, parts.clone(), pixel, image, panel),
                _ => self.tile::<S, V, P, 4>(simd, parts.clone(), pixel, image, panel),
            }
            image += rows;
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize, const P: usize, const R: usize>(
        &mut self,
        simd: S,
        parts: Range<usize>,
        pixel: usize,
        image: usize,
        panel: usize,
    ) {
        let row = pixel * self.images + image;
        let mut sums: [Sums<S, V, R>; P] = [[[simd.splat_f32s(0.0); V]; R]; P];
        self.accumulate(simd, &self.parts[parts.clone()], image, panel, &mut sums);
        // The sums of each pass are added to those before. To begin with those would make the compiler keep the sums in
        // memory.
        if parts.start > 0 {
            for p in 0..P {
                let before = self.epilogue.partial(row..row + R, panel + p);
                let before: &[Line; R] = before.first_chunk().expect("a line for each row");
                for r in 0..R {
                    let before = load::<S, V>(&before[r]);
                    for v in 0..V {
                        sums[p][r][v] = simd.add_f32s(before[v], sums[p][r][v]);
                    }
                }
            }
        }
        let is_last = parts.end == self.parts.len();
        apply_or_keep(simd, &mut self.epilogue, row, panel, &sums, is_last);
    }

    #[inline(always)]
    fn accumulate<S: Simd, const V: usize, const P: usize, const R: usize>(
        &self,
        simd: S,
        parts: &[Part],
        image: usize,
        panel: usize,
        sums: &mut [Sums<S, V, R>; P],
    ) {
        let mut panels: [&[Line]; P] = [&[]; P];
        for p in 0..P {
            panels[p] = self.b.panel(panel + p);
        }
        // One loop for whole and for partly filled panels: with two, the compiler keeps the sums in memory.
        for part in parts {
            let rows: &[Line; R] =
                self.a.lines()[part.left + image..].first_chunk().expect("a tile within a pixel's images");
            let width = part.width.min(LINE);
            let mut right: [&[Line]; P] = [&[]; P];
            for p in 0..P {
                right[p] = &panels[p][part.right..part.right + width];
            }
            for k in 0..width {
                let mut lines = [[simd.splat_f32s(0.0); V]; P];
                for p in 0..P {
                    lines[p] = load::<S, V>(&right[p][k]);
                }
                for r in 0..R {
                    let left = simd.splat_f32s(rows[r].0[k]);
                    for p in 0..P {
                        add_product(simd, left, lines[p], &mut sums[p][r]);
                    }
                }
            }
        }
    }
}

/// Rows of the next tile when `left` rows remain, fewer than those of a whole one.
pub(super) const fn rest_rows(left: usize) -> usize {
    match left {
        1 => 1,
        2 | 3 => 2,
        _ => 4,
    }
}

/// The vectors of a line. Without a closure: in a function that is written for the processor's vectors, one may be
/// compiled as a function of its own, without them, and be called for every line.
#[inline(always)]
pub(super) fn load<S: Simd, const V: usize>(line: &Line) -> [S::f32s; V] {
    *S::as_simd_f32s(&line.0).0.first_chunk().expect("as many vectors as a line has")
}
