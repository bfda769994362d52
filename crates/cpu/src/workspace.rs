//! The memory of a lane's step.

use std::sync::Arc;

use gansweep_config::{Config, ImageShape};

use super::augment::Augment;
use super::batch::Batch;
use super::matrix::{LINE, Line, Matrix};
use super::net::{Net, NetTrace};
use super::penalty::Penalty;
use super::sparse::SparseImages;
use super::stage::Gradients;
use gansweep_nn::rng::{self, Key};

/// Memory that a step writes before it reads it.
#[derive(Debug)]
pub(super) struct Workspace {
    /// Latents as drawn, row by row.
    drawn: Vec<f32>,
    /// `[batch, latent_dim]`.
    pub(super) latents: Matrix,
    /// The class of each fake; empty without conditions.
    pub(super) classes: Vec<u16>,
    pub(super) batch: Batch,
    pub(super) generator: NetTrace,
    pub(super) discriminator: NetTrace,
    /// `[rows, 1]`.
    pub(super) logits: Matrix,
    /// `[rows, 1]`: of the real images in the generator's update.
    pub(super) real_logits: Matrix,
    pub(super) gradients: Gradients,
    pub(super) penalty: Option<Penalty>,
    /// A one for each row of the batch whose label is flipped; empty if none ever is.
    pub(super) flips: Vec<f32>,
    pub(super) augment: Option<Augment>,
    pub(super) noise: Option<InstanceNoise>,
    /// `[batch, image size]`: the fakes of the generator's update as it drew them, where the discriminator sees others.
    pub(super) drawn_fakes: Option<Matrix>,
}

/// Noise on the discriminator's inputs.
#[derive(Debug)]
pub(super) struct InstanceNoise {
    /// As drawn, row by row.
    drawn: Vec<f32>,
}

impl InstanceNoise {
    /// Memory for batches of `batch` images of `size` numbers.
    fn new(batch: usize, size: usize) -> Self {
        Self { drawn: vec![0.0; batch * size] }
    }

    /// Adds noise to `count` rows of a matrix from `first` on; `draw` fills it, row by row.
    pub(super) fn add(
        &mut self,
        rows: &mut Matrix,
        first: usize,
        count: usize,
        draw: impl FnOnce(&mut [f32]),
    ) {
        let cols = rows.cols();
        let drawn = &mut self.drawn[..count * cols];
        draw(drawn);
        for (row, noise) in (first..).zip(drawn.chunks_exact(cols)) {
            for (panel, part) in noise.chunks(LINE).enumerate() {
                for (value, noise) in rows.panel_mut(panel)[row].0.iter_mut().zip(part) {
                    *value += noise;
                }
            }
        }
    }
}

impl Workspace {
    /// Memory for the steps of a lane. `sparse_images` holds its training images, if they are sparse.
    pub(super) fn new(
        config: &Config,
        image: ImageShape,
        sparse_images: Option<Arc<SparseImages>>,
        generator: &Net,
        discriminator: &Net,
    ) -> Self {
        let batch = config.train.batch_size as usize;
        let latent = config.model.latent_dim as usize;
        let width = generator.width().max(discriminator.width());
        // The gradient of the fakes passes between the networks.
        let output = Matrix::lines_of(2 * batch, width).max(Matrix::lines_of(batch, image.size()));
        Self {
            drawn: vec![0.0; batch * latent],
            latents: Matrix::new(batch, latent),
            classes: Vec::with_capacity(if config.model.conditional { batch } else { 0 }),
            batch: Batch::new(batch, image.size(), sparse_images, config.model.conditional),
            generator: generator.trace(batch, true),
            discriminator: discriminator.trace(2 * batch, true),
            logits: Matrix::new(2 * batch, 1),
            real_logits: Matrix::new(2 * batch, 1),
            gradients: Gradients::new(2 * batch, width, output),
            penalty: Penalty::new(&config.penalty, batch, image, discriminator),
            flips: if config.loss.label_flip > 0.0 { vec![0.0; 2 * batch] } else { Vec::new() },
            augment: Augment::new(config, image),
            noise: (config.train.instance_noise > 0.0).then(|| InstanceNoise::new(batch, image.size())),
            drawn_fakes: config.changes_inputs().then(|| Matrix::new(batch, image.size())),
        }
    }

    /// Draws `count` latents.
    pub(super) fn draw_latents(&mut self, config: &Config, key: Key, count: usize) {
        let dim = config.model.latent_dim as usize;
        let drawn = &mut self.drawn[..count * dim];
        rng::latents(key, config.model.latent, drawn);
        self.latents.reshape(count, dim);
        fill_rows(&mut self.latents, drawn);
    }
}

/// Fills a matrix from values in row-major order.
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
