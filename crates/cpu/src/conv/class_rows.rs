//! Classes in a network of layers in any order: the embedding stands behind the numbers of each row, as more numbers behind a
//! latent vector or as one more channel of an image, and all of it is one input of the first step.

use pulp::Arch;

use crate::matrix::{LINE, Line, Matrix};
use crate::trained::{Learning, Trained};

/// The embedding of the class behind the numbers of each row.
#[derive(Debug)]
pub(crate) struct ClassRows {
    /// `[classes, width]`.
    pub(crate) embedding: Trained,
    /// The gradient of the embedding.
    gradient: Matrix,
    /// Numbers of a row without its embedding.
    own: usize,
}

impl ClassRows {
    /// All zero, behind `own` numbers.
    pub(super) fn new([classes, width]: [usize; 2], own: usize, buffers: usize) -> Self {
        Self { embedding: Trained::new(classes, width, buffers), gradient: Matrix::new(classes, width), own }
    }

    /// Numbers of a row with its embedding.
    pub(super) fn inputs(&self) -> usize {
        self.own + self.embedding.value.cols()
    }

    /// A matrix of the embedding's shape.
    pub(super) fn zeros(&self) -> Matrix {
        Matrix::new(self.gradient.rows(), self.gradient.cols())
    }

    /// Writes rows with the embeddings of their classes behind them.
    pub(super) fn join(&self, rows: &Matrix, classes: &[u16], out: &mut Matrix) {
        self.widen(rows, out);
        for (row, &class) in classes.iter().enumerate() {
            for col in 0..self.embedding.value.cols() {
                out.set(row, self.own + col, self.embedding.value.get(usize::from(class), col));
            }
        }
    }

    /// Writes rows with zeros in the place of their embeddings.
    pub(super) fn widen(&self, rows: &Matrix, out: &mut Matrix) {
        out.reshape(rows.rows(), self.inputs());
        let (own, rest) = out.lines_mut().split_at_mut(rows.lines().len());
        own.copy_from_slice(rows.lines());
        rest.fill(Line::ZERO);
    }

    /// Writes the gradient of the embedding from that of joined rows: the sum over the rows of each class.
    pub(super) fn sum_classes(&self, rows: &Matrix, classes: &[u16], sums: &mut Matrix) {
        sums.lines_mut().fill(Line::ZERO);
        for (row, &class) in classes.iter().enumerate() {
            let class = usize::from(class);
            for col in 0..sums.cols() {
                sums.set(class, col, sums.get(class, col) + rows.get(row, self.own + col));
            }
        }
    }

    /// Updates the embedding by the gradient of joined rows, and what is added to its own.
    pub(super) fn learn(
        &mut self,
        arch: Arch,
        classes: &[u16],
        rows: &Matrix,
        added: Option<&Matrix>,
        learning: &mut Learning,
    ) {
        let mut gradient = std::mem::take(&mut self.gradient);
        self.sum_classes(rows, classes, &mut gradient);
        if let Some(added) = added {
            gradient.add(arch, added);
        }
        self.embedding.learn(arch, &gradient, learning);
        self.gradient = gradient;
    }
}

/// Writes the first `cols` columns of rows.
pub(super) fn keep_columns(rows: &Matrix, cols: usize, out: &mut Matrix) {
    out.reshape(rows.rows(), cols);
    let count = out.lines().len();
    out.lines_mut().copy_from_slice(&rows.lines()[..count]);
    let used = cols % LINE;
    if used > 0 {
        for line in out.panel_mut(cols / LINE) {
            line.0[used..].fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded() -> ClassRows {
        let mut embedded = ClassRows::new([3, 2], 15, 0);
        embedded.embedding.value = Matrix::from_fn(3, 2, |class, col| (10 * class + col) as f32);
        embedded
    }

    #[test]
    fn embeddings_stand_behind_the_rows_and_are_cut_off_again() {
        let (embedded, rows) = (embedded(), Matrix::from_fn(2, 15, |row, _| -1.0 - row as f32));
        let mut out = Matrix::new(2, 17);
        embedded.join(&rows, &[2, 0], &mut out);
        let row = |out: &Matrix, row| (14..17).map(|col| out.get(row, col)).collect::<Vec<_>>();
        assert_eq!((row(&out, 0), row(&out, 1)), (vec![-1.0, 20.0, 21.0], vec![-2.0, 0.0, 1.0]));
        let mut back = Matrix::new(2, 17);
        keep_columns(&out, 15, &mut back);
        assert_eq!(back.lines(), rows.lines());
        embedded.widen(&rows, &mut out);
        assert_eq!(row(&out, 0), [-1.0, 0.0, 0.0]);
    }

    #[test]
    fn the_gradient_of_an_embedding_is_the_sum_over_its_rows() {
        let rows = Matrix::from_fn(3, 17, |row, col| (100 * row + col) as f32);
        let mut sums = Matrix::from_fn(3, 2, |_, _| 7.0);
        embedded().sum_classes(&rows, &[1, 0, 1], &mut sums);
        let found: Vec<_> = (0..3).map(|class| sums.get(class, 1)).collect();
        assert_eq!(found, [116.0, 232.0, 0.0]);
    }
}
