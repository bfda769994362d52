//! The plan of a step: its sizes, its dropout masks, and the layout of its inputs.
//!
//! Everything that differs from step to step travels in one row of floats and one row of integers. The rest
//! of a step is the same operations on the same tensors, so that a device can record one step and replay it.
//! Rows of many steps are uploaded together.

use super::augment;
use gansweep_nn::network::{Layer, Network};
use gansweep_nn::penalty::Points;
use gansweep_nn::rng::Pass;

/// The sizes of a step. Steps of equal shape are the same operations.
#[expect(clippy::struct_excessive_bools, reason = "each is a part of a step that not every group has")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct StepShape {
    pub(super) lanes: usize,
    /// Images in the batch of each discriminator update; an epoch's last step may have fewer
    /// updates and a smaller last batch.
    pub(super) batches: Vec<usize>,
    /// Length of a latent vector.
    pub(super) latent_dim: usize,
    /// Dropout layers of the generator: index in the network and features.
    pub(super) generator_dropout: Vec<(usize, usize)>,
    pub(super) discriminator_dropout: Vec<(usize, usize)>,
    /// Whether the generator's loss depends on the outputs on real images.
    pub(super) compares_with_real: bool,
    /// Whether labels are flipped in any lane.
    pub(super) flips: bool,
    /// Whether the discriminator's inputs are changed.
    pub(super) augmented: bool,
    /// Whether the discriminator's inputs have noise in any lane.
    pub(super) noise: bool,
    /// Whether images have classes.
    pub(super) classes: bool,
    /// Numbers in an image.
    pub(super) image: usize,
    /// Where the discriminator's penalty is measured.
    pub(super) penalty: Option<Points>,
    /// Which of the discriminator's updates have a penalty.
    pub(super) penalised: Vec<bool>,
    /// Coefficients of the generator's update that change from update to update.
    pub(super) generator_coefficients: usize,
    /// The same for the discriminator.
    pub(super) discriminator_coefficients: usize,
    /// Whether the generator is averaged.
    pub(super) averaged: bool,
}

impl StepShape {
    /// Latents in the generator's step: as many as images in the last batch.
    pub(super) fn last_batch(&self) -> usize {
        self.batches.last().copied().unwrap_or(0)
    }

    /// Where the penalty of a discriminator update is measured, if it has one.
    fn points(&self, update: usize) -> Option<Points> {
        self.penalty.filter(|_| self.penalised.get(update) == Some(&true))
    }
}

/// The Dropout layers of a network: index and features.
pub(super) fn dropout_layers(network: &Network) -> Vec<(usize, usize)> {
    let nodes = network.nodes.iter().enumerate();
    nodes
        .filter(|(_, node)| node.layer == Layer::Dropout)
        .map(|(index, node)| (index, node.inputs()))
        .collect()
}

/// The dropout mask of one layer in one pass, in each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mask {
    pub(super) pass: Pass,
    /// The discriminator update within the step.
    pub(super) update: u32,
    /// Index of the Dropout layer in its network.
    pub(super) layer: usize,
    /// Rows.
    pub(super) batch: usize,
    /// Columns.
    pub(super) features: usize,
}

impl Mask {
    /// Entries in one lane.
    pub(super) fn count(&self) -> usize {
        self.batch * self.features
    }
}

/// Consecutive masks that a forward pass uses as one, `[rows, features]` in each lane: the discriminator's
/// for real images and fakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MaskGroup {
    pub(super) rows: usize,
    pub(super) features: usize,
}

/// The masks of one network in one step, in the order of memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MaskPlan {
    /// Each has a key of its own.
    pub(super) masks: Vec<Mask>,
    /// In the order in which forward passes use them.
    pub(super) groups: Vec<MaskGroup>,
}

impl MaskPlan {
    /// The generator's masks in a step of that shape.
    pub(super) fn generator(shape: &StepShape) -> Self {
        let mut plan = Self::default();
        for (update, &batch) in shape.batches.iter().enumerate() {
            plan.push(&[Pass::GeneratorInD], update, batch, &shape.generator_dropout);
        }
        plan.push(&[Pass::GeneratorInG], 0, shape.last_batch(), &shape.generator_dropout);
        plan
    }

