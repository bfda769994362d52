//! One lane: its networks, its workspace, and the step.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gansweep_config::{Config, Noise, Relativistic, SampleMode};
use pulp::Arch;

use super::affine::Statistics;
use super::engine::{Engine, Phase};
use super::loss::{BatchLoss, discriminator_loss, generator_loss};
use super::matrix::Matrix;
use super::net::Net;
use super::output_activation::OutputActivation;
use super::penalty::{Measured, Penalty, Scene};
use super::sparse::{Input, SparseImages};
use super::stage::{MaskStreams, Mode, Rows};
use super::trained::Learning;
use super::transpose::{Derivative, times_derivative};
use super::weights;
use super::workspace::{Workspace, fill_rows};
use gansweep_nn::average;
use gansweep_nn::network::{Network, Role};
use gansweep_nn::optimizer::Update;
use gansweep_nn::rng::{self, Key, Pass, Purpose};
use gansweep_nn::state::{Array, LaneState};
use gansweep_protocol::SampleSource;
use gansweep_train::TrainError;
use gansweep_train::{BatchOrder, Lane, LaneChunk, StepRows, TrainingImages};

/// A lane with everything it needs to train on; none of it is shared.
#[derive(Debug)]
pub(super) struct LaneTrainer {
    lane: Lane,
    engine: Engine,
    step: u64,
    generator: Net,
    generator_updates: u64,
    discriminator: Net,
    discriminator_updates: u64,
    batch_order: BatchOrder,
    work: Workspace,
    /// The arrays of the state, without their numbers.
    shapes: BTreeMap<String, Vec<usize>>,
}

/// Metrics of the discriminator, summed over the updates of a step.
#[derive(Debug, Clone, Copy, Default)]
struct DiscriminatorSums {
    loss: f64,
    real: f64,
    fake: f64,
    accuracy_real: f64,
    accuracy_fake: f64,
    penalty: f64,
    input_gradient: f64,
    /// Updates with a penalty.
    penalised: f64,
}

impl DiscriminatorSums {
    /// The mean over the updates that have a penalty; NaN, which stands for a metric that is not measured, without any.
    fn of_penalised(&self, sum: f64) -> f32 {
        if self.penalised > 0.0 { (sum / self.penalised) as f32 } else { f32::NAN }
    }
}

/// Squared norms of both networks' gradients.
#[derive(Debug, Clone, Copy, Default)]
struct Squares {
    generator: f64,
    discriminator: f64,
}

impl LaneTrainer {
    /// A lane that goes on from `state`. `sparse_images` holds the training images, if they are sparse.
    pub(super) fn new(
        arch: Arch,
        lane: Lane,
        state: &LaneState,
        sparse_images: Option<Arc<SparseImages>>,
    ) -> Result<Self, TrainError> {
        state.check(&lane.config, &lane.spec).map_err(TrainError::Group)?;
        let network = |role| -> Result<Net, TrainError> {
            let mut network = Net::new(&Network::of(role, &lane.config, &lane.spec)?, &lane.config)?;
            weights::import(&mut network, role.name(), &state.arrays)?;
            Ok(network)
        };
        let (generator, discriminator) = (network(Role::Generator)?, network(Role::Discriminator)?);
        let work = Workspace::new(&lane.config, lane.spec.image, sparse_images, &generator, &discriminator);
        Ok(Self {
            engine: Engine::new(arch),
            step: state.step,
            generator,
            generator_updates: state.generator_updates,
            discriminator,
            discriminator_updates: state.discriminator_updates,
            batch_order: BatchOrder::new(),
            work,
            shapes: state.arrays.iter().map(|(name, array)| (name.clone(), array.shape.clone())).collect(),
            lane,
        })
    }

    pub(super) fn state(&mut self) -> LaneState {
        let empty = |(name, shape): (&String, &Vec<usize>)| {
            (name.clone(), Array { shape: shape.clone(), values: Vec::new() })
        };
        let mut state = LaneState {
            step: self.step,
            generator_updates: self.generator_updates,
            discriminator_updates: self.discriminator_updates,
            arrays: self.shapes.iter().map(empty).collect(),
        };
        weights::export(&mut self.generator, Role::Generator.name(), &mut state.arrays);
        weights::export(&mut self.discriminator, Role::Discriminator.name(), &mut state.arrays);
        state
    }

