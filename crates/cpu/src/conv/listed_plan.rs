//! The steps of a network of layers in any order.

use gansweep_config::{Config, ImageShape, SmoothActivation};
use gansweep_nn::average;
use gansweep_nn::network::{self, Condition, Conv2d, ConvTranspose2d, Entry, Layer, Network, Node, Role};
use gansweep_nn::optimizer::{self, Algorithm};

use super::attention::Attend;
use super::class_rows::ClassRows;
use super::links::Links;
use super::listed::{ListedNet, Op, Step};
use super::op::{Enlarge, Pointwise, Reduce};
use super::patches::Patches;
use super::scale::Scale;
use super::stage::{MapStage, WeightLayout};
use crate::matrix::{LINE, Matrix};
use crate::norm::Norm;
use crate::output_activation::OutputActivation;
use crate::parameters::Parameters;
use crate::spectral_norm::{self, Arrangement};
use crate::stage::{Dropout, StageActivation};
use crate::together::Together;
use crate::trained::Trained;

/// A step without its parameters.
struct PlannedStep {
    op: PlannedOp,
    /// Pixels and channels.
    input: [usize; 2],
    output: [usize; 2],
}

enum PlannedOp {
    Product(Product),
    /// With the layer's index.
    Norm(usize, Layer),
    LeakyRelu(usize),
    Smooth(SmoothActivation),
    Output(OutputActivation),
    Dropout(usize),
    Enlarge(Enlarge),
    Reduce(Reduce),
    /// With the step whose output it adds; the network's input, if there is none.
    Add(Option<usize>),
    /// With the step whose output it takes; the network's input, if there is none.
    Enter(Option<usize>),
    Unfold(Patches),
    Attend(Attend),
    /// With the layer's index.
    Scale(usize),
    ToMap,
    ToRows,
}

/// A product and what follows it; layers are named by their indices.
struct Product {
    index: usize,
    links: Links,
    /// Rows of the bias, and whether there is one.
    bias: (usize, bool),
    layout: WeightLayout,
    norm: Option<(usize, Layer)>,
    leaky_relu: Option<usize>,
    dropout: Option<usize>,
    /// How many outputs it has more for the classes of a projection.
    projected: usize,
}

/// The steps of a network, without the generator's output activation.
fn plan(network: &Network) -> Vec<PlannedStep> {
    let mut plan = Plan { steps: Vec::new(), ends: Vec::new() };
    let count = match network.role {
        Role::Generator => network.nodes.len().saturating_sub(1),
        Role::Discriminator => network.nodes.len(),
    };
    let nodes = &network.nodes[..count];
    let starts_with_patches = network.role == Role::Discriminator
        && !is_shared(nodes, 0)
        && nodes.first().is_some_and(|node| matches!(node.layer, Layer::Conv2d(_)) && node.input[0] <= 3);
    if let Some(first) = nodes.first()
        && first.input.len() == 3
        && !starts_with_patches
    {
        plan.push(PlannedOp::ToMap, [1, first.inputs()], pixels_and_channels(&first.input));
    }
    for (index, node) in nodes.iter().enumerate() {
        let (input, output) = (pixels_and_channels(&node.input), pixels_and_channels(&node.output));
        plan.begin(is_shared(nodes, index));
        match node.layer {
            Layer::Conv2d(Conv2d { window, .. }) if index == 0 && starts_with_patches => {
                let [channels, height, width] = [0, 1, 2].map(|axis| node.input[axis] as u32);
                let image = ImageShape { channels, height, width };
                let patches = Patches { image, window, positions: [node.output[1], node.output[2]] };
                let unfolded = [patches.count(), patches.size()];
                plan.push(PlannedOp::Unfold(patches), [1, node.inputs()], unfolded);
                let links = Links::pointwise(patches.count());
                let product =
                    Product::new(index, links, (1, node.layer.has_bias()), WeightLayout::OutputsFirst);
                plan.push(PlannedOp::Product(product), unfolded, output);
            }
            Layer::Linear(_) | Layer::Conv2d(_) | Layer::ConvTranspose2d(_) => {
                let product = product(nodes, index, node);
                let (input, output) = product.shapes(input, output);
                plan.push(PlannedOp::Product(product), input, output);
            }
            Layer::BatchNorm(_) | Layer::LayerNorm | Layer::InstanceNorm => {
                plan.norm(index, node.layer, output);
            }
            Layer::LeakyRelu => plan.leaky_relu(index, output),
            Layer::Smooth(activation) => plan.push(PlannedOp::Smooth(activation), input, output),
            Layer::Dropout => plan.dropout(index, output),
            Layer::Tanh => plan.push(PlannedOp::Output(OutputActivation::Tanh), input, output),
            Layer::Sigmoid => plan.push(PlannedOp::Output(OutputActivation::Sigmoid), input, output),
            Layer::Upsample(upsample) => {
                let enlarge = Enlarge { factor: upsample.factor, sides: [node.input[1], node.input[2]] };
                plan.push(PlannedOp::Enlarge(enlarge), input, output);
            }
            Layer::Pool(pool) => {
                let reduce = Reduce { pool, sides: [node.input[1], node.input[2]] };
                plan.push(PlannedOp::Reduce(reduce), input, output);
            }
            Layer::Residual(_) => plan.push(PlannedOp::Add(plan.entered(node, index)), input, output),
            Layer::Shortcut(_) => plan.push(PlannedOp::Enter(plan.entered(node, index)), input, output),
            Layer::Attention(layer) => {
                let attend = Attend { layer, pixels: output[0], values: output[1] };
                plan.push(PlannedOp::Attend(attend), input, output);
            }
            Layer::Scale => plan.push(PlannedOp::Scale(index), input, output),
            // A Linear layer beside them has its weights in the order of the map.
            Layer::Unflatten(_) if index > 0 && writes_map(nodes, index - 1) => {}
            Layer::Flatten if reads_map(nodes, index + 1) => {}
            Layer::Flatten if node.input.len() == 1 && is_linear(nodes.get(index + 1)) => {}
            Layer::Unflatten(_) => plan.push(PlannedOp::ToMap, input, output),
            Layer::Flatten => plan.push(PlannedOp::ToRows, input, output),
        }
    }
    plan.project(projected(network));
    plan.steps
}

