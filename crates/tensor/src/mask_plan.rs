//! Which dropout masks a step needs, and where each lies among all of them.

use super::step_shape::StepShape;
use gansweep_nn::rng::Pass;

/// The mask of one layer in one pass, of one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mask {
    /// The forward pass.
    pub(super) pass: Pass,
    /// The discriminator update within the step.
    pub(super) update: u32,
    /// Index of the Dropout layer in its network.
    pub(super) layer: usize,
    /// Rows of the mask.
    pub(super) batch: usize,
    /// Columns of the mask.
    pub(super) features: usize,
}

impl Mask {
    /// Entries in one lane.
    pub(super) fn count(&self) -> usize {
        self.batch * self.features
    }
}

/// Masks that a forward pass uses as one: `[rows, features]` of each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// The rows of all of them.
    pub(super) rows: usize,
    /// Columns.
    pub(super) features: usize,
}

/// The masks of one network in one step, in the order in which they are laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct MaskPlan {
    /// Each with a key of its own.
    pub(super) masks: Vec<Mask>,
    /// As forward passes use them: pass by pass, layer by layer.
    pub(super) cuts: Vec<Cut>,
}

impl MaskPlan {
    /// Of the generator, in a step of that shape.
    pub(super) fn generator(shape: &StepShape) -> Self {
        let mut plan = Self::default();
        for (update, &batch) in shape.batches.iter().enumerate() {
            plan.push(&[Pass::GeneratorInD], update, batch, &shape.generator_dropout);
        }
        plan.push(&[Pass::GeneratorInG], 0, shape.last_batch(), &shape.generator_dropout);
        plan
    }

    /// Of the discriminator, which sees real images and fakes as one batch in its own updates.
    pub(super) fn discriminator(shape: &StepShape) -> Self {
        let mut plan = Self::default();
        for (update, &batch) in shape.batches.iter().enumerate() {
            let both = [Pass::DiscriminatorReal, Pass::DiscriminatorFake];
            plan.push(&both, update, batch, &shape.discriminator_dropout);
        }
        plan.push(&[Pass::DiscriminatorInG], 0, shape.last_batch(), &shape.discriminator_dropout);
        plan
    }

    fn push(&mut self, passes: &[Pass], update: usize, batch: usize, layers: &[(usize, usize)]) {
        for &(layer, features) in layers {
            let update = update as u32;
            self.masks.extend(passes.iter().map(|&pass| Mask { pass, update, layer, batch, features }));
            self.cuts.push(Cut { rows: batch * passes.len(), features });
        }
    }
}