    /// Starts profiling.
    pub(super) fn start_clock(&mut self) {
        self.engine.start_clock();
    }

    /// Time in each phase since profiling started.
    pub(super) fn spent(&self) -> [Duration; Phase::ALL.len()] {
        self.engine.spent()
    }

    /// Trains up to `steps` steps, fewer if a loss is not finite.
    pub(super) fn advance(&mut self, images: &TrainingImages, steps: u32, point: bool) -> LaneChunk {
        self.engine.begin();
        let mut chunk = LaneChunk { steps: StepRows::with_capacity(steps as usize), point: None };
        for remaining in (0..steps).rev() {
            let mut squares = (point && remaining == 0).then(Squares::default);
            let row = self.train_step(images, squares.as_mut());
            let goes_on = chunk.steps.push(&row);
            let norm = |squares: f64| libm::sqrt(squares) as f32;
            chunk.point = squares.map(|it| vec![norm(it.discriminator), norm(it.generator)]);
            if !goes_on {
                break;
            }
        }
        chunk
    }

    /// `d_steps` discriminator updates, then one of the generator. Returns the metrics in the order of
    /// `Metric::of_steps`.
    fn train_step(&mut self, images: &TrainingImages, mut squares: Option<&mut Squares>) -> [f32; 9] {
        let mut batch_order = std::mem::take(&mut self.batch_order);
        let batches = batch_order.batches(&self.lane, self.step);
        let (updates, last) = (batches.len() as f64, batches.last().copied().unwrap_or_default());
        let mut sums = DiscriminatorSums::default();
        for (update, &batch) in (0u32..).zip(&batches) {
            let squares = squares.as_deref_mut().map(|squares| &mut squares.discriminator);
            self.draw_discriminator_batch(images, update, batch);
            self.discriminator_update(images, update, batch, &mut sums, squares);
        }
        let generator = self.generator_update(images, last, squares.map(|squares| &mut squares.generator));
        self.batch_order = batch_order;
        self.step += 1;
        let mean = |sum: f64| (sum / updates) as f32;
        [
            mean(sums.loss),
            generator.loss as f32,
            mean(sums.real),
            mean(sums.fake),
            generator.score as f32,
            mean(sums.accuracy_real),
            mean(sums.accuracy_fake),
            sums.of_penalised(sums.penalty),
            sums.of_penalised(sums.input_gradient),
        ]
    }

    /// Gathers a batch of real images, and draws the latents of as many fakes.
    fn draw_discriminator_batch(&mut self, images: &TrainingImages, update: u32, batch: &[u32]) {
        let Self { lane, engine, work, .. } = self;
        work.batch.collect(engine.arch, images, batch);
        let key = Key::new(lane.seed, Purpose::LatentD, &[self.step, u64::from(update)]);
        work.draw_latents(&lane.config, key, batch.len());
        engine.lap(Phase::Inputs);
        self.draw_classes(images, update, Pass::GeneratorInD, batch);
        self.work.batch.set_fake_classes(&self.work.classes);
    }

    /// Draws the classes of fakes, or takes those of the real images of `batch`.
    fn draw_classes(&mut self, images: &TrainingImages, update: u32, pass: Pass, batch: &[u32]) {
        if self.lane.config.model.conditional {
            self.work.classes = self.lane.fake_classes((self.step, update, pass), &images.classes(batch));
        }
    }