/// How many outputs the last layer has more for the classes of a projection.
fn projected(network: &Network) -> usize {
    let condition = network.condition.filter(|condition| condition.entry == Entry::Projection);
    condition.map_or(0, |condition| condition.classes)
}

struct Plan {
    steps: Vec<PlannedStep>,
    /// Of each layer so far, how many steps there are before it, and whether another layer takes its input too.
    ends: Vec<(usize, bool)>,
}

impl Plan {
    /// Goes on to the next layer; its input has to be a step's output if it `is_shared` with another layer.
    fn begin(&mut self, is_shared: bool) {
        self.ends.push((self.steps.len(), is_shared));
    }

    /// The step whose output enters the layer that the layer with that index refers to.
    fn entered(&self, node: &Node, index: usize) -> Option<usize> {
        let (steps, _) = self.ends[node.layer.entered(index)?];
        steps.checked_sub(1)
    }

    fn push(&mut self, op: PlannedOp, input: [usize; 2], output: [usize; 2]) {
        self.steps.push(PlannedStep { op, input, output });
    }

    /// The product that the next layer follows, if it may be computed with it.
    fn last_product(&mut self) -> Option<&mut Product> {
        if let Some((_, true)) = self.ends.last() {
            return None;
        }
        match self.steps.last_mut().map(|step| &mut step.op) {
            Some(PlannedOp::Product(product)) => Some(product),
            _ => None,
        }
    }

    /// Gives the last product that many more outputs.
    fn project(&mut self, classes: usize) {
        if let Some(PlannedStep { op: PlannedOp::Product(product), output, .. }) = self.steps.last_mut() {
            product.projected = classes;
            output[1] += classes;
        }
    }

    fn norm(&mut self, index: usize, layer: Layer, shape: [usize; 2]) {
        match self.last_product() {
            Some(product) if product.norm.is_none() && product.leaky_relu.is_none() => {
                product.norm = Some((index, layer));
            }
            _ => self.push(PlannedOp::Norm(index, layer), shape, shape),
        }
    }

    fn leaky_relu(&mut self, index: usize, shape: [usize; 2]) {
        match self.last_product() {
            Some(product) if product.leaky_relu.is_none() => product.leaky_relu = Some(index),
            _ => self.push(PlannedOp::LeakyRelu(index), shape, shape),
        }
    }

    fn dropout(&mut self, index: usize, shape: [usize; 2]) {
        match self.last_product() {
            Some(product) if product.leaky_relu.is_some() && product.dropout.is_none() => {
                product.dropout = Some(index);
            }
            _ => self.push(PlannedOp::Dropout(index), shape, shape),
        }
    }
}

fn pixels_and_channels(shape: &[usize]) -> [usize; 2] {
    match *shape {
        [channels, height, width] => [height * width, channels],
        _ => [1, shape.iter().product()],
    }
}

