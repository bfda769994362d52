//! A reference implementation of a lane in 64-bit floats, with automatic differentiation of every number.

mod attention;
pub(crate) mod curves;
mod input_gradient;
mod inputs;
mod layers;
mod losses;
mod network;
mod penalty;
mod spectral_norm;

use std::collections::BTreeMap;

use gansweep_config::{Config, LossConfig, NetworkOptimizer, Noise, PenaltyKind, Relativistic, SampleMode};

use self::losses::{Judge, Of, compared};
use super::tape::{Batch, Tape, Var, Vars};
use gansweep_nn::average;
use gansweep_nn::loss::visit;
use gansweep_nn::network::{Network, Role};
use gansweep_nn::optimizer::{Algorithm, Optimizer, Visitor};
use gansweep_nn::rng::{self, Key, Pass, Purpose};
use gansweep_nn::state::LaneState;
use gansweep_train::{BatchOrder, Lane, TrainingImages};

/// Arrays by name, as in [`LaneState`].
pub(super) type Arrays = BTreeMap<String, Vec<f64>>;

/// A lane's state in 64-bit floats.
pub(super) struct Oracle {
    pub(super) lane: Lane,
    pub(super) arrays: Arrays,
    pub(super) step: u64,
    updates: [u64; 2],
    last_latents: Vec<f32>,
    /// The classes of the last fakes.
    last_classes: Vec<u16>,
    /// Whether updates take power iterations.
    iterates: bool,
}

/// The metrics of a step, in the order of `Metric::of_steps`.
pub(super) type Values = [f64; 9];

/// How layers that differ between training and sampling behave.
#[derive(Clone, Copy)]
enum Mode {
    Training { update: u32, pass: Pass },
    Sampling(SampleMode),
}

impl Oracle {
    pub(super) fn new(lane: &Lane, state: &LaneState) -> Self {
        Self {
            lane: lane.clone(),
            arrays: wide(state),
            step: 0,
            updates: [0; 2],
            last_latents: Vec::new(),
            last_classes: Vec::new(),
            iterates: true,
        }
    }

    /// Takes the numbers of a state at the same step.
    pub(super) fn take(&mut self, state: &LaneState) {
        self.arrays = wide(state);
    }

    /// The same lane without power iterations. Gradients take singular vectors for constants; so are they then.
    pub(super) fn without_iterations(self) -> Self {
        Self { iterates: false, ..self }
    }

    /// One step; the gradients of both networks (the discriminator's last) by parameter.
    pub(super) fn step(&mut self, images: &TrainingImages) -> (Values, Arrays) {
        let mut batch_order = BatchOrder::new();
        let lane = self.lane.clone();
        let mut gradients = Arrays::new();
        let (mut sums, mut updates, mut last) = ([0.0; 5], 0.0, Vec::new());
        let (mut penalties, mut penalised) = ([0.0; 2], 0.0);
        for (update, batch) in (0u32..).zip(batch_order.batches(&lane, self.step)) {
            last = batch.to_vec();
            let (values, penalty, gradient) = self.discriminator_update(images, update, batch);
            if let Some(penalty) = penalty {
                penalties.iter_mut().zip(penalty).for_each(|(sum, value)| *sum += value);
                penalised += 1.0;
            }
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            updates += 1.0;
            gradients.extend(gradient);
        }
        let ([g_loss, after], gradient) = self.generator_update(images, &last);
        gradients.extend(gradient);
        self.step += 1;
        let [d_loss, real, before, accuracy_real, accuracy_fake] = sums.map(|sum| sum / updates);
        let [penalty, norm] = penalties.map(|sum| sum / penalised);
        ([d_loss, g_loss, real, before, after, accuracy_real, accuracy_fake, penalty, norm], gradients)
    }

