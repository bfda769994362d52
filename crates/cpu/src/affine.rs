//! What all normalisation layers share: parameters, saved tensors, and the choice of statistics.

use super::matrix::{LINE, Matrix};
use super::trained::Trained;

/// Scale and shift of a normalised row, each `[1, features]`.
#[derive(Debug)]
pub(super) struct Affine {
    pub(super) weight: Trained,
    pub(super) bias: Trained,
}

/// Tensors that the forward pass saves for the backward pass.
#[derive(Debug)]
pub(super) struct NormTrace {
    /// `[rows, features]`: the Linear layer's output, normalised in place.
    pub(super) normalised: Matrix,
    /// One over the standard deviation: `[1, features]` for `BatchNorm`, `[rows, 16]` for `LayerNorm`.
    pub(super) inverse_std: Matrix,
    /// `[1, features]`: gradients of weight and bias.
    pub(super) weight_gradient: Matrix,
    pub(super) bias_gradient: Matrix,
    /// `[rows, 16]`: scratch memory of `LayerNorm` for sums over rows.
    pub(super) row_sums: [Matrix; 2],
}

/// Which statistics `BatchNorm` normalises with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statistics {
    /// Those of the batch; running statistics are updated.
    Training,
    /// Those of the batch; running statistics stay as they are.
    Batch,
    /// The running statistics.
    Running,
}

impl Affine {
    /// All zero, with `buffers` buffers of the optimiser for each tensor.
    pub(super) fn new(features: usize, buffers: usize) -> Self {
        Self { weight: Trained::new(1, features, buffers), bias: Trained::new(1, features, buffers) }
    }
}

impl NormTrace {
    /// Memory for up to `rows` rows whose features are normalised over the batch.
    pub(super) fn of_columns(rows: usize, features: usize) -> Self {
        let line = Matrix::new(1, features);
        Self {
            normalised: Matrix::new(rows, features),
            inverse_std: line.clone(),
            weight_gradient: line.clone(),
            bias_gradient: line,
            row_sums: [Matrix::new(0, 0), Matrix::new(0, 0)],
        }
    }

    /// Memory for up to `rows` rows that are normalised over their features.
    pub(super) fn of_rows(rows: usize, features: usize) -> Self {
        let sums = Matrix::new(rows, LINE);
        let row_sums = [sums.clone(), sums.clone()];
        Self { inverse_std: sums, row_sums, ..Self::of_columns(rows, features) }
    }
}