/// Whether a later layer takes the input of the layer of this index too: the end of a residual block, or a shortcut.
fn is_shared(nodes: &[Node], index: usize) -> bool {
    nodes.iter().enumerate().any(|(at, node)| node.layer.entered(at) == Some(index))
}

/// Whether the layer of this index is a Linear layer with its weights in the order of the map before it: it then writes rows.
fn reads_map(nodes: &[Node], index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|before| nodes.get(before));
    is_linear(nodes.get(index))
        && before.is_some_and(|node| node.layer == Layer::Flatten && node.input.len() == 3)
        && !is_shared(nodes, index)
}

/// Whether the layer of this index is a Linear layer with its weights in the order of the map behind it.
fn writes_map(nodes: &[Node], index: usize) -> bool {
    let behind = nodes.get(index + 1);
    is_linear(nodes.get(index))
        && behind.is_some_and(|node| matches!(node.layer, Layer::Unflatten(_)))
        && !reads_map(nodes, index)
        && !is_shared(nodes, index + 1)
}

fn is_linear(node: Option<&Node>) -> bool {
    matches!(node, Some(Node { layer: Layer::Linear(_), .. }))
}

/// The product of a layer whose input is a map or a row in the order of memory.
fn product(nodes: &[Node], index: usize, node: &Node) -> Product {
    let sides = |map: &[usize]| [map[1], map[2]];
    let has_bias = node.layer.has_bias();
    let new = |links, layout| Product::new(index, links, (1, has_bias), layout);
    let before = index.checked_sub(1).and_then(|before| nodes.get(before));
    match node.layer {
        Layer::Conv2d(Conv2d { window, .. }) => {
            new(Links::convolution(window, sides(&node.input), sides(&node.output)), WeightLayout::Conv)
        }
        Layer::ConvTranspose2d(ConvTranspose2d { window, .. }) => {
            let links = Links::transposed(window, sides(&node.input), sides(&node.output));
            new(links, WeightLayout::ConvTranspose)
        }
        _ => match (before, nodes.get(index + 1)) {
            // A row that was a map, and becomes another, is turned around once.
            (Some(Node { input, .. }), _) if reads_map(nodes, index) => {
                new(Links::from_map(input[1] * input[2]), WeightLayout::FromMap)
            }
            (_, Some(Node { layer: Layer::Unflatten(map), .. })) if writes_map(nodes, index) => {
                let pixels = map.shape[1] * map.shape[2];
                Product::new(index, Links::to_map(pixels), (pixels, has_bias), WeightLayout::ToMap)
            }
            _ => new(Links::pointwise(1), WeightLayout::OutputsFirst),
        },
    }
}

impl Product {
    fn new(index: usize, links: Links, bias: (usize, bool), layout: WeightLayout) -> Self {
        let (norm, leaky_relu, dropout) = (None, None, None);
        Self { index, links, bias, layout, norm, leaky_relu, dropout, projected: 0 }
    }

    /// How the matrix of the layer's weight lies in that of the product: none of these folds the taps of an output.
    fn arrangement(&self) -> Arrangement {
        if self.projected > 0 {
            return Arrangement::Projected(1);
        }
        self.layout.arrangement(self.links.outputs, 1)
    }

    /// Pixels and channels of its operands, where those of the layer are `input` and `output`.
    fn shapes(&self, input: [usize; 2], output: [usize; 2]) -> ([usize; 2], [usize; 2]) {
        let all = |[pixels, channels]: [usize; 2]| pixels * channels;
        let (inputs, outputs) = (self.links.inputs, self.links.outputs);
        ([inputs, all(input) / inputs], [outputs, all(output) / outputs])
    }
}

