//! A reference implementation of a lane in 64-bit floats, with automatic differentiation of every number.

use std::collections::BTreeMap;

use gansweep_config::{
    Config, Latent, LossConfig, NetworkOptimizer, Noise, PenaltyKind, Relativistic, SampleMode,
};

use super::input_gradient::input_gradients;
use super::tape::{Tape, Var};
use gansweep_nn::average;
use gansweep_nn::loss::{self, Dual, Loss, Score, Targets, visit};
use gansweep_nn::network::{
    self, Condition, Conv2d, ConvTranspose2d, Entry, Layer, Network, Role, Upsample, Window,
};
use gansweep_nn::optimizer::{Algorithm, Optimizer, Visitor};
use gansweep_nn::rng::{self, Key, Pass, Purpose};
use gansweep_nn::state::LaneState;
use gansweep_train::{BatchOrder, Lane, TrainingImages};

/// Arrays by name, as in [`LaneState`].
pub(super) type Arrays = BTreeMap<String, Vec<f64>>;
pub(super) type Vars = BTreeMap<String, Vec<Var>>;
pub(super) type Batch = Vec<Vec<Var>>;

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
        let wide = |values: &Vec<f32>| values.iter().map(|&value| f64::from(value)).collect();
        let arrays = state.arrays.iter().map(|(name, array)| (name.clone(), wide(&array.values))).collect();
        Self {
            lane: lane.clone(),
            arrays,
            step: 0,
            updates: [0; 2],
            last_latents: Vec::new(),
            last_classes: Vec::new(),
            iterates: true,
        }
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
        let real = self.noisy(&mut tape, &real, update, Pass::DiscriminatorReal);
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
        let fake = self.noisy(&mut tape, &fake, update, Pass::DiscriminatorFake);
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

    /// The penalty with its factor; and the mean penalty times its weight, and the mean norm. The gradient of the input is
    /// a formula of the weights on the tape, which is differentiated again: no tangents.
    fn penalty(
        &self,
        tape: &mut Tape,
        vars: &Vars,
        update: u32,
        [real, fake]: [&Batch; 2],
        [of_real, of_fake]: [&[u16]; 2],
    ) -> Option<(Var, [f64; 2])> {
        let config = &self.lane.config.penalty;
        let number = self.updates[Role::Discriminator as usize];
        if !config.exists() || !number.is_multiple_of(u64::from(config.every)) {
            return None;
        }
        let key = Key::new(self.lane.seed, Purpose::Penalty, &[self.step, u64::from(update)]);
        let value = |rows: &Batch| -> Vec<Vec<f64>> {
            rows.iter().map(|row| row.iter().map(|var| var.value).collect()).collect()
        };
        let (mut between, fakes) = (value(real), value(fake));
        let halves = match config.kind {
            PenaltyKind::None => return None,
            PenaltyKind::WganGp => {
                let mut places = vec![0.0; real.len()];
                rng::fractions(key, &mut places);
                for ((x, g), place) in
                    between.iter_mut().zip(&fakes).zip(places.iter().copied().map(f64::from))
                {
                    x.iter_mut().zip(g).for_each(|(x, g)| *x = place * *x + (1.0 - place) * g);
                }
                vec![(between, of_real, Pass::DiscriminatorInPenalty)]
            }
            PenaltyKind::Dragan => {
                let mut noise = vec![0.0; real.len() * real[0].len()];
                rng::latents(key, Latent::Normal, &mut noise);
                let all = between.iter_mut().flatten().zip(noise);
                all.for_each(|(x, noise)| *x += f64::from(config.noise as f32 * noise));
                vec![(between, of_real, Pass::DiscriminatorInPenalty)]
            }
            PenaltyKind::R1 => vec![(between, of_real, Pass::DiscriminatorReal)],
            PenaltyKind::R2 => vec![(fakes, of_fake, Pass::DiscriminatorFake)],
            PenaltyKind::R1R2 => {
                vec![(between, of_real, Pass::DiscriminatorReal), (fakes, of_fake, Pass::DiscriminatorFake)]
            }
        };
        let (mut terms, mut norms) = (Vec::new(), Vec::new());
        for (points, classes, pass) in &halves {
            for gradient in self.input_gradients(tape, vars, points, classes, (update, *pass)) {
                let square = tape.dot(&gradient, &gradient);
                let norm = square.value.sqrt();
                // Zero at zero, as in PyTorch.
                let slope = if norm == 0.0 { 0.0 } else { 0.5 / norm };
                let norm = tape.var(norm, [(square, slope)]);
                norms.push(norm.value);
                let excess = norm.value - 1.0;
                terms.push(match config.kind {
                    PenaltyKind::WganGp | PenaltyKind::Dragan if config.one_sided && excess < 0.0 => {
                        tape.leaf(0.0)
                    }
                    PenaltyKind::WganGp | PenaltyKind::Dragan => {
                        tape.var(excess * excess, [(norm, 2.0 * excess)])
                    }
                    _ => tape.scale(square, 0.5),
                });
            }
        }
        // The sum of the means over both halves.
        let mean = tape.mean(&terms);
        let penalty = tape.scale(mean, config.weight * halves.len() as f64);
        let factor = tape.scale(penalty, f64::from(config.every));
        Some((factor, [penalty.value, norms.iter().sum::<f64>() / norms.len() as f64]))
    }

    /// The discriminator's gradient with respect to its input at each point.
    fn input_gradients(
        &self,
        tape: &mut Tape,
        vars: &Vars,
        points: &[Vec<f64>],
        classes: &[u16],
        (update, pass): (u32, Pass),
    ) -> Batch {
        let network = Network::of(Role::Discriminator, &self.lane.config, &self.lane.spec).unwrap();
        let config = &self.lane.config;
        let slope = |index| network::slope(Role::Discriminator, config, index);
        let mut masks = BTreeMap::new();
        for (index, node) in network.nodes.iter().enumerate() {
            if node.layer == Layer::Dropout {
                let mut mask = vec![0.0; points.len() * node.inputs()];
                let key = Key::mask(self.lane.seed, self.step, update, pass, index);
                rng::dropout_mask(key, network::rate(Role::Discriminator, config, index), &mut mask);
                masks.insert(index, mask);
            }
        }
        input_gradients(tape, vars, &network, &slope, &masks, points, classes)
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
        let fake = self.noisy(&mut tape, &fake, 0, Pass::DiscriminatorInG);
        let logits = self.evaluate(&mut tape, &vars, role, fake, &classes, training(Pass::DiscriminatorInG));
        if self.lane.config.loss.relativistic != Relativistic::None {
            let real = gather(&mut tape, images, batch);
            let real = self.noisy(&mut tape, &real, 0, Pass::DiscriminatorRealInG);
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
        for (name, current) in self.arrays.clone() {
            let Some(averages) = self.arrays.get_mut(&format!("ema.{name}")) else { continue };
            for (average, current) in averages.iter_mut().zip(current) {
                *average = (1.0 - f64::from(share)) * *average + f64::from(share) * current;
            }
        }
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

    /// Inputs of a pass of the discriminator with noise.
    fn noisy(&self, tape: &mut Tape, rows: &Batch, update: u32, pass: Pass) -> Batch {
        let train = &self.lane.config.train;
        if train.instance_noise == 0.0 {
            return rows.clone();
        }
        let epochs = self.step as f64 / f64::from(self.lane.config.steps_per_epoch(&self.lane.spec));
        let left =
            if train.instance_noise_epochs == 0.0 { 1.0 } else { 1.0 - epochs / train.instance_noise_epochs };
        let deviation = (train.instance_noise * left.max(0.0)) as f32;
        let mut noise = vec![0.0; rows.len() * rows[0].len()];
        rng::instance_noise(self.lane.seed, self.step, update, pass, deviation, &mut noise);
        let add = |(row, noise): (&Vec<Var>, &[f32])| {
            let each = row.iter().zip(noise);
            each.map(|(&x, &noise)| tape.var(x.value + f64::from(noise), [(x, 1.0)])).collect()
        };
        rows.iter().zip(noise.chunks(rows[0].len())).map(add).collect()
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

    /// Every array as constants, and the weight of each layer, which may be a formula of one.
    fn vars(&self, tape: &mut Tape) -> Vars {
        let mut vars: Vars =
            self.arrays.iter().map(|(name, values)| (name.clone(), tape.leaves(values))).collect();
        for norm in self.spectral_norms() {
            let (weight, [u, v]) =
                (&vars[&norm.weight], norm.vectors.each_ref().map(|name| &self.arrays[name]));
            let sigma: f64 = norm.entries(u, v).map(|(place, factor)| weight[place].value * factor).sum();
            let sigma = tape.var(sigma, norm.entries(u, v).map(|(place, factor)| (weight[place], factor)));
            let inverse = tape.var(1.0 / sigma.value, [(sigma, -1.0 / sigma.value.powi(2))]);
            let divided = weight.iter().map(|&weight| tape.mul(weight, inverse)).collect();
            vars.insert(norm.layer, divided);
        }
        vars
    }

    /// One power iteration for every weight that is divided by its norm.
    fn iterate(&mut self) {
        for norm in self.spectral_norms().into_iter().filter(|_| self.iterates) {
            let [name_u, name_v] = norm.vectors.clone();
            let (weight, [outputs, inputs]) = (self.arrays[&norm.weight].clone(), norm.sides);
            let unit = |vector: Vec<f64>| -> Vec<f64> {
                let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
                vector.iter().map(|x| x / norm).collect()
            };
            let v = &self.arrays[&name_v];
            let u = unit(
                (0..outputs).map(|o| (0..inputs).map(|i| weight[(norm.place)(o, i)] * v[i]).sum()).collect(),
            );
            let v = unit(
                (0..inputs).map(|i| (0..outputs).map(|o| weight[(norm.place)(o, i)] * u[o]).sum()).collect(),
            );
            self.arrays.extend([(name_u, u), (name_v, v)]);
        }
    }

    /// The weights that are divided by their norms.
    fn spectral_norms(&self) -> Vec<Normalised> {
        let mut all = Vec::new();
        for role in Role::BOTH {
            let network = Network::of(role, &self.lane.config, &self.lane.spec).unwrap();
            for (index, node) in network.nodes.iter().enumerate().filter(|_| network.spectral_norm) {
                let channels = node.input[0];
                let (sides, place): ([usize; 2], Place) = match node.layer {
                    Layer::Linear(_) => {
                        let inputs = node.inputs();
                        ([node.outputs(), inputs], Box::new(move |o, i| o * inputs + i))
                    }
                    Layer::Conv2d(Conv2d { outputs, window }) => {
                        let inputs = channels * window.kernel.pow(2);
                        ([outputs, inputs], Box::new(move |o, i| o * inputs + i))
                    }
                    Layer::ConvTranspose2d(ConvTranspose2d { outputs, window }) => {
                        let taps = window.kernel.pow(2);
                        let place = move |o, i| i / taps * outputs * taps + o * taps + i % taps;
                        ([outputs, channels * taps], Box::new(place))
                    }
                    _ => continue,
                };
                let layer = format!("{}.{index}", role.name());
                all.push(Normalised {
                    weight: format!("{layer}.parametrizations.weight.original"),
                    vectors: ["_u", "_v"].map(|it| format!("{layer}.parametrizations.weight.0.{it}")),
                    layer: format!("{layer}.weight"),
                    sides,
                    place,
                });
            }
        }
        all
    }

    fn evaluate(
        &mut self,
        tape: &mut Tape,
        vars: &Vars,
        role: Role,
        mut rows: Batch,
        classes: &[u16],
        mode: Mode,
    ) -> Batch {
        let network = Network::of(role, &self.lane.config, &self.lane.spec).unwrap();
        let own: Option<Batch> = network
            .condition
            .map(|condition| classes.iter().map(|&class| embedding(vars, role, &condition, class)).collect());
        let entry = network.condition.map(|condition| condition.entry);
        if let (Some(Entry::Concat), Some(own)) = (entry, &own) {
            rows.iter_mut().zip(own).for_each(|(row, own)| row.extend(own));
        }
        let mut last_hidden = Batch::new();
        for (index, node) in network.nodes.iter().enumerate() {
            if index + 1 == network.nodes.len() {
                last_hidden.clone_from(&rows);
            }
            let slope = network::slope(role, &self.lane.config, index);
            let rate = network::rate(role, &self.lane.config, index);
            let name = |suffix: &str| format!("{}.{index}.{suffix}", role.name());
            let each = |tape: &mut Tape, rows: &Batch, function: &dyn Fn(f64) -> (f64, f64)| {
                let apply = |tape: &mut Tape, var: Var| {
                    let (value, derivative) = function(var.value);
                    tape.var(value, [(var, derivative)])
                };
                rows.iter().map(|row| row.iter().map(|&var| apply(tape, var)).collect()).collect::<Batch>()
            };
            rows = match node.layer {
                Layer::Linear(_) => {
                    linear(tape, &vars[&name("weight")], &vars[&name("bias")], node.inputs(), &rows)
                }
                Layer::BatchNorm => self.batch_norm(tape, vars, &name(""), &rows, node.input[0], mode),
                Layer::LayerNorm => layer_norm(tape, &vars[&name("weight")], &vars[&name("bias")], &rows),
                Layer::LeakyRelu => {
                    each(tape, &rows, &|x| if x > 0.0 { (x, 1.0) } else { (slope * x, slope) })
                }
                Layer::Dropout => self.dropout(tape, index, rate, rows, mode),
                Layer::Flatten | Layer::Unflatten(_) => rows,
                Layer::Upsample(Upsample { factor }) => upsampled(&node.input, factor, &rows),
                Layer::Conv2d(Conv2d { window, .. }) => {
                    let map = Map { input: &node.input, output: &node.output, window };
                    convolution(tape, &vars[&name("weight")], &vars[&name("bias")], &map, &rows)
                }
                Layer::ConvTranspose2d(ConvTranspose2d { window, .. }) => {
                    let map = Map { input: &node.input, output: &node.output, window };
                    transposed_convolution(tape, &vars[&name("weight")], &vars[&name("bias")], &map, &rows)
                }
                Layer::Tanh => each(tape, &rows, &|x| (x.tanh(), 1.0 - x.tanh().powi(2))),
                Layer::Sigmoid => each(tape, &rows, &|x| {
                    let y = 1.0 / (1.0 + (-x).exp());
                    (y, y * (1.0 - y))
                }),
            };
        }
        if let (Some(Entry::Projection), Some(own)) = (entry, &own) {
            for ((row, hidden), own) in rows.iter_mut().zip(&last_hidden).zip(own) {
                let product = tape.dot(hidden, own);
                row[0] = tape.add(row[0], product);
            }
        }
        rows
    }

    fn dropout(&self, tape: &mut Tape, layer: usize, rate: f64, rows: Batch, mode: Mode) -> Batch {
        let Mode::Training { update, pass } = mode else { return rows };
        let width = rows[0].len();
        let mut mask = vec![0.0; rows.len() * width];
        rng::dropout_mask(Key::mask(self.lane.seed, self.step, update, pass, layer), rate, &mut mask);
        rows.iter()
            .zip(mask.chunks(width))
            .map(|(row, mask)| row.iter().zip(mask).map(|(&var, &m)| tape.scale(var, f64::from(m))).collect())
            .collect()
    }

    fn batch_norm(
        &mut self,
        tape: &mut Tape,
        vars: &Vars,
        prefix: &str,
        rows: &Batch,
        features: usize,
        mode: Mode,
    ) -> Batch {
        let (weight, bias) = (&vars[&format!("{prefix}weight")], &vars[&format!("{prefix}bias")]);
        let mut out = rows.clone();
        // The numbers of a feature map's channel follow each other.
        let pixels = rows[0].len() / features;
        for feature in 0..features {
            let own = feature * pixels..(feature + 1) * pixels;
            let column: Vec<Var> = rows.iter().flat_map(|row| row[own.clone()].to_vec()).collect();
            let mut running = |suffix: &str, value: f64| {
                let running = &mut self.arrays.get_mut(&format!("{prefix}{suffix}")).unwrap()[feature];
                if matches!(mode, Mode::Training { .. }) {
                    *running = 0.9 * *running + 0.1 * value;
                }
                *running
            };
            let batch_mean = tape.mean(&column);
            let differences: Vec<Var> = column.iter().map(|&x| tape.sub(x, batch_mean)).collect();
            let squares: Vec<Var> = differences.iter().map(|&d| tape.mul(d, d)).collect();
            let batch_var = tape.mean(&squares);
            let count = column.len() as f64;
            let running_mean = running("running_mean", batch_mean.value);
            let running_var = running("running_var", batch_var.value * count / (count - 1.0));
            let (mean, var) = match mode {
                Mode::Sampling(SampleMode::Eval) => (tape.leaf(running_mean), tape.leaf(running_var)),
                _ => (batch_mean, batch_var),
            };
            let std = (var.value + 1e-5).sqrt();
            let inverse = tape.var(1.0 / std, [(var, -0.5 / std.powi(3))]);
            for x in out.iter_mut().flat_map(|row| &mut row[own.clone()]) {
                let difference = tape.sub(*x, mean);
                let normalised = tape.mul(difference, inverse);
                let scaled = tape.mul(normalised, weight[feature]);
                *x = tape.add(scaled, bias[feature]);
            }
        }
        out
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

/// Where an entry of a weight's matrix is in the weight, by its row and its column.
type Place = Box<dyn Fn(usize, usize) -> usize>;

/// A weight that is divided by its spectral norm.
struct Normalised {
    /// The names of the weight, of its singular vectors, and of what the layer multiplies by.
    weight: String,
    vectors: [String; 2],
    layer: String,
    /// Rows and columns of the weight as a matrix, and the place of each of its entries.
    sides: [usize; 2],
    place: Place,
}

impl Normalised {
    /// The places of the weight's entries, with their derivatives of the norm.
    fn entries<'a>(&'a self, u: &'a [f64], v: &'a [f64]) -> impl Iterator<Item = (usize, f64)> + 'a {
        let [outputs, inputs] = self.sides;
        (0..outputs).flat_map(move |o| (0..inputs).map(move |i| ((self.place)(o, i), u[o] * v[i])))
    }
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

/// The embedding of a class.
pub(super) fn embedding(vars: &Vars, role: Role, condition: &Condition, class: u16) -> Vec<Var> {
    let rows = &vars[&format!("{}.{}", role.name(), Condition::EMBEDDING)];
    rows[usize::from(class) * condition.width..][..condition.width].to_vec()
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

pub(super) fn linear(tape: &mut Tape, weight: &[Var], bias: &[Var], inputs: usize, rows: &Batch) -> Batch {
    rows.iter()
        .map(|row| {
            let outputs = weight.chunks(inputs).zip(bias);
            outputs
                .map(|(weight, &bias)| {
                    let product = tape.dot(weight, row);
                    tape.add(product, bias)
                })
                .collect()
        })
        .collect()
}

/// The shapes of a convolution.
pub(super) struct Map<'a> {
    pub(super) input: &'a [usize],
    pub(super) output: &'a [usize],
    pub(super) window: Window,
}

/// Places of a feature map, `[channels, height, width]`, in the order of memory.
fn places(map: &[usize]) -> impl Iterator<Item = [usize; 3]> {
    let [channels, height, width] = [map[0], map[1], map[2]];
    (0..channels * height * width).map(move |i| [i / (height * width), i / width % height, i % width])
}

/// `out[o, y, x]` is the sum of `weight[o, i, u, v] * in[i, y stride + u - padding, x stride + v - padding]`.
pub(super) fn convolution(
    tape: &mut Tape,
    weight: &[Var],
    bias: &[Var],
    map: &Map<'_>,
    rows: &Batch,
) -> Batch {
    let Window { kernel, stride, padding } = map.window;
    let [inputs, height, width] = [map.input[0], map.input[1], map.input[2]];
    let mut out = Batch::new();
    for row in rows {
        let mut pixels = Vec::new();
        for [o, y, x] in places(map.output) {
            let (mut own, mut read) = (Vec::new(), Vec::new());
            for [i, u, v] in places(&[inputs, kernel, kernel]) {
                let (Some(y), Some(x)) =
                    ((y * stride + u).checked_sub(padding), (x * stride + v).checked_sub(padding))
                else {
                    continue;
                };
                if y < height && x < width {
                    own.push(weight[((o * inputs + i) * kernel + u) * kernel + v]);
                    read.push(row[(i * height + y) * width + x]);
                }
            }
            let product = tape.dot(&own, &read);
            pixels.push(tape.add(product, bias[o]));
        }
        out.push(pixels);
    }
    out
}

/// Adds `weight[i, o, u, v] * in[i, y, x]` to `out[o, y stride + u - padding, x stride + v - padding]`.
pub(super) fn transposed_convolution(
    tape: &mut Tape,
    weight: &[Var],
    bias: &[Var],
    map: &Map<'_>,
    rows: &Batch,
) -> Batch {
    let Window { kernel, stride, padding } = map.window;
    let [outputs, height, width] = [map.output[0], map.output[1], map.output[2]];
    let mut out = Batch::new();
    for row in rows {
        let mut sums = vec![(Vec::new(), Vec::new()); outputs * height * width];
        for ([i, y, x], &pixel) in places(map.input).zip(row) {
            for [o, u, v] in places(&[outputs, kernel, kernel]) {
                let (Some(y), Some(x)) =
                    ((y * stride + u).checked_sub(padding), (x * stride + v).checked_sub(padding))
                else {
                    continue;
                };
                if y < height && x < width {
                    let (own, read) = &mut sums[(o * height + y) * width + x];
                    own.push(weight[((i * outputs + o) * kernel + u) * kernel + v]);
                    read.push(pixel);
                }
            }
        }
        let pixels = sums.iter().enumerate().map(|(at, (own, read))| {
            let product = tape.dot(own, read);
            tape.add(product, bias[at / (height * width)])
        });
        out.push(pixels.collect());
    }
    out
}

/// Each pixel of the maps, `factor` times along both sides.
pub(super) fn upsampled(input: &[usize], factor: usize, rows: &Batch) -> Batch {
    let [channels, height, width] = [input[0], input[1], input[2]];
    let of_row = |row: &Vec<Var>| {
        let mut large = Vec::new();
        for channel in 0..channels {
            for y in 0..height * factor {
                for x in 0..width * factor {
                    large.push(row[(channel * height + y / factor) * width + x / factor]);
                }
            }
        }
        large
    };
    rows.iter().map(of_row).collect()
}

fn layer_norm(tape: &mut Tape, weight: &[Var], bias: &[Var], rows: &Batch) -> Batch {
    layer_norm_parts(tape, weight, bias, rows).0
}

/// The output of layer normalisation, the normalised numbers, and one over the standard deviation of each row.
pub(super) fn layer_norm_parts(
    tape: &mut Tape,
    weight: &[Var],
    bias: &[Var],
    rows: &Batch,
) -> (Batch, Batch, Vec<Var>) {
    let (mut out, mut all, mut inverses) = (Batch::new(), Batch::new(), Vec::new());
    for row in rows {
        let mean = tape.mean(row);
        let differences: Vec<Var> = row.iter().map(|&x| tape.sub(x, mean)).collect();
        let squares: Vec<Var> = differences.iter().map(|&d| tape.mul(d, d)).collect();
        let var = tape.mean(&squares);
        let std = (var.value + 1e-5).sqrt();
        let inverse = tape.var(1.0 / std, [(var, -0.5 / std.powi(3))]);
        let normalised: Vec<Var> = differences.iter().map(|&d| tape.mul(d, inverse)).collect();
        let scaled = normalised.iter().zip(weight).zip(bias).map(|((&x, &weight), &bias)| {
            let scaled = tape.mul(x, weight);
            tape.add(scaled, bias)
        });
        out.push(scaled.collect());
        all.push(normalised);
        inverses.push(inverse);
    }
    (out, all, inverses)
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

/// What losses are functions of, from the outputs on real images and on fakes.
fn compared(tape: &mut Tape, relativistic: Relativistic, outputs: [Batch; 2]) -> [Batch; 2] {
    let columns = outputs.map(|rows| rows.into_iter().flatten().collect::<Vec<_>>());
    let means = columns.each_ref().map(|column| tape.mean(column));
    [0, 1].map(|half| {
        let other = 1 - half;
        let rows = columns[half].iter().zip(&columns[other]);
        rows.map(|(&own, &partner)| {
            vec![match relativistic {
                Relativistic::None => own,
                Relativistic::Paired => tape.sub(own, partner),
                Relativistic::Average => tape.sub(own, means[other]),
            }]
        })
        .collect()
    })
}

/// Which loss, on which images.
enum Of {
    Real,
    Fake,
    Generator,
}

/// Means over a batch.
struct Judged {
    loss: Var,
    score: f64,
    classified_real: f64,
}

/// The loss of a batch of one output each.
struct Judge<'a> {
    tape: &'a mut Tape,
    loss: &'a LossConfig,
    outputs: &'a Batch,
    of: Of,
    /// A one for each row that has the label of the other kind.
    flips: &'a [f32],
}

impl loss::Visitor for Judge<'_> {
    type Output = Judged;

    fn visit<L: Loss>(self) -> Judged {
        let Targets { real, fake } = L::targets(self.loss);
        let loss = |output: f64, is_flipped: bool| match (&self.of, is_flipped) {
            (Of::Real, false) | (Of::Fake, true) => {
                L::discriminator(Dual::output(output), Dual::constant(real))
            }
            (Of::Fake, false) | (Of::Real, true) => {
                L::discriminator(Dual::output(output), Dual::constant(fake))
            }
            (Of::Generator, _) => L::generator(Dual::output(output)),
        };
        let outputs: Vec<Var> = self.outputs.iter().map(|row| row[0]).collect();
        let mut loss_of = |(row, &output): (usize, &Var)| {
            let is_flipped = self.flips.get(row).is_some_and(|&flip| flip > 0.0);
            let Dual { value, derivative } = loss(output.value, is_flipped);
            self.tape.var(value, [(output, derivative)])
        };
        let losses: Vec<Var> = outputs.iter().enumerate().map(&mut loss_of).collect();
        let mean = |value: &dyn Fn(f64) -> f64| {
            outputs.iter().map(|output| value(output.value)).sum::<f64>() / outputs.len() as f64
        };
        Judged {
            loss: self.tape.mean(&losses),
            score: mean(&|x| match Score::of::<L>(self.loss) {
                Score::Probability => 1.0 / (1.0 + (-x).exp()),
                Score::Output => x,
                Score::Place => f64::midpoint(x, 1.0),
            }),
            classified_real: mean(&|x| f64::from(u8::from(x > Score::of::<L>(self.loss).threshold()))),
        }
    }
}
