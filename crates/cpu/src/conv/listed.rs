//! Networks of layers in any order.
//!
//! Products with the normalisation, activation and dropout behind them are stages, as in networks in the common order
//! ([`ConvNet`](super::ConvNet)). Every other layer is a step of its own with a pass over memory.

use std::ops::Range;

use gansweep_nn::optimizer::Algorithm;

use super::attention::{Attend, AttentionMemory};
use super::class_rows::{ClassRows, keep_columns};
use super::op::{Enlarge, Pointwise, Reduce, map_to_rows, rows_to_map};
use super::patches::Patches;
use super::scale::Scale;
use super::shortcuts::Shortcuts;
use super::stage::{MapStage, MapTrace, Scratch, fill_mask};
use crate::activation::LeakyRelu;
use crate::added_pairs::{Added, AddedPairs};
use crate::affine::{BatchRows, NormTrace};
use crate::condition::{project, spread};
use crate::engine::{Engine, Phase};
use crate::matrix::{Line, Matrix};
use crate::norm::Norm;
use crate::output_activation::OutputActivation;
use crate::parameters::Parameters;
use crate::sparse::Input;
use crate::stage::{Dropout, Gradients, Mode, Rows};
use crate::trained::{Learning, Trained};
use crate::transpose::{Derivative, times_derivative};

/// A network of layers in any order, with its parameters and the buffers of its optimiser.
#[derive(Debug)]
pub(crate) struct ListedNet {
    pub(crate) steps: Vec<Step>,
    pub(crate) algorithm: Algorithm,
    /// The generator's output activation.
    pub(super) last: Option<OutputActivation>,
    /// The embedding of the class behind the numbers of each row.
    pub(crate) embedded: Option<ClassRows>,
    /// How many outputs the last product has beside the first: those of the classes of a projection.
    pub(super) projected: usize,
}

/// A step of the evaluation.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) op: Op,
    /// Pixels and channels of the input; a row of numbers is one pixel.
    pub(super) input: [usize; 2],
    /// Pixels and channels of the output.
    pub(super) output: [usize; 2],
}

/// What a step computes.
#[derive(Debug)]
pub(crate) enum Op {
    /// A product and what follows it.
    Product(Box<MapStage>),
    /// A normalisation that does not follow a product, with its index in `nn.Sequential`.
    Norm(usize, Box<Norm>),
    Pointwise(Pointwise),
    Dropout(Dropout),
    Enlarge(Enlarge),
    Reduce(Reduce),
    /// The end of a residual block: adds the output of that step, or the network's input.
    Add(Option<usize>),
    /// The start of a shortcut: the output of that step, or the network's input, in place of its own input.
    Enter(Option<usize>),
    /// From images to patches, for a first convolution.
    Unfold(Patches),
    Attend(Attend),
    Scale(Box<Scale>),
    /// From rows of numbers to a map.
    ToMap,
    /// From a map to rows of numbers.
    ToRows,
}

/// What a forward pass saves for the backward pass, and the memory of both.
#[derive(Debug)]
pub(crate) struct ListedTrace {
    pub(super) batch: BatchRows,
    /// Rows with the embeddings of their classes, if they are part of the input.
    pub(super) input: Matrix,
    pub(super) steps: Vec<StepTrace>,
    /// Gradients before and after a step, by turns. After a backward pass without learning, the first is that of the
    /// input.
    pub(super) gradients: [Matrix; 2],
    pub(super) shortcuts: Shortcuts,
    pub(super) scratch: Scratch,
    pub(super) memory: ImageMemory,
}

/// Memory of steps that go through their images one by one.
#[derive(Debug, Clone)]
pub(super) struct ImageMemory {
    /// An image with its padding.
    pub(super) padded: Vec<f32>,
    pub(super) attention: AttentionMemory,
}