impl PlannedStep {
    fn build(self, buffers: usize, network: &Network, config: &Config) -> Step {
        let (Self { op, input, output }, role) = (self, network.role);
        let slope = |index| network::slope(role, config, index) as f32;
        let dropout = |index| Dropout { rate: network::rate(role, config, index), index };
        let norm = |layer| Norm::new(layer, output, buffers);
        let op = match op {
            PlannedOp::Norm(index, layer) => Op::Norm(index, Box::new(norm(layer))),
            PlannedOp::LeakyRelu(index) => Op::Pointwise(Pointwise::LeakyRelu(slope(index))),
            PlannedOp::Smooth(activation) => Op::Pointwise(Pointwise::Smooth(activation)),
            PlannedOp::Output(activation) => Op::Pointwise(Pointwise::Output(activation)),
            PlannedOp::Dropout(index) => Op::Dropout(dropout(index)),
            PlannedOp::Enlarge(enlarge) => Op::Enlarge(enlarge),
            PlannedOp::Reduce(reduce) => Op::Reduce(reduce),
            PlannedOp::Add(start) => Op::Add(start),
            PlannedOp::Enter(start) => Op::Enter(start),
            PlannedOp::Unfold(patches) => Op::Unfold(patches),
            PlannedOp::Attend(attend) => Op::Attend(attend),
            PlannedOp::Scale(index) => Op::Scale(Box::new(Scale::new(index, buffers))),
            PlannedOp::ToMap => Op::ToMap,
            PlannedOp::ToRows => Op::ToRows,
            PlannedOp::Product(product) => {
                let mut weight = Trained::new(product.links.taps * input[1], output[1], buffers);
                if network.spectral_norm {
                    weight.divide_by_spectral_norm(product.arrangement());
                }
                Op::Product(Box::new(MapStage {
                    index: product.index,
                    links: product.links,
                    weight,
                    bias: Trained::bias(product.bias.0, output[1], buffers, product.bias.1),
                    projected: product.projected,
                    norm: product.norm.map(|(index, layer)| (index, norm(layer))),
                    activation: match product.leaky_relu {
                        None => StageActivation::Identity,
                        Some(index) => StageActivation::LeakyRelu {
                            slope: slope(index),
                            dropout: product.dropout.map(dropout),
                        },
                    },
                    weight_layout: product.layout,
                }))
            }
        };
        Step { op, input, output }
    }

    /// Lines of what the step keeps: its parameters with `copies` of each, and its trace of a batch of `images`.
    fn lines(&self, network: &Network, copies: usize, is_averaged: bool, images: usize) -> usize {
        let lines = Matrix::lines_of;
        let [pixels, channels] = self.output;
        let map = lines(pixels * images, channels);
        let norm = |layer| map + Norm::lines(layer, self.output, copies, images);
        match &self.op {
            PlannedOp::Product(product) => {
                let (rows, has_bias) = product.bias;
                let bias = if has_bias { copies } else { copies.min(1) } * lines(rows, channels);
                let weights = copies * lines(product.links.taps * self.input[1], channels) + bias;
                let traced = map * (1 + usize::from(product.dropout.is_some()));
                let norm_of_weight = if network.spectral_norm && copies > 0 {
                    let (rows, arrangement) = (product.links.taps * self.input[1], product.arrangement());
                    spectral_norm::lines(rows, channels, arrangement, is_averaged)
                } else {
                    0
                };
                weights + norm_of_weight + traced + product.norm.map_or(0, |(_, layer)| norm(layer))
            }
            PlannedOp::Norm(_, layer) => map + norm(*layer),
            PlannedOp::Scale(_) => map + copies + 1,
            PlannedOp::Smooth(_) | PlannedOp::Dropout(_) | PlannedOp::Add(_) | PlannedOp::Enter(_) => 2 * map,
            _ => map,
        }
    }
}

impl PlannedStep {
    /// How the step normalises each image by itself, if it does.
    fn together(&self) -> Option<Together> {
        match &self.op {
            PlannedOp::Product(product) => Together::of(product.norm?.1),
            PlannedOp::Norm(_, layer) => Together::of(*layer),
            _ => None,
        }
    }

    fn has_second_derivative(&self) -> bool {
        match &self.op {
            PlannedOp::Product(product) => product.norm.is_some(),
            PlannedOp::Norm(..)
            | PlannedOp::Smooth(_)
            | PlannedOp::Output(_)
            | PlannedOp::Attend(_)
            | PlannedOp::Scale(_) => true,
            _ => false,
        }
    }

    /// Lines of a product's tangents and signals.
    fn pair_lines(&self, images: usize) -> usize {
        match self.op {
            PlannedOp::Product(_) => [self.input, self.output].map(|map| lines(map, images)).iter().sum(),
            _ => 0,
        }
    }

    /// Lines of [`StepGradients`](crate::added_pairs::StepGradients).
    fn second_order_lines(&self, images: usize) -> usize {
        let map = lines(self.output, images);
        let [pixels, channels] = self.output;
        let affine = self.together().map_or(0, |it| 2 * Matrix::lines_of(it.rows(pixels), channels));
        let of_norm = if self.has_second_derivative() { map + affine } else { 0 };
        match &self.op {
            PlannedOp::Product(_) => self.pair_lines(images) + of_norm,
            PlannedOp::Norm(..) => 2 * map + affine,
            PlannedOp::Smooth(_) | PlannedOp::Output(_) => map,
            // The signals of the output, which become the gradient of the input.
            PlannedOp::Attend(_) => map.max(lines(self.input, images)),
            PlannedOp::Scale(_) => map + 2,
            _ => 0,
        }
    }
}