    /// The discriminator's masks. Its own updates see real images and fakes as one batch.
    pub(super) fn discriminator(shape: &StepShape) -> Self {
        let mut plan = Self::default();
        for (update, &batch) in shape.batches.iter().enumerate() {
            let both = [Pass::DiscriminatorReal, Pass::DiscriminatorFake];
            plan.push(&both, update, batch, &shape.discriminator_dropout);
            if matches!(shape.points(update), Some(Points::Between | Points::AroundReal)) {
                plan.push(&[Pass::DiscriminatorInPenalty], update, batch, &shape.discriminator_dropout);
            }
        }
        plan.push(&[Pass::DiscriminatorInG], 0, shape.last_batch(), &shape.discriminator_dropout);
        if shape.compares_with_real {
            plan.push(&[Pass::DiscriminatorRealInG], 0, shape.last_batch(), &shape.discriminator_dropout);
        }
        plan
    }

    fn push(&mut self, passes: &[Pass], update: usize, batch: usize, layers: &[(usize, usize)]) {
        for &(layer, features) in layers {
            let update = update as u32;
            self.masks.extend(passes.iter().map(|&pass| Mask { pass, update, layer, batch, features }));
            self.groups.push(MaskGroup { rows: batch * passes.len(), features });
        }
    }
}

/// Masks and layout of the steps of one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StepPlan {
    pub(super) generator: MaskPlan,
    pub(super) discriminator: MaskPlan,
    pub(super) layout: RowLayout,
}

impl StepPlan {
    pub(super) fn new(shape: &StepShape) -> Self {
        let (generator, discriminator) = (MaskPlan::generator(shape), MaskPlan::discriminator(shape));
        let layout = RowLayout::new(shape, generator.masks.len(), discriminator.masks.len());
        Self { generator, discriminator, layout }
    }
}

/// A part of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) count: usize,
}

/// Allocates spans one after the other.
#[derive(Debug, Default)]
struct Cursor(usize);

impl Cursor {
    fn take(&mut self, count: usize) -> Span {
        let start = self.0;
        self.0 += count;
        Span { start, count }
    }
}

/// A part of a row for the inputs of a pass of the discriminator, with its update and pass.
pub(super) type InputSpan = (u32, Pass, Span);

/// The passes of the discriminator on images, with their updates and batches.
fn passes_on_images(shape: &StepShape) -> Vec<(u32, Pass, usize)> {
    let updates = (0u32..).zip(&shape.batches).flat_map(|(update, &batch)| {
        [Pass::DiscriminatorReal, Pass::DiscriminatorFake].map(|pass| (update, pass, batch))
    });
    let last = shape.last_batch();
    let real = shape.compares_with_real.then_some((0, Pass::DiscriminatorRealInG, last));
    updates.chain([(0, Pass::DiscriminatorInG, last)]).chain(real).collect()
}

/// The inputs of a penalty in a row of floats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PenaltySpans {
    /// The factor before the penalty, `[lanes]`.
    pub(super) factor: Span,
    /// What is drawn for its points, `[lanes, batch, numbers]`.
    pub(super) drawn: Span,
}

/// The classes of images in a row of integers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClassSpans {
    /// Of the real images, then of the fakes of each discriminator update, `[lanes, 2 * batch]`.
    pub(super) discriminator: Vec<Span>,
    /// Of the fakes in the generator update, `[lanes, batch]`.
    pub(super) generator: Span,
}

