//! Signals and tangents of a network of layers in any order, for a [penalty](crate::penalty).

use super::listed::{Backward, ListedNet, ListedTrace, Op, Step, StepTrace};
use super::op::{map_to_rows, rows_to_map, times_derivative};
use super::tangents::{pairs_of, reshape_pairs_of};
use crate::engine::{Engine, Phase};
use crate::matrix::Matrix;
use crate::product::AddedPairs;
use crate::tangents::ONE;
use crate::transpose::Derivative;

impl ListedNet {
    /// Memory for tangents and signals of up to `images` images.
    pub(crate) fn pairs(&self, images: usize) -> AddedPairs {
        pairs_of(self.products(), images)
    }

    /// Makes room for the tangents and signals of `images` images.
    pub(crate) fn reshape_pairs(&self, images: usize, pairs: &mut AddedPairs) {
        reshape_pairs_of(self.products(), images, pairs);
    }

    /// From the last step to the first: the signals, and in `images` the gradient of the images.
    pub(crate) fn signals(
        &mut self,
        engine: &mut Engine,
        trace: &mut ListedTrace,
        pairs: &mut AddedPairs,
        images: &mut Matrix,
    ) {
        let ListedTrace { batch, steps: traces, gradients: [own, other], scratch, padded } = trace;
        own.reshape(images.rows(), 1);
        own.lines_mut().fill(ONE);
        let mut signals = pairs.rights.iter_mut().rev();
        for (i, step) in self.steps.iter_mut().enumerate().rev() {
            let (before, after) = traces.split_at_mut(i);
            let mut back = Backward {
                engine: &mut *engine,
                batch: *batch,
                input: before.last().map_or(&*images, StepTrace::output),
                wanted: true,
                added: None,
                signals: if matches!(step.op, Op::Product(_)) { signals.next() } else { None },
                own: &mut *own,
                other: &mut *other,
                scratch: &mut *scratch,
                padded: &mut *padded,
            };
            if back.step(step, &mut after[0], None) {
                std::mem::swap(own, other);
            }
        }
        images.copy_from(own);
    }

    /// Computes the tangents of each product's input from those of the images.
    pub(crate) fn tangents(
        &self,
        engine: &mut Engine,
        trace: &mut ListedTrace,
        pairs: &mut AddedPairs,
        images: &Matrix,
    ) {
        let ListedTrace { batch, steps: traces, gradients: [own, other], padded, .. } = trace;
        own.copy_from(images);
        let mut tangents = pairs.lefts.iter_mut();
        for (step, trace) in self.steps.iter().zip(traces) {
            if matches!(step.op, Op::Product(_))
                && let Some(tangents) = tangents.next()
            {
                tangents.copy_from(own);
            }
            if step.tangents(engine, batch.images, trace, own, other, padded) {
                std::mem::swap(own, other);
            }
        }
    }
}

impl Step {
    /// From the tangents of its input, in `own`, to those of its output. Returns whether the latter are in `other`; else they
    /// are in the place of the former.
    fn tangents(
        &self,
        engine: &mut Engine,
        images: usize,
        trace: &StepTrace,
        own: &mut Matrix,
        other: &mut Matrix,
        padded: &mut [f32],
    ) -> bool {
        let [pixels, channels] = self.output;
        let StepTrace::Other { output, mask, .. } = trace else {
            if let (Op::Product(stage), StepTrace::Product(trace)) = (&self.op, trace) {
                stage.forward_last(engine, own, images, false, other);
                if stage.is_activated() {
                    let (derivative, saved) = stage.derivative(trace);
                    times_derivative(engine.arch, derivative, saved, other);
                }
            }
            return true;
        };
        other.reshape(pixels * images, channels);
        match &self.op {
            Op::Product(_) => {}
            Op::Norm(..) => unreachable!("`supports` refuses a penalty through a normalisation"),
            Op::Pointwise(function) => times_derivative(engine.arch, function.derivative(), output, own),
            Op::Dropout(_) => {
                if let Some(mask) = mask {
                    times_derivative(engine.arch, Derivative::Saved, mask, own);
                }
            }
            Op::Enlarge(enlarge) => enlarge.forward(own, images, other),
            Op::Unfold(patches) => patches.unfold(own, None, other, padded),
            Op::ToMap => rows_to_map(own, pixels, other),
            Op::ToRows => map_to_rows(own, self.input[0], other, 0),
        }
        engine.lap(Phase::Patches);
        !matches!(self.op, Op::Pointwise(_) | Op::Dropout(_))
    }
}
