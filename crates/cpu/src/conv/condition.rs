//! How a network of convolutions knows the class of an image.
//!
//! The embedding stands behind the numbers of each row: as more numbers behind a latent vector, or as one more channel of an
//! image. What the first product makes of it is linear and the same for all images. So back-propagation sums the gradient of
//! the product over the images of each class before it goes on to the embedding, with a row for each class and not for each
//! image.

use super::patches::{NO_BIAS, Patches};
use super::stage::{MapStage, Scratch};
use crate::condition::sum_classes;
use crate::engine::{Engine, Phase};
use crate::matrix::Matrix;
use crate::trained::{Learning, Trained};

/// The embedding of classes behind the numbers that the first stage takes.
#[derive(Debug)]
pub(crate) struct Embedded {
    /// `[classes, width]`.
    pub(crate) embedding: Trained,
    /// `[pixels * classes, channels]`: the gradient of the first product, summed over the images of each class.
    sums: Matrix,
    /// The gradient of the first product's input, which may be patches, for each class.
    input: Matrix,
    /// `[classes, numbers]`: the gradient of a row, if the input is patches.
    rows: Matrix,
    /// `[classes, width]`: the gradient of the embedding.
    gradient: Matrix,
}

impl Embedded {
    /// All zero, for a network whose first stage takes rows of images, if there are `patches`, or of numbers.
    pub(super) fn new(
        [classes, width]: [usize; 2],
        first: &MapStage,
        patches: Option<&Patches>,
        buffers: usize,
    ) -> Self {
        Self {
            embedding: Trained::new(classes, width, buffers),
            sums: Matrix::new(first.links.outputs * classes, first.outputs()),
            input: Matrix::new(first.links.inputs * classes, first.inputs()),
            rows: patches.map_or_else(|| Matrix::new(0, 0), |it| Matrix::new(classes, it.image.size())),
            gradient: Matrix::new(classes, width),
        }
    }

    /// Lines of all matrices but the trained ones, for the same numbers.
    pub(super) fn lines(
        [classes, width]: [usize; 2],
        first: [(usize, usize); 2],
        patches: Option<&Patches>,
    ) -> usize {
        let maps = first.map(|(pixels, channels)| Matrix::lines_of(pixels * classes, channels));
        let rows = patches.map_or(0, |it| Matrix::lines_of(classes, it.image.size()));
        maps.iter().sum::<usize>() + rows + Matrix::lines_of(classes, width)
    }

    /// Writes rows of numbers with the embeddings of their classes behind them.
    pub(super) fn join(&self, rows: &Matrix, classes: &[u16], out: &mut Matrix) {
        let (own, embedding) = (rows.cols(), &self.embedding.value);
        out.reshape(rows.rows(), own + embedding.cols());
        for (row, &class) in classes.iter().enumerate() {
            (0..own).for_each(|col| out.set(row, col, rows.get(row, col)));
            (0..embedding.cols())
                .for_each(|col| out.set(row, own + col, embedding.get(usize::from(class), col)));
        }
    }

    /// Updates the embedding by the gradient of the first stage's product, before that stage is updated.
    #[expect(clippy::too_many_arguments, reason = "what a gradient is of, and what updates by it")]
    pub(super) fn learn(
        &mut self,
        engine: &mut Engine,
        (first, patches): (&MapStage, Option<&Patches>),
        classes: &[u16],
        gradient: &Matrix,
        scratch: &mut Scratch,
        padded: &mut [f32],
        learning: &mut Learning,
    ) {
        let [count, width] = [self.gradient.rows(), self.gradient.cols()];
        sum_classes(gradient, classes, count, &mut self.sums);
        first.backward(engine, &self.sums, count, None, scratch, &mut self.input);
        let rows = match patches {
            Some(patches) => {
                patches.fold(&self.input, &NO_BIAS, &mut self.rows, 0, padded);
                &self.rows
            }
            None => &self.input,
        };
        let own = rows.cols() - width;
        for class in 0..count {
            (0..width).for_each(|col| self.gradient.set(class, col, rows.get(class, own + col)));
        }
        self.embedding.learn(engine.arch, &self.gradient, learning);
        engine.lap(Phase::Updates);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeddings_stand_behind_the_rows() {
        let mut embedded = Embedded {
            embedding: Trained::new(3, 2, 0),
            sums: Matrix::new(0, 0),
            input: Matrix::new(0, 0),
            rows: Matrix::new(0, 0),
            gradient: Matrix::new(3, 2),
        };
        embedded.embedding.value = Matrix::from_fn(3, 2, |class, col| (10 * class + col) as f32);
        let mut out = Matrix::new(2, 17);
        embedded.join(&Matrix::from_fn(2, 15, |row, _| -(row as f32)), &[2, 0], &mut out);
        let row = |row| (14..17).map(|col| out.get(row, col)).collect::<Vec<_>>();
        assert_eq!((row(0), row(1)), (vec![0.0, 20.0, 21.0], vec![-1.0, 0.0, 1.0]));
    }
}