    fn discriminator_update(
        &mut self,
        images: &TrainingImages,
        update: u32,
        batch: &[u32],
    ) -> ([f64; 5], Option<[f64; 2]>, Arrays) {
        let mut tape = Tape::default();
        self.iterate();
        let vars = self.vars(&mut tape);
        let real = gather(&mut tape, images, batch);
        let real = self.seen(&mut tape, &real, update, Pass::DiscriminatorReal);
        self.draw(Purpose::LatentD, &[self.step, u64::from(update)], batch.len());
        self.last_classes = lane_classes(&self.lane, images, (self.step, update, Pass::GeneratorInD), batch);
        let classes = [images.classes(batch), self.last_classes.clone()];
        let latents = self.latents(&mut tape);
        let training = |pass| Mode::Training { update, pass };
        let fake = self.evaluate(
            &mut tape,
            &vars,
            Role::Generator,
            latents,
            &classes[1],
            training(Pass::GeneratorInD),
        );
        // Detached: the discriminator's loss does not reach the generator.
        let fake: Batch =
            fake.iter().map(|row| row.iter().map(|var| tape.leaf(var.value)).collect()).collect();
        let fake = self.seen(&mut tape, &fake, update, Pass::DiscriminatorFake);
        let penalty = self.penalty(&mut tape, &vars, update, [&real, &fake], [&classes[0], &classes[1]]);
        let role = Role::Discriminator;
        let real =
            self.evaluate(&mut tape, &vars, role, real, &classes[0], training(Pass::DiscriminatorReal));
        let fake =
            self.evaluate(&mut tape, &vars, role, fake, &classes[1], training(Pass::DiscriminatorFake));
        let loss = &self.lane.config.loss;
        let [real, fake] = compared(&mut tape, loss.relativistic, [real, fake]);
        let mut flips = vec![0.0; 2 * batch.len()];
        let key = Key::new(self.lane.seed, Purpose::LabelFlip, &[self.step, u64::from(update)]);
        rng::flips(key, loss.label_flip, &mut flips);
        let (flips_real, flips_fake) = flips.split_at(batch.len());
        let real = Judge { tape: &mut tape, loss, outputs: &real, of: Of::Real, flips: flips_real };
        let real = visit(loss.kind, real);
        let fake = Judge { tape: &mut tape, loss, outputs: &fake, of: Of::Fake, flips: flips_fake };
        let fake = visit(loss.kind, fake);
        let loss = if loss.relativistic == Relativistic::Paired {
            real.loss
        } else {
            let sum = tape.add(real.loss, fake.loss);
            tape.scale(sum, loss.combine.weight())
        };
        let total = match &penalty {
            Some((penalty, _)) => tape.add(loss, *penalty),
            None => loss,
        };
        let gradients = self.descend(&tape, &vars, total, role);
        if let Some(limit) = self.lane.config.clipped_weights() {
            // As a 32-bit float, which 0.01 is not exactly.
            let limit = f64::from(limit as f32);
            for name in gradients.keys() {
                let values = self.arrays.get_mut(name).unwrap();
                for value in values {
                    *value = value.clamp(-limit, limit);
                }
            }
        }
        let values = [loss.value, real.score, fake.score, real.classified_real, 1.0 - fake.classified_real];
        (values, penalty.map(|(_, values)| values), gradients)
    }

    fn generator_update(&mut self, images: &TrainingImages, batch: &[u32]) -> ([f64; 2], Arrays) {
        let count = batch.len();
        let mut tape = Tape::default();
        self.iterate();
        let vars = self.vars(&mut tape);
        if self.lane.config.train.noise == Noise::Fresh {
            self.draw(Purpose::LatentG, &[self.step], count);
            self.last_classes = lane_classes(&self.lane, images, (self.step, 0, Pass::GeneratorInG), batch);
        }
        let classes = self.last_classes.clone();
        let latents = self.latents(&mut tape);
        let training = |pass| Mode::Training { update: 0, pass };
        let fake =
            self.evaluate(&mut tape, &vars, Role::Generator, latents, &classes, training(Pass::GeneratorInG));
        let role = Role::Discriminator;
        let fake = self.seen(&mut tape, &fake, 0, Pass::DiscriminatorInG);
        let logits = self.evaluate(&mut tape, &vars, role, fake, &classes, training(Pass::DiscriminatorInG));
        if self.lane.config.loss.relativistic != Relativistic::None {
            let real = gather(&mut tape, images, batch);
            let real = self.seen(&mut tape, &real, 0, Pass::DiscriminatorRealInG);
            let classes = images.classes(batch);
            let pass = training(Pass::DiscriminatorRealInG);
            let real = self.evaluate(&mut tape, &vars, role, real, &classes, pass);
            return self.generator_compared(&mut tape, &vars, [real, logits]);
        }
        let loss = &self.lane.config.loss;
        let fake = visit(
            loss.kind,
            Judge { tape: &mut tape, loss, outputs: &logits, of: Of::Generator, flips: &[] },
        );
        let gradients = self.descend(&tape, &vars, fake.loss, Role::Generator);
        self.average();
        ([fake.loss.value, fake.score], gradients)
    }

