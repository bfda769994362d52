//! The stages of a network of convolutions, from its layers.

use gansweep_config::{Config, ImageShape};
use gansweep_nn::average;
use gansweep_nn::network::{
    self, Condition, Conv2d, ConvTranspose2d, Entry, Layer, Network, Node, Role, Window,
};
use gansweep_nn::optimizer::{self, Algorithm};
use gansweep_train::Unsupported;

use super::ConvNet;
use super::condition::Embedded;
use super::links::Links;
use super::patches::Patches;
use super::stage::{MapStage, WeightLayout};
use crate::matrix::{LINE, Matrix};
use crate::norm::Norm;
use crate::output_activation::OutputActivation;
use crate::parameters::Parameters;
use crate::spectral_norm::{self, Arrangement};
use crate::stage::{Dropout, StageActivation};
use crate::trained::Trained;

/// Whether the network has feature maps.
pub(crate) fn is_convolutional(network: &Network) -> bool {
    network.nodes.iter().any(|node| node.input.len() == 3 || node.output.len() == 3)
}

/// A product of a network, and the layers behind it.
pub(crate) struct StagePlan {
    /// The index of the product's layer.
    index: usize,
    links: Links,
    /// Channels of input and output.
    inputs: usize,
    outputs: usize,
    /// Rows and columns of the bias.
    bias: [usize; 2],
    /// Whether there is one.
    has_bias: bool,
    /// How many of the last outputs are those of the classes of a projection, which have no bias.
    projected: usize,
    layout: WeightLayout,
    patches: Option<Patches>,
    norm: Option<(usize, Layer)>,
    dropout: Option<usize>,
    activation: PlannedActivation,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PlannedActivation {
    Identity,
    /// With the layer's index.
    LeakyRelu(usize),
    Output(OutputActivation),
}

/// The stages of a network of convolutions.
///
/// # Errors
///
/// If this backend does not compute such a network.
pub(crate) fn plan(network: &Network) -> Result<Vec<StagePlan>, Unsupported> {
    let unsupported = |node: &Node| Unsupported::layer(network.role, node.layer.describe().name(&node.input));
    let mut stages: Vec<StagePlan> = Vec::new();
    for (index, node) in network.nodes.iter().enumerate() {
        if let Some(stage) = product(network, index, node) {
            stages.push(stage);
            continue;
        }
        let stage = stages.last_mut();
        match (node.layer, stage) {
            // The product beside them has its weights in another order, and they change nothing.
            (Layer::Flatten, _) if is_linear(network.nodes.get(index + 1)) => {}
            (Layer::Unflatten(_), _) if index > 0 && writes_map(network, index - 1) => {}
            (Layer::BatchNorm(_) | Layer::LayerNorm | Layer::InstanceNorm, Some(stage))
                if stage.is_bare() =>
            {
                stage.norm = Some((index, node.layer));
            }
            (Layer::LeakyRelu, Some(stage)) if stage.activation == PlannedActivation::Identity => {
                stage.activation = PlannedActivation::LeakyRelu(index);
            }
            (Layer::Dropout, Some(stage)) if stage.takes_dropout() => {
                stage.dropout = Some(index);
            }
            (Layer::Tanh, Some(stage)) if stage.is_bare() => {
                stage.activation = PlannedActivation::Output(OutputActivation::Tanh);
            }
            (Layer::Sigmoid, Some(stage)) if stage.is_bare() => {
                stage.activation = PlannedActivation::Output(OutputActivation::Sigmoid);
            }
            _ => return Err(unsupported(node)),
        }
    }
    if let (Some((Entry::Projection, [classes, _])), Some(last)) = (condition(network), stages.last_mut()) {
        last.projected = classes;
        last.outputs += classes;
        last.bias[1] += classes;
    }
    // The output activation is that of the last product, which nothing else follows.
    let is_at_its_end = |(place, stage): (usize, &StagePlan)| {
        let is_last = place + 1 == stages.len();
        match stage.activation {
            PlannedActivation::Output(_) => is_last && network.role == Role::Generator,
            PlannedActivation::Identity | PlannedActivation::LeakyRelu(_) => !is_last || stage.is_bare(),
        }
    };
    if !stages.iter().enumerate().all(is_at_its_end) {
        return Err(Unsupported(format!("its {} of convolutions must end with a product", network.role)));
    }
    // Images are rows of numbers, so that the products at their side have to be those with patches.
    let at_images = match network.role {
        Role::Generator => stages.last(),
        Role::Discriminator => stages.first(),
    };
    match at_images {
        Some(stage) if stage.patches.is_some() => Ok(stages),
        _ => Err(Unsupported(format!("its {} of convolutions must have one at the images", network.role))),
    }
}

impl StagePlan {
    fn takes_dropout(&self) -> bool {
        matches!(self.activation, PlannedActivation::LeakyRelu(_)) && self.dropout.is_none()
    }

    fn is_bare(&self) -> bool {
        self.norm.is_none() && self.activation == PlannedActivation::Identity
    }

