//! The product of a transposed matrix and another: gradients of weights, whose inner dimension is the
//! batch. The batch is short, so every tile is computed in one pass. Attention has the pixels of an image in the inner
//! dimension, which may be more than the caches hold.

use std::array;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::super::matrix::{LINE, Line, Matrix, panels};
use super::super::sparse::{Input, Pixel, SparseBatch};
use super::sparse::{Lines, add_pixels, background_sums, with_group};
use super::tile::{Epilogue, Sums, add_product, apply, full_panels, tile_rows, vectors};

/// How many rows ahead the epilogue's memory is prefetched. A tile of AVX-512, with two panels, takes long enough for its own
/// to arrive.
#[inline(always)]
pub(super) fn ahead<S: Simd>() -> usize {
    if S::F32_LANES == 16 { 0 } else { 12 }
}

/// Panels of the left operand in a block of partial sums over sparse images.
const BLOCK: usize = 8;
/// Panels of the right operand in such a block.
const GROUP: usize = 4;

/// Two more matrices, `[k, m]` and `[k, n]`, whose product is added: as if their rows were below those of the others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AddedPair<'a> {
    pub(crate) left: &'a Matrix,
    pub(crate) right: &'a Matrix,
}

/// The product of a transposed matrix and another, over a short inner dimension.
pub(super) struct TransposedProduct<'a, F> {
    pub(super) a: Input<'a>,
    pub(super) b: &'a Matrix,
    pub(super) added: Option<AddedPair<'a>>,
    pub(super) epilogue: F,
}

/// Sums over the sparse images alone, for a block of rows and a group of panels of the product.
struct PartialSums {
    rows: Range<usize>,
    panels: Range<usize>,
    lines: [[Line; BLOCK * LINE]; GROUP],
}

impl<F: Epilogue> WithSimd for TransposedProduct<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_tile!(self.run(S, 2, simd));
    }
}

