//! The product of a matrix, transposed, and another: weights' gradients, whose inner dimension is the
//! batch. Every tile is finished in one go.

use std::array;

use pulp::{Simd, WithSimd};

use super::super::matrix::{LINE, Line, Matrix};
use super::{Finish, Sums, add_product, tile_rows, vectors, wide_and_full_panels};

/// Rows between the one that is finished and the one that is fetched.
const AHEAD: usize = 12;
/// The product of a matrix, transposed, and another, over a short inner dimension.
pub(super) struct Transposed<'a, F> {
    pub(super) a: &'a Matrix,
    pub(super) b: &'a Matrix,
    pub(super) finish: F,
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
    pub(super) fn run<S: Simd, const V: usize, const H: usize, const R: usize, const P: usize>(
        mut self,
        simd: S,
    ) {
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
