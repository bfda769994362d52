//! Epilogues of the products of a hidden layer: bias, leaky ReLU, dropout.

use std::ops::Range;

use pulp::Simd;

use super::matrix::{Line, Matrix};
use super::product::{Epilogue, ResumableEpilogue, rows_of, store};

/// Adds the bias to a product.
pub(super) struct AddBias<'a> {
    /// `[1, outputs]`, or a row for each class.
    pub(super) bias: &'a Matrix,
    /// The class of each row, if the bias depends on it.
    pub(super) classes: Option<&'a [u16]>,
    pub(super) out: &'a mut Matrix,
}

impl AddBias<'_> {
    /// Adds the bias to lines of `panel`, from `row` on.
    #[inline(always)]
    pub(super) fn sums<S: Simd, const V: usize, const R: usize>(
        &self,
        simd: S,
        row: usize,
        panel: usize,
        lines: &[Line; R],
    ) -> [[S::f32s; V]; R] {
        let mut lines = rows_of::<S, V, R>(simd, lines);
        let biases = self.bias.panel(panel);
        if let Some(classes) = self.classes {
            for (line, &class) in lines.iter_mut().zip(&classes[row..row + R]) {
                let bias = S::as_simd_f32s(&biases[usize::from(class)].0).0;
                for v in 0..V {
                    line[v] = simd.add_f32s(line[v], bias[v]);
                }
            }
            return lines;
        }
        let bias = S::as_simd_f32s(&biases[0].0).0;
        for line in &mut lines {
            for v in 0..V {
                line[v] = simd.add_f32s(line[v], bias[v]);
            }
        }
        lines
    }
}

impl Epilogue for AddBias<'_> {
    #[inline(always)]
    fn apply<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        lines: &[Line; R],
    ) {
        let sums = self.sums::<S, V, R>(simd, row, panel, lines);
        store(simd, self.partial(row..row + R, panel), &sums);
    }
}

impl ResumableEpilogue for AddBias<'_> {
    const PREFETCH_LEFT: bool = false;

    #[inline(always)]
    fn partial(&mut self, rows: Range<usize>, panel: usize) -> &mut [Line] {
        self.out.part_mut(panel, rows)
    }
}

/// Adds the bias to a product, and applies a leaky ReLU and Dropout.
pub(super) struct Activate<'a> {
    pub(super) add_bias: AddBias<'a>,
    pub(super) leaky_relu: LeakyRelu<'a>,
}

impl Epilogue for Activate<'_> {
    #[inline(always)]
    fn apply<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        lines: &[Line; R],
    ) {
        let sums = self.add_bias.sums::<S, V, R>(simd, row, panel, lines);
        let activated = self.leaky_relu.apply(simd, row, panel, sums);
        store(simd, self.partial(row..row + R, panel), &activated);
    }
}

impl ResumableEpilogue for Activate<'_> {
    const PREFETCH_LEFT: bool = AddBias::PREFETCH_LEFT;

    #[inline(always)]
    fn partial(&mut self, rows: Range<usize>, panel: usize) -> &mut [Line] {
        self.add_bias.partial(rows, panel)
    }
}

/// Stores a product as it is.
pub(super) struct StoreProduct<'a>(pub(super) &'a mut Matrix);

impl Epilogue for StoreProduct<'_> {
    #[inline(always)]
    fn apply<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        lines: &[Line; R],
    ) {
        store(simd, self.partial(row..row + R, panel), &rows_of::<S, V, R>(simd, lines));
    }
}

impl ResumableEpilogue for StoreProduct<'_> {
    const PREFETCH_LEFT: bool = true;
    const STORES: bool = true;

    #[inline(always)]
    fn partial(&mut self, rows: Range<usize>, panel: usize) -> &mut [Line] {
        self.0.part_mut(panel, rows)
    }
}

/// A leaky ReLU, and the Dropout after it.
#[derive(Debug)]
pub(super) struct LeakyRelu<'a> {
    pub(super) slope: f32,
    /// Where to save the derivative, if it does not follow from the output.
    pub(super) derivative: Option<&'a mut Matrix>,
    /// Whether `derivative` holds a dropout mask on entry.
    pub(super) masked: bool,
}

impl LeakyRelu<'_> {
    /// Applies the activation to lines of `panel`, from `row` on.
    #[inline(always)]
    pub(super) fn apply<S: Simd, const V: usize, const R: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        mut lines: [[S::f32s; V]; R],
    ) -> [[S::f32s; V]; R] {
        let (zero, slope) = (simd.splat_f32s(0.0), simd.splat_f32s(self.slope));
        let Some(kept) = self.derivative.as_deref_mut() else {
            for x in lines.as_flattened_mut() {
                let below = simd.mul_f32s(*x, slope);
                *x = simd.select_f32s(simd.greater_than_f32s(*x, zero), *x, below);
            }
            return lines;
        };
        let one = simd.splat_f32s(1.0);
        for (line, kept) in lines.iter_mut().zip(kept.part_mut(panel, row..row + R)) {
            let kept = S::as_mut_simd_f32s(&mut kept.0).0;
            for v in 0..V {
                let mut derivative = simd.select_f32s(simd.greater_than_f32s(line[v], zero), one, slope);
                if self.masked {
                    derivative = simd.mul_f32s(derivative, kept[v]);
                }
                kept[v] = derivative;
                line[v] = simd.mul_f32s(line[v], derivative);
            }
        }
        lines
    }
}