    /// Moves the averages of the generator's arrays towards them.
    fn average(&mut self) {
        let train = &self.lane.config.train;
        let Some(share) = average::share(train, self.updates[Role::Generator as usize]) else { return };
        let is_vector = |name: &str| name.ends_with("_u") || name.ends_with("_v");
        for (name, current) in self.arrays.clone().into_iter().filter(|(name, _)| !is_vector(name)) {
            let Some(averages) = self.arrays.get_mut(&format!("ema.{name}")) else { continue };
            for (average, current) in averages.iter_mut().zip(current) {
                *average = (1.0 - f64::from(share)) * *average + f64::from(share) * current;
            }
        }
        self.iterate_averages();
    }

    /// The lane with the averages in place of the generator's arrays.
    pub(super) fn averaged(&self) -> Self {
        let mut arrays = self.arrays.clone();
        for (name, average) in &self.arrays {
            if let Some(current) = name.strip_prefix("ema.") {
                arrays.insert(current.to_owned(), average.clone());
            }
        }
        Self { lane: self.lane.clone(), arrays, last_latents: Vec::new(), last_classes: Vec::new(), ..*self }
    }

    /// The end of the generator's update by a loss of differences: that of the discriminator with the labels exchanged.
    fn generator_compared(
        &mut self,
        tape: &mut Tape,
        vars: &Vars,
        outputs: [Batch; 2],
    ) -> ([f64; 2], Arrays) {
        let config = &self.lane.config.loss;
        let loss = LossConfig { label_smoothing: 0.0, fake_label_smoothing: 0.0, ..config.clone() };
        let [real, fake] = compared(tape, loss.relativistic, outputs);
        let real = visit(loss.kind, Judge { tape, loss: &loss, outputs: &real, of: Of::Fake, flips: &[] });
        let fake = visit(loss.kind, Judge { tape, loss: &loss, outputs: &fake, of: Of::Real, flips: &[] });
        let loss = if config.relativistic == Relativistic::Paired {
            fake.loss
        } else {
            let sum = tape.add(real.loss, fake.loss);
            tape.scale(sum, config.combine.weight())
        };
        let gradients = self.descend(tape, vars, loss, Role::Generator);
        ([loss.value, fake.score], gradients)
    }

    /// Images row by row.
    pub(super) fn sample(&mut self, latents: &[f32], classes: &[u16], mode: SampleMode) -> Vec<f64> {
        self.last_latents = latents.to_vec();
        let mut tape = Tape::default();
        let vars = self.vars(&mut tape);
        let latents = self.latents(&mut tape);
        let images = self.evaluate(&mut tape, &vars, Role::Generator, latents, classes, Mode::Sampling(mode));
        images.iter().flatten().map(|var| var.value).collect()
    }

    fn draw(&mut self, purpose: Purpose, position: &[u64], count: usize) {
        let model = &self.lane.config.model;
        self.last_latents = vec![0.0; count * model.latent_dim as usize];
        rng::latents(Key::new(self.lane.seed, purpose, position), model.latent, &mut self.last_latents);
    }

