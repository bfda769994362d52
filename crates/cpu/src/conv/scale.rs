//! The product of a network's numbers with one that is trained ([`gansweep_nn::network::Scale`]).

use pulp::{Arch, NullaryFnOnce};

use crate::matrix::{LINE, Line, Matrix};
use crate::trained::{Learning, Trained};

/// The layer, with its index in `nn.Sequential`.
#[derive(Debug)]
pub(crate) struct Scale {
    pub(crate) index: usize,
    /// `[1, 1]`.
    pub(crate) factor: Trained,
    /// Of the factor, `[1, 1]`.
    pub(super) gradient: Matrix,
}

impl Scale {
    /// Of zero, with `buffers` buffers of the optimiser.
    pub(super) fn new(index: usize, buffers: usize) -> Self {
        Self { index, factor: Trained::new(1, 1, buffers), gradient: Matrix::new(1, 1) }
    }

    /// Multiplies the numbers by the factor in place.
    pub(super) fn apply(&self, arch: Arch, numbers: &mut Matrix) {
        arch.dispatch(Multiply { lines: numbers.lines_mut(), factor: self.factor.value.get(0, 0) });
    }

    /// Turns the gradient of the output into that of `input`, in place. If `learning`, also updates the factor by its gradient plus
    /// what is `added` to it.
    pub(super) fn backward(
        &mut self,
        arch: Arch,
        input: &Matrix,
        gradient: &mut Matrix,
        learning: Option<&mut Learning>,
        added: Option<&Matrix>,
    ) {
        let added = added.map_or(0.0, |added| added.get(0, 0));
        self.gradient.set(0, 0, sum_of_products(arch, input, gradient) + added);
        self.apply(arch, gradient);
        if let Some(learning) = learning {
            self.factor.learn(arch, &self.gradient, learning);
        }
    }
}

struct Multiply<'a> {
    lines: &'a mut [Line],
    factor: f32,
}

impl NullaryFnOnce for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for line in self.lines {
            for col in 0..LINE {
                line.0[col] *= self.factor;
            }
        }
    }
}

/// The sum of the products of the elements of two matrices of one shape.
pub(super) fn sum_of_products(arch: Arch, left: &Matrix, right: &Matrix) -> f32 {
    arch.dispatch(SumOfProducts { left, right })
}

struct SumOfProducts<'a> {
    left: &'a Matrix,
    right: &'a Matrix,
}

impl NullaryFnOnce for SumOfProducts<'_> {
    type Output = f32;

    /// In 64-bit floats: the terms are as many as the numbers of a batch.
    #[inline(always)]
    fn call(self) -> f32 {
        let mut total = 0.0;
        for panel in 0..self.left.panels() {
            let mut sums = [0.0f64; LINE];
            for (left, right) in self.left.panel(panel).iter().zip(self.right.panel(panel)) {
                for col in 0..LINE {
                    sums[col] += f64::from(left.0[col]) * f64::from(right.0[col]);
                }
            }
            // Without the columns of padding.
            let used = (self.left.cols() - panel * LINE).min(LINE);
            total += sums[..used].iter().sum::<f64>();
        }
        total as f32
    }
}
