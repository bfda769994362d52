//! One network of a lane: a multilayer perceptron as a list of stages.

use std::ops::Range;

use gansweep_config::Config;

use super::added_pairs::AddedPairs;
use super::affine::{Affine, BatchRows};
use super::condition::{self, Embedded};
use super::engine::{Engine, Phase};
use super::matrix::Matrix;
use super::nonzeros::Nonzeros;
use super::norm::Norm;
use super::output_activation::OutputActivation;
use super::parameters::Parameters;
use super::sparse::Input;
use super::spectral_norm::Arrangement;
use super::stage::{Dropout, Gradients, Mode, Rows, Stage, StageActivation, StageTrace};
use super::trained::{Learning, Trained};
use gansweep_nn::average;
use gansweep_nn::network::{self, Condition, Entry, Layer, Network, Role};
use gansweep_nn::optimizer::{self, Algorithm};

/// A network with its parameters and the buffers of its optimiser.
#[derive(Debug)]
pub(super) struct Mlp {
    pub(super) hidden: Vec<Stage>,
    pub(super) last: Stage,
    pub(super) algorithm: Algorithm,
    /// How many outputs the last stage has beside the first: those of the classes of a projection.
    pub(super) projected: usize,
}

/// Tensors that a forward pass saves for the backward pass.
#[derive(Debug)]
pub(super) struct Trace {
    stages: Vec<StageTrace>,
    batch: BatchRows,
    /// `[rows, 1 + classes]`: what a projection is the sum of; of no other network.
    outputs: Matrix,
    /// Of one stage's output at a time, for the product that takes it as input.
    nonzeros: Nonzeros,
}

impl Trace {
    /// Of the hidden stage with that index.
    pub(super) fn stage(&self, index: usize) -> &StageTrace {
        &self.stages[index]
    }

    /// Of the hidden stage with that index.
    pub(super) fn stage_mut(&mut self, index: usize) -> &mut StageTrace {
        &mut self.stages[index]
    }

    /// Copies what derivatives follow from, of these rows of another trace of the network.
    pub(super) fn copy_rows(&mut self, from: &Self, rows: &[Range<usize>]) {
        for (own, from) in self.stages.iter_mut().zip(&from.stages) {
            own.copy_rows(from, rows);
        }
    }
}

impl Mlp {
    /// A network whose parameters are all zero.
    pub(super) fn new(network: &Network, config: &Config) -> Self {
        let role = network.role;
        let algorithm = Algorithm::of(optimizer::of(role, config));
        let buffers = algorithm.declaration().buffers.len();
        let (entry, classes, width) = match network.condition {
            Some(Condition { classes, width, entry }) => (Some(entry), classes, width),
            None => (None, 0, 0),
        };
        let mut stages = Vec::new();
        for (index, node) in network.nodes.iter().enumerate() {
            let stage: Option<&mut Stage> = stages.last_mut();
            match (node.layer, stage) {
                (Layer::Linear(_), _) => {
                    let outputs = node.outputs();
                    let own = (index == 0 && entry == Some(Entry::Concat)).then_some(width);
                    let mut weight = Trained::new(node.inputs() - own.unwrap_or(0), outputs, buffers);
                    if network.spectral_norm {
                        weight.divide_by_spectral_norm(Arrangement::Blocks(1));
                    }
                    stages.push(Stage {
                        index,
                        weight,
                        bias: Trained::bias(1, outputs, buffers, node.layer.has_bias()),
                        biased: outputs,
                        embedded: own.map(|width| Embedded::new(classes, width, outputs, buffers)),
                        norm: None,
                        activation: StageActivation::Identity,
                    });
                }
                (Layer::BatchNorm(_) | Layer::LayerNorm, Some(stage)) => {
                    stage.norm = Some(Norm::new(node.layer, [1, node.outputs()], buffers));
                }
                (Layer::LeakyRelu, Some(stage)) => {
                    let slope = network::slope(role, config, index) as f32;
                    stage.activation = StageActivation::LeakyRelu { slope, dropout: None };
                }
                (Layer::Dropout, Some(stage)) => {
                    if let StageActivation::LeakyRelu { dropout, .. } = &mut stage.activation {
                        *dropout = Some(Dropout { rate: network::rate(role, config, index), index });
                    }
                }
                (Layer::Tanh, Some(stage)) => {
                    stage.activation = StageActivation::Output(OutputActivation::Tanh);
                }
                (Layer::Sigmoid, Some(stage)) => {
                    stage.activation = StageActivation::Output(OutputActivation::Sigmoid);
                }
                (
                    Layer::Conv2d(_)
                    | Layer::ConvTranspose2d(_)
                    | Layer::Flatten
                    | Layer::Unflatten(_)
                    | Layer::Upsample(_)
                    | Layer::Pool(_)
                    | Layer::Residual(_)
                    | Layer::Shortcut(_)
                    | Layer::Attention(_)
                    | Layer::Scale
                    | Layer::InstanceNorm
                    | Layer::Smooth(_),
                    _,
                ) => {
                    unreachable!("a multilayer perceptron has neither feature maps nor shortcuts")
                }
                (_, None) => unreachable!("every MLP starts with a Linear layer"),
            }
        }
        let last = stages.pop().unwrap_or_else(|| unreachable!("every MLP ends with a Linear layer"));
        let projected = if entry == Some(Entry::Projection) { classes } else { 0 };
        let last = if projected > 0 { last.with_outputs(projected, buffers) } else { last };
        let mut network = Self { hidden: stages, last, algorithm, projected };
        if role == Role::Generator && average::is_kept(&config.train) {
            network.keep_averages();
        }
        if optimizer::of(role, config).clip_norm > 0.0 {
            network.each_trained(&mut Trained::keep_gradient);
        }
        network
    }