    /// How the matrix of the layer's weight lies in that of the product.
    fn arrangement(&self) -> Arrangement {
        if self.projected > 0 {
            return Arrangement::Projected(self.outputs - self.projected);
        }
        let taps = self.patches.as_ref().map_or(1, |patches| patches.window.taps());
        self.layout.arrangement(self.links.outputs, taps)
    }

    fn build(self, buffers: usize, network: &Network, config: &Config) -> MapStage {
        let (role, arrangement) = (network.role, self.arrangement());
        let Self {
            index,
            links,
            inputs,
            outputs,
            bias,
            has_bias,
            projected,
            layout,
            norm,
            dropout,
            activation,
            ..
        } = self;
        let pixels = links.outputs;
        let norm = norm.map(|(index, layer)| (index, Norm::new(layer, [pixels, outputs], buffers)));
        let mut weight = Trained::new(links.taps * inputs, outputs, buffers);
        if network.spectral_norm {
            weight.divide_by_spectral_norm(arrangement);
        }
        MapStage {
            index,
            weight,
            bias: Trained::bias(bias[0], bias[1], buffers, has_bias),
            projected,
            links,
            norm,
            activation: match activation {
                PlannedActivation::Identity => StageActivation::Identity,
                PlannedActivation::LeakyRelu(at) => StageActivation::LeakyRelu {
                    slope: network::slope(role, config, at) as f32,
                    dropout: dropout.map(|index| Dropout { rate: network::rate(role, config, index), index }),
                },
                PlannedActivation::Output(activation) => StageActivation::Output(activation),
            },
            weight_layout: layout,
        }
    }
}

/// How a network knows classes: where, how many, and the width of their embedding.
fn condition(network: &Network) -> Option<(Entry, [usize; 2])> {
    network.condition.map(|Condition { classes, width, entry }| (entry, [classes, width]))
}

/// Whether the layer of this index is a Linear layer that can have its weights in the order of the map behind it: one that
/// reads a map has them in the order of that.
fn writes_map(network: &Network, index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|before| network.nodes.get(before));
    let reads_map = before.is_some_and(|node| node.layer == Layer::Flatten && node.input.len() == 3);
    is_linear(network.nodes.get(index)) && !reads_map
}

fn is_linear(node: Option<&Node>) -> bool {
    matches!(node, Some(Node { layer: Layer::Linear(_), .. }))
}

/// The stage that begins with a layer, if it is a product.
fn product(network: &Network, index: usize, node: &Node) -> Option<StagePlan> {
    let neighbour = |index: Option<usize>| index.and_then(|index| network.nodes.get(index));
    let (before, after) = (neighbour(index.checked_sub(1)), neighbour(Some(index + 1)));
    let stage = |links: Links, [inputs, outputs]: [usize; 2], bias, layout, patches| StagePlan {
        index,
        links,
        inputs,
        outputs,
        bias,
        has_bias: node.layer.has_bias(),
        projected: 0,
        layout,
        patches,
        norm: None,
        dropout: None,
        activation: PlannedActivation::Identity,
    };
    match node.layer {
        Layer::Linear(_) => {
            let (inputs, outputs) = (node.inputs(), node.outputs());
            Some(match (before, after) {
                (_, Some(Node { layer: Layer::Unflatten(map), .. })) => {
                    let [channels, height, width] = map.shape;
                    let pixels = height * width;
                    let bias = [pixels, channels];
                    stage(Links::to_map(pixels), [inputs, channels], bias, WeightLayout::ToMap, None)
                }
                (Some(Node { layer: Layer::Flatten, input, .. }), _) if input.len() == 3 => {
                    let pixels = input[1] * input[2];
                    let sizes = [input[0], outputs];
                    stage(Links::from_map(pixels), sizes, [1, outputs], WeightLayout::FromMap, None)
                }
                _ => {
                    let sizes = [inputs, outputs];
                    stage(Links::pointwise(1), sizes, [1, outputs], WeightLayout::OutputsFirst, None)
                }
            })
        }
        Layer::Conv2d(Conv2d { outputs, window, .. }) => {
            let bias = [1, outputs];
            if network.role == Role::Discriminator && index == 0 {
                let patches = patches(window, &node.input, &node.output);
                let links = Links::pointwise(patches.count());
                let sizes = [patches.size(), outputs];
                return Some(stage(links, sizes, bias, WeightLayout::OutputsFirst, Some(patches)));
            }
            let links = Links::convolution(window, sides(&node.input), sides(&node.output));
            Some(stage(links, [node.input[0], outputs], bias, WeightLayout::Conv, None))
        }
        Layer::ConvTranspose2d(ConvTranspose2d { outputs, window, .. }) => {
            let bias = [1, outputs];
            if network.role == Role::Generator && index + 2 == network.nodes.len() {
                let patches = patches(window, &node.output, &node.input);
                let links = Links::pointwise(patches.count());
                let sizes = [node.input[0], patches.size()];
                return Some(stage(links, sizes, bias, WeightLayout::InputsFirst, Some(patches)));
            }
            let links = Links::transposed(window, sides(&node.input), sides(&node.output));
            Some(stage(links, [node.input[0], outputs], bias, WeightLayout::ConvTranspose, None))
        }
        _ => None,
    }
}

