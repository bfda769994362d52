//! One step of all lanes on the device.

use burn::tensor::{Device, Int, Tensor};
use gansweep_nn::network::Role;
use gansweep_nn::penalty::Points;
use gansweep_nn::rng::Pass;

use super::augment::Augment;
use super::condition::{Classes, Input};
use super::forward::PassOutput;
use super::images::DeviceImages;
use super::loss::Loss;
use super::masks::MaskMaker;
use super::network::FusedNetwork;
use super::optimizer::norm;
use super::penalty::{Measured, Penalty, rows_of};
use super::rows::Rows;
use super::step_plan::{InputSpan, RowLayout, Span, StepPlan, StepShape};

/// The plan of the steps of one shape, with its tensors on the device.
#[derive(Debug)]
pub(super) struct DevicePlan {
    pub(super) shape: StepShape,
    pub(super) layout: RowLayout,
    generator_masks: Option<MaskMaker>,
    discriminator_masks: Option<MaskMaker>,
}

impl DevicePlan {
    /// For steps of that shape. `rates` tells each lane's dropout rate at the layer of an index.
    pub(super) fn new(shape: StepShape, rates: impl Fn(Role, usize) -> Vec<f64>, device: &Device) -> Self {
        let StepPlan { generator, discriminator, layout } = StepPlan::new(&shape);
        let masks = |role, plan| MaskMaker::new(plan, |layer| rates(role, layer), device);
        Self {
            shape,
            generator_masks: masks(Role::Generator, &generator),
            discriminator_masks: masks(Role::Discriminator, &discriminator),
            layout,
        }
    }
}

/// Networks, loss and images of all lanes.
#[derive(Debug)]
pub(super) struct FusedLanes {
    pub(super) generator: FusedNetwork,
    pub(super) discriminator: FusedNetwork,
    pub(super) loss: Loss,
    pub(super) penalty: Option<Penalty>,
    pub(super) augment: Option<Augment>,
    pub(super) images: DeviceImages,
    /// If the networks know classes.
    pub(super) classes: Option<Classes>,
}

/// The metrics of one discriminator update, each `[lanes, 1]`.
struct DiscriminatorUpdate {
    loss: Tensor<2>,
    real: Tensor<2>,
    fake: Tensor<2>,
    accuracy_real: Tensor<2>,
    accuracy_fake: Tensor<2>,
    norm: Option<Tensor<2>>,
    /// Of [`Measured`].
    penalty: Option<[Tensor<2>; 3]>,
}

/// The inputs of one step, as tensors.
struct StepRow<'a> {
    layout: &'a RowLayout,
    lanes: usize,
    floats: Tensor<1>,
    integers: Tensor<1, Int>,
    generator_masks: std::vec::IntoIter<Tensor<3>>,
    discriminator_masks: std::vec::IntoIter<Tensor<3>>,
}

impl<'a> StepRow<'a> {
    /// Reads the next row.
    fn take(plan: &'a DevicePlan, rows: &mut Rows) -> Self {
        let (layout, lanes) = (&plan.layout, plan.shape.lanes);
        let (floats, integers) = rows.take();
        let make = |maker: &Option<MaskMaker>, spans: &[Span; 2]| match maker {
            Some(maker) => maker.make(
                integer_columns(&integers, &spans[0], lanes),
                integer_columns(&integers, &spans[1], lanes),
            ),
            None => Vec::new(),
        };
        let generator_masks = make(&plan.generator_masks, &layout.keys_g).into_iter();
        let discriminator_masks = make(&plan.discriminator_masks, &layout.keys_d).into_iter();
        Self { layout, lanes, floats, integers, generator_masks, discriminator_masks }
    }

    /// Each span as `[lanes, 1]`.
    fn columns(&self, spans: &[Span]) -> Vec<Tensor<2>> {
        spans.iter().map(|span| self.column(span)).collect()
    }

    fn column(&self, span: &Span) -> Tensor<2> {
        let row = self.floats.clone().slice([span.start..span.start + span.count]);
        row.reshape([self.lanes, 1])
    }

    fn latents(&self, span: &Span, batch: usize) -> Tensor<3> {
        let row = self.floats.clone().slice([span.start..span.start + span.count]);
        row.reshape([self.lanes, batch, span.count / (self.lanes * batch)])
    }

