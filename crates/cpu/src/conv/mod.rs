//! Networks of convolutions.
//!
//! A feature map is a matrix `[pixels * images, channels]`: pixel by pixel, and within a pixel image by image.
//! Every layer with weights is a product over pixels ([`links`]): convolutions, their transposes, and the Linear
//! layers at the ends. Images themselves are rows, `[images, channels * height * width]`, as for multilayer
//! perceptrons: they are unfolded to patches before the first convolution and folded from patches after the last
//! transposed one ([`patches`]).

mod attention;
mod class_rows;
mod condition;
mod epilogue;
mod gradient;
mod links;
mod listed;
mod listed_plan;
mod listed_tangents;
mod op;
mod patches;
mod plan;
mod product;
mod scale;
mod second_order;
mod shortcuts;
mod stage;
mod tangents;

use std::ops::Range;

use self::condition::Embedded;
use self::patches::{ClassPlanes, Patches};
use self::stage::{MapTrace, Scratch};
use crate::added_pairs::{Added, AddedPairs};
use crate::affine::BatchRows;
use crate::condition::{project, spread};
use crate::engine::{Engine, Phase};
use crate::matrix::Matrix;
use crate::norm::Norm;
use crate::output_activation::OutputActivation;
use crate::parameters::Parameters;
use crate::sparse::Input;
use crate::stage::{Gradients, Mode, Rows, StageActivation};
use crate::trained::{Learning, Trained};
use crate::transpose::Derivative;
use gansweep_nn::optimizer::Algorithm;

pub(crate) use listed::{ListedNet, ListedTrace, Op};
pub(crate) use listed_plan::{listed_bytes, listed_pair_bytes};
pub(crate) use plan::{bytes, is_convolutional, pair_bytes, plan};
pub(crate) use stage::{MapStage, WeightLayout};

/// A network of convolutions with its parameters and the buffers of its optimiser.
#[derive(Debug)]
pub(crate) struct ConvNet {
    pub(crate) stages: Vec<MapStage>,
    pub(crate) algorithm: Algorithm,
    /// Unfolds images for the first stage.
    first: Option<Patches>,
    /// Folds the last stage's output to images.
    last: Option<Patches>,
    /// The class, where it is part of the input.
    pub(crate) embedded: Option<Embedded>,
    /// How many outputs the last stage has beside the first: those of the classes of a projection.
    projected: usize,
}

/// Tensors that a forward pass saves for the backward pass, and the memory of both.
#[derive(Debug)]
pub(crate) struct ConvTrace {
    batch: BatchRows,
    /// Patches of the input, if it is images; numbers and the embeddings behind them, if there are any.
    input: Matrix,
    hidden: Vec<MapTrace>,
    /// Patches of the output, if it is images; of a projection, what it is the sum of, `[images, 1 + classes]`.
    output: Matrix,
    /// Gradients before and after a stage, by turns. After a backward pass without learning, the first is
    /// that of the input's patches.
    gradients: [Matrix; 2],
    scratch: Scratch,
    /// An image with its padding.
    padded: Vec<f32>,
}

impl ConvTrace {
    /// Copies what derivatives follow from, of these images of another trace of the network.
    pub(crate) fn copy_images(&mut self, from: &Self, images: &[Range<usize>]) {
        self.batch = BatchRows { images: images.iter().map(Range::len).sum(), parts: 1 };
        for (own, of) in self.hidden.iter_mut().zip(&from.hidden) {
            own.copy_images(of, from.batch.images, images);
        }
    }
}