/// The layout of the rows of a step. `lanes` is the slowest axis of every span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowLayout {
    /// Floats: latents of each discriminator update, `[lanes, batch, latent_dim]`.
    pub(super) latents_d: Vec<Span>,
    /// Floats: latents of the generator update.
    pub(super) latents_g: Span,
    /// Floats: for each discriminator update the coefficients that change with it, each `[lanes]`.
    pub(super) update_d: Vec<Vec<Span>>,
    /// Floats: the same for the generator update.
    pub(super) update_g: Vec<Span>,
    /// Floats: the share of the generator in its average, `[lanes]`.
    pub(super) average: Option<Span>,
    /// Floats: for each discriminator update a one for each flipped label, `[lanes, 2 * batch]`, if there are any.
    pub(super) flips_d: Vec<Option<Span>>,
    /// Floats: noise on the discriminator's inputs, `[lanes, batch, image]`, by update and pass.
    pub(super) noise: Vec<InputSpan>,
    /// Floats: changes of the discriminator's inputs, `[lanes, batch, augment::NUMBERS]`, by update and pass.
    pub(super) changes: Vec<InputSpan>,
    /// Floats: for each discriminator update the inputs of its penalty, if it has one.
    pub(super) penalty_d: Vec<Option<PenaltySpans>>,
    /// Length of a row of floats.
    pub(super) floats: usize,
    /// Integers: images of each discriminator update, `[lanes, batch]`.
    pub(super) images: Vec<Span>,
    /// Integers: the classes of images, if they have any.
    pub(super) classes: Option<ClassSpans>,
    /// Integers: low, then high halves of the mask keys of the generator, each `[lanes, masks]`.
    pub(super) keys_g: [Span; 2],
    /// Integers: the same for the discriminator.
    pub(super) keys_d: [Span; 2],
    /// Length of a row of integers.
    pub(super) integers: usize,
}

impl RowLayout {
    /// For steps of that shape with `masks_g` and `masks_d` masks.
    fn new(shape: &StepShape, masks_g: usize, masks_d: usize) -> Self {
        let lanes = shape.lanes;
        let mut floats = Cursor::default();
        let latents_d =
            shape.batches.iter().map(|batch| floats.take(lanes * batch * shape.latent_dim)).collect();
        let latents_g = floats.take(lanes * shape.last_batch() * shape.latent_dim);
        let mut columns = |count: usize| (0..count).map(|_| floats.take(lanes)).collect();
        let update_d = shape.batches.iter().map(|_| columns(shape.discriminator_coefficients)).collect();
        let update_g = columns(shape.generator_coefficients);
        let average = shape.averaged.then(|| floats.take(lanes));
        let flips_d =
            shape.batches.iter().map(|batch| shape.flips.then(|| floats.take(lanes * 2 * batch))).collect();
        let passes = passes_on_images(shape);
        let mut each_pass = |is_drawn: bool, numbers: usize| -> Vec<InputSpan> {
            let passes = passes.iter().filter(|_| is_drawn);
            passes
                .map(|&(update, pass, batch)| (update, pass, floats.take(lanes * batch * numbers)))
                .collect()
        };
        let noise = each_pass(shape.noise, shape.image);
        let changes = each_pass(shape.augmented, augment::NUMBERS);
        let penalty_d = shape.batches.iter().enumerate().map(|(update, batch)| {
            let numbers = match shape.points(update)? {
                Points::Between => 1,
                Points::AroundReal => shape.image,
                Points::Images { .. } => 0,
            };
            Some(PenaltySpans { factor: floats.take(lanes), drawn: floats.take(lanes * batch * numbers) })
        });
        let penalty_d = penalty_d.collect();
        let mut integers = Cursor::default();
        let images = shape.batches.iter().map(|batch| integers.take(lanes * batch)).collect();
        let classes = shape.classes.then(|| ClassSpans {
            discriminator: shape.batches.iter().map(|batch| integers.take(lanes * 2 * batch)).collect(),
            generator: integers.take(lanes * shape.last_batch()),
        });
        let keys_g = [integers.take(lanes * masks_g), integers.take(lanes * masks_g)];
        let keys_d = [integers.take(lanes * masks_d), integers.take(lanes * masks_d)];
        Self {
            latents_d,
            latents_g,
            update_d,
            update_g,
            average,
            flips_d,
            noise,
            changes,
            penalty_d,
            floats: floats.0,
            images,
            classes,
            keys_g,
            keys_d,
            integers: integers.0,
        }
    }
}