    /// What is drawn for the inputs of a pass of the discriminator, `[lanes, batch, numbers]`, if anything is.
    fn drawn(&self, spans: &[InputSpan], update: usize, pass: Pass, batch: usize) -> Option<Tensor<3>> {
        let mut spans = spans.iter();
        let found = spans.find(|(at, of, _)| (*at as usize, *of) == (update, pass));
        found.map(|(_, _, span)| self.latents(span, batch))
    }

    fn images(&self, update: usize) -> Tensor<1, Int> {
        self.integers(&self.layout.images[update])
    }

    fn integers(&self, span: &Span) -> Tensor<1, Int> {
        self.integers.clone().slice([span.start..span.start + span.count])
    }
}

/// A span of a row of integers as `[lanes, per lane]`.
fn integer_columns(row: &Tensor<1, Int>, span: &Span, lanes: usize) -> Tensor<2, Int> {
    row.clone().slice([span.start..span.start + span.count]).reshape([lanes, span.count / lanes])
}

impl FusedLanes {
    /// One step: every discriminator update, then the generator's.
    ///
    /// Returns its metrics, `[lanes, metrics]`: those of `Metric::of_steps`, and if `point` those of
    /// `Metric::of_points` after them.
    pub(super) fn step(&mut self, plan: &DevicePlan, rows: &mut Rows, point: bool) -> Tensor<2> {
        let mut inputs = StepRow::take(plan, rows);
        let updates: Vec<_> = (0..plan.shape.batches.len())
            .map(|update| self.update_discriminator(&mut inputs, update, plan.shape.batches[update], point))
            .collect();
        let count = updates.len() as f64;
        let mean = |pick: fn(&DiscriminatorUpdate) -> &Tensor<2>| {
            let all = updates.iter().map(|update| pick(update).clone()).reduce(|a, b| a + b);
            let sum = all.expect("a step has a discriminator update");
            if count > 1.0 { sum / count } else { sum }
        };
        let (d_loss, real, before) = (mean(|it| &it.loss), mean(|it| &it.real), mean(|it| &it.fake));
        let accuracies = [mean(|it| &it.accuracy_real), mean(|it| &it.accuracy_fake)];
        let penalties = penalties(&updates, &d_loss);
        let norm_d = updates.into_iter().last().and_then(|update| update.norm);
        let (g_loss, after, norm_g) = self.update_generator(&mut inputs, plan.shape.last_batch(), point);
        let columns = [d_loss, g_loss, real, before, after].into_iter().chain(accuracies).chain(penalties);
        Tensor::cat(columns.chain(norm_d).chain(norm_g).collect(), 1)
    }

    fn update_discriminator(
        &mut self,
        inputs: &mut StepRow,
        update: usize,
        batch: usize,
        point: bool,
    ) -> DiscriminatorUpdate {
        let lanes = inputs.lanes;
        self.iterate();
        let classes = self.classes_in_d(inputs, update);
        let of_fakes = classes.as_ref().map(|both| rows_of(both, false, true));
        let latents = inputs.latents(&inputs.layout.latents_d[update], batch);
        let latents = Input { rows: latents, classes: of_fakes };
        let fakes = {
            let masks = self.generator.take_masks(&mut inputs.generator_masks);
            let pass = self.generator.train(&self.generator.constants(), &masks, &latents, 1);
            self.generator.track(pass.moments);
            pass.output
        };
        let real = self.images.gather(inputs.images(update), lanes);
        let real = self.seen(inputs, real, update, Pass::DiscriminatorReal);
        let fakes = self.seen(inputs, fakes, update, Pass::DiscriminatorFake);
        let images = Input { rows: Tensor::cat(vec![real, fakes], 1), classes };
        let flips = inputs.layout.flips_d[update].as_ref().map(|span| inputs.latents(span, 2 * batch));
        let masks = self.discriminator.take_masks(&mut inputs.discriminator_masks);
        let measured = self.measure_penalty(inputs, update, &images, &masks);
        let (gradient, loss, logits) = {
            let leaves = self.discriminator.leaves();
            let pass = self.discriminator.train(&leaves, &masks, &images, 2);
            self.discriminator.track(pass.moments);
            let logits = self.loss.compared(pass.output);
            let loss = self.loss.discriminator(logits.clone(), flips.as_ref());
            let minimised = match &measured {
                Some(measured) => loss.clone() + measured.for_gradient(&self.discriminator, &leaves),
                None => loss.clone(),
            };
            (self.discriminator.gradient(&leaves, &minimised), plain(loss), logits.without_autodiff())
        };
        let penalty = measured.map(|measured| measured.values);
        let loss = match &penalty {
            // A penalty that is not finite is no part of the loss, but ends the run.
            Some([penalty, ..]) => loss + penalty.clone() * 0.0,
            None => loss,
        };
        let norm = point.then(|| norm(&gradient));
        self.discriminator.update(gradient, inputs.columns(&inputs.layout.update_d[update]));
        if let Some(limit) = self.loss.clipped_weights() {
            self.discriminator.clip_weights(limit);
        }
        let means = |values: Tensor<3>| values.reshape([lanes, 2, batch]).mean_dim(2).reshape([lanes, 2]);
        let half = |means: &Tensor<2>, half: usize| means.clone().slice([0..lanes, half..half + 1]);
        let scores = means(self.loss.score(logits.clone()));
        let taken = means(self.loss.classified_real(logits));
        DiscriminatorUpdate {
            loss,
            real: half(&scores, 0),
            fake: half(&scores, 1),
            accuracy_real: half(&taken, 0),
            accuracy_fake: half(&taken, 1).neg() + 1.0,
            norm,
            penalty,
        }
    }