impl ConvNet {
    /// Memory for the traces of up to `images` images; for forward passes alone, unless `backward`.
    pub(crate) fn trace(&self, images: usize, backward: bool) -> ConvTrace {
        let of = |patches: &Option<Patches>| match patches {
            Some(patches) => Matrix::new(patches.count() * images, patches.size()),
            None => Matrix::new(0, 0),
        };
        let (hidden, _) = self.stages.split_at(self.stages.len().saturating_sub(1));
        let hidden: Vec<_> = hidden.iter().map(|stage| stage.trace(images)).collect();
        let (mut input, mut output) = (of(&self.first), of(&self.last));
        if let (Some(_), None, Some(stage)) = (&self.embedded, &self.first, self.stages.first()) {
            input = Matrix::new(images, stage.inputs());
        }
        if let (true, Some(stage)) = (self.projected > 0, self.stages.last()) {
            output = Matrix::new(images, stage.outputs());
        }
        let largest = hidden.iter().map(|trace| trace.output.lines().len());
        let largest = largest.chain([&input, &output].map(|it| it.lines().len())).chain([images]).max();
        let gradient = Matrix::of_lines(if backward { largest.unwrap_or(0) } else { 0 });
        let padded = [&self.first, &self.last].into_iter().flatten().map(Patches::padded_size).max();
        let stages = if backward { self.stages.as_slice() } else { &[] };
        let scratch = Scratch::new(&stages.iter());
        ConvTrace {
            batch: BatchRows { images, parts: 1 },
            input,
            hidden,
            output,
            gradients: [gradient.clone(), gradient],
            scratch,
            padded: vec![0.0; padded.unwrap_or(0)],
        }
    }

    /// Evaluates the network on `input`, and writes its output to `out`.
    pub(crate) fn forward(
        &mut self,
        engine: &mut Engine,
        mode: Mode,
        input: Input<'_>,
        trace: &mut ConvTrace,
        out: Rows<'_>,
    ) {
        let (images, classes) = (input.rows(), input.classes);
        trace.batch = mode.batch(images);
        if let Some(first) = &self.first {
            let planes = self.embedded.as_ref();
            let planes = planes.map(|it| ClassPlanes { planes: &it.embedding.value, classes });
            first.unfold(input.dense, planes, &mut trace.input, &mut trace.padded);
            engine.lap(Phase::Patches);
        } else if let Some(embedded) = &self.embedded {
            embedded.join(input.dense, classes, &mut trace.input);
            engine.lap(Phase::Inputs);
        }
        let input = if self.has_own_input() { &trace.input } else { input.dense };
        let Some((last, hidden)) = self.stages.split_last_mut() else { return };
        for (i, stage) in hidden.iter_mut().enumerate() {
            let (before, own) = trace.hidden.split_at_mut(i);
            let input = before.last().map_or(input, |before| &before.output);
            own[0].keep_classes(classes);
            stage.forward(engine, mode, input, images, &mut own[0]);
        }
        let input = trace.hidden.last().map_or(input, |before| &before.output);
        let Rows { matrix, first_row } = out;
        match &self.last {
            None if self.projected > 0 => {
                last.forward_last(engine, input, images, true, &mut trace.output);
                project(&trace.output, classes, matrix, first_row);
                engine.lap(Phase::Forward);
            }
            None => last.forward_last(engine, input, images, true, matrix),
            Some(patches) => {
                last.forward_last(engine, input, images, false, &mut trace.output);
                let bias = &last.bias.value.lines()[0].0;
                patches.fold(&trace.output, bias, matrix, first_row, &mut trace.padded);
                if let StageActivation::Output(activation) = last.activation {
                    apply_to_rows(engine, activation, matrix, first_row);
                }
                engine.lap(Phase::Patches);
            }
        }
    }

