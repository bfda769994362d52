//! What normalisations have in common: parameters, what a backward pass needs, and statistics.

use super::matrix::Matrix;
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
    /// Room for up to `rows` rows of which each feature is normalised along them.
    pub(super) fn of_columns(rows: usize, features: usize) -> Self {
        let line = Matrix::new(1, features);
        Self {
            normalised: Matrix::new(rows, features),
            inverse_std: line.clone(),
            weight_gradient: line.clone(),
            bias_gradient: line,
        }
    }
}