    /// Takes the power iteration of an update, in both networks.
    fn iterate(&mut self) {
        self.generator.iterate();
        self.discriminator.iterate();
    }

    /// Returns the loss, the mean score of the fakes and, if `point`, the gradient's norm, each `[lanes, 1]`.
    fn update_generator(
        &mut self,
        inputs: &mut StepRow,
        batch: usize,
        point: bool,
    ) -> (Tensor<2>, Tensor<2>, Option<Tensor<2>>) {
        let lanes = inputs.lanes;
        self.iterate();
        let classes = self.classes_in_g(inputs);
        let latents = inputs.latents(&inputs.layout.latents_g, batch);
        let latents = Input { rows: latents, classes: classes.clone() };
        let (gradient, loss, logits) = {
            let masks = self.generator.take_masks(&mut inputs.generator_masks);
            let leaves = self.generator.leaves();
            let pass = self.generator.train(&leaves, &masks, &latents, 1);
            self.generator.track(pass.moments);
            let masks = self.discriminator.take_masks(&mut inputs.discriminator_masks);
            // Constants, so that the discriminator's weight gradients are not computed.
            let constants = self.discriminator.constants();
            let fakes = self.seen(inputs, pass.output, 0, Pass::DiscriminatorInG);
            let fakes = Input { rows: fakes, classes };
            let fake = self.discriminator.train(&constants, &masks, &fakes, 1);
            let logits = self.compared_with_real(inputs, &constants, fake);
            let loss = self.loss.generator(logits.clone());
            let rows = logits.dims()[1];
            let fake = logits.without_autodiff().narrow(1, rows - batch, batch);
            (self.generator.gradient(&leaves, &loss), plain(loss), fake)
        };
        let norm = point.then(|| norm(&gradient));
        self.generator.update(gradient, inputs.columns(&inputs.layout.update_g));
        if let Some(share) = &inputs.layout.average {
            self.generator.average(&inputs.column(share));
        }
        let score = self.loss.score(logits).reshape([lanes, batch]).mean_dim(1);
        (loss, score, norm)
    }
}

impl FusedLanes {
    /// The images `[lanes, batch, image]` as a pass of the discriminator sees them: changed, and with noise.
    fn seen(&self, inputs: &StepRow, images: Tensor<3>, update: usize, pass: Pass) -> Tensor<3> {
        let (batch, layout) = (images.dims()[1], inputs.layout);
        let changes = inputs.drawn(&layout.changes, update, pass, batch);
        let changed = match self.augment.as_ref().zip(changes) {
            Some((augment, changes)) => augment.apply(images, &changes),
            None => images,
        };
        match inputs.drawn(&layout.noise, update, pass, batch) {
            Some(noise) => changed + noise,
            None => changed,
        }
    }

    /// The classes of real images and fakes of a discriminator update, one-hot, `[lanes, 2 * batch, classes]`.
    fn classes_in_d(&self, inputs: &StepRow, update: usize) -> Option<Tensor<3>> {
        let (classes, spans) = (self.classes.as_ref()?, inputs.layout.classes.as_ref()?);
        Some(classes.one_hot(inputs.integers(&spans.discriminator[update]), inputs.lanes))
    }

