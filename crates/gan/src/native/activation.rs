//! What follows a Linear layer, and the factors that a gradient takes on its way back through it.

use pulp::Simd;

use super::matrix::{Line, Matrix};
use super::product::{Finish, Gather};

/// Adds the bias to a product; the sum goes to rows of `out` from `first_row`.
pub(super) struct AddBias<'a> {
    pub(super) bias: &'a Matrix,
    pub(super) out: &'a mut Matrix,
    pub(super) first_row: usize,
}

impl Finish for AddBias<'_> {
    #[inline(always)]
    fn finish<S: Simd, const V: usize>(&mut self, simd: S, row: usize, panel: usize, line: [S::f32s; V]) {
        let bias = S::as_simd_f32s(&self.bias.lines()[panel].0).0;
        let out = S::as_mut_simd_f32s(&mut self.out.panel_mut(panel)[self.first_row + row].0).0;
        for v in 0..V {
            out[v] = simd.add_f32s(line[v], bias[v]);
        }
    }
}

impl Gather for AddBias<'_> {
    const LEFT_IS_LARGE: bool = false;

    #[inline(always)]
    fn partial(&mut self, row: usize, panel: usize) -> &mut Line {
        &mut self.out.panel_mut(panel)[self.first_row + row]
    }
}

/// Adds the bias to a product, applies a leaky ReLU and Dropout, and keeps the derivative.
pub(super) struct Activate<'a> {
    pub(super) bias: &'a Matrix,
    pub(super) slope: f32,
    /// Whether `factor` holds a dropout mask on entry.
    pub(super) masked: bool,
    pub(super) out: &'a mut Matrix,
    /// Becomes the derivative of the output with respect to the Linear layer's.
    pub(super) factor: &'a mut Matrix,
}

impl Finish for Activate<'_> {
    #[inline(always)]
    fn finish<S: Simd, const V: usize>(&mut self, simd: S, row: usize, panel: usize, line: [S::f32s; V]) {
        let bias = S::as_simd_f32s(&self.bias.lines()[panel].0).0;
        let out = S::as_mut_simd_f32s(&mut self.out.panel_mut(panel)[row].0).0;
        let factor = S::as_mut_simd_f32s(&mut self.factor.panel_mut(panel)[row].0).0;
        let (zero, one, slope) = (simd.splat_f32s(0.0), simd.splat_f32s(1.0), simd.splat_f32s(self.slope));
        for v in 0..V {
            let x = simd.add_f32s(line[v], bias[v]);
            let mut derivative = simd.select_f32s(simd.greater_than_f32s(x, zero), one, slope);
            if self.masked {
                derivative = simd.mul_f32s(derivative, factor[v]);
            }
            factor[v] = derivative;
            out[v] = simd.mul_f32s(x, derivative);
        }
    }
}

impl Gather for Activate<'_> {
    const LEFT_IS_LARGE: bool = false;

    #[inline(always)]
    fn partial(&mut self, row: usize, panel: usize) -> &mut Line {
        &mut self.out.panel_mut(panel)[row]
    }
}

/// Keeps a product as it is.
pub(super) struct Keep<'a>(pub(super) &'a mut Matrix);

impl Finish for Keep<'_> {
    #[inline(always)]
    fn finish<S: Simd, const V: usize>(&mut self, _: S, row: usize, panel: usize, line: [S::f32s; V]) {
        let out = S::as_mut_simd_f32s(&mut self.0.panel_mut(panel)[row].0).0;
        out[..V].copy_from_slice(&line);
    }
}

impl Gather for Keep<'_> {
    const LEFT_IS_LARGE: bool = true;

    #[inline(always)]
    fn partial(&mut self, row: usize, panel: usize) -> &mut Line {
        &mut self.0.panel_mut(panel)[row]
    }
}
