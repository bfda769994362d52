//! Signals and tangents of a network of layers in any order, for a [penalty](crate::penalty).

use super::class_rows::keep_columns;
use super::listed::{Backward, ImageMemory, ListedNet, ListedTrace, Op, Step, StepTrace};
use super::op::{map_to_rows, rows_to_map};
use super::scale::sum_of_products;
use super::stage::{MapStage, MapTrace};
use super::tangents::{pairs_of, reshape_pairs_of};
use crate::added_pairs::{AddedPairs, SecondOrder, StepGradients};
use crate::condition::spread;
use crate::engine::{Engine, Phase};
use crate::matrix::{Line, Matrix};
use crate::tangents::ONE;
use crate::transpose::{Derivative, times_derivative};

impl ListedNet {
    /// Memory for tangents and signals of up to `images` images. Some of it is in their trace.
    pub(crate) fn pairs(&self, images: usize, trace: &mut ListedTrace) -> AddedPairs {
        self.attentions().for_each(|attend| trace.memory.attention.reserve_tangents(attend));
        AddedPairs { second_order: self.second_order(images), ..pairs_of(self.products(), images) }
    }

    /// Makes room for the tangents and signals of `images` images.
    pub(crate) fn reshape_pairs(&self, images: usize, pairs: &mut AddedPairs) {
        reshape_pairs_of(self.products(), images, pairs);
    }

    /// From the last step to the first: the signals, and in `images` the gradient of the images.
    pub(crate) fn signals(
        &mut self,
        engine: &mut Engine,
        classes: &[u16],
        trace: &mut ListedTrace,
        pairs: &mut AddedPairs,
        images: &mut Matrix,
    ) {
        let ListedTrace { batch, input, steps: traces, gradients: [own, other], shortcuts, scratch, memory } =
            trace;
        let joined = self.embedded.as_ref().map(|_| &*input);
        own.reshape(images.rows(), 1);
        own.lines_mut().fill(ONE);
        if self.projected > 0 {
            spread(own, classes, 1 + self.projected);
        }
        let AddedPairs { rights, second_order, .. } = pairs;
        let mut signals = rights.iter_mut().rev();
        let mut gradients = second_order.as_mut().map(|second| &mut second.steps);
        for (i, step) in self.steps.iter_mut().enumerate().rev() {
            let (before, after) = traces.split_at_mut(i);
            let input = before.last().map_or(joined.unwrap_or(images), StepTrace::output);
            shortcuts.complete_gradient(engine.arch, i, own);
            let gradients = gradients.as_mut().and_then(|all| all.get_mut(i));
            let (kept, of_norm) = match gradients {
                Some(StepGradients { product, own, signals, .. }) => {
                    if let Some([of_input, _]) = product {
                        of_input.copy_from(input);
                    }
                    (own.as_mut(), signals.as_mut())
                }
                None => (None, None),
            };
            let both = [&mut *own, &mut *other];
            let mut back = Backward {
                signals: if matches!(step.op, Op::Product(_)) { signals.next() } else { of_norm },
                kept,
                ..Backward::new(&mut *engine, *batch, input, both, &mut *scratch, &mut *memory)
            };
            if back.step(step, &mut after[0], None) {
                std::mem::swap(own, other);
            }
        }
        shortcuts.add_to_start(engine.arch, None, own);
        keep_columns(own, images.cols(), images);
    }

    /// Computes the tangents of each product's input from those of the images, and the gradients that follow from them where
    /// layers have a second derivative.
    pub(crate) fn tangents(
        &mut self,
        engine: &mut Engine,
        classes: &[u16],
        trace: &mut ListedTrace,
        pairs: &mut AddedPairs,
        images: &Matrix,
    ) {
        let ListedTrace { batch, steps: traces, gradients: [own, other], shortcuts, memory, .. } =
            &mut *trace;
        match &self.embedded {
            Some(embedded) => embedded.widen(images, own),
            None => own.copy_from(images),
        }
        shortcuts.keep_tangents(None, own);
        let AddedPairs { lefts, rights, second_order } = &mut *pairs;
        let mut products = lefts.iter_mut().zip(&*rights);
        let (mut gradients, mut sums) = match second_order {
            Some(SecondOrder { steps, sums, .. }) => (steps.iter_mut(), Some(sums)),
            None => ([].iter_mut(), None),
        };
        for (i, step) in self.steps.iter().enumerate() {
            let (before, after) = traces.split_at(i);
            let product = if matches!(step.op, Op::Product(_)) { products.next() } else { None };
            let signals = product.map(|(tangents, signals)| {
                tangents.copy_from(own);
                signals
            });
            let mut pass = TangentPass {
                engine: &mut *engine,
                images: batch.images,
                input: before.last().map(StepTrace::output),
                own: &mut *own,
                other: &mut *other,
                memory: &mut *memory,
                sums: sums.as_deref_mut(),
            };
            if pass.step(step, &after[0], signals, gradients.next()) {
                std::mem::swap(own, other);
            }
            shortcuts.complete_tangents(engine.arch, i, own);
        }
        self.activation_gradients(engine, classes, trace, pairs, images);
    }
}

