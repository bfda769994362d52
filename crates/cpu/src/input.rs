//! The rows that go into a Linear layer.

use super::matrix::Matrix;
use super::sparse::Sparse;

/// Rows of two kinds: at first those of images that are mostly background, if there are any, then
/// rows that are stored in full.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) sparse: Option<&'a Sparse>,
    pub(super) full: &'a Matrix,
}

impl Input<'_> {
    /// Rows of both kinds.
    pub(super) fn rows(&self) -> usize {
        self.sparse_rows() + self.full.rows()
    }

    /// Rows before those that are stored in full.
    pub(super) fn sparse_rows(&self) -> usize {
        self.sparse.map_or(0, Sparse::rows)
    }

    pub(super) fn cols(&self) -> usize {
        self.full.cols()
    }
}

impl<'a> From<&'a Matrix> for Input<'a> {
    fn from(full: &'a Matrix) -> Self {
        Self { sparse: None, full }
    }
}
