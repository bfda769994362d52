//! The inputs of coming steps (latents, image indices, keys of masks, coefficients), prepared on the host.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use gansweep_config::{Latent, Noise};
use rayon::prelude::*;

use super::augment;
use super::step_plan::{ClassSpans, Mask, PenaltySpans, RowLayout, Span, StepPlan, StepShape};
use gansweep_nn::average;
use gansweep_nn::network::Role;
use gansweep_nn::optimizer::Update;
use gansweep_nn::penalty::Points;
use gansweep_nn::rng::{self, Key, Pass, Purpose};
use gansweep_train::{BatchOrder, Lane};

/// Blocks that are prepared before the device needs them.
const BLOCKS_AHEAD: usize = 2;
/// The most steps in a block.
const MOST_STEPS: usize = 64;
/// The most numbers in a block of more than one step: 32 MiB.
const MOST_NUMBERS: usize = 8 << 20;

/// The progress of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) step: u64,
    pub(super) generator_updates: u64,
    pub(super) discriminator_updates: u64,
}

/// The rows of consecutive steps of equal shape.
#[derive(Debug)]
pub(super) struct Block {
    /// The shape of each step.
    pub(super) shape: StepShape,
    /// Number of steps.
    pub(super) steps: usize,
    /// `[steps, floats]` of the [`RowLayout`].
    pub(super) floats: Vec<f32>,
    /// `[steps, integers]` of the [`RowLayout`].
    pub(super) integers: Vec<i32>,
}

/// The most steps in a block of rows of that layout.
pub(super) fn most_steps(layout: &RowLayout) -> usize {
    (MOST_NUMBERS / (layout.floats + layout.integers)).clamp(1, MOST_STEPS)
}

/// An endless stream of blocks from the lanes' positions on, prepared by a thread of its own.
#[derive(Debug)]
pub(super) struct StepInputs(Receiver<Block>);

impl StepInputs {
    /// Starts the thread, which ends when this is dropped. `labels` are the classes of the training images.
    pub(super) fn start(
        lanes: Vec<Lane>,
        positions: Vec<Position>,
        labels: Arc<Vec<u16>>,
        sizes: &StepShape,
    ) -> Self {
        let (sender, receiver) = sync_channel(BLOCKS_AHEAD);
        let mut source = BlockBuilder::new(lanes, positions, labels, sizes.clone());
        thread::spawn(move || while sender.send(source.block()).is_ok() {});
        Self(receiver)
    }

    /// The next block; `None` if the thread has panicked.
    pub(super) fn next(&self) -> Option<Block> {
        self.0.recv().ok()
    }
}

/// Makes one block after the other.
struct BlockBuilder {
    lanes: Vec<Lane>,
    batch_orders: Vec<BatchOrder>,
    positions: Vec<Position>,
    labels: Arc<Vec<u16>>,
    /// A step shape without batches, which change from block to block.
    sizes: StepShape,
}

/// The indices of the images of a step, by lane and update.
type Batches = Vec<Vec<Vec<u32>>>;

impl BlockBuilder {
    fn new(lanes: Vec<Lane>, positions: Vec<Position>, labels: Arc<Vec<u16>>, sizes: StepShape) -> Self {
        let batch_orders = lanes.iter().map(|_| BatchOrder::new()).collect();
        Self { lanes, batch_orders, positions, labels, sizes }
    }

    fn block(&mut self) -> Block {
        let first = self.batches(0);
        let batches = first.first().map(|lane| lane.iter().map(Vec::len).collect()).unwrap_or_default();
        let mut shape = StepShape { batches, ..self.sizes.clone() };
        let updates = shape.batches.len() as u64;
        shape.penalised = self.penalised(0, updates);
        let plan = StepPlan::new(&shape);
        let layout = &plan.layout;
        let most = most_steps(layout);
        let mut steps = vec![first];
        while steps.len() < most {
            let next = self.batches(steps.len() as u64);
            let is_equal = |lane: &Vec<Vec<u32>>| lane.iter().map(Vec::len).eq(shape.batches.iter().copied());
            if !next.iter().all(is_equal) || self.penalised(steps.len() as u64, updates) != shape.penalised {
                break;
            }
            steps.push(next);
        }
        let mut floats = vec![0.0; steps.len() * layout.floats];
        let mut integers = vec![0; steps.len() * layout.integers];
        let rows = floats.par_chunks_mut(layout.floats).zip(integers.par_chunks_mut(layout.integers));
        rows.zip(&steps).enumerate().for_each(|(index, ((floats, integers), images))| {
            let moved = |at: &Position| at.after(index as u64, updates);
            let at = self.positions.iter().map(moved).collect();
            let writer = Writer { lanes: &self.lanes, at, layout, labels: &self.labels };
            writer.floats(&shape, floats);
            writer.integers(images, &plan, integers);
        });
        for position in &mut self.positions {
            *position = position.after(steps.len() as u64, updates);
        }
        Block { shape, steps: steps.len(), floats, integers }
    }

