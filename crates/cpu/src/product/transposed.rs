//! The product of a matrix, transposed, and another: weights' gradients, whose inner dimension is the
//! batch. Every tile is finished in one go.

use std::array;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::super::input::Input;
use super::super::matrix::{LINE, Line, Matrix, panels};
use super::super::sparse::Sparse;
use super::ink::{Lines, add_ink, background_sums, with_group};
use super::tile::{Finish, Sums, add_product, full_panels, settled, tile_rows, vectors};

/// Rows between the one that is finished and the one that is fetched.
const AHEAD: usize = 12;
/// Panels of the left operand whose sums over images wait at once for those over the other rows.
const BLOCK: usize = 8;
/// Panels of the right operand of which they do.
const GROUP: usize = 4;

/// The product of a matrix, transposed, and another, over a short inner dimension.
pub(super) struct Transposed<'a, F> {
    pub(super) a: Input<'a>,
    pub(super) b: &'a Matrix,
    pub(super) finish: F,
}

/// Sums over the rows that are images, of a block of rows and a group of panels of the product.
struct Started {
    rows: Range<usize>,
    panels: Range<usize>,
    lines: [[Line; BLOCK * LINE]; GROUP],
}

impl<F: Finish> WithSimd for Transposed<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        with_tile!(self.run(S, simd));
    }
}

impl<F: Finish> Transposed<'_, F> {
    #[inline(always)]
    pub(super) fn run<S: Simd, const V: usize, const H: usize, const R: usize>(mut self, simd: S) {
        let (all, lefts) = (self.b.panels(), panels(self.a.cols()));
        let (group, block) = if self.a.sparse_rows() > 0 { (GROUP, BLOCK) } else { (all, lefts) };
        let mut started = Started::new();
        for panel in (0..all).step_by(group) {
            let group = panel..(panel + group).min(all);
            for left in (0..lefts).step_by(block) {
                let block = left..(left + block).min(lefts);
                let started = self.a.sparse.map(|images| {
                    let whole = &mut started;
                    with_group!(whole.sum(S, simd, images, self.b, block.clone(), group.clone()));
                    &*whole
                });
                self.block::<S, V, H, R>(simd, block, group.clone(), started);
            }
        }
    }

    /// Some panels of the product, of the rows that some panels of the left operand become.
    #[inline(always)]
    fn block<S: Simd, const V: usize, const H: usize, const R: usize>(
        &mut self,
        simd: S,
        lefts: Range<usize>,
        panels: Range<usize>,
        started: Option<&Started>,
    ) {
        let full = full_panels(self.b, H < V);
        for panel in panels {
            if panel < full {
                self.column::<S, V, R>(simd, lefts.clone(), panel, started);
            } else {
                self.column::<S, H, R>(simd, lefts.clone(), panel, started);
            }
        }
    }

    /// The same of one panel; no tile spans two panels of the left operand.
    #[inline(always)]
    fn column<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        lefts: Range<usize>,
        panel: usize,
        started: Option<&Started>,
    ) {
        for left in lefts {
            let width = LINE.min(self.a.cols() - left * LINE);
            let mut first = 0;
            while first < width {
                let tile = tile_rows(width - first, R);
                with_rows!(tile, self.tile::<S, V>(simd, left, first, panel, started));
                first += tile;
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        left: usize,
        first: usize,
        panel: usize,
        started: Option<&Started>,
    ) {
        assert!(first + R <= LINE, "a tile within one panel");
        let row = left * LINE + first;
        for r in 0..R {
            self.finish.prepare(row + AHEAD + r, panel);
        }
        let mut sums: Sums<S, V, R> = [[simd.splat_f32s(0.0); V]; R];
        if let Some(started) = started {
            for (sums, line) in sums.iter_mut().zip(started.lines(row..row + R, panel)) {
                *sums = vectors::<S, V>(line);
            }
        }
        let lefts = self.a.full.panel(left);
        let full = self.a.sparse_rows()..self.b.rows();
        let right = &self.b.panel(panel)[full];
        for (left, right) in lefts.iter().zip(right) {
            let right = vectors::<S, V>(right);
            for r in 0..R {
                add_product(simd, simd.splat_f32s(left.0[first + r]), right, &mut sums[r]);
            }
        }
        self.finish.finish(simd, row, panel, settled::<S, V, R>(&sums));
    }
}

impl Started {
    #[expect(clippy::large_stack_arrays, reason = "32 KiB of a stack that has megabytes")]
    fn new() -> Self {
        Self { rows: 0..0, panels: 0..0, lines: [[Line::ZERO; BLOCK * LINE]; GROUP] }
    }

    /// Rows of one panel.
    #[inline(always)]
    fn lines(&self, rows: Range<usize>, panel: usize) -> &[Line] {
        &self.lines[panel - self.panels.start][rows.start - self.rows.start..rows.end - self.rows.start]
    }

    /// Takes the sums over `images`: of the rows that `lefts`, panels of these, become, times `panels`
    /// of `b`, whose first rows are those of the images.
    #[inline(always)]
    fn sum<S: Simd, const V: usize, const P: usize>(
        &mut self,
        simd: S,
        images: &Sparse,
        b: &Matrix,
        lefts: Range<usize>,
        panels: Range<usize>,
    ) {
        self.rows = lefts.start * LINE..(lefts.end * LINE).min(images.cols());
        self.panels = panels.clone();
        let grouped = panels.start + panels.len() / P * P;
        for panel in (panels.start..grouped).step_by(P) {
            self.sum_panels::<S, V, P>(simd, images, b, panel);
        }
        for panel in grouped..panels.end {
            self.sum_panels::<S, V, 1>(simd, images, b, panel);
        }
    }

    #[inline(always)]
    fn sum_panels<S: Simd, const V: usize, const P: usize>(
        &mut self,
        simd: S,
        images: &Sparse,
        b: &Matrix,
        panel: usize,
    ) {
        let right = array::from_fn(|p| &b.panel(panel + p)[..images.rows()]);
        let background = background_sums::<S, V, P>(simd, images.background(), right);
        for (i, col) in self.rows.clone().enumerate() {
            let sums: Lines<S, V, P> = add_ink(simd, images.col(col), images.values(), right, background);
            for p in 0..P {
                let line = &mut self.lines[panel + p - self.panels.start][i];
                S::as_mut_simd_f32s(&mut line.0).0[..V].copy_from_slice(&sums[p]);
            }
        }
    }
}
