//! One lane: its networks, its workspace, and the step.

use std::collections::BTreeMap;
use std::time::Duration;

use gansweep_experiment::{Config, IMAGE_PIXELS, Noise, Pixels, SampleMode};
use pulp::{Arch, NullaryFnOnce};

use super::adam::Update;
use super::engine::{Engine, Phase};
use super::loss::cross_entropy;
use super::matrix::{LINE, Line, Matrix};
use super::network::{Draws, Gradients, Mode, Perceptron, Rows, Trace};
use super::norm::Statistics;
use super::transpose::transpose_times;
use super::weights;
use crate::GanError;
use crate::architecture::{Network, Role};
use crate::state::LaneState;
use crate::streams::{self, Key, Pass, Purpose};
use crate::trainer::{GradientNorms, Lane, LaneChunk, Schedule, StepValues, TrainingImages};

/// A lane with everything it needs to train on; none of it is shared.
#[derive(Debug)]
pub(super) struct LaneTrainer {
    lane: Lane,
    engine: Engine,
    step: u64,
    generator: Perceptron,
    generator_updates: u64,
    discriminator: Perceptron,
    discriminator_updates: u64,
    schedule: Schedule,
    work: Workspace,
}

/// Memory that a step writes before it reads it.
#[derive(Debug)]
struct Workspace {
    /// Latents as drawn, row by row, and `[batch, latent_dim]`.
    drawn: Vec<f32>,
    latents: Matrix,
    /// `[batch, 784]` of the generator's step, or `[2 batch, 784]`: real, then fake.
    images: Matrix,
    generator: Trace,
    discriminator: Trace,
    /// `[rows, 1]`.
    logits: Matrix,
    gradients: Gradients,
}

impl Workspace {
    fn new(config: &Config, generator: &Perceptron, discriminator: &Perceptron) -> Self {
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

    fn draw_latents(&mut self, config: &Config, key: Key, count: usize) {
        let dim = config.model.latent_dim as usize;
        let drawn = &mut self.drawn[..count * dim];
        streams::latents(key, config.model.latent, drawn);
        self.latents.reshape(count, dim);
        fill_rows(&mut self.latents, drawn);
    }
}

/// What one discriminator update measured.
#[derive(Debug, Clone, Copy)]
struct DiscriminatorValues {
    loss: f64,
    real: f64,
    fake: f64,
}

impl LaneTrainer {
    pub(super) fn new(arch: Arch, lane: Lane, state: &LaneState) -> Result<Self, GanError> {
        state.check(&lane.config).map_err(GanError::Group)?;
        let network = |role| -> Result<Perceptron, GanError> {
            let mut network = Perceptron::new(&Network::of(role, &lane.config), &lane.config);
            weights::import(&mut network, role.name(), &state.arrays)?;
            Ok(network)
        };
        let (generator, discriminator) = (network(Role::Generator)?, network(Role::Discriminator)?);
        let work = Workspace::new(&lane.config, &generator, &discriminator);
        Ok(Self {
            engine: Engine::new(arch),
            step: state.step,
            generator,
            generator_updates: state.generator_updates,
            discriminator,
            discriminator_updates: state.discriminator_updates,
            schedule: Schedule::new(),
            work,
            lane,
        })
    }

    pub(super) fn state(&mut self) -> LaneState {
        let mut state = LaneState {
            step: self.step,
            generator_updates: self.generator_updates,
            discriminator_updates: self.discriminator_updates,
            arrays: BTreeMap::new(),
        };
        weights::export(&mut self.generator, Role::Generator.name(), &mut state.arrays);
        weights::export(&mut self.discriminator, Role::Discriminator.name(), &mut state.arrays);
        state
    }

    /// Measures from now on where the time goes.
    pub(super) fn start_clock(&mut self) {
        self.engine.start_clock();
    }

    /// Time spent in each phase since the clock was started.
    pub(super) fn spent(&self) -> [Duration; Phase::ALL.len()] {
        self.engine.spent()
    }