    /// Which discriminator updates of the step that is `ahead` steps of `updates` further have a penalty, in any lane.
    fn penalised(&self, ahead: u64, updates: u64) -> Vec<bool> {
        let is_due = |update: u64| {
            let mut lanes = self.lanes.iter().zip(&self.positions);
            lanes.any(|(lane, at)| {
                lane.config.penalty.is_due(at.discriminator_updates + ahead * updates + update)
            })
        };
        (0..updates).map(is_due).collect()
    }

    /// The images of the step that is `ahead` steps further.
    fn batches(&mut self, ahead: u64) -> Batches {
        let lanes = self.lanes.iter().zip(&mut self.batch_orders).zip(&self.positions);
        lanes
            .map(|((lane, batch_order), at)| {
                batch_order.batches(lane, at.step + ahead).into_iter().map(<[u32]>::to_vec).collect()
            })
            .collect()
    }
}

impl Position {
    /// The position after `steps` more steps of `updates` discriminator updates each.
    pub(super) fn after(&self, steps: u64, updates: u64) -> Self {
        Self {
            step: self.step + steps,
            generator_updates: self.generator_updates + steps,
            discriminator_updates: self.discriminator_updates + steps * updates,
        }
    }
}

/// Writes the rows of one step.
struct Writer<'a> {
    lanes: &'a [Lane],
    at: Vec<Position>,
    layout: &'a RowLayout,
    labels: &'a [u16],
}