/// What one step saves.
#[derive(Debug)]
pub(super) enum StepTrace {
    Product(MapTrace),
    Other {
        output: Matrix,
        norm: Option<NormTrace>,
        /// The mask of dropout, or the input of an activation whose derivatives follow from it.
        saved: Option<Matrix>,
    },
}

impl StepTrace {
    pub(super) fn output(&self) -> &Matrix {
        match self {
            Self::Product(trace) => &trace.output,
            Self::Other { output, .. } => output,
        }
    }

    /// Keeps the classes of the images that go through the step next, if it needs them.
    fn keep_classes(&mut self, classes: &[u16]) {
        match self {
            Self::Product(trace) => trace.keep_classes(classes),
            Self::Other { norm: Some(norm), .. } => norm.keep_classes(classes),
            Self::Other { norm: None, .. } => {}
        }
    }

    /// Of the step's normalisation.
    pub(super) fn norm(&self) -> Option<&NormTrace> {
        match self {
            Self::Product(trace) => trace.norm.as_ref(),
            Self::Other { norm, .. } => norm.as_ref(),
        }
    }

    /// Copies what first and second derivatives follow from, of these images of another trace of the step, which has `count`
    /// images.
    fn copy_images(&mut self, from: &Self, count: usize, images: &[Range<usize>]) {
        match (self, from) {
            (Self::Product(own), Self::Product(from)) => own.copy_activations(from, count, images),
            (
                Self::Other { output, norm, saved },
                Self::Other { output: from, norm: of_norm, saved: of_saved },
            ) => {
                output.copy_images(from, count, images);
                if let (Some(norm), Some(from)) = (norm, of_norm) {
                    norm.copy_images(from, images);
                }
                if let (Some(saved), Some(from)) = (saved, of_saved) {
                    saved.copy_images(from, count, images);
                }
            }
            _ => unreachable!("traces of one step are of one kind"),
        }
    }
}

impl Step {
    fn trace(&self, images: usize) -> StepTrace {
        let [pixels, channels] = self.output;
        let matrix = || Matrix::new(pixels * images, channels);
        let (norm, saved) = match &self.op {
            Op::Product(stage) => return StepTrace::Product(stage.trace(images)),
            Op::Norm(_, norm) => (Some(norm.trace(images, pixels, channels)), None),
            Op::Dropout(_) => (None, Some(matrix())),
            Op::Pointwise(function) if function.needs_input() => (None, Some(matrix())),
            _ => (None, None),
        };
        StepTrace::Other { output: matrix(), norm, saved }
    }

    /// `entered` is what the end of a residual block adds to its input, and a shortcut takes in its place.
    fn forward(
        &mut self,
        engine: &mut Engine,
        mode: Mode,
        [input, entered]: [&Matrix; 2],
        batch: BatchRows,
        trace: &mut StepTrace,
        memory: &mut ImageMemory,
    ) {
        let (arch, images) = (engine.arch, batch.images);
        let StepTrace::Other { output, norm: norm_trace, saved } = trace else {
            if let (Op::Product(stage), StepTrace::Product(trace)) = (&mut self.op, trace) {
                stage.forward(engine, mode, input, images, trace);
            }
            return;
        };
        output.reshape(self.output[0] * images, self.output[1]);
        match &mut self.op {
            Op::Product(_) => {}
            Op::Norm(_, norm) => {
                if let Some(trace) = norm_trace {
                    trace.normalised.copy_from(input);
                    let identity = LeakyRelu { slope: 1.0, derivative: None, masked: false };
                    norm.forward(arch, mode.statistics, batch, trace, identity, output);
                }
                return engine.lap(Phase::Norms);
            }
            Op::Pointwise(function) => {
                output.copy_from(input);
                function.apply(arch, output);
                if let Some(saved) = saved {
                    saved.copy_from(input);
                }
            }
            Op::Dropout(dropout) => {
                output.copy_from(input);
                if let (Some(mask), Some(streams)) = (saved, mode.streams) {
                    mask.reshape(output.rows(), output.cols());
                    fill_mask(arch, *dropout, streams, batch, mask);
                    times_derivative(arch, Derivative::Saved, mask, output);
                }
                return engine.lap(Phase::Masks);
            }
            Op::Enlarge(enlarge) => enlarge.forward(input, images, output),
            Op::Reduce(reduce) => reduce.forward(input, images, output),
            Op::Add(_) => {
                output.copy_from(input);
                output.add(arch, entered);
            }
            Op::Enter(_) => output.copy_from(entered),
            Op::Unfold(patches) => patches.unfold(input, None, output, &mut memory.padded),
            Op::Attend(attend) => attend.forward(arch, input, images, output, &mut memory.attention),
            Op::Scale(scale) => {
                output.copy_from(input);
                scale.apply(arch, output);
            }
            Op::ToMap => rows_to_map(input, self.output[0], output),
            Op::ToRows => map_to_rows(input, self.input[0], output, 0),
        }
        engine.lap(Phase::Patches);
    }
}

