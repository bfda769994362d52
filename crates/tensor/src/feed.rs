//! The rows of coming steps, made on the host ahead of the device.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use gansweep_config::{Config, Noise};
use rayon::prelude::*;

use super::mask_plan::Mask;
use super::row::{Kit, RowLayout, Span};
use super::step_shape::StepShape;
use gansweep_nn::optimizer::Update;
use gansweep_nn::rng::{self, Key, Purpose};
use gansweep_train::{Lane, Schedule};

/// Blocks that are ready before the device asks for them.
const BLOCKS_AHEAD: usize = 2;
/// The most steps in a block.
const MOST_STEPS: usize = 64;
/// Blocks stay below so many numbers, if a single step does.
const MOST_NUMBERS: usize = 8 << 20;

/// Where a lane stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Steps done.
    pub(super) step: u64,
    /// Updates of the generator done.
    pub(super) generator_updates: u64,
    /// Updates of the discriminator done.
    pub(super) discriminator_updates: u64,
}

/// The rows of consecutive steps of equal shape.
#[derive(Debug)]
pub(super) struct Block {
    /// Of each of its steps.
    pub(super) shape: StepShape,
    /// How many.
    pub(super) steps: usize,
    /// `[steps, floats]` of the [`RowLayout`].
    pub(super) floats: Vec<f32>,
    /// `[steps, integers]` of the [`RowLayout`].
    pub(super) integers: Vec<i32>,
}

/// The most steps in a block of such rows.
pub(super) fn most_steps(layout: &RowLayout) -> usize {
    (MOST_NUMBERS / (layout.floats + layout.integers)).clamp(1, MOST_STEPS)
}

/// Blocks from the lanes' positions on, without end, made by a thread of their own.
#[derive(Debug)]
pub(super) struct Feed(Receiver<Block>);

impl Feed {
    /// Starts making blocks. The thread ends when the feed is dropped.
    pub(super) fn start(lanes: Vec<Lane>, positions: Vec<Position>, sizes: &StepShape) -> Self {
        let (sender, receiver) = sync_channel(BLOCKS_AHEAD);
        let mut source = Source::new(lanes, positions, sizes.clone());
        thread::spawn(move || while sender.send(source.block()).is_ok() {});
        Self(receiver)
    }

    /// The next block; `None` if its thread has died.
    pub(super) fn next(&self) -> Option<Block> {
        self.0.recv().ok()
    }
}

/// Makes blocks one after the other.
struct Source {
    lanes: Vec<Lane>,
    schedules: Vec<Schedule>,
    positions: Vec<Position>,
    /// Everything but the batches of a step.
    sizes: StepShape,
}

/// The images of a step: of each lane, of each update.
type Batches = Vec<Vec<Vec<u32>>>;

impl Source {
    fn new(lanes: Vec<Lane>, positions: Vec<Position>, sizes: StepShape) -> Self {
        let schedules = lanes.iter().map(|_| Schedule::new()).collect();
        Self { lanes, schedules, positions, sizes }
    }

    fn block(&mut self) -> Block {
        let first = self.batches(0);
        let batches = first.first().map(|lane| lane.iter().map(Vec::len).collect()).unwrap_or_default();
        let shape = StepShape { batches, ..self.sizes.clone() };
        let kit = Kit::new(&shape);
        let layout = &kit.layout;
        let most = most_steps(layout);
        let mut steps = vec![first];
        while steps.len() < most {
            let next = self.batches(steps.len() as u64);
            if !next.iter().all(|lane| lane.iter().map(Vec::len).eq(shape.batches.iter().copied())) {
                break;
            }
            steps.push(next);
        }
        let updates = shape.batches.len() as u64;
        let mut floats = vec![0.0; steps.len() * layout.floats];
        let mut integers = vec![0; steps.len() * layout.integers];
        let rows = floats.par_chunks_mut(layout.floats).zip(integers.par_chunks_mut(layout.integers));
        rows.zip(&steps).enumerate().for_each(|(index, ((floats, integers), images))| {
            let moved = |at: &Position| at.after(index as u64, updates);
            let writer =
                Writer { lanes: &self.lanes, at: self.positions.iter().map(moved).collect(), layout };
            writer.floats(&shape, floats);
            writer.integers(images, &kit, integers);
        });
        for position in &mut self.positions {
            *position = position.after(steps.len() as u64, updates);
        }
        Block { shape, steps: steps.len(), floats, integers }
    }

    /// The images that `ahead` steps further see.
    fn batches(&mut self, ahead: u64) -> Batches {
        let lanes = self.lanes.iter().zip(&mut self.schedules).zip(&self.positions);
        lanes
            .map(|((lane, schedule), at)| {
                schedule.batches(lane, at.step + ahead).into_iter().map(<[u32]>::to_vec).collect()
            })
            .collect()
    }
}

impl Position {
    /// So many steps further, each with so many discriminator updates.
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
            self.updates(spans, row, |config, at| {
                Update::new(&config.optimizer.discriminator, at.discriminator_updates + update)
            });
        }
        self.updates(&self.layout.update_g, row, |config, at| {
            Update::new(&config.optimizer.generator, at.generator_updates + 1)
        });
    }

    fn latents(&self, span: &Span, row: &mut [f32], key: impl Fn(&Lane, &Position) -> Key + Sync) {
        let out = &mut row[span.start..span.start + span.count];
        let parts = out.par_chunks_mut(span.count / self.lanes.len());
        parts.zip(self.lanes).zip(&self.at).for_each(|((out, lane), at)| {
            rng::latents(key(lane, at), lane.config.model.latent, out);
        });
    }

    /// The numbers of an update that vary, which are its first.
    fn updates(&self, spans: &[Span], row: &mut [f32], of: impl Fn(&Config, &Position) -> Update) {
        for (lane, (own, at)) in self.lanes.iter().zip(&self.at).enumerate() {
            let update = of(&own.config, at);
            for (index, span) in spans.iter().enumerate() {
                row[span.start + lane] = update.number(index);
            }
        }
    }

    fn integers(&self, images: &Batches, kit: &Kit, row: &mut [i32]) {
        for (update, span) in self.layout.images.iter().enumerate() {
            let indices = images.iter().flat_map(|lane| &lane[update]);
            row[span.start..].iter_mut().zip(indices).for_each(|(out, &image)| *out = image.cast_signed());
        }
        self.keys(&self.layout.keys_g, &kit.generator.masks, row);
        self.keys(&self.layout.keys_d, &kit.discriminator.masks, row);
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
