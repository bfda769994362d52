//! The part of a [penalty](crate::penalty)'s gradient that activations at its points have, in a network of layers in any
//! order.
//!
//! A penalty's gradient is that of the tangent of the output. Where a layer has a second derivative, its tangents depend on its
//! input, and with it on all parameters before. What the tangents of each such layer make of that, joined on the way, goes back
//! through the layers before it as the gradient of a loss does.

use pulp::Arch;

use super::class_rows::ClassRows;
use super::listed::{Backward, ListedNet, ListedTrace, Op, Step, StepTrace};
use crate::added_pairs::{AddedPairs, SecondOrder, StepGradients};
use crate::affine::NormTrace;
use crate::engine::Engine;
use crate::image_norm_tangents::ImageNormTangents;
use crate::matrix::{LINE, Line, Matrix};
use crate::norm::Norm;

impl ListedNet {
    /// Memory for up to `images` images; `None` for a network without second derivatives behind a parameter.
    pub(super) fn second_order(&self, images: usize) -> Option<SecondOrder> {
        let first = self.first_reached();
        let last = self.steps.iter().rposition(Step::has_second_derivative).filter(|&last| last >= first)?;
        let of_step = |(i, step): (usize, &Step)| step.second_order(images, i >= first);
        Some(SecondOrder {
            first,
            embedding: self.embedded.as_ref().map(ClassRows::zeros),
            steps: self.steps[..=last].iter().enumerate().map(of_step).collect(),
            sums: std::array::from_fn(|_| Matrix::new(images, self.sums(last))),
        })
    }

    /// Columns of the sums over each image in the normalisations up to the step `last`.
    fn sums(&self, last: usize) -> usize {
        let of_step = |step: &Step| match step.norm() {
            Some(Norm::Image(norm)) => norm.together.sums(step.output[1]),
            _ => LINE,
        };
        self.steps[..=last].iter().map(of_step).fold(LINE, usize::max)
    }

    /// Computes the gradients at each step once the tangents are known.
    pub(super) fn activation_gradients(
        &mut self,
        engine: &mut Engine,
        classes: &[u16],
        trace: &mut ListedTrace,
        pairs: &mut AddedPairs,
        images: &Matrix,
    ) {
        let Some(second) = &mut pairs.second_order else { return };
        let ListedTrace { batch, input, steps: traces, gradients: [own, other], shortcuts, scratch, memory } =
            trace;
        shortcuts.clear();
        let images = if self.embedded.is_some() { &*input } else { images };
        let count = second.steps.len();
        let [pixels, channels] = self.steps[count - 1].output;
        own.reshape(pixels * batch.images, channels);
        own.lines_mut().fill(Line::ZERO);
        for i in (second.first..count).rev() {
            shortcuts.complete_gradient(engine.arch, i, own);
            let (before, after) = traces.split_at_mut(i);
            let StepGradients { product, own: joined, affine, .. } = &mut second.steps[i];
            let input = before.last().map_or(images, StepTrace::output);
            let both = [&mut *own, &mut *other];
            let mut back = Backward {
                wanted: i > second.first || self.embedded.is_some(),
                signals: product.as_mut().map(|[_, output]| output),
                joined: joined.as_ref(),
                ..Backward::new(&mut *engine, *batch, input, both, &mut *scratch, &mut *memory)
            };
            let is_in_other = back.step(&mut self.steps[i], &mut after[0], None);
            match (affine, after[0].norm(), &self.steps[i].op) {
                (Some([weight, bias]), Some(norm), _) => {
                    weight.add(engine.arch, &norm.weight_gradient);
                    bias.copy_from(&norm.bias_gradient);
                }
                (Some([of_factor, _]), None, Op::Scale(scale)) => of_factor.add(engine.arch, &scale.gradient),
                _ => {}
            }
            if is_in_other {
                std::mem::swap(own, other);
            }
        }
        if let (Some(embedded), Some(gradient)) = (&self.embedded, &mut second.embedding) {
            shortcuts.add_to_start(engine.arch, None, own);
            embedded.sum_classes(own, classes, gradient);
        }
    }
}

impl Step {
    /// Its normalisation, if it has one.
    fn norm(&self) -> Option<&Norm> {
        match &self.op {
            Op::Product(stage) => stage.norm.as_ref().map(|(_, norm)| norm),
            Op::Norm(_, norm) => Some(norm),
            _ => None,
        }
    }

    /// Whether its derivative changes with its input, but for jumps, or has a gradient that is summed with those that do.
    pub(super) fn has_second_derivative(&self) -> bool {
        match &self.op {
            Op::Product(stage) => stage.norm.is_some(),
            Op::Norm(..) | Op::Attend(_) | Op::Scale(_) => true,
            Op::Pointwise(function) => function.has_second_derivative(),
            Op::Dropout(_)
            | Op::Enlarge(_)
            | Op::Reduce(_)
            | Op::Add(_)
            | Op::Enter(_)
            | Op::Unfold(_)
            | Op::ToMap
            | Op::ToRows => false,
        }
    }

    fn second_order(&self, images: usize, is_reached: bool) -> StepGradients {
        let map = |[pixels, channels]: [usize; 2]| Matrix::new(pixels * images, channels);
        let (input, output) = (self.input, self.output);
        match &self.op {
            _ if !is_reached => StepGradients::default(),
            Op::Product(stage) => StepGradients {
                product: Some([map(input), map(output)]),
                own: stage.norm.is_some().then(|| map(output)),
                signals: None,
                affine: stage.norm.as_ref().map(|(_, norm)| norm.zeros()),
            },
            Op::Norm(_, norm) => StepGradients {
                product: None,
                own: Some(map(output)),
                signals: Some(map(output)),
                affine: Some(norm.zeros()),
            },
            Op::Attend(_) => StepGradients {
                own: Some(Matrix::of_lines(map(input).capacity().max(map(output).capacity()))),
                ..StepGradients::default()
            },
            Op::Scale(_) => StepGradients {
                own: Some(map(output)),
                affine: Some(std::array::from_fn(|_| Matrix::new(1, 1))),
                ..StepGradients::default()
            },
            _ => StepGradients {
                own: self.has_second_derivative().then(|| map(output)),
                ..StepGradients::default()
            },
        }
    }
}

impl StepGradients {
    /// From the tangents of the input of the step's normalisation to those of its output. `signals` are those of its input, unless
    /// they are kept here.
    pub(super) fn through_norm(
        &mut self,
        arch: Arch,
        (norm, trace): (&Norm, &NormTrace),
        signals: Option<&Matrix>,
        tangents: &mut Matrix,
        sums: &mut [Matrix; 4],
    ) {
        let signals = signals.or(self.signals.as_ref());
        let (Norm::Image(norm), Some(signals)) = (norm, signals) else {
            unreachable!("`supports` refuses a penalty through batch normalisation")
        };
        if let (Some(output), Some([weight_gradient, _])) = (&mut self.own, &mut self.affine) {
            let tangents =
                ImageNormTangents { norm, trace, signals, tangents, output, weight_gradient, sums };
            tangents.compute(arch);
        }
    }
}