    fn discriminator_update(
        &mut self,
        images: &TrainingImages,
        update: u32,
        batch: &[u32],
        sums: &mut DiscriminatorSums,
        mut squares: Option<&mut f64>,
    ) {
        let count = batch.len();
        self.normalise_weights();
        self.generate(self.training(update, &[Pass::GeneratorInD]));
        self.change_inputs(update, &[(Pass::DiscriminatorReal, 0), (Pass::DiscriminatorFake, count)], count);
        // Real images and fakes in one pass, so that every weight is loaded once for both.
        self.discriminate(self.training(update, &[Pass::DiscriminatorReal, Pass::DiscriminatorFake]));
        let measured = self.measure_penalty(images, update, batch);
        let Self { lane, engine, work, .. } = self;
        let (loss, weight) = (&lane.config.loss, lane.config.loss.discriminator_weight());
        work.gradients.output.reshape(2 * count, 1);
        let flips = &mut work.flips[..if loss.label_flip > 0.0 { 2 * count } else { 0 }];
        let key = Key::new(lane.seed, Purpose::LabelFlip, &[self.step, u64::from(update)]);
        rng::flips(key, loss.label_flip, flips);
        let (logits, gradient) = (work.logits.lines(), work.gradients.output.lines_mut());
        let [real, fake] = discriminator_loss(loss, logits, flips, gradient);
        sums.loss += weight * (real.loss + fake.loss);
        if let Some(Measured { penalty, norm }) = measured {
            // A penalty that is not finite is no part of the loss, but ends the run.
            sums.loss += 0.0 * penalty;
            sums.penalty += penalty;
            sums.input_gradient += norm;
            sums.penalised += 1.0;
        }
        sums.real += real.score;
        sums.fake += fake.score;
        sums.accuracy_real += real.classified_real;
        sums.accuracy_fake += 1.0 - fake.classified_real;
        engine.lap(Phase::Losses);
        if let Some(squares) = squares.as_deref_mut() {
            // The recorded norm is that of the last update of the step.
            *squares = 0.0;
        }
        self.discriminator_updates += 1;
        let update = Update::new(&lane.optimizer(Role::Discriminator, self.step), self.discriminator_updates);
        let (trace, gradients) = (&mut work.discriminator, &mut work.gradients);
        let penalty = work.penalty.as_ref().filter(|_| measured.is_some()).map(Penalty::pairs);
        let learning = Some(Learning { update, average_share: None, squares });
        self.discriminator.backward(engine, work.batch.input(), trace, gradients, penalty, learning);
        if let Some(limit) = lane.config.clipped_weights() {
            self.discriminator.clip_weights(engine, limit as f32);
        }
    }

    /// One update of the generator, whose loss may compare its fakes with the real images of `batch`; returns its
    /// loss and scores.
    fn generator_update(
        &mut self,
        images: &TrainingImages,
        batch: &[u32],
        squares: Option<&mut f64>,
    ) -> BatchLoss {
        let count = batch.len();
        self.normalise_weights();
        self.compare_with(images, batch);
        if self.lane.config.train.noise == Noise::Fresh {
            let key = Key::new(self.lane.seed, Purpose::LatentG, &[self.step]);
            self.work.draw_latents(&self.lane.config, key, count);
            self.engine.lap(Phase::Inputs);
            self.draw_classes(images, 0, Pass::GeneratorInG, batch);
        }
        if self.redraws_the_same_fakes() {
            self.work.batch.keep_fakes();
            self.generator.track_again();
        } else {
            self.work.batch.only_fakes(count);
            self.generate(self.training(0, &[Pass::GeneratorInG]));
        }
        self.work.batch.set_fake_classes(&self.work.classes);
        if let Some(drawn) = &mut self.work.drawn_fakes {
            drawn.copy_from(self.work.batch.fakes());
        }
        self.change_inputs(0, &[(Pass::DiscriminatorInG, 0)], count);
        self.discriminate(self.training(0, &[Pass::DiscriminatorInG]));
        let Self { lane, engine, work, .. } = self;
        let gradients = &mut work.gradients;
        gradients.output.reshape(count, 1);
        let (real, fake) = (work.real_logits.lines(), work.logits.lines());
        let batch_loss = generator_loss(&lane.config.loss, real, fake, gradients.output.lines_mut());
        engine.lap(Phase::Losses);
        let input = work.batch.input();
        self.discriminator.backward(engine, input, &mut work.discriminator, gradients, None, None);
        self.gradient_of_fakes(count);
        let Self { lane, engine, work, .. } = self;
        self.generator_updates += 1;
        let update = Update::new(&lane.optimizer(Role::Generator, self.step), self.generator_updates);
        let average_share = average::share(&lane.config.train, self.generator_updates);
        let learning = Some(Learning { update, average_share, squares });
        let latents = Input::from(&work.latents).with_classes(&work.classes);
        let (trace, gradients) = (&mut work.generator, &mut work.gradients);
        self.generator.backward(engine, latents, trace, gradients, None, learning);
        batch_loss
    }