    /// In the order of evaluation.
    pub(super) fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.hidden.iter().chain([&self.last])
    }

    /// The stage with that index, in the order of evaluation.
    pub(super) fn stage(&self, index: usize) -> &Stage {
        self.hidden.get(index).unwrap_or(&self.last)
    }

    /// The stage with that index, in the order of evaluation.
    pub(super) fn stage_mut(&mut self, index: usize) -> &mut Stage {
        self.hidden.get_mut(index).unwrap_or(&mut self.last)
    }

    /// In the order of evaluation.
    pub(super) fn stages_mut(&mut self) -> impl Iterator<Item = &mut Stage> {
        self.hidden.iter_mut().chain([&mut self.last])
    }

    /// Memory for the traces of up to `rows` rows.
    pub(super) fn trace(&self, rows: usize) -> Trace {
        let stages = self.hidden.iter().map(|stage| stage.trace(rows)).collect();
        let outputs = if self.projected > 0 { (rows, self.last.outputs()) } else { (0, 0) };
        let outputs = Matrix::new(outputs.0, outputs.1);
        let sparse =
            self.hidden.iter().zip(self.stages().skip(1)).filter(|(stage, next)| stage.is_sparse_for(next));
        let width = sparse.map(|(stage, _)| stage.outputs()).max().unwrap_or(0);
        let nonzeros = Nonzeros::new(rows, width);
        Trace { stages, batch: BatchRows { images: rows, parts: 1 }, outputs, nonzeros }
    }

    /// The widest row before or after any Linear layer.
    pub(super) fn width(&self) -> usize {
        let widths = self.hidden.iter().map(|stage| stage.inputs().max(stage.outputs()));
        widths.fold(self.last.inputs().max(self.last.outputs()), usize::max)
    }

    /// Evaluates the network on `input`, and writes its output to `last`.
    pub(super) fn forward(
        &mut self,
        engine: &mut Engine,
        mode: Mode,
        input: Input<'_>,
        trace: &mut Trace,
        last: Rows<'_>,
    ) {
        let classes = input.classes;
        trace.batch = mode.batch(input.rows());
        let Trace { stages, outputs, nonzeros, .. } = trace;
        for i in 0..self.hidden.len() {
            let (before, after) = self.hidden.split_at_mut(i);
            let (traces, own) = stages.split_at_mut(i);
            let stage = &mut after[0];
            let before = before.last().zip(traces.last());
            let input = input_of(stage, before, input, |output| nonzeros.of(engine.arch, output));
            own[0].keep_classes(classes);
            stage.forward(engine, mode, input, &mut own[0]);
        }
        let before = self.hidden.last().zip(stages.last());
        let input = input_of(&self.last, before, input, |output| nonzeros.of(engine.arch, output));
        if self.projected == 0 {
            return self.last.forward_last(engine, input, last);
        }
        outputs.reshape(input.rows(), self.last.outputs());
        self.last.forward_last(engine, input, Rows { matrix: outputs, first_row: 0 });
        condition::project(outputs, classes, last.matrix, last.first_row);
        engine.lap(Phase::Forward);
    }

    /// From the gradient of the network's output, one number for each row, to that of the last Linear layer's output,
    /// both in `gradients.output`.
    pub(super) fn spread(&self, classes: &[u16], gradients: &mut Gradients) {
        if self.projected > 0 {
            condition::spread(&mut gradients.output, classes, self.last.outputs());
        }
    }

    /// Back-propagates `gradients.output`, the gradient of the loss with respect to the network's output before its
    /// activation.
    ///
    /// With `learning`, every layer is updated once its input's gradient is known, and the gradient of the
    /// network's input is not computed. Without, the parameters stay as they are and
    /// `gradients.input` holds the gradient with respect to the input. The gradients of the weights are of the
    /// loss plus the `penalty`.
    pub(super) fn backward(
        &mut self,
        engine: &mut Engine,
        input: Input<'_>,
        trace: &mut Trace,
        gradients: &mut Gradients,
        penalty: Option<&AddedPairs>,
        mut learning: Option<Learning>,
    ) {
        self.spread(input.classes, gradients);
        let count = self.hidden.len();
        for i in (0..=count).rev() {
            let (hidden, after) = self.hidden.split_at_mut(i);
            let stage = after.first_mut().unwrap_or(&mut self.last);
            if i > 0 || learning.is_none() {
                stage.backward(engine, gradients);
            }
            let before = trace.stages[..i].last_mut();
            if let Some(learning) = &mut learning {
                let added = penalty.map(|penalty| penalty.pair(i));
                let input = input_of(stage, hidden.last().zip(before.as_deref()), input, |output| {
                    // A product with an added pair is computed in full.
                    let alone = added.is_none();
                    let scratch = &mut gradients.output_transposed;
                    alone.then(|| trace.nonzeros.of_transposed(engine.arch, output, scratch)).flatten()
                });
                stage.learn(engine, input, gradients, added, learning);
            }
            if let (Some(before), Some(stage)) = (before, hidden.last_mut()) {
                stage.backward_activation(engine, trace.batch, before, gradients, learning.as_mut());
            }
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

impl Parameters for Mlp {
    fn each_norm(&mut self, work: &mut dyn FnMut(&mut Norm)) {
        self.stages_mut().filter_map(|stage| stage.norm.as_mut()).for_each(work);
    }

    fn each_trained(&mut self, work: &mut dyn FnMut(&mut Trained)) {
        for stage in self.stages_mut() {
            work(&mut stage.weight);
            if stage.bias.is_parameter {
                work(&mut stage.bias);
            }
            if let Some(embedded) = &mut stage.embedded {
                work(&mut embedded.weight);
                work(&mut embedded.embedding);
            }
            if let Some(norm) = &mut stage.norm {
                let Affine { weight, bias } = norm.affine_mut();
                work(weight);
                work(bias);
            }
        }
    }
}

/// The input of `stage`: the output of the stage `before`, or else what the network is given. `nonzeros` looks for the
/// nonzero elements of an output that may have few of them.
fn input_of<'a>(
    stage: &Stage,
    before: Option<(&Stage, &'a StageTrace)>,
    first: Input<'a>,
    nonzeros: impl FnOnce(&'a Matrix) -> Option<&'a Nonzeros>,
) -> Input<'a> {
    let Some((before, trace)) = before else { return first };
    let nonzeros = if before.is_sparse_for(stage) { nonzeros(&trace.output) } else { None };
    Input { nonzeros, ..(&trace.output).into() }
}

/// Whether the network is a multilayer perceptron with its layers in the common order: Linear layers, each but the last
/// with a normalisation or none, an activation, and dropout or none.
pub(super) fn is_perceptron(network: &Network) -> bool {
    let mut layers = network.nodes.iter().map(|node| node.layer).peekable();
    loop {
        if !matches!(layers.next(), Some(Layer::Linear(_))) {
            return false;
        }
        let has_norm =
            layers.next_if(|layer| matches!(layer, Layer::BatchNorm(_) | Layer::LayerNorm)).is_some();
        match layers.next() {
            Some(Layer::LeakyRelu) => {}
            Some(Layer::Tanh | Layer::Sigmoid) => {
                return !has_norm && network.role == Role::Generator && layers.next().is_none();
            }
            None => return !has_norm && network.role == Role::Discriminator,
            Some(_) => return false,
        }
        layers.next_if_eq(&Layer::Dropout);
    }
}
