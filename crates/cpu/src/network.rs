//! One network of a lane: a multilayer perceptron as a list of stages.

use std::ops::Range;

use gansweep_config::{Activation, Config};
use pulp::NullaryFnOnce;

use super::affine::Affine;
use super::batch_norm::BatchNorm;
use super::engine::{Engine, Phase};
use super::layer_norm::LayerNorm;
use super::matrix::{LINE, Line, Matrix};
use super::norm::Norm;
use super::output_activation::OutputActivation;
use super::product::AddedPairs;
use super::sparse::Input;
use super::stage::{Dropout, Gradients, Mode, Rows, Stage, StageActivation, StageTrace};
use super::trained::{self, Learning, Trained};
use gansweep_nn::average;
use gansweep_nn::network::{Layer, Network, Role};
use gansweep_nn::optimizer::{self, Algorithm, clip_scale};

/// A network with its parameters and the buffers of its optimiser.
#[derive(Debug)]
pub(super) struct Mlp {
    pub(super) hidden: Vec<Stage>,
    pub(super) last: Stage,
    /// The averages of the layers' buffers, in the order of the layers, if averages are kept.
    pub(super) buffer_averages: Vec<Matrix>,
    pub(super) algorithm: Algorithm,
}

/// Tensors that a forward pass saves for the backward pass.
#[derive(Debug)]
pub(super) struct Trace(Vec<StageTrace>);

impl Trace {
    /// Of the hidden stage with that index.
    pub(super) fn stage(&self, index: usize) -> &StageTrace {
        &self.0[index]
    }

    /// Of the hidden stage with that index.
    pub(super) fn stage_mut(&mut self, index: usize) -> &mut StageTrace {
        &mut self.0[index]
    }

    /// Copies what derivatives follow from, of these rows of another trace of the network.
    pub(super) fn copy_rows(&mut self, from: &Self, rows: &[Range<usize>]) {
        for (own, from) in self.0.iter_mut().zip(&from.0) {
            own.copy_rows(from, rows);
        }
    }
}

impl Mlp {
    /// A network whose parameters are all zero.
    pub(super) fn new(network: &Network, config: &Config) -> Self {
        let role = network.role;
        let (slope, rate) = slope_and_rate(role, config);
        let algorithm = Algorithm::of(optimizer::of(role, config));
        let buffers = algorithm.declaration().buffers.len();
        let mut stages = Vec::new();
        for (index, node) in network.nodes.iter().enumerate() {
            let stage: Option<&mut Stage> = stages.last_mut();
            match (node.layer, stage) {
                (Layer::Linear(_), _) => stages.push(Stage {
                    index,
                    weight: Trained::new(node.inputs(), node.outputs(), buffers),
                    bias: Trained::new(1, node.outputs(), buffers),
                    norm: None,
                    activation: StageActivation::Identity,
                }),
                (Layer::BatchNorm, Some(stage)) => {
                    stage.norm = Some(Norm::Batch(BatchNorm::new(node.outputs(), buffers)));
                }
                (Layer::LayerNorm, Some(stage)) => {
                    stage.norm = Some(Norm::Layer(LayerNorm::new(node.outputs(), buffers)));
                }
                (Layer::LeakyRelu, Some(stage)) => {
                    stage.activation = StageActivation::LeakyRelu { slope, dropout: None }
                }
                (Layer::Dropout, Some(stage)) => {
                    stage.activation =
                        StageActivation::LeakyRelu { slope, dropout: Some(Dropout { rate, index }) };
                }
                (Layer::Tanh, Some(stage)) => {
                    stage.activation = StageActivation::Output(OutputActivation::Tanh);
                }
                (Layer::Sigmoid, Some(stage)) => {
                    stage.activation = StageActivation::Output(OutputActivation::Sigmoid);
                }
                (Layer::Conv2d(_) | Layer::ConvTranspose2d(_) | Layer::Flatten | Layer::Unflatten(_), _) => {
                    unreachable!("`supports` refuses networks of convolutions")
                }
                (_, None) => unreachable!("every MLP starts with a Linear layer"),
            }
        }
        let last = stages.pop().unwrap_or_else(|| unreachable!("every MLP ends with a Linear layer"));
        let mut network = Self { hidden: stages, last, buffer_averages: Vec::new(), algorithm };
        if role == Role::Generator && average::is_kept(&config.train) {
            network.each_trained(Trained::keep_average);
            let norms = network.stages_mut().filter_map(|stage| stage.norm.as_mut());
            let buffers = norms.flat_map(|norm| norm.tensors_mut().buffers);
            network.buffer_averages = buffers.map(|(_, buffer)| buffer.clone()).collect();
        }
        if optimizer::of(role, config).clip_norm > 0.0 {
            network.each_trained(Trained::keep_gradient);
        }
        network
    }

    /// Calls `work` for every trained tensor, in the order of the layers.
    fn each_trained(&mut self, mut work: impl FnMut(&mut Trained)) {
        for stage in self.stages_mut() {
            work(&mut stage.weight);
            work(&mut stage.bias);
            if let Some(norm) = &mut stage.norm {
                let Affine { weight, bias } = norm.affine_mut();
                work(weight);
                work(bias);
            }
        }
    }