/// One step of the tangents' way forward.
struct TangentPass<'a> {
    engine: &'a mut Engine,
    images: usize,
    /// The step's input, if it is not the network's.
    input: Option<&'a Matrix>,
    /// The tangents of the step's input.
    own: &'a mut Matrix,
    other: &'a mut Matrix,
    memory: &'a mut ImageMemory,
    /// Memory for normalisations.
    sums: Option<&'a mut [Matrix; 4]>,
}

impl TangentPass<'_> {
    /// From the tangents of a step's input to those of its output. Returns whether the latter are in `other`; else they
    /// are in the place of the former. `signals` are those of a product's output.
    fn step(
        &mut self,
        step: &Step,
        trace: &StepTrace,
        signals: Option<&Matrix>,
        gradients: Option<&mut StepGradients>,
    ) -> bool {
        let (arch, [pixels, channels]) = (self.engine.arch, step.output);
        let StepTrace::Other { output, norm: norm_trace, saved } = trace else {
            if let (Op::Product(stage), StepTrace::Product(trace)) = (&step.op, trace) {
                self.product(stage, trace, signals, gradients);
            }
            return true;
        };
        self.other.reshape(pixels * self.images, channels);
        match &step.op {
            // The shortcuts add the tangents of the other term of a sum.
            Op::Product(_) | Op::Add(_) => {}
            // The tangents of its input are kept for the residual, and those of its output come around.
            Op::Enter(_) => {
                self.own.reshape(pixels * self.images, channels);
                self.own.lines_mut().fill(Line::ZERO);
            }
            Op::Norm(_, norm) => {
                if let (Some(gradients), Some(trace), Some(sums)) = (gradients, norm_trace, &mut self.sums) {
                    gradients.through_norm(arch, (norm, trace), None, self.own, sums);
                }
            }
            Op::Pointwise(function) => {
                let saved = saved.as_ref().unwrap_or(output);
                if let Some(StepGradients { own: Some(signals), .. }) = gradients {
                    function.times_second_derivative(arch, saved, self.own, signals);
                }
                function.times_derivative(arch, saved, self.own);
            }
            Op::Dropout(_) => {
                if let Some(mask) = saved {
                    times_derivative(arch, Derivative::Saved, mask, self.own);
                }
            }
            Op::Enlarge(enlarge) => enlarge.forward(self.own, self.images, self.other),
            Op::Reduce(reduce) => reduce.forward(self.own, self.images, self.other),
            Op::Unfold(patches) => patches.unfold(self.own, None, self.other, &mut self.memory.padded),
            Op::Attend(attend) => {
                let signals = gradients.and_then(|gradients| gradients.own.as_mut());
                let Some(input) = self.input else { unreachable!("images become a map before attention") };
                let (both, memory) = ([input, &*self.own], &mut self.memory.attention);
                attend.tangents(arch, both, self.images, signals, self.other, memory);
            }
            Op::Scale(scale) => {
                if let Some(StepGradients { own: Some(signals), affine: Some([of_factor, _]), .. }) =
                    gradients
                {
                    of_factor.set(0, 0, sum_of_products(arch, self.own, signals));
                }
                scale.apply(arch, self.own);
            }
            Op::ToMap => rows_to_map(self.own, pixels, self.other),
            Op::ToRows => map_to_rows(self.own, step.input[0], self.other, 0),
        }
        self.engine.lap(Phase::Patches);
        !matches!(
            step.op,
            Op::Norm(..) | Op::Pointwise(_) | Op::Dropout(_) | Op::Scale(_) | Op::Add(_) | Op::Enter(_)
        )
    }

    fn product(
        &mut self,
        stage: &MapStage,
        trace: &MapTrace,
        signals: Option<&Matrix>,
        gradients: Option<&mut StepGradients>,
    ) {
        let (arch, tangents) = (self.engine.arch, &mut *self.other);
        stage.forward_last(self.engine, self.own, self.images, false, tangents);
        if let (Some((_, norm)), Some(trace)) = (&stage.norm, &trace.norm)
            && let (Some(gradients), Some(sums)) = (gradients, &mut self.sums)
        {
            gradients.through_norm(arch, (norm, trace), signals, tangents, sums);
            self.engine.lap(Phase::Norms);
        }
        if stage.is_activated() {
            let (derivative, saved) = stage.derivative(trace);
            times_derivative(arch, derivative, saved, tangents);
        }
    }
}