impl<F: Epilogue> TransposedProduct<'_, F> {
    #[inline(always)]
    pub(super) fn run<S: Simd, const V: usize, const H: usize, const P: usize, const R: usize>(
        mut self,
        simd: S,
    ) {
        let (all, lefts) = (self.b.panels(), panels(self.a.cols()));
        let sparse = self.a.sparse.filter(|images| images.rows() > 0);
        let (group, block) = if sparse.is_some() { (GROUP, BLOCK) } else { (all, lefts) };
        let mut partial_sums = sparse.map(|images| (images, PartialSums::new()));
        for panel in (0..all).step_by(group) {
            let group = panel..(panel + group).min(all);
            for left in (0..lefts).step_by(block) {
                let block = left..(left + block).min(lefts);
                if let Some((images, sums)) = &mut partial_sums {
                    with_group!(sums.sum(S, simd, images, self.b, block.clone(), group.clone()));
                }
                let partial_sums = partial_sums.as_ref().map(|(_, sums)| sums);
                self.block::<S, V, H, P, R>(simd, block, group.clone(), partial_sums);
            }
        }
    }

    /// Computes some panels of the product, in the rows that come from some panels of the left operand.
    #[inline(always)]
    fn block<S: Simd, const V: usize, const H: usize, const P: usize, const R: usize>(
        &mut self,
        simd: S,
        lefts: Range<usize>,
        panels: Range<usize>,
        partial_sums: Option<&PartialSums>,
    ) {
        let full = full_panels(self.b.cols(), H < V);
        let full = full.clamp(panels.start, panels.end);
        let grouped = panels.start + (full - panels.start) / P * P;
        for panel in (panels.start..grouped).step_by(P) {
            self.column::<S, V, P, R>(simd, lefts.clone(), panel, partial_sums);
        }
        for panel in grouped..full {
            self.column::<S, V, 1, R>(simd, lefts.clone(), panel, partial_sums);
        }
        for panel in full..panels.end {
            self.column::<S, H, 1, R>(simd, lefts.clone(), panel, partial_sums);
        }
    }

    /// Computes `P` panels of a block. No tile spans two panels of the left operand.
    #[inline(always)]
    fn column<S: Simd, const V: usize, const P: usize, const R: usize>(
        &mut self,
        simd: S,
        lefts: Range<usize>,
        panel: usize,
        partial_sums: Option<&PartialSums>,
    ) {
        for left in lefts {
            let width = LINE.min(self.a.cols() - left * LINE);
            let mut first = 0;
            while first < width {
                let tile = tile_rows(width - first, R);
                with_rows!(tile, self.tile::<S, V, P>(simd, left, first, panel, partial_sums));
                first += tile;
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize, const P: usize, const R: usize>(
        &mut self,
        simd: S,
        left: usize,
        first: usize,
        panel: usize,
        partial_sums: Option<&PartialSums>,
    ) {
        assert!(first + R <= LINE, "a tile within one panel");
        let row = left * LINE + first;
        for p in 0..P {
            for r in 0..R {
                self.epilogue.prefetch(row + ahead::<S>() + r, panel + p);
            }
        }
        let mut sums: [Sums<S, V, R>; P] = [[[simd.splat_f32s(0.0); V]; R]; P];
        if let Some(partial_sums) = partial_sums {
            for p in 0..P {
                for (sums, line) in sums[p].iter_mut().zip(partial_sums.lines(row..row + R, panel + p)) {
                    *sums = vectors::<S, V>(line);
                }
            }
        }
        let full = self.a.sparse_rows()..self.b.rows();
        let mut rights: [&[Line]; P] = [&[]; P];
        for p in 0..P {
            rights[p] = &self.b.panel(panel + p)[full.clone()];
        }
        add_rows::<S, V, P, R>(simd, first, self.a.dense.panel(left), rights, &mut sums);
        if let Some(added) = self.added {
            for p in 0..P {
                rights[p] = added.right.panel(panel + p);
            }
            add_rows::<S, V, P, R>(simd, first, added.left.panel(left), rights, &mut sums);
        }
        apply(simd, &mut self.epilogue, row, panel, &sums);
    }
}

/// Adds the products of `R` columns of the left rows, from `first` on, with the right rows of each panel.
#[inline(always)]
fn add_rows<S: Simd, const V: usize, const P: usize, const R: usize>(
    simd: S,
    first: usize,
    left: &[Line],
    mut rights: [&[Line]; P],
    sums: &mut [Sums<S, V, R>; P],
) {
    // One length for all slices, so that no access needs a bounds check.
    let rows = left.len().min(rights[0].len());
    for p in 0..P {
        rights[p] = &rights[p][..rows];
    }
    for (row, left) in left[..rows].iter().enumerate() {
        let mut right = [[simd.splat_f32s(0.0); V]; P];
        for p in 0..P {
            right[p] = vectors::<S, V>(&rights[p][row]);
        }
        for r in 0..R {
            let left = simd.splat_f32s(left.0[first + r]);
            for p in 0..P {
                add_product(simd, left, right[p], &mut sums[p][r]);
            }
        }
    }
}

impl PartialSums {
    #[expect(clippy::large_stack_arrays, reason = "32 KiB of a stack that has megabytes")]
    fn new() -> Self {
        Self { rows: 0..0, panels: 0..0, lines: [[Line::ZERO; BLOCK * LINE]; GROUP] }
    }

    /// The sums in some rows of one panel.
    #[inline(always)]
    fn lines(&self, rows: Range<usize>, panel: usize) -> &[Line] {
        &self.lines[panel - self.panels.start][rows.start - self.rows.start..rows.end - self.rows.start]
    }

    /// Computes the sums over `images` of the products with `panels` of `b`, for the columns in the panels
    /// `lefts` of the images. The first rows of `b` belong to the images.
    #[inline(always)]
    fn sum<S: Simd, const V: usize, const P: usize, const T: usize>(
        &mut self,
        simd: S,
        images: &SparseBatch,
        b: &Matrix,
        lefts: Range<usize>,
        panels: Range<usize>,
    ) {
        self.rows = lefts.start * LINE..(lefts.end * LINE).min(images.cols());
        self.panels = panels.clone();
        let grouped = panels.start + panels.len() / P * P;
        for panel in (panels.start..grouped).step_by(P) {
            self.sum_panels::<S, V, P, T>(simd, images, b, panel);
        }
        for panel in grouped..panels.end {
            self.sum_panels::<S, V, 1, T>(simd, images, b, panel);
        }
    }

    #[inline(always)]
    fn sum_panels<S: Simd, const V: usize, const P: usize, const T: usize>(
        &mut self,
        simd: S,
        images: &SparseBatch,
        b: &Matrix,
        panel: usize,
    ) {
        let right = array::from_fn(|p| &b.panel(panel + p)[..images.rows()]);
        let background = background_sums::<S, V, P>(simd, images.background(), right);
        let alone = self.rows.end - self.rows.len() % T;
        for col in (self.rows.start..alone).step_by(T) {
            self.sum_cols::<S, V, P, T>(simd, images, right, panel, col, background);
        }
        for col in alone..self.rows.end {
            self.sum_cols::<S, V, P, 1>(simd, images, right, panel, col, background);
        }
    }

    #[inline(always)]
    fn sum_cols<S: Simd, const V: usize, const P: usize, const T: usize>(
        &mut self,
        simd: S,
        images: &SparseBatch,
        right: [&[Line]; P],
        panel: usize,
        col: usize,
        background: Lines<S, V, P>,
    ) {
        let mut pixels: [&[Pixel]; T] = [&[]; T];
        for t in 0..T {
            pixels[t] = images.col(col + t);
        }
        let mut sums = [background; T];
        add_pixels(simd, pixels, images.values(), right, &mut sums);
        for p in 0..P {
            let first = col - self.rows.start;
            let lines = &mut self.lines[panel + p - self.panels.start][first..first + T];
            for t in 0..T {
                S::as_mut_simd_f32s(&mut lines[t].0).0[..V].copy_from_slice(&sums[t][p]);
            }
        }
    }
}