impl ListedNet {
    /// The first step that gradients with respect to parameters reach: the steps in front of the first one that learns have
    /// nothing to learn, unless their input does.
    pub(super) fn first_reached(&self) -> usize {
        match self.embedded {
            Some(_) => 0,
            None => self.steps.iter().position(Step::learns).unwrap_or(self.steps.len()),
        }
    }

    /// The products, in order.
    pub(super) fn products(&self) -> impl Iterator<Item = &MapStage> + Clone {
        self.steps.iter().filter_map(|step| match &step.op {
            Op::Product(stage) => Some(&**stage),
            _ => None,
        })
    }

    pub(super) fn attentions(&self) -> impl Iterator<Item = Attend> {
        self.steps.iter().filter_map(|step| match step.op {
            Op::Attend(attend) => Some(attend),
            _ => None,
        })
    }

    /// Memory for the traces of up to `images` images; for forward passes alone, unless `backward`.
    pub(crate) fn trace(&self, images: usize, backward: bool) -> ListedTrace {
        let of_shape = |[pixels, channels]: [usize; 2]| Matrix::lines_of(pixels * images, channels);
        let largest = self.steps.iter().map(|step| of_shape(step.input).max(of_shape(step.output))).max();
        let gradient = Matrix::of_lines(if backward { largest.unwrap_or(0) } else { 0 });
        let padded = self.steps.iter().filter_map(|step| match &step.op {
            Op::Unfold(patches) => Some(patches.padded_size()),
            _ => None,
        });
        let stages = self.products().filter(|_| backward);
        let mut attention = AttentionMemory::default();
        self.attentions().for_each(|attend| attention.reserve(attend, backward));
        ListedTrace {
            batch: BatchRows { images, parts: 1 },
            input: self.embedded.as_ref().map_or_else(Matrix::default, |it| Matrix::new(images, it.inputs())),
            steps: self.steps.iter().map(|step| step.trace(images)).collect(),
            gradients: [gradient.clone(), gradient],
            shortcuts: if backward { self.shortcuts(images) } else { Shortcuts::default() },
            scratch: Scratch::new(&stages),
            memory: ImageMemory { padded: vec![0.0; padded.max().unwrap_or(0)], attention },
        }
    }

    fn shortcuts(&self, images: usize) -> Shortcuts {
        let mut shortcuts = Shortcuts::default();
        for (end, step) in self.steps.iter().enumerate() {
            if let Op::Add(start) | Op::Enter(start) = step.op {
                let [pixels, channels] = step.output;
                shortcuts.push(start, end, Matrix::new(pixels * images, channels));
            }
        }
        shortcuts
    }