    /// Back-propagates `gradients.output`, the gradient of the loss with respect to the output of the last
    /// product, or of the images that are folded from it.
    ///
    /// With `learning`, every stage is updated once its input's gradient is known, and the gradient of the
    /// network's input is not computed. The gradients of the weights are of the loss plus the `penalty`. Without, the
    /// parameters stay as they are, and
    /// [`input_gradient`](Self::input_gradient) gives the gradient with respect to the input.
    pub(crate) fn backward(
        &mut self,
        engine: &mut Engine,
        input: Input<'_>,
        trace: &mut ConvTrace,
        gradients: &mut Gradients,
        penalty: Option<&AddedPairs>,
        mut learning: Option<Learning>,
    ) {
        let ConvTrace {
            batch, input: patches, hidden: traces, gradients: [own, other], scratch, padded, ..
        } = trace;
        let classes = input.classes;
        let (batch, input) = (*batch, if self.has_own_input() { &*patches } else { input.dense });
        let images = batch.images;
        if let (Some(last), Some(stage)) = (&self.last, self.stages.last()) {
            scratch.bias.reshape(1, stage.bias.value.cols());
            last.sum_channels(&gradients.output, &mut scratch.bias);
            last.unfold(&gradients.output, None, own, padded);
            engine.lap(Phase::Patches);
        } else {
            own.copy_from(&gradients.output);
            self.spread(classes, own);
        }
        for i in (0..self.stages.len()).rev() {
            let is_folded = i + 1 == self.stages.len() && self.last.is_some();
            let (before, stage) = self.stages.split_at_mut(i);
            let (before, stage) = (before.last_mut(), &mut stage[0]);
            let trace = traces[..i].last_mut();
            if i > 0 || learning.is_none() {
                let derivative = match (&before, &trace) {
                    (Some(before), Some(trace)) => Some(before.derivative(trace)),
                    _ => None,
                };
                stage.backward(engine, own, images, derivative, scratch, other);
            }
            if let Some(learning) = &mut learning {
                let input = trace.as_ref().map_or(input, |trace| &trace.output);
                if !is_folded {
                    stage.sum_bias(engine.arch, own, images, scratch);
                }
                if let (0, Some(embedded)) = (i, &mut self.embedded) {
                    let first = (&*stage, self.first.as_ref());
                    embedded.learn(engine, first, classes, own, scratch, padded, learning);
                }
                let added = penalty.map_or(Added::default(), |penalty| penalty.of_step(i, Some(i)));
                stage.learn(engine, input, own, images, added, scratch, learning);
            }
            if let (Some(before), Some(trace)) = (before, trace) {
                before.backward_norm(engine, batch, trace, other, learning.as_mut(), None);
            }
            std::mem::swap(own, other);
        }
        if let Some(learning) = &mut learning
            && let Some(max_norm) = learning.update.clip_norm
        {
            self.learn_clipped(engine, max_norm, learning);
        }
        if let Some(share) = learning.and_then(|learning| learning.average_share) {
            self.average_buffers(engine, share);
        }
    }

    /// Whether the first stage takes other numbers than the input: its patches, or with the embeddings of its classes.
    fn has_own_input(&self) -> bool {
        self.first.is_some() || self.embedded.is_some()
    }

    /// From the gradient of the network's output, one number for each image, to that of the last stage's output, in place.
    fn spread(&self, classes: &[u16], gradient: &mut Matrix) {
        if let (true, Some(last)) = (self.projected > 0, self.stages.last()) {
            spread(gradient, classes, last.outputs());
        }
    }

    /// Writes the gradient of what `images` were before the activation to `gradients.output`, after a backward
    /// pass without learning.
    pub(crate) fn input_gradient(
        &self,
        engine: &mut Engine,
        trace: &mut ConvTrace,
        derivative: Derivative,
        images: &Matrix,
        gradients: &mut Gradients,
    ) {
        if let Some(first) = &self.first {
            let patches = &trace.gradients[0];
            first.fold_gradient(patches, derivative, images, &mut gradients.output, &mut trace.padded);
            engine.lap(Phase::Patches);
        }
    }
}

impl Parameters for ConvNet {
    fn each_norm(&mut self, work: &mut dyn FnMut(&mut Norm)) {
        let norms = self.stages.iter_mut().filter_map(|stage| stage.norm.as_mut());
        norms.for_each(|(_, norm)| work(norm));
    }

    fn each_trained(&mut self, work: &mut dyn FnMut(&mut Trained)) {
        for stage in &mut self.stages {
            work(&mut stage.weight);
            if stage.bias.is_parameter {
                work(&mut stage.bias);
            }
            if let Some((_, norm)) = &mut stage.norm {
                let affine = norm.affine_mut();
                work(&mut affine.weight);
                work(&mut affine.bias);
            }
        }
        if let Some(embedded) = &mut self.embedded {
            work(&mut embedded.embedding);
        }
    }
}

/// Applies an output activation to the rows of a matrix from `first_row` on.
fn apply_to_rows(engine: &Engine, activation: OutputActivation, matrix: &mut Matrix, first_row: usize) {
    let rows = first_row..matrix.rows();
    for panel in 0..matrix.panels() {
        activation.apply(engine.arch, matrix.part_mut(panel, rows.clone()));
    }
}