    /// Turns the gradient of the discriminator's `count` inputs into that of what the generator's last layer computes
    /// before its activation.
    fn gradient_of_fakes(&mut self, count: usize) {
        let Self { lane, engine, step, work, discriminator, .. } = self;
        let fakes = work.drawn_fakes.as_ref().unwrap_or_else(|| work.batch.fakes());
        let derivative = OutputActivation::of(lane.config.model.output).derivative();
        let (trace, gradients) = (&mut work.discriminator, &mut work.gradients);
        let Some(augment) = &mut work.augment else {
            return discriminator.input_gradient(engine, trace, derivative, fakes, gradients);
        };
        // The changes lie between the activation and the discriminator.
        discriminator.input_gradient(engine, trace, Derivative::LeakyRelu(1.0), fakes, gradients);
        let changes = lane.augmentations(*step, 0, Pass::DiscriminatorInG, count);
        augment.backward(engine.arch, &mut gradients.output, changes);
        times_derivative(engine.arch, derivative, fakes, &mut gradients.output);
        engine.lap(Phase::Inputs);
    }

    /// Whether the generator's update would draw the fakes of the discriminator's last update again, which the batch
    /// still has: from the same latents, with nothing else that is random, and unchanged.
    fn redraws_the_same_fakes(&self) -> bool {
        let Config { model, loss, train, .. } = &self.lane.config;
        train.noise == Noise::Shared
            && !model.generator.drops_out()
            && !model.generator.spectral_norm
            && !self.lane.config.changes_inputs()
            && loss.relativistic == Relativistic::None
    }

    /// The penalty of a discriminator update, whose batch has been evaluated; `None` if it has none.
    fn measure_penalty(&mut self, images: &TrainingImages, update: u32, places: &[u32]) -> Option<Measured> {
        let Self { lane, engine, work, discriminator, step, .. } = self;
        let number = self.discriminator_updates;
        let penalty = work.penalty.as_mut().filter(|penalty| penalty.is_due(number))?;
        let mut scene = Scene {
            streams: MaskStreams { seed: lane.seed, step: *step, update, passes: &[] },
            update: number,
            images,
            places,
            batch: &work.batch,
            trace: &work.discriminator,
            gradients: &mut work.gradients,
        };
        Some(penalty.measure(engine, discriminator, &mut scene))
    }

    /// Computes the logits of the real images that the generator's loss compares its fakes with, if it does.
    fn compare_with(&mut self, images: &TrainingImages, batch: &[u32]) {
        self.work.real_logits.reshape(0, 1);
        if self.lane.config.loss.relativistic == Relativistic::None {
            return;
        }
        self.work.batch.only_real(self.engine.arch, images, batch);
        self.engine.lap(Phase::Inputs);
        self.change_inputs(0, &[(Pass::DiscriminatorRealInG, 0)], batch.len());
        self.discriminate(self.training(0, &[Pass::DiscriminatorRealInG]));
        std::mem::swap(&mut self.work.real_logits, &mut self.work.logits);
    }

    /// Changes the inputs of passes of the discriminator, each `count` rows of the batch from the given one on, and adds
    /// noise to them.
    fn change_inputs(&mut self, update: u32, passes: &[(Pass, usize)], count: usize) {
        let Self { lane, engine, step, work, .. } = self;
        if let Some(augment) = &mut work.augment {
            for &(pass, first) in passes {
                let changes = lane.augmentations(*step, update, pass, count);
                augment.apply(engine.arch, work.batch.dense_mut(), first, changes);
            }
        }
        let deviation = lane.instance_noise(*step);
        if let Some(noise) = work.noise.as_mut().filter(|_| deviation > 0.0) {
            for &(pass, first) in passes {
                let draw =
                    |out: &mut [f32]| rng::instance_noise(lane.seed, *step, update, pass, deviation, out);
                noise.add(work.batch.dense_mut(), first, count, draw);
            }
        }
        if lane.config.changes_inputs() {
            engine.lap(Phase::Inputs);
        }
    }