    /// Evaluates the network on `input`, and writes its output to `out`.
    pub(crate) fn forward(
        &mut self,
        engine: &mut Engine,
        mode: Mode,
        input: Input<'_>,
        trace: &mut ListedTrace,
        out: Rows<'_>,
    ) {
        let (batch, classes) = (mode.batch(input.rows()), input.classes);
        trace.batch = batch;
        let first = match &self.embedded {
            Some(embedded) => {
                embedded.join(input.dense, classes, &mut trace.input);
                engine.lap(Phase::Inputs);
                &trace.input
            }
            None => input.dense,
        };
        for (i, step) in self.steps.iter_mut().enumerate() {
            let (before, own) = trace.steps.split_at_mut(i);
            let input = before.last().map_or(first, StepTrace::output);
            let entered = match step.op {
                Op::Add(Some(start)) | Op::Enter(Some(start)) => before[start].output(),
                _ => first,
            };
            own[0].keep_classes(classes);
            step.forward(engine, mode, [input, entered], batch, &mut own[0], &mut trace.memory);
        }
        let Some((last, step)) = trace.steps.last().zip(self.steps.last()) else { return };
        let Rows { matrix, first_row } = out;
        if self.projected > 0 {
            project(last.output(), classes, matrix, first_row);
            return engine.lap(Phase::Patches);
        }
        map_to_rows(last.output(), step.output[0], matrix, first_row);
        if let Some(activation) = self.last {
            super::apply_to_rows(engine, activation, matrix, first_row);
        }
        engine.lap(Phase::Patches);
    }

    /// Back-propagates `gradients.output`, the gradient of the loss with respect to the output before the output
    /// activation.
    ///
    /// With `learning`, every step is updated once its input's gradient is known, and the gradient of the network's
    /// input is not computed. The gradients of the weights are of the loss plus the `penalty`. Without, the parameters stay
    /// as they are, and
    /// [`ListedTrace::input_gradient`] gives the gradient with respect to the input.
    pub(crate) fn backward(
        &mut self,
        engine: &mut Engine,
        input: Input<'_>,
        trace: &mut ListedTrace,
        gradients: &mut Gradients,
        penalty: Option<&AddedPairs>,
        mut learning: Option<Learning>,
    ) {
        let first = self.first_reached();
        let ListedTrace { batch, steps: traces, gradients: [own, other], shortcuts, scratch, memory, .. } =
            trace;
        let (joined, batch, classes) = (&trace.input, *batch, input.classes);
        let input = if self.embedded.is_some() { joined } else { input.dense };
        if self.projected > 0 {
            own.copy_from(&gradients.output);
            spread(own, classes, 1 + self.projected);
        } else if let Some(step) = self.steps.last() {
            rows_to_map(&gradients.output, step.output[0], own);
        }
        let mut product = self.products().count();
        for (i, step) in self.steps.iter_mut().enumerate().rev() {
            if learning.is_some() && i < first {
                break;
            }
            let is_product = matches!(step.op, Op::Product(_));
            product -= usize::from(is_product);
            let added = penalty.map(|penalty| penalty.of_step(i, is_product.then_some(product)));
            shortcuts.complete_gradient(engine.arch, i, own);
            let (before, after) = traces.split_at_mut(i);
            let input = before.last().map_or(input, StepTrace::output);
            let both = [&mut *own, &mut *other];
            let mut back = Backward {
                wanted: learning.is_none() || i > first || self.embedded.is_some(),
                added: added.unwrap_or_default(),
                ..Backward::new(&mut *engine, batch, input, both, &mut *scratch, &mut *memory)
            };
            if back.step(step, &mut after[0], learning.as_mut()) {
                std::mem::swap(own, other);
            }
        }
        if learning.is_none() || self.embedded.is_some() {
            shortcuts.add_to_start(engine.arch, None, own);
        }
        if let (Some(learning), Some(embedded)) = (&mut learning, &mut self.embedded) {
            let added = penalty.and_then(AddedPairs::embedding);
            embedded.learn(engine.arch, classes, own, added, learning);
            engine.lap(Phase::Updates);
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
}

impl ListedTrace {
    /// Copies what derivatives follow from, of these images of another trace of the network.
    pub(crate) fn copy_images(&mut self, from: &Self, images: &[Range<usize>]) {
        self.batch = BatchRows { images: images.iter().map(Range::len).sum(), parts: 1 };
        for (own, of) in self.steps.iter_mut().zip(&from.steps) {
            own.copy_images(of, from.batch.images, images);
        }
        let rows = self.batch.images;
        self.input.copy_rows(&from.input, images, rows.min(from.input.rows()));
    }

    /// Writes the gradient of what `images` were before the activation to `gradients.output`, after a backward pass
    /// without learning.
    pub(crate) fn input_gradient(
        &self,
        engine: &mut Engine,
        derivative: Derivative,
        images: &Matrix,
        gradients: &mut Gradients,
    ) {
        keep_columns(&self.gradients[0], images.cols(), &mut gradients.output);
        times_derivative(engine.arch, derivative, images, &mut gradients.output);
        engine.lap(Phase::Patches);
    }
}

impl Step {
    /// Whether it has parameters.
    pub(super) fn learns(&self) -> bool {
        matches!(self.op, Op::Product(_) | Op::Norm(..) | Op::Scale(_))
    }
}

/// One step of a backward pass.
pub(super) struct Backward<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) batch: BatchRows,
    pub(super) input: &'a Matrix,
    /// Whether the gradient of the input is wanted.
    pub(super) wanted: bool,
    /// What joins the gradients of the step's parameters.
    pub(super) added: Added<'a>,
    /// Where the gradient of a product's output, or of the input of a normalisation by itself, is kept.
    pub(super) signals: Option<&'a mut Matrix>,
    /// Where the gradient of the output of a layer with a second derivative is kept.
    pub(super) kept: Option<&'a mut Matrix>,
    /// What joins the gradient of the input of such a layer.
    pub(super) joined: Option<&'a Matrix>,
    /// The gradient of the output.
    pub(super) own: &'a mut Matrix,
    pub(super) other: &'a mut Matrix,
    pub(super) scratch: &'a mut Scratch,
    pub(super) memory: &'a mut ImageMemory,
}

