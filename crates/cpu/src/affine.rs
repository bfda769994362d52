//! What normalisations have in common: parameters, what a backward pass needs, and statistics.

use super::matrix::{LINE, Matrix};
use super::trained::Trained;

/// What scales and shifts a normalised row, each `[1, features]`.
#[derive(Debug)]
pub(super) struct Affine {
    pub(super) weight: Trained,
    pub(super) bias: Trained,
}

/// What the backward pass needs of the forward pass.
#[derive(Debug)]
pub(super) struct NormTrace {
    /// `[rows, features]`: the Linear layer's output, normalised in place.
    pub(super) normalised: Matrix,
    /// One over the standard deviation of what is normalised together.
    pub(super) inverse_std: Matrix,
    /// `[1, features]`: gradients of weight and bias.
    pub(super) weight_gradient: Matrix,
    pub(super) bias_gradient: Matrix,
    /// `[rows, 16]`: sums of each row, where rows are normalised by themselves.
    pub(super) row_sums: [Matrix; 2],
}

/// Which statistics normalise, where those of a batch do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statistics {
    /// The batch's, which also enter the running ones.
    Training,
    /// The batch's alone.
    Batch,
    /// The running ones.
    Running,
}

impl Affine {
    /// Zero, with so many buffers of the optimiser.
    pub(super) fn new(features: usize, buffers: usize) -> Self {
        Self { weight: Trained::new(1, features, buffers), bias: Trained::new(1, features, buffers) }
    }
}

impl NormTrace {
    /// Room for up to `rows` rows, whose features are normalised each by itself.
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

    /// Room for up to `rows` rows that are normalised each by itself.
    pub(super) fn of_rows(rows: usize, features: usize) -> Self {
        let sums = Matrix::new(rows, LINE);
        let row_sums = [sums.clone(), sums.clone()];
        Self { inverse_std: sums, row_sums, ..Self::of_columns(rows, features) }
    }
}