    fn latents(&self, tape: &mut Tape) -> Batch {
        let rows = self.last_latents.chunks(self.lane.config.model.latent_dim as usize);
        rows.map(|row| row.iter().map(|&value| tape.leaf(f64::from(value))).collect()).collect()
    }

    /// One update of every parameter of a network; returns their gradients.
    fn descend(&mut self, tape: &Tape, vars: &Vars, loss: Var, role: Role) -> Arrays {
        self.updates[role as usize] += 1;
        let optimizer = self.lane.optimizer(role, self.step);
        let all = tape.gradient(loss);
        let parameters =
            Network::of(role, &self.lane.config, &self.lane.spec).unwrap().parameters().into_iter();
        let names = parameters.map(|parameter| format!("{}.{}", role.name(), parameter.name));
        let gradients: Arrays = names.map(|name| (name.clone(), all.of(&vars[&name]))).collect();
        let norm = gradients.values().flatten().map(|element| element * element).sum::<f64>().sqrt();
        let scale =
            if optimizer.clip_norm > 0.0 { (optimizer.clip_norm / (norm + 1e-6)).min(1.0) } else { 1.0 };
        for (name, gradient) in &gradients {
            Algorithm::of(&optimizer).visit(Descend {
                config: &optimizer,
                t: self.updates[role as usize],
                gradient: &gradient.iter().map(|element| element * scale).collect::<Vec<_>>(),
                name,
                arrays: &mut self.arrays,
            });
        }
        gradients
    }
}

/// The arrays of a state.
fn wide(state: &LaneState) -> Arrays {
    let wide = |values: &Vec<f32>| values.iter().map(|&value| f64::from(value)).collect();
    state.arrays.iter().map(|(name, array)| (name.clone(), wide(&array.values))).collect()
}

/// An update of one parameter in 64-bit floats.
struct Descend<'a> {
    config: &'a NetworkOptimizer,
    t: u64,
    gradient: &'a [f64],
    name: &'a str,
    arrays: &'a mut Arrays,
}

impl Visitor for Descend<'_> {
    type Output = ();

    fn visit<O: Optimizer<STATE, COEFFICIENTS>, const STATE: usize, const COEFFICIENTS: usize>(self) {
        let names = O::BUFFERS.map(|buffer| format!("{buffer}.{}", self.name));
        let coefficients = O::coefficients(self.config, self.t);
        for (i, &gradient) in self.gradient.iter().enumerate() {
            let buffers = names.each_ref().map(|name| self.arrays[name][i]);
            let (value, buffers) = O::step(&coefficients, gradient, self.arrays[self.name][i], buffers);
            self.arrays.get_mut(self.name).unwrap()[i] = value;
            for (name, buffer) in names.iter().zip(buffers) {
                self.arrays.get_mut(name).unwrap()[i] = buffer;
            }
        }
    }
}

/// The classes of fakes: drawn as in [`rng::classes`], or the batch's own.
fn lane_classes(
    lane: &Lane,
    images: &TrainingImages,
    (step, update, pass): (u64, u32, Pass),
    batch: &[u32],
) -> Vec<u16> {
    let Config { loss, penalty, .. } = &lane.config;
    if loss.relativistic != Relativistic::None || penalty.kind == PenaltyKind::WganGp {
        return batch.iter().map(|&image| images.labels[image as usize]).collect();
    }
    let (low, high) = Key::new(lane.seed, Purpose::Class, &[step, u64::from(update), pass as u64]).halves();
    let share = |row: u32| f64::from(rng::hash32(low, high, row)) / 2f64.powi(32);
    (0..batch.len() as u32).map(|row| (share(row) * f64::from(lane.spec.classes)) as u16).collect()
}

/// Images as constants.
fn gather(tape: &mut Tape, images: &TrainingImages, batch: &[u32]) -> Batch {
    let table = TrainingImages::table(images.pixels);
    let mut image = |&index: &u32| {
        let pixels = images.image(index as usize).iter().map(|&byte| f64::from(table[usize::from(byte)]));
        tape.leaves(&pixels.collect::<Vec<_>>())
    };
    batch.iter().map(&mut image).collect()
}
