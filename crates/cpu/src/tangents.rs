//! Signals and tangents of a multilayer perceptron, for a [penalty](super::penalty).

use super::activation::StoreProduct;
use super::added_pairs::AddedPairs;
use super::affine::BatchRows;
use super::engine::{Engine, Phase};
use super::matrix::{Line, Matrix};
use super::network::{Mlp, Trace};
use super::product::product;
use super::stage::Gradients;
use super::transpose::times_derivative;

impl Mlp {
    /// Memory for tangents and signals of up to `rows` rows.
    pub(super) fn pairs(&self, rows: usize) -> AddedPairs {
        AddedPairs::new(
            self.stages().map(|stage| Matrix::new(rows, stage.inputs())).collect(),
            self.stages().map(|stage| Matrix::new(rows, stage.outputs())).collect(),
        )
    }

    /// Makes room for the tangents and signals of `rows` rows.
    pub(super) fn reshape_pairs(&self, rows: usize, pairs: &mut AddedPairs) {
        let pairs = pairs.lefts.iter_mut().zip(&mut pairs.rights);
        for (stage, (tangents, signals)) in self.stages().zip(pairs) {
            tangents.reshape(rows, stage.inputs());
            signals.reshape(rows, stage.outputs());
        }
    }

    /// From the last layer to the first: the signals, and in the first tangents the gradient of the input.
    pub(super) fn signals(
        &mut self,
        engine: &mut Engine,
        classes: &[u16],
        trace: &mut Trace,
        gradients: &mut Gradients,
        pairs: &mut AddedPairs,
    ) {
        gradients.output.reshape(pairs.lefts[0].rows(), 1);
        gradients.output.lines_mut().fill(ONE);
        self.spread(classes, gradients);
        let batch = BatchRows { images: gradients.output.rows(), parts: 1 };
        for (layer, signals) in pairs.rights.iter_mut().enumerate().rev() {
            signals.lines_mut().copy_from_slice(gradients.output.lines());
            self.stage(layer).backward(engine, gradients);
            if let Some(before) = layer.checked_sub(1) {
                let trace = trace.stage_mut(before);
                self.stage_mut(before).backward_activation(engine, batch, trace, gradients, None);
            }
        }
        gradients.copy_input(engine, &mut pairs.lefts[0]);
    }

    /// Computes the tangents of each layer's input from those of the layer before.
    pub(super) fn tangents(&self, engine: &mut Engine, trace: &Trace, pairs: &mut AddedPairs) {
        for layer in 1..pairs.lefts.len() {
            let (before, tangents) = pairs.lefts.split_at_mut(layer);
            let (input, output) = (&before[layer - 1], &mut tangents[0]);
            product(engine.arch, input, self.stage(layer - 1).weight.factor(), StoreProduct(output));
            engine.lap(Phase::Forward);
            let (derivative, saved) = self.stage(layer - 1).derivative(trace.stage(layer - 1));
            times_derivative(engine.arch, derivative, saved, output);
            engine.lap(Phase::Forward);
        }
    }
}

/// A row of the signals of the output.
pub(super) const ONE: Line = {
    let mut one = Line::ZERO;
    one.0[0] = 1.0;
    one
};