impl Writer<'_> {
    fn floats(&self, shape: &StepShape, row: &mut [f32]) {
        for (update, span) in self.layout.latents_d.iter().enumerate() {
            self.latents(span, row, |lane, at| {
                Key::new(lane.seed, Purpose::LatentD, &[at.step, update as u64])
            });
        }
        let last = shape.batches.len().saturating_sub(1) as u64;
        self.latents(&self.layout.latents_g, row, |lane, at| match lane.config.train.noise {
            Noise::Fresh => Key::new(lane.seed, Purpose::LatentG, &[at.step]),
            Noise::Shared => Key::new(lane.seed, Purpose::LatentD, &[at.step, last]),
        });
        for (update, spans) in (1u64..).zip(&self.layout.update_d) {
            self.updates(spans, row, |lane, at| {
                let optimizer = lane.optimizer(Role::Discriminator, at.step);
                Update::new(&optimizer, at.discriminator_updates + update)
            });
        }
        for (update, span) in (0u64..).zip(&self.layout.flips_d) {
            if let Some(span) = span {
                self.each_lane(span, row, |lane, at, out| {
                    let key = Key::new(lane.seed, Purpose::LabelFlip, &[at.step, update]);
                    rng::flips(key, lane.config.loss.label_flip, out);
                });
            }
        }
        for &(update, pass, ref span) in &self.layout.noise {
            self.each_lane(span, row, |lane, at, out| {
                let deviation = lane.instance_noise(at.step);
                rng::instance_noise(lane.seed, at.step, update, pass, deviation, out);
            });
        }
        for &(update, pass, ref span) in &self.layout.changes {
            self.each_lane(span, row, |lane, at, out| {
                let count = out.len() / augment::NUMBERS;
                augment::write(lane.augmentations(at.step, update, pass, count), out);
            });
        }
        for (update, spans) in (0u64..).zip(&self.layout.penalty_d) {
            if let Some(spans) = spans {
                self.penalty(spans, update, row);
            }
        }
        self.updates(&self.layout.update_g, row, |lane, at| {
            Update::new(&lane.optimizer(Role::Generator, at.step), at.generator_updates + 1)
        });
        if let Some(span) = &self.layout.average {
            for (lane, (own, at)) in self.lanes.iter().zip(&self.at).enumerate() {
                let share = average::share(&own.config.train, at.generator_updates + 1);
                row[span.start + lane] = share.unwrap_or_default();
            }
        }
    }

    fn latents(&self, span: &Span, row: &mut [f32], key: impl Fn(&Lane, &Position) -> Key + Sync) {
        let out = &mut row[span.start..span.start + span.count];
        let parts = out.par_chunks_mut(span.count / self.lanes.len());
        parts.zip(self.lanes).zip(&self.at).for_each(|((out, lane), at)| {
            rng::latents(key(lane, at), lane.config.model.latent, out);
        });
    }

    /// Lets `fill` write each lane's part of a span.
    fn each_lane(&self, span: &Span, row: &mut [f32], fill: impl Fn(&Lane, &Position, &mut [f32]) + Sync) {
        let out = &mut row[span.start..span.start + span.count];
        let parts = out.par_chunks_mut(span.count / self.lanes.len());
        parts.zip(self.lanes).zip(&self.at).for_each(|((out, lane), at)| fill(lane, at, out));
    }

    /// Writes the factor of a penalty and what is drawn for its points.
    fn penalty(&self, PenaltySpans { factor, drawn }: &PenaltySpans, update: u64, row: &mut [f32]) {
        let count = drawn.count / self.lanes.len();
        for (index, (lane, at)) in self.lanes.iter().zip(&self.at).enumerate() {
            let penalty = &lane.config.penalty;
            row[factor.start + index] = penalty.factor(at.discriminator_updates + update) as f32;
            let out = &mut row[drawn.start + index * count..][..count];
            let key = Key::new(lane.seed, Purpose::Penalty, &[at.step, update]);
            match Points::of(penalty) {
                Some(Points::Between) => rng::fractions(key, out),
                Some(Points::AroundReal) => rng::latents(key, Latent::Normal, out),
                Some(Points::Images { .. }) | None => {}
            }
        }
    }

    /// Writes the coefficients of an update that change from update to update.
    fn updates(&self, spans: &[Span], row: &mut [f32], of: impl Fn(&Lane, &Position) -> Update) {
        for (lane, (own, at)) in self.lanes.iter().zip(&self.at).enumerate() {
            let update = of(own, at);
            for (index, span) in spans.iter().enumerate() {
                row[span.start + lane] = update.coefficient(index);
            }
        }
    }

    fn integers(&self, images: &Batches, plan: &StepPlan, row: &mut [i32]) {
        for (update, span) in self.layout.images.iter().enumerate() {
            let indices = images.iter().flat_map(|lane| &lane[update]);
            row[span.start..].iter_mut().zip(indices).for_each(|(out, &image)| *out = image.cast_signed());
        }
        if let Some(spans) = &self.layout.classes {
            self.classes(images, spans, row);
        }
        self.keys(&self.layout.keys_g, &plan.generator.masks, row);
        self.keys(&self.layout.keys_d, &plan.discriminator.masks, row);
    }

    /// Writes the classes of real images and of fakes.
    fn classes(&self, images: &Batches, spans: &ClassSpans, row: &mut [i32]) {
        let lanes = || self.lanes.iter().zip(&self.at).zip(images);
        let real =
            |batch: &[u32]| -> Vec<u16> { batch.iter().map(|&image| self.labels[image as usize]).collect() };
        for (update, span) in (0u32..).zip(&spans.discriminator) {
            let own = lanes().flat_map(|((lane, at), batches)| {
                let real = real(&batches[update as usize]);
                let fake = lane.fake_classes((at.step, update, Pass::GeneratorInD), &real);
                real.into_iter().chain(fake)
            });
            row[span.start..].iter_mut().zip(own).for_each(|(out, class)| *out = class.into());
        }
        let own = lanes().flat_map(|((lane, at), batches)| {
            let last = batches.len().saturating_sub(1) as u32;
            let pass = match lane.config.train.noise {
                Noise::Fresh => (at.step, 0, Pass::GeneratorInG),
                Noise::Shared => (at.step, last, Pass::GeneratorInD),
            };
            lane.fake_classes(pass, &real(&batches[last as usize]))
        });
        row[spans.generator.start..].iter_mut().zip(own).for_each(|(out, class)| *out = class.into());
    }

    fn keys(&self, spans: &[Span; 2], masks: &[Mask], row: &mut [i32]) {
        let lanes = self.lanes.iter().zip(&self.at);
        let all = lanes.flat_map(|(lane, at)| masks.iter().map(move |mask| (lane.seed, at.step, mask)));
        for (index, (seed, step, mask)) in all.enumerate() {
            let (low, high) = Key::mask(seed, step, mask.update, mask.pass, mask.layer).halves();
            row[spans[0].start + index] = low.cast_signed();
            row[spans[1].start + index] = high.cast_signed();
        }
    }
}
