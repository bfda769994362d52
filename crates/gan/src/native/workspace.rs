//! The memory of a lane's step, and what fills it from outside.

use gansweep_experiment::{Config, IMAGE_PIXELS, Pixels};
use pulp::NullaryFnOnce;

use super::matrix::{LINE, Line, Matrix};
use super::network::{Perceptron, Trace};
use super::stage::Gradients;
use crate::streams::{self, Key};
use crate::trainer::TrainingImages;

/// Memory that a step writes before it reads it.
#[derive(Debug)]
pub(super) struct Workspace {
    /// Latents as drawn, row by row.
    drawn: Vec<f32>,
    /// `[batch, latent_dim]`.
    pub(super) latents: Matrix,
    /// `[batch, 784]` of the generator's step, or `[2 batch, 784]`: real, then fake.
    pub(super) images: Matrix,
    pub(super) generator: Trace,
    pub(super) discriminator: Trace,
    /// `[rows, 1]`.
    pub(super) logits: Matrix,
    pub(super) gradients: Gradients,
}

impl Workspace {
    pub(super) fn new(config: &Config, generator: &Perceptron, discriminator: &Perceptron) -> Self {
        let batch = config.train.batch_size as usize;
        let latent = config.model.latent_dim as usize;
        let width = generator.width().max(discriminator.width());
        Self {
            drawn: vec![0.0; batch * latent],
            latents: Matrix::new(batch, latent),
            images: Matrix::new(2 * batch, IMAGE_PIXELS),
            generator: generator.trace(batch),
            discriminator: discriminator.trace(2 * batch),
            logits: Matrix::new(2 * batch, 1),
            gradients: Gradients::new(2 * batch, width),
        }
    }

    /// Draws `count` latents.
    pub(super) fn draw_latents(&mut self, config: &Config, key: Key, count: usize) {
        let dim = config.model.latent_dim as usize;
        let drawn = &mut self.drawn[..count * dim];
        streams::latents(key, config.model.latent, drawn);
        self.latents.reshape(count, dim);
        fill_rows(&mut self.latents, drawn);
    }
}

/// Fills a matrix with values row by row.
pub(super) fn fill_rows(matrix: &mut Matrix, values: &[f32]) {
    let cols = matrix.cols();
    for (row, values) in values.chunks_exact(cols).enumerate() {
        for (panel, part) in values.chunks(LINE).enumerate() {
            let mut line = Line::ZERO;
            line.0[..part.len()].copy_from_slice(part);
            matrix.panel_mut(panel)[row] = line;
        }
    }
}

/// Scales the images of a batch into the first rows of `rows`.
pub(super) struct Collect<'a> {
    pub(super) images: &'a TrainingImages,
    pub(super) batch: &'a [u32],
    pub(super) rows: &'a mut Matrix,
}

impl NullaryFnOnce for Collect<'_> {
    type Output = ();

    /// The values of [`TrainingImages::table`], computed: a vector has them sooner than a table.
    #[inline(always)]
    fn call(self) {
        let (shift, scale) = match self.images.pixels {
            Pixels::Signed => (0.5, 0.5),
            Pixels::Unit => (0.0, 1.0),
        };
        for (row, &index) in self.batch.iter().enumerate() {
            let panels = self.images.image(index as usize).as_chunks::<LINE>().0;
            for (panel, bytes) in panels.iter().enumerate() {
                let mut values = [0.0; LINE];
                for i in 0..LINE {
                    values[i] = (f32::from(bytes[i]) / 255.0 - shift) / scale;
                }
                self.rows.panel_mut(panel)[row] = Line(values);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gansweep_experiment::Dataset;
    use pulp::Arch;

    use super::*;

    #[test]
    fn pixels_have_the_values_of_the_table() {
        for pixels in [Pixels::Signed, Pixels::Unit] {
            let bytes = (0..2 * IMAGE_PIXELS).map(|i| (i * 7) as u8).collect::<Vec<u8>>();
            let (bytes, dataset) = (Arc::new(bytes), Dataset::Strokes);
            let images = TrainingImages { dataset, bytes, count: 2, pixels };
            let mut rows = Matrix::new(3, IMAGE_PIXELS);
            Arch::new().dispatch(Collect { images: &images, batch: &[1, 0], rows: &mut rows });
            let table = TrainingImages::table(pixels);
            for (row, image) in [(0, 1), (1, 0)] {
                for (col, &byte) in images.image(image).iter().enumerate() {
                    assert_eq!(rows.get(row, col).to_bits(), table[usize::from(byte)].to_bits());
                }
            }
        }
    }
}
