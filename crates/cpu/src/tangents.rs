//! Signals and tangents of a multilayer perceptron, for a [penalty](super::penalty).

use pulp::NullaryFnOnce;

use super::activation::StoreProduct;
use super::added_pairs::AddedPairs;
use super::affine::BatchRows;
use super::engine::{Engine, Phase};
use super::matrix::{LINE, Line, Matrix};
use super::network::{Mlp, Trace};
use super::product::product;
use super::stage::Gradients;
use super::transpose::{Derivative, transpose};

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
        transpose(engine.arch, &gradients.input_transposed, &mut pairs.lefts[0]);
        engine.lap(Phase::Transpositions);
    }

    /// Computes the tangents of each layer's input from those of the layer before.
    pub(super) fn tangents(&self, engine: &mut Engine, trace: &Trace, pairs: &mut AddedPairs) {
        for layer in 1..pairs.lefts.len() {
            let (before, tangents) = pairs.lefts.split_at_mut(layer);
            let (input, output) = (&before[layer - 1], &mut tangents[0]);
            product(engine.arch, input, self.stage(layer - 1).weight.factor(), StoreProduct(output));
            engine.lap(Phase::Forward);
            let (derivative, saved) = self.stage(layer - 1).derivative(trace.stage(layer - 1));
            engine.arch.dispatch(Factors { matrix: output, derivative, saved });
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

/// Multiplies by the derivative of an activation.
struct Factors<'a> {
    matrix: &'a mut Matrix,
    derivative: Derivative,
    saved: &'a Matrix,
}

impl NullaryFnOnce for Factors<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let slope = match self.derivative {
            Derivative::LeakyRelu(slope) => Some(slope),
            _ => None,
        };
        for (line, saved) in self.matrix.lines_mut().iter_mut().zip(self.saved.lines()) {
            for i in 0..LINE {
                line.0[i] *= match slope {
                    Some(slope) => {
                        if saved.0[i] > 0.0 {
                            1.0
                        } else {
                            slope
                        }
                    }
                    None => saved.0[i],
                };
            }
        }
    }
}