impl<'a> Backward<'a> {
    /// Of a step with that input, whose output's gradient is in `own`; nothing is kept or added.
    pub(super) fn new(
        engine: &'a mut Engine,
        batch: BatchRows,
        input: &'a Matrix,
        [own, other]: [&'a mut Matrix; 2],
        scratch: &'a mut Scratch,
        memory: &'a mut ImageMemory,
    ) -> Self {
        let (added, signals, kept, joined) = (Added::default(), None, None, None);
        Self { engine, batch, input, wanted: true, added, signals, kept, joined, own, other, scratch, memory }
    }
}

impl Backward<'_> {
    /// From the gradient of a step's output to that of its input, with its updates if `learning`. Returns whether the
    /// latter is in `other`; else it is in the place of the former.
    pub(super) fn step(
        &mut self,
        step: &mut Step,
        trace: &mut StepTrace,
        learning: Option<&mut Learning>,
    ) -> bool {
        let (arch, images) = (self.engine.arch, self.batch.images);
        let StepTrace::Other { output, norm: norm_trace, saved } = trace else {
            if let (Op::Product(stage), StepTrace::Product(trace)) = (&mut step.op, trace) {
                self.product(stage, trace, learning);
            }
            return true;
        };
        match &mut step.op {
            // Both terms of a sum have the gradient of the sum, and the shortcuts carry that of the other.
            Op::Product(_) | Op::Add(_) => {}
            // A shortcut carries the gradient to where it starts; a residual completes that of the input.
            Op::Enter(_) => {
                self.own.reshape(step.input[0] * images, step.input[1]);
                self.own.lines_mut().fill(Line::ZERO);
            }
            Op::Norm(_, norm) => {
                self.keep();
                if let Some(trace) = norm_trace {
                    norm.backward(arch, self.batch, trace, self.own, learning, self.added.affine);
                }
                self.join();
                if let Some(signals) = &mut self.signals {
                    signals.copy_from(self.own);
                }
                self.engine.lap(Phase::Norms);
                return false;
            }
            Op::Pointwise(function) => {
                self.keep();
                function.times_derivative(arch, saved.as_ref().unwrap_or(output), self.own);
                self.join();
            }
            Op::Dropout(_) => {
                if let Some(mask) = saved {
                    times_derivative(arch, Derivative::Saved, mask, self.own);
                }
            }
            Op::Enlarge(enlarge) => enlarge.backward(self.own, images, self.other),
            Op::Reduce(reduce) => reduce.backward(self.own, images, self.other),
            Op::Unfold(patches) => {
                let identity = Derivative::LeakyRelu(1.0);
                patches.fold_gradient(self.own, identity, self.input, self.other, &mut self.memory.padded);
            }
            Op::Attend(attend) => {
                self.keep();
                let both = [self.input, &*self.own];
                attend.backward(arch, both, images, self.other, &mut self.memory.attention);
                if let Some(joined) = self.joined {
                    self.other.add(arch, joined);
                }
            }
            Op::Scale(scale) => {
                self.keep();
                let added = self.added.affine.map(|[of_factor, _]| of_factor);
                scale.backward(arch, self.input, self.own, learning, added);
            }
            Op::ToMap => {
                self.other.reshape(images, step.input[0] * step.input[1]);
                map_to_rows(self.own, step.output[0], self.other, 0);
            }
            Op::ToRows => rows_to_map(self.own, step.input[0], self.other),
        }
        self.engine.lap(Phase::Patches);
        !matches!(step.op, Op::Pointwise(_) | Op::Dropout(_) | Op::Scale(_) | Op::Add(_) | Op::Enter(_))
    }