/// The number of [`Line`](crate::matrix::Line)s of a map `[pixels, channels]` of that many images.
fn lines([pixels, channels]: [usize; 2], images: usize) -> usize {
    Matrix::lines_of(pixels * images, channels)
}

impl ListedNet {
    /// A network whose parameters are all zero.
    pub(crate) fn new(network: &Network, config: &Config) -> Self {
        let role = network.role;
        let algorithm = Algorithm::of(optimizer::of(role, config));
        let buffers = algorithm.declaration().buffers.len();
        let steps = plan(network).into_iter().map(|step| step.build(buffers, network, config)).collect();
        let last = (role == Role::Generator).then(|| OutputActivation::of(config.model.output));
        let embedded = network.condition.filter(|condition| condition.entry == Entry::Concat);
        let embedded = embedded.map(|Condition { classes, width, .. }| {
            ClassRows::new([classes, width], network.inputs() - width, buffers)
        });
        let mut network = Self { steps, algorithm, last, embedded, projected: projected(network) };
        if role == Role::Generator && average::is_kept(&config.train) {
            network.keep_averages();
        }
        if optimizer::of(role, config).clip_norm > 0.0 {
            network.each_trained(&mut Trained::keep_gradient);
        }
        network
    }
}

/// The most lines that one of the attentions needs; they share them.
fn most_of_attentions(steps: &[PlannedStep], lines: impl Fn(Attend) -> usize) -> usize {
    let attentions = steps.iter().filter_map(|step| match step.op {
        PlannedOp::Attend(attend) => Some(attend),
        _ => None,
    });
    attentions.map(lines).max().unwrap_or(0)
}

/// Lines of the embedding of classes behind the input.
fn embedding_lines(network: &Network) -> usize {
    let condition = network.condition.filter(|condition| condition.entry == Entry::Concat);
    condition.map_or(0, |condition| Matrix::lines_of(condition.classes, condition.width))
}

/// Bytes of a penalty's tangents and signals of `images` images, and of what second derivatives add.
pub(crate) fn listed_pair_bytes(network: &Network, images: usize) -> u64 {
    let steps = plan(network);
    let pairs: usize = steps.iter().map(|step| step.pair_lines(images)).sum();
    let last = steps.iter().rposition(PlannedStep::has_second_derivative);
    let reached = &steps[..last.map_or(0, |last| last + 1)];
    let second: usize = reached.iter().map(|step| step.second_order_lines(images)).sum();
    let sums = reached.iter().map(|step| step.together().map_or(LINE, |it| it.sums(step.output[1]))).max();
    let sums = sums.map_or(0, |cols| 4 * Matrix::lines_of(images, cols) + embedding_lines(network));
    let attention = most_of_attentions(&steps, Attend::tangent_lines);
    ((pairs + second + sums + attention) * LINE * size_of::<f32>()) as u64
}

/// Bytes that the trainer allocates for a network of layers in any order: parameters with `copies` of each, one of them
/// an average if it `is_averaged`, the buffers of the layers, and the trace of a batch of `images`.
pub(crate) fn listed_bytes(network: &Network, copies: usize, is_averaged: bool, images: usize) -> u64 {
    let steps = plan(network);
    let lines = |[pixels, channels]: [usize; 2]| Matrix::lines_of(pixels * images, channels);
    let (mut all, mut largest, mut transposed, mut tap) = (0, 0, 0, 0);
    for step in &steps {
        all += step.lines(network, copies, is_averaged, images);
        largest = largest.max(lines(step.input)).max(lines(step.output));
        if let PlannedOp::Product(product) = &step.op {
            transposed = transposed.max(Matrix::lines_of(product.links.taps * step.output[1], step.input[1]));
            tap = tap.max(Matrix::lines_of(step.input[1], step.output[1]));
        }
    }
    if let Some(Condition { entry: Entry::Concat, .. }) = network.condition {
        let own = if copies > 0 { copies + 1 } else { 0 };
        all += own * embedding_lines(network) + Matrix::lines_of(images, network.inputs());
    }
    all += most_of_attentions(&steps, Attend::memory_lines);
    ((all + 2 * largest + transposed + tap) * LINE * size_of::<f32>()) as u64
}