    /// The layers' buffers with their averages; empty if averages are not kept.
    fn averaged_buffers(&mut self) -> impl Iterator<Item = (&mut Matrix, &mut Matrix)> {
        let Self { hidden, last, buffer_averages, .. } = self;
        let norms = hidden.iter_mut().chain([last]).filter_map(|stage| stage.norm.as_mut());
        norms.flat_map(|norm| norm.tensors_mut().buffers).map(|(_, buffer)| buffer).zip(buffer_averages)
    }

    /// Exchanges parameters and buffers with their averages.
    pub(super) fn swap_averages(&mut self) {
        self.each_trained(Trained::swap_average);
        self.averaged_buffers().for_each(|(buffer, average)| std::mem::swap(buffer, average));
    }

    /// Clips every parameter to at most `limit` in magnitude.
    pub(super) fn clip_weights(&mut self, engine: &mut Engine, limit: f32) {
        let arch = engine.arch;
        self.each_trained(|trained| arch.dispatch(Clip { lines: trained.value.lines_mut(), limit }));
        engine.lap(Phase::Updates);
    }

    /// Updates the parameters by the gradients that wait, which are clipped to a norm of `max_norm` together.
    fn learn_clipped(&mut self, engine: &mut Engine, max_norm: f64, learning: &mut Learning) {
        let (arch, mut squares) = (engine.arch, 0.0);
        self.each_trained(|trained| squares += trained.gradient_squares());
        if let Some(sum) = learning.squares.as_deref_mut() {
            *sum += squares;
        }
        let scale = clip_scale(max_norm, libm::sqrt(squares)) as f32;
        let mut learning = Learning { squares: None, ..*learning };
        self.each_trained(|trained| trained.learn_scaled(arch, scale, &mut learning));
        engine.lap(Phase::Updates);
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
        Trace(self.hidden.iter().map(|stage| stage.trace(rows)).collect())
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
        for (i, stage) in self.hidden.iter_mut().enumerate() {
            let (before, own) = trace.0.split_at_mut(i);
            let input = before.last().map_or(input, |before| (&before.output).into());
            stage.forward(engine, mode, input, &mut own[0]);
        }
        let input = trace.0.last().map_or(input, |before| (&before.output).into());
        self.last.forward_last(engine, input, last);
    }

    /// Back-propagates `gradients.output`, the gradient of the loss with respect to the output of the last
    /// Linear layer.
    ///
    /// With `learning`, every layer is updated once its input's gradient is known, and the gradient of the
    /// network's input is not computed. Without, the parameters stay as they are and
    /// `gradients.input_transposed` holds the gradient with respect to the input. The gradients of the weights are of the
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
        let count = self.hidden.len();
        for i in (0..=count).rev() {
            let (hidden, after) = self.hidden.split_at_mut(i);
            let stage = after.first_mut().unwrap_or(&mut self.last);
            if i > 0 || learning.is_none() {
                stage.backward(engine, gradients);
            }
            let before = trace.0[..i].last_mut();
            if let Some(learning) = &mut learning {
                let input = before.as_ref().map_or(input, |before| (&before.output).into());
                let added = penalty.map(|penalty| penalty.pair(i));
                stage.learn(engine, input, gradients, added, learning);
            }
            if let (Some(before), Some(stage)) = (before, hidden.last_mut()) {
                stage.backward_activation(engine, before, gradients, learning.as_mut());
            }
        }
        if let Some(learning) = &mut learning
            && let Some(max_norm) = learning.update.clip_norm
        {
            self.learn_clipped(engine, max_norm, learning);
        }
        if let Some(share) = learning.and_then(|learning| learning.average_share) {
            let arch = engine.arch;
            self.averaged_buffers().for_each(|(buffer, average)| {
                trained::average(arch, average.lines_mut(), buffer.lines(), share);
            });
            engine.lap(Phase::Updates);
        }
    }
}

/// Clips elements to at most `limit` in magnitude.
struct Clip<'a> {
    lines: &'a mut [Line],
    limit: f32,
}

impl NullaryFnOnce for Clip<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for line in self.lines {
            for i in 0..LINE {
                // In this form NaN stays NaN.
                line.0[i] = line.0[i].clamp(-self.limit, self.limit);
            }
        }
    }
}

/// Slope of the leaky ReLUs (0 for ReLU) and dropout rate of a network.
fn slope_and_rate(role: Role, config: &Config) -> (f32, f64) {
    let (activation, slope, rate) = match role {
        Role::Generator => {
            let generator = &config.model.generator;
            (generator.activation, generator.slope, generator.dropout)
        }
        Role::Discriminator => {
            let discriminator = &config.model.discriminator;
            (discriminator.activation, discriminator.slope, discriminator.dropout)
        }
    };
    match activation {
        Activation::Relu => (0.0, rate),
        Activation::LeakyRelu => (slope as f32, rate),
    }
}