    fn product(&mut self, stage: &mut MapStage, trace: &mut MapTrace, mut learning: Option<&mut Learning>) {
        let images = self.batch.images;
        if stage.is_activated() {
            let (derivative, saved) = stage.derivative(trace);
            times_derivative(self.engine.arch, derivative, saved, self.own);
            self.engine.lap(Phase::Backward);
        }
        self.keep();
        let added = self.added.affine;
        stage.backward_norm(self.engine, self.batch, trace, self.own, learning.as_deref_mut(), added);
        self.join();
        if let Some(signals) = &mut self.signals {
            signals.copy_from(self.own);
        }
        if self.wanted {
            stage.backward(self.engine, self.own, images, None, self.scratch, self.other);
        }
        if let Some(learning) = learning {
            stage.sum_bias(self.engine.arch, self.own, images, self.scratch);
            stage.learn(self.engine, self.input, self.own, images, self.added, self.scratch, learning);
        }
    }

    fn keep(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.copy_from(self.own);
        }
    }

    fn join(&mut self) {
        if let Some(joined) = self.joined {
            self.own.add(self.engine.arch, joined);
        }
    }
}

impl Parameters for ListedNet {
    fn each_norm(&mut self, work: &mut dyn FnMut(&mut Norm)) {
        for step in &mut self.steps {
            match &mut step.op {
                Op::Product(stage) => {
                    if let Some((_, norm)) = &mut stage.norm {
                        work(norm);
                    }
                }
                Op::Norm(_, norm) => work(norm),
                _ => {}
            }
        }
    }

    fn each_trained(&mut self, work: &mut dyn FnMut(&mut Trained)) {
        for step in &mut self.steps {
            let norm = match &mut step.op {
                Op::Product(stage) => {
                    work(&mut stage.weight);
                    if stage.bias.is_parameter {
                        work(&mut stage.bias);
                    }
                    stage.norm.as_mut().map(|(_, norm)| norm)
                }
                Op::Norm(_, norm) => Some(&mut **norm),
                Op::Scale(scale) => {
                    work(&mut scale.factor);
                    None
                }
                _ => None,
            };
            if let Some(norm) = norm {
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
