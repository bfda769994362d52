//! What the device is given for one step, as one row of floats and one of integers.
//!
//! Everything a step reads that another step reads differently is in its rows: the rest of a step
//! is the same operations on the same tensors, which is what lets a device record one step and
//! replay it. Rows of many steps travel together.

use super::mask_plan::MaskPlan;
use super::step_shape::StepShape;

/// What follows from a step's shape alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kit {
    /// The generator's masks.
    pub(super) generator: MaskPlan,
    /// The discriminator's masks.
    pub(super) discriminator: MaskPlan,
    /// Where each quantity lies in a row.
    pub(super) layout: RowLayout,
}

impl Kit {
    /// Of steps of that shape.
    pub(super) fn new(shape: &StepShape) -> Self {
        let (generator, discriminator) = (MaskPlan::generator(shape), MaskPlan::discriminator(shape));
        let layout = RowLayout::new(shape, generator.masks.len(), discriminator.masks.len());
        Self { generator, discriminator, layout }
    }
}

/// A part of a row: where it begins and how long it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// Index of its first number.
    pub(super) start: usize,
    /// How many numbers.
    pub(super) count: usize,
}

/// Hands out spans one after the other.
#[derive(Debug, Default)]
struct Cursor(usize);

impl Cursor {
    fn take(&mut self, count: usize) -> Span {
        let start = self.0;
        self.0 += count;
        Span { start, count }
    }
}

/// Where each quantity lies in the rows of a step. `lanes` is always the slowest axis of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowLayout {
    /// Floats: latents of each discriminator update, `[lanes, batch, latent_dim]`.
    pub(super) latents_d: Vec<Span>,
    /// Floats: latents of the generator update.
    pub(super) latents_g: Span,
    /// Floats: of each discriminator update the optimiser's numbers that vary, each `[lanes]`.
    pub(super) update_d: Vec<Vec<Span>>,
    /// Floats: the same of the generator update.
    pub(super) update_g: Vec<Span>,
    /// Length of a row of floats.
    pub(super) floats: usize,
    /// Integers: images of each discriminator update, `[lanes, batch]`.
    pub(super) images: Vec<Span>,
    /// Integers: low, then high halves of the mask keys of the generator, each `[lanes, masks]`.
    pub(super) keys_g: [Span; 2],
    /// Integers: the same of the discriminator.
    pub(super) keys_d: [Span; 2],
    /// Length of a row of integers.
    pub(super) integers: usize,
}

impl RowLayout {
    /// For steps of that shape, with so many masks of each network a step.
    fn new(shape: &StepShape, masks_g: usize, masks_d: usize) -> Self {
        let lanes = shape.lanes;
        let mut floats = Cursor::default();
        let latents_d =
            shape.batches.iter().map(|batch| floats.take(lanes * batch * shape.latent_dim)).collect();
        let latents_g = floats.take(lanes * shape.last_batch() * shape.latent_dim);
        let mut columns = |count: usize| (0..count).map(|_| floats.take(lanes)).collect();
        let update_d = shape.batches.iter().map(|_| columns(shape.discriminator_numbers)).collect();
        let update_g = columns(shape.generator_numbers);
        let mut integers = Cursor::default();
        let images = shape.batches.iter().map(|batch| integers.take(lanes * batch)).collect();
        let keys_g = [integers.take(lanes * masks_g), integers.take(lanes * masks_g)];
        let keys_d = [integers.take(lanes * masks_d), integers.take(lanes * masks_d)];
        Self {
            latents_d,
            latents_g,
            update_d,
            update_g,
            floats: floats.0,
            images,
            keys_g,
            keys_d,
            integers: integers.0,
        }
    }
}
