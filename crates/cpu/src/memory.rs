//! An estimate of the memory that a group takes.

use gansweep_config::{Config, DatasetSpec, ImageShape};
use gansweep_nn::average;
use gansweep_nn::network::{self, Condition, Entry, Layer, Mismatch, Network, Node, Role};
use gansweep_nn::optimizer::{self, Algorithm};
use gansweep_nn::penalty::Points;

use super::conv;
use super::matrix::{LINE, panels};
use super::net::Form;
use super::nonzeros::Nonzeros;
use super::product::MIN_COLS;
use super::spectral_norm::{self, Arrangement};

/// Bytes that the trainer of a lane of that config allocates, for that dataset, without its images. It has
/// the terms of [`Workspace`](super::workspace::Workspace) and of the parameters.
///
/// # Errors
///
/// If the config's networks do not fit the images.
pub fn lane_bytes(config: &Config, spec: &DatasetSpec) -> Result<u64, Mismatch> {
    let (batch, image) = (config.train.batch_size as usize, spec.image);
    let networks = Network::both(config, spec)?;
    let [generator, discriminator] = &networks;
    let own = network_bytes(generator, config, batch) + network_bytes(discriminator, config, 2 * batch);
    let perceptrons = networks.iter().filter(|network| Form::of(network, config) == Form::Perceptron);
    let width = perceptrons.flat_map(|network| &network.nodes).map(|node| node.inputs().max(node.outputs()));
    let width = width.max().unwrap_or(1);
    let latents = 2 * matrix(batch, config.model.latent_dim as usize);
    // Sparse real images have four bytes for each of their numbers, as dense ones have.
    let images = matrix(2 * batch, image.size());
    let (transposed, input) =
        (matrix(width, 2 * batch), matrix(2 * batch, width).max(matrix(width, 2 * batch)));
    let gradients = input.max(matrix(batch, image.size())) + input + transposed;
    let changes = changed_inputs(config, batch, image.size());
    let classes = 2 * config.train.batch_size as u64 * 3 * u64::from(config.model.conditional);
    Ok(own + latents + images + gradients + changes + classes + penalty(discriminator, config, image))
}

/// Bytes for changing the discriminator's inputs: drawn fakes, drawn noise, and an image before and after a change.
fn changed_inputs(config: &Config, batch: usize, size: usize) -> u64 {
    let drawn = if config.changes_inputs() { matrix(batch, size) } else { 0 };
    let noise = if config.train.instance_noise > 0.0 { batch * size } else { 0 };
    let augment = if config.augment.exists() { 2 * size } else { 0 };
    drawn + 4 * (noise + augment) as u64
}

/// Bytes of the parameters of a network, and of what it saves of `images` images.
fn network_bytes(network: &Network, config: &Config, images: usize) -> u64 {
    let optimizer = optimizer::of(network.role, config);
    let buffers = Algorithm::of(optimizer).declaration().buffers.len();
    let averages = usize::from(network.role == Role::Generator && average::is_kept(&config.train));
    let copies = 1 + buffers + usize::from(optimizer.clip_norm > 0.0) + averages;
    match Form::of(network, config) {
        Form::Perceptron => {
            let parameters = parameters(network, copies as u64, averages as u64);
            parameters + trace(network, config, images) + condition(network, copies as u64, images)
        }
        // A network that is not supported is never trained.
        Form::Convolutions => conv::bytes(network, copies, averages > 0, images).unwrap_or(0),
        Form::AnyOrder => conv::listed_bytes(network, copies, averages > 0, images),
    }
}

/// Bytes of an embedding, and of what is computed with it. The Linear layer has its weights among its own.
fn condition(network: &Network, copies: u64, rows: usize) -> u64 {
    let Some(Condition { classes, width, entry }) = network.condition else { return 0 };
    if entry == Entry::Projection {
        // The columns of the classes beside the one of the output, and the outputs that are added up.
        let more = |rows| matrix(rows, 1 + classes) - matrix(rows, 1);
        let norm = |classes, arrangement| {
            let lines = spectral_norm::lines(width, 1 + classes, arrangement, false);
            (lines * LINE * size_of::<f32>()) as u64
        };
        let of_norms = norm(classes, Arrangement::Projected(1)) - norm(0, Arrangement::Blocks(1));
        let of_norms = if network.spectral_norm { of_norms } else { 0 };
        return copies * (more(width) + more(1)) + of_norms + matrix(rows, 1 + classes);
    }
    let outputs = network.nodes.first().map_or(0, Node::outputs);
    (copies + 1) * matrix(classes, width) + 2 * matrix(classes, outputs) + matrix(outputs, width)
}

