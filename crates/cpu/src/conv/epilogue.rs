//! Epilogues of the products over feature maps.

use std::ops::Range;

use pulp::Simd;

use crate::activation::LeakyRelu;
use crate::matrix::{Line, Matrix};
use crate::product::{Epilogue, ResumableEpilogue, rows_of, store};
use crate::transpose::Derivative;

/// Adds the bias to a product, and applies the activation, if there are any.
pub(super) struct MapActivate<'a> {
    /// `[1, channels]`, or a row for each pixel.
    pub(super) bias: Option<&'a Matrix>,
    pub(super) images: usize,
    pub(super) leaky_relu: Option<LeakyRelu<'a>>,
    pub(super) out: &'a mut Matrix,
}

impl Epilogue for MapActivate<'_> {
    #[inline(always)]
    fn apply<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        lines: &[Line; R],
    ) {
        let mut lines = rows_of::<S, V, R>(simd, lines);
        if let Some(bias) = self.bias {
            let at = if bias.rows() > 1 { row / self.images } else { 0 };
            let bias = S::as_simd_f32s(&bias.panel(panel)[at].0).0;
            for line in &mut lines {
                for v in 0..V {
                    line[v] = simd.add_f32s(line[v], bias[v]);
                }
            }
        }
        if let Some(leaky_relu) = &mut self.leaky_relu {
            lines = leaky_relu.apply(simd, row, panel, lines);
        }
        store(simd, self.out.part_mut(panel, row..row + R), &lines);
    }
}

impl ResumableEpilogue for MapActivate<'_> {
    const PREFETCH_LEFT: bool = false;

    #[inline(always)]
    fn partial(&mut self, rows: Range<usize>, panel: usize) -> &mut [Line] {
        self.out.part_mut(panel, rows)
    }
}

/// Multiplies a product, the gradient of an activation's output, by the derivative of the activation.
pub(super) struct TimesDerivative<'a> {
    pub(super) derivative: Derivative,
    pub(super) saved: &'a Matrix,
    pub(super) out: &'a mut Matrix,
}

impl Epilogue for TimesDerivative<'_> {
    #[inline(always)]
    fn apply<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        lines: &[Line; R],
    ) {
        let mut lines = rows_of::<S, V, R>(simd, lines);
        let saved = &self.saved.panel(panel)[row..row + R];
        for r in 0..R {
            let saved = S::as_simd_f32s(&saved[r].0).0;
            for v in 0..V {
                lines[r][v] = self.derivative.apply(simd, lines[r][v], saved[v]);
            }
        }
        store(simd, self.out.part_mut(panel, row..row + R), &lines);
    }
}

impl ResumableEpilogue for TimesDerivative<'_> {
    const PREFETCH_LEFT: bool = false;

    #[inline(always)]
    fn partial(&mut self, rows: Range<usize>, panel: usize) -> &mut [Line] {
        self.out.part_mut(panel, rows)
    }
}