    /// The classes of the fakes of the generator's update, one-hot, `[lanes, batch, classes]`.
    fn classes_in_g(&self, inputs: &StepRow) -> Option<Tensor<3>> {
        let (classes, spans) = (self.classes.as_ref()?, inputs.layout.classes.as_ref()?);
        Some(classes.one_hot(inputs.integers(&spans.generator), inputs.lanes))
    }

    /// The penalty of a discriminator update on `images`, real ones and then as many fakes, with `masks` for them; `None` if it has
    /// none.
    fn measure_penalty(
        &self,
        inputs: &mut StepRow,
        update: usize,
        images: &Input,
        masks: &[Tensor<3>],
    ) -> Option<Measured> {
        let (penalty, spans) = (self.penalty.as_ref()?, inputs.layout.penalty_d[update].as_ref()?);
        let Input { rows: images, classes } = images;
        let batch = images.dims()[1] / 2;
        let masks = match penalty.points {
            Points::Between | Points::AroundReal => {
                self.discriminator.take_masks(&mut inputs.discriminator_masks)
            }
            Points::Images { real, fake } => masks.iter().map(|mask| rows_of(mask, real, fake)).collect(),
        };
        // What lies between a real image and a fake has the class of both.
        let (rows, real, fake) = match penalty.points {
            Points::Between | Points::AroundReal => {
                (penalty.between(images, inputs.latents(&spans.drawn, batch)), true, false)
            }
            Points::Images { real, fake } => (rows_of(images, real, fake), real, fake),
        };
        let classes = classes.as_ref().map(|both| rows_of(both, real, fake));
        let points = Input { rows, classes };
        let factor = inputs.columns(std::slice::from_ref(&spans.factor)).remove(0);
        Some(penalty.measure(&self.discriminator, points, masks, factor))
    }

    /// What the generator's loss is a function of: the outputs on fakes, or their differences from those on the last
    /// batch's real images. Real images come first in the discriminator's running statistics.
    fn compared_with_real(
        &mut self,
        inputs: &mut StepRow,
        constants: &[Tensor<3>],
        fake: PassOutput,
    ) -> Tensor<3> {
        if !self.loss.compares() {
            self.discriminator.track(fake.moments);
            return fake.output;
        }
        let last = inputs.layout.images.len() - 1;
        let images = self.images.gather(inputs.images(last), inputs.lanes);
        let images = self.seen(inputs, images, 0, Pass::DiscriminatorRealInG);
        let classes = self.classes_in_d(inputs, last).map(|both| rows_of(&both, true, false));
        let images = Input { rows: images, classes };
        let masks = self.discriminator.take_masks(&mut inputs.discriminator_masks);
        let real = self.discriminator.train(constants, &masks, &images, 1);
        self.discriminator.track(real.moments);
        self.discriminator.track(fake.moments);
        self.loss.compared(Tensor::cat(vec![real.output, fake.output], 1))
    }
}

/// What stands for a metric that a step does not measure. A number, since not every device keeps to NaN; both metrics that
/// may be missing are never negative.
pub(super) const NOT_MEASURED: f32 = -1.0;

/// Penalty and norm of the input gradient, means over the updates that have a penalty, each `[lanes, 1]`.
fn penalties(updates: &[DiscriminatorUpdate], like: &Tensor<2>) -> [Tensor<2>; 2] {
    let sums = updates.iter().filter_map(|update| update.penalty.clone());
    let sums = sums.reduce(|[a, b, c], [d, e, f]| [a + d, b + e, c + f]);
    let Some([penalty, norm, count]) = sums else {
        let missing = like.zeros_like() + NOT_MEASURED;
        return [missing.clone(), missing];
    };
    let missing = (count.clone().clamp_max(1.0).neg() + 1.0) * NOT_MEASURED;
    [penalty, norm].map(|sum| sum / count.clone().clamp_min(1.0) + missing.clone())
}

/// A loss `[lanes, 1, 1]` as `[lanes, 1]`, outside of autodiff.
fn plain(loss: Tensor<3>) -> Tensor<2> {
    let [lanes, ..] = loss.dims();
    loss.without_autodiff().reshape([lanes, 1])
}