    /// Takes the power iteration of an update, in both networks.
    fn normalise_weights(&mut self) {
        self.generator.normalise_weights(&mut self.engine, true);
        self.discriminator.normalise_weights(&mut self.engine, true);
    }

    /// Computes the fakes of the batch from the latents.
    fn generate(&mut self, mode: Mode) {
        let work = &mut self.work;
        let latents = Input::from(&work.latents).with_classes(&work.classes);
        let fakes = work.batch.fakes_mut();
        self.generator.forward(&mut self.engine, mode, latents, &mut work.generator, fakes);
    }

    /// Computes the logits of the batch.
    fn discriminate(&mut self, mode: Mode) {
        let work = &mut self.work;
        let input = work.batch.input();
        work.logits.reshape(input.rows(), 1);
        let logits = Rows { matrix: &mut work.logits, first_row: 0 };
        self.discriminator.forward(&mut self.engine, mode, input, &mut work.discriminator, logits);
    }

    fn training(&self, update: u32, passes: &'static [Pass]) -> Mode {
        let streams = MaskStreams { seed: self.lane.seed, step: self.step, update, passes };
        Mode { statistics: Statistics::Training, streams: Some(streams) }
    }

    /// Images of `latents` `[count, latent_dim]` and their classes: `[count, image size]`, row by row; `None` if they
    /// are asked of an average that is not kept.
    pub(super) fn sample(
        &mut self,
        latents: &[f32],
        classes: &[u16],
        mode: SampleMode,
        source: SampleSource,
    ) -> Option<Vec<f32>> {
        match source {
            SampleSource::Raw => Some(self.sample_raw(latents, classes, mode)),
            SampleSource::Ema if average::is_kept(&self.lane.config.train) => {
                self.generator.swap_averages();
                let images = self.sample_raw(latents, classes, mode);
                self.generator.swap_averages();
                Some(images)
            }
            SampleSource::Ema => None,
        }
    }

    /// The discriminator's logit of each image of `images` `[count, image size]`, in eval mode, taken to be of `classes`.
    pub(super) fn logits(&mut self, images: &[f32], classes: &[u16]) -> Vec<f32> {
        let size = self.lane.spec.image.size();
        let count = images.len() / size;
        let (mut input, mut logits) = (Matrix::new(count, size), Matrix::new(count, 1));
        fill_rows(&mut input, images);
        let last = Rows { matrix: &mut logits, first_row: 0 };
        self.discriminator.normalise_weights(&mut self.engine, false);
        let mut trace = self.discriminator.trace(count, false);
        let mode = Mode { statistics: Statistics::Running, streams: None };
        let input = Input::from(&input).with_classes(classes);
        self.discriminator.forward(&mut self.engine, mode, input, &mut trace, last);
        (0..count).map(|row| logits.get(row, 0)).collect()
    }

    fn sample_raw(&mut self, latents: &[f32], classes: &[u16], mode: SampleMode) -> Vec<f32> {
        let dim = self.lane.config.model.latent_dim as usize;
        let count = classes.len();
        let mut input = Matrix::new(count, dim);
        fill_rows(&mut input, latents);
        let statistics = match mode {
            SampleMode::Eval => Statistics::Running,
            SampleMode::BatchStatistics => Statistics::Batch,
        };
        let size = self.lane.spec.image.size();
        let mut images = Matrix::new(count, size);
        let last = Rows { matrix: &mut images, first_row: 0 };
        self.generator.normalise_weights(&mut self.engine, false);
        let mut trace = self.generator.trace(count, false);
        let mode = Mode { statistics, streams: None };
        let input = Input::from(&input).with_classes(classes);
        self.generator.forward(&mut self.engine, mode, input, &mut trace, last);
        let places = (0..count).flat_map(|row| (0..size).map(move |col| (row, col)));
        places.map(|(row, col)| images.get(row, col)).collect()
    }
}