/// Height and width of a feature map.
fn sides(map: &[usize]) -> [usize; 2] {
    [map[1], map[2]]
}

/// The patches of an image, of which a convolution makes the feature map `map`.
fn patches(window: Window, image: &[usize], map: &[usize]) -> Patches {
    let [channels, height, width] = [image[0], image[1], image[2]].map(|side| side as u32);
    Patches { image: ImageShape { channels, height, width }, window, positions: sides(map) }
}

impl ConvNet {
    /// A network whose parameters are all zero.
    ///
    /// # Errors
    ///
    /// If this backend does not compute such a network.
    pub(crate) fn new(network: &Network, config: &Config) -> Result<Self, Unsupported> {
        let (role, plans) = (network.role, plan(network)?);
        let algorithm = Algorithm::of(optimizer::of(role, config));
        let buffers = algorithm.declaration().buffers.len();
        let of = |plan: Option<&StagePlan>| plan.and_then(|plan| plan.patches);
        let (first, last) = match role {
            Role::Generator => (None, of(plans.last())),
            Role::Discriminator => (of(plans.first()), None),
        };
        let stages: Vec<_> = plans.into_iter().map(|plan| plan.build(buffers, network, config)).collect();
        let (embedded, projected) = match (condition(network), stages.first()) {
            (Some((Entry::Concat, sizes)), Some(stage)) => {
                (Some(Embedded::new(sizes, stage, first.as_ref(), buffers)), 0)
            }
            (Some((Entry::Projection, [classes, _])), _) => (None, classes),
            _ => (None, 0),
        };
        let mut network = Self { stages, algorithm, first, last, embedded, projected };
        if role == Role::Generator && average::is_kept(&config.train) {
            network.keep_averages();
        }
        if optimizer::of(role, config).clip_norm > 0.0 {
            network.each_trained(&mut Trained::keep_gradient);
        }
        Ok(network)
    }
}

/// Bytes that the trainer allocates for a network of convolutions: parameters with `copies` of each, one of them an
/// average if it `is_averaged`, the buffers of the layers, and the trace of a batch of `images`.
///
/// # Errors
///
/// If this backend does not compute such a network.
pub(crate) fn bytes(
    network: &Network,
    copies: usize,
    is_averaged: bool,
    images: usize,
) -> Result<u64, Unsupported> {
    let stages = plan(network)?;
    let lines = Matrix::lines_of;
    let ends = stages.last().map_or(0, |stage| lines(images, stage.outputs));
    let (mut all, mut largest, mut transposed, mut tap) = (0, ends, 0, 0);
    for (i, stage) in stages.iter().enumerate() {
        let StagePlan { links, inputs, outputs, bias, has_bias, .. } = stage;
        all += copies * lines(links.taps * inputs, *outputs);
        all += if *has_bias { copies } else { copies.min(1) } * lines(bias[0], bias[1]);
        if network.spectral_norm && copies > 0 {
            all += spectral_norm::lines(links.taps * inputs, *outputs, stage.arrangement(), is_averaged);
        }
        transposed = transposed.max(lines(links.taps * outputs, *inputs));
        tap = tap.max(lines(*inputs, *outputs));
        let map = lines(links.outputs * images, *outputs);
        if let Some(patches) = &stage.patches {
            let patches = lines(patches.count() * images, patches.size());
            (all, largest) = (all + patches, largest.max(patches));
        }
        if i + 1 == stages.len() {
            continue;
        }
        largest = largest.max(map);
        all += map * (1 + usize::from(stage.norm.is_some()) + usize::from(stage.dropout.is_some()));
        all += match stage.norm {
            Some((_, layer)) => Norm::lines(layer, [links.outputs, *outputs], copies, images),
            None => 0,
        };
    }
    all += 2 * largest + transposed + tap;
    all += match (condition(network), stages.first()) {
        (Some((Entry::Concat, sizes)), Some(StagePlan { links, inputs, outputs, patches, .. })) => {
            let first = [(links.outputs, *outputs), (links.inputs, *inputs)];
            // Patches are counted with their stage.
            let joined = if patches.is_some() { 0 } else { lines(images, *inputs) };
            copies * lines(sizes[0], sizes[1]) + Embedded::lines(sizes, first, patches.as_ref()) + joined
        }
        (Some((Entry::Projection, _)), _) => ends,
        _ => 0,
    };
    Ok((all * LINE * size_of::<f32>()) as u64)
}

/// Bytes of a penalty's tangents and signals of `images` images.
///
/// # Errors
///
/// If this backend does not compute such a network.
pub(crate) fn pair_bytes(network: &Network, images: usize) -> Result<u64, Unsupported> {
    let pair = |StagePlan { links, inputs, outputs, .. }: &StagePlan| {
        Matrix::lines_of(links.inputs * images, *inputs) + Matrix::lines_of(links.outputs * images, *outputs)
    };
    let lines: usize = plan(network)?.iter().map(pair).sum();
    Ok((lines * LINE * size_of::<f32>()) as u64)
}