    /// Trains up to `steps` steps, fewer if a loss is not finite.
    pub(super) fn advance(&mut self, images: &TrainingImages, steps: u32, norms: bool) -> LaneChunk {
        self.engine.begin();
        let mut chunk = LaneChunk { steps: Vec::with_capacity(steps as usize), gradient_norms: None };
        for remaining in (0..steps).rev() {
            let mut squares = (norms && remaining == 0).then_some((0.0, 0.0));
            let values = self.train_step(images, squares.as_mut());
            chunk.steps.push(values);
            chunk.gradient_norms = squares.map(|(generator, discriminator)| GradientNorms {
                generator: libm::sqrt(generator) as f32,
                discriminator: libm::sqrt(discriminator) as f32,
            });
            if !values.is_finite() {
                break;
            }
        }
        chunk
    }

    /// `d_steps` discriminator updates, then one of the generator.
    fn train_step(
        &mut self,
        images: &TrainingImages,
        mut squares: Option<&mut (f64, f64)>,
    ) -> StepValues {
        let mut schedule = std::mem::take(&mut self.schedule);
        let batches = schedule.batches(&self.lane, self.step);
        let mut sums = DiscriminatorValues { loss: 0.0, real: 0.0, fake: 0.0 };
        for (update, batch) in (0u32..).zip(&batches) {
            let squares = squares.as_deref_mut().map(|(_, discriminator)| discriminator);
            let values = self.discriminator_update(images, update, batch, squares);
            sums.loss += values.loss;
            sums.real += values.real;
            sums.fake += values.fake;
        }
        let updates = batches.len() as f64;
        let last = batches.last().map_or(0, |batch| batch.len());
        self.schedule = schedule;
        let squares = squares.map(|(generator, _)| generator);
        let (g_loss, d_fake_after) = self.generator_update(last, squares);
        self.step += 1;
        StepValues {
            d_loss: (sums.loss / updates) as f32,
            g_loss: g_loss as f32,
            d_real: (sums.real / updates) as f32,
            d_fake_before: (sums.fake / updates) as f32,
            d_fake_after: d_fake_after as f32,
        }
    }

    fn discriminator_update(
        &mut self,
        images: &TrainingImages,
        update: u32,
        batch: &[u32],
        mut squares: Option<&mut f64>,
    ) -> DiscriminatorValues {
        let Self { lane, engine, work, .. } = self;
        let (count, loss) = (batch.len(), &lane.config.loss);
        let draws = |passes: &'static [Pass]| Draws { seed: lane.seed, step: self.step, update, passes };
        work.images.reshape(2 * count, IMAGE_PIXELS);
        engine.arch.dispatch(Collect { images, batch, rows: &mut work.images });
        let key = Key::new(lane.seed, Purpose::LatentD, &[self.step, u64::from(update)]);
        work.draw_latents(&lane.config, key, count);
        engine.lap(Phase::Inputs);
        let mode = training(draws(&[Pass::GeneratorInD]));
        let fakes = Rows { matrix: &mut work.images, first_row: count };
        self.generator.forward(engine, mode, &work.latents, &mut work.generator, fakes);

        work.logits.reshape(2 * count, 1);
        let logits = Rows { matrix: &mut work.logits, first_row: 0 };
        let trace = &mut work.discriminator;
        let mode = training(draws(&[Pass::DiscriminatorReal, Pass::DiscriminatorFake]));
        self.discriminator.forward(engine, mode, &work.images, trace, logits);

        work.gradients.output.reshape(2 * count, 1);
        let (real, fake) = work.logits.lines().split_at(count);
        let (real_gradient, fake_gradient) = work.gradients.output.lines_mut().split_at_mut(count);
        let weight = loss.combine.weight();
        let real = cross_entropy(real, 1.0 - loss.label_smoothing, weight, real_gradient);
        let fake = cross_entropy(fake, 0.0, weight, fake_gradient);
        engine.lap(Phase::Losses);

        self.discriminator_updates += 1;
        let adam = Update::new(&lane.config.optimizer.discriminator, self.discriminator_updates);
        // The norm is the last update's.
        if let Some(squares) = squares.as_deref_mut() {
            *squares = 0.0;
        }
        let gradients = &mut work.gradients;
        self.discriminator.backward(engine, &work.images, trace, gradients, Some(&adam), squares, false);
        DiscriminatorValues { loss: weight * (real.loss + fake.loss), real: real.score, fake: fake.score }
    }

