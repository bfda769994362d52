//! What becomes of the products of a forward pass, and of gradients on their way back.

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
        let mut sums = line;
        for v in 0..V {
            sums[v] = simd.add_f32s(sums[v], bias[v]);
        }
        store(simd, &mut self.out.panel_mut(panel)[self.first_row + row], sums);
    }
}

impl Gather for AddBias<'_> {
    const LEFT_IS_LARGE: bool = false;

    #[inline(always)]
    fn partial(&mut self, row: usize, panel: usize) -> &mut Line {
        &mut self.out.panel_mut(panel)[self.first_row + row]
    }
}

/// Adds the bias to a product, and applies a leaky ReLU and Dropout.
pub(super) struct Activate<'a> {
    pub(super) bias: &'a Matrix,
    pub(super) leaky: Leaky<'a>,
    pub(super) out: &'a mut Matrix,
}

impl Finish for Activate<'_> {
    #[inline(always)]
    fn finish<S: Simd, const V: usize>(&mut self, simd: S, row: usize, panel: usize, line: [S::f32s; V]) {
        let bias = S::as_simd_f32s(&self.bias.lines()[panel].0).0;
        let mut sums = line;
        for v in 0..V {
            sums[v] = simd.add_f32s(sums[v], bias[v]);
        }
        let activated = self.leaky.apply(simd, row, panel, sums);
        store(simd, &mut self.out.panel_mut(panel)[row], activated);
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
    fn finish<S: Simd, const V: usize>(&mut self, simd: S, row: usize, panel: usize, line: [S::f32s; V]) {
        store(simd, &mut self.0.panel_mut(panel)[row], line);
    }
}

impl Gather for Keep<'_> {
    const LEFT_IS_LARGE: bool = true;

    #[inline(always)]
    fn partial(&mut self, row: usize, panel: usize) -> &mut Line {
        &mut self.0.panel_mut(panel)[row]
    }
}

/// A leaky ReLU, and the Dropout after it.
#[derive(Debug)]
pub(super) struct Leaky<'a> {
    pub(super) slope: f32,
    /// Takes the derivative, if it does not follow from the output.
    pub(super) derivative: Option<&'a mut Matrix>,
    /// Whether `derivative` holds a dropout mask on entry.
    pub(super) masked: bool,
}

impl Leaky<'_> {
    /// The activations of a line.
    #[inline(always)]
    pub(super) fn apply<S: Simd, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: usize,
        line: [S::f32s; V],
    ) -> [S::f32s; V] {
        let (zero, one, slope) = (simd.splat_f32s(0.0), simd.splat_f32s(1.0), simd.splat_f32s(self.slope));
        let mut activated = line;
        let Some(kept) = self.derivative.as_deref_mut() else {
            for v in 0..V {
                let below = simd.mul_f32s(line[v], slope);
                activated[v] = simd.select_f32s(simd.greater_than_f32s(line[v], zero), line[v], below);
            }
            return activated;
        };
        let kept = S::as_mut_simd_f32s(&mut kept.panel_mut(panel)[row].0).0;
        for v in 0..V {
            let mut derivative = simd.select_f32s(simd.greater_than_f32s(line[v], zero), one, slope);
            if self.masked {
                derivative = simd.mul_f32s(derivative, kept[v]);
            }
            kept[v] = derivative;
            activated[v] = simd.mul_f32s(line[v], derivative);
        }
        activated
    }
}

/// Fills a line with vectors, and what they leave of it with zeros.
#[inline(always)]
fn store<S: Simd, const V: usize>(simd: S, line: &mut Line, vectors: [S::f32s; V]) {
    let (filled, rest) = S::as_mut_simd_f32s(&mut line.0).0.split_at_mut(V);
    filled.copy_from_slice(&vectors);
    rest.fill(simd.splat_f32s(0.0));
}