/// Points, tangents and signals of a penalty, and what the hidden layers save for them.
fn penalty(discriminator: &Network, config: &Config, image: ImageShape) -> u64 {
    let Some(points) = Points::of(&config.penalty) else { return 0 };
    let batch = config.train.batch_size as usize;
    let rows = batch * points.per_image();
    let drawn = if points == Points::AroundReal { 4 * (batch * image.size()) as u64 } else { 0 };
    let images = matrix(rows, image.size());
    match Form::of(discriminator, config) {
        Form::Perceptron => {}
        Form::Convolutions => {
            let own = conv::bytes(discriminator, 0, false, rows).unwrap_or(0);
            return drawn + own + conv::pair_bytes(discriminator, rows).unwrap_or(0) + images;
        }
        Form::AnyOrder => {
            let own = conv::listed_bytes(discriminator, 0, false, rows);
            return drawn + own + conv::listed_pair_bytes(discriminator, rows) + images;
        }
    }
    let layers = discriminator.nodes.iter().filter(|node| matches!(node.layer, Layer::Linear(_)));
    let pairs = layers.map(|node| matrix(rows, node.inputs()) + matrix(rows, node.outputs()));
    drawn + trace(discriminator, config, rows) + pairs.sum::<u64>()
}

/// Bytes of a matrix.
fn matrix(rows: usize, cols: usize) -> u64 {
    let elements = rows.saturating_mul(panels(cols)).saturating_mul(LINE);
    elements.saturating_mul(size_of::<f32>()) as u64
}

/// Parameters with `copies` of each: the buffers of their optimiser, the gradients that wait to be clipped and their
/// averages; and the buffers of the layers.
fn parameters(network: &Network, copies: u64, averages: u64) -> u64 {
    let norm_of = |inputs, outputs| {
        let lines = spectral_norm::lines(inputs, outputs, Arrangement::Blocks(1), averages > 0);
        (lines * LINE * size_of::<f32>()) as u64
    };
    let layers = network.nodes.iter().map(|node| match node.layer {
        Layer::Linear(_) => {
            let (inputs, outputs) = (node.inputs(), node.outputs());
            let of_bias = if node.layer.has_bias() { copies } else { copies.min(1) };
            let own = copies * matrix(inputs, outputs) + of_bias * matrix(1, outputs);
            own + if network.spectral_norm { norm_of(inputs, outputs) } else { 0 }
        }
        Layer::BatchNorm(norm) => {
            2 * (copies + 1) * matrix(norm.rows(), node.outputs())
                + (2 * averages + 3) * matrix(1, node.outputs())
        }
        Layer::LayerNorm => (2 * copies + 5) * matrix(1, node.outputs()),
        _ => 0,
    });
    layers.sum()
}

/// Tensors that the hidden layers save for `rows` rows, and the nonzero elements of one of them.
fn trace(network: &Network, config: &Config, rows: usize) -> u64 {
    let layers = network.nodes.iter().map(|node| match node.layer {
        Layer::LeakyRelu | Layer::Dropout | Layer::BatchNorm(_) => matrix(rows, node.outputs()),
        Layer::LayerNorm => matrix(rows, node.outputs()) + 3 * matrix(rows, LINE),
        _ => 0,
    });
    layers.sum::<u64>() + Nonzeros::bytes(rows, widest_relu(network, config))
}

/// The outputs of the widest ReLU before a Linear layer whose product leaves zeros out.
fn widest_relu(network: &Network, config: &Config) -> usize {
    let nodes = || network.nodes.iter().enumerate();
    // Behind the outputs of a projecting discriminator's last layer are those for each class.
    let more = |index: usize| match network.condition {
        Some(Condition { classes, entry: Entry::Projection, .. }) if index + 1 == network.nodes.len() => {
            classes
        }
        _ => 0,
    };
    let relus = nodes().filter(|(index, node)| {
        let next = nodes().skip(index + 1).find(|(_, node)| matches!(node.layer, Layer::Linear(_)));
        let is_relu = node.layer == Layer::LeakyRelu && network::slope(network.role, config, *index) == 0.0;
        is_relu && next.is_some_and(|(index, next)| next.outputs() + more(index) >= MIN_COLS)
    });
    relus.map(|(_, node)| node.outputs()).max().unwrap_or(0)
}