    /// The generator's loss and the mean of D(G(z)).
    fn generator_update(&mut self, count: usize, squares: Option<&mut f64>) -> (f64, f64) {
        let Self { lane, engine, work, .. } = self;
        let draws = |passes: &'static [Pass]| Draws { seed: lane.seed, step: self.step, update: 0, passes };
        if lane.config.train.noise == Noise::Fresh {
            let key = Key::new(lane.seed, Purpose::LatentG, &[self.step]);
            work.draw_latents(&lane.config, key, count);
        }
        engine.lap(Phase::Inputs);
        work.images.reshape(count, IMAGE_PIXELS);
        let mode = training(draws(&[Pass::GeneratorInG]));
        let fakes = Rows { matrix: &mut work.images, first_row: 0 };
        self.generator.forward(engine, mode, &work.latents, &mut work.generator, fakes);

        work.logits.reshape(count, 1);
        let mode = training(draws(&[Pass::DiscriminatorInG]));
        let logits = Rows { matrix: &mut work.logits, first_row: 0 };
        self.discriminator.forward(engine, mode, &work.images, &mut work.discriminator, logits);

        let gradients = &mut work.gradients;
        gradients.output.reshape(count, 1);
        let scored = cross_entropy(work.logits.lines(), 1.0, 1.0, gradients.output.lines_mut());
        engine.lap(Phase::Losses);
        let trace = &mut work.discriminator;
        self.discriminator.backward(engine, &work.images, trace, gradients, None, None, true);
        let trace = &mut work.generator;
        transpose_times(engine.arch, &gradients.input_transposed, &trace.last_factor, &mut gradients.output);
        engine.lap(Phase::Transpositions);

        self.generator_updates += 1;
        let adam = Update::new(&lane.config.optimizer.generator, self.generator_updates);
        self.generator.backward(engine, &work.latents, trace, gradients, Some(&adam), squares, false);
        (scored.loss, scored.score)
    }

    /// Images of `latents` `[count, latent_dim]`: `[count, 784]`, row by row.
    pub(super) fn sample(&mut self, latents: &[f32], count: usize, mode: SampleMode) -> Vec<f32> {
        let dim = self.lane.config.model.latent_dim as usize;
        let mut input = Matrix::new(count, dim);
        fill_rows(&mut input, latents);
        let statistics = match mode {
            SampleMode::Eval => Statistics::Running,
            SampleMode::BatchStatistics => Statistics::Batch,
        };
        let mut images = Matrix::new(count, IMAGE_PIXELS);
        let last = Rows { matrix: &mut images, first_row: 0 };
        let mut trace = self.generator.trace(count);
        self.generator.forward(&mut self.engine, Mode { statistics, draws: None }, &input, &mut trace, last);
        (0..count).flat_map(|row| (0..IMAGE_PIXELS).map(move |col| (row, col))).map(|(row, col)| images.get(row, col)).collect()
    }
}

fn training(draws: Draws) -> Mode {
    Mode { statistics: Statistics::Training, draws: Some(draws) }
}

/// Fills a matrix with values row by row.
fn fill_rows(matrix: &mut Matrix, values: &[f32]) {
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
struct Collect<'a> {
    images: &'a TrainingImages,
    batch: &'a [u32],
    rows: &'a mut Matrix,
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
                let line = &mut self.rows.panel_mut(panel)[row];
                for i in 0..LINE {
                    line.0[i] = (f32::from(bytes[i]) / 255.0 - shift) / scale;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gansweep_experiment::Dataset;

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
