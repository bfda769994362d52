//! An estimate of the device memory of a group.
//!
//! Burn's allocator for GPUs (cubecl) allocates pages as large as the largest tensor so far, and places
//! tensors in them one after the other. Persistent tensors
//! ([`OpenDevice::lasting`](crate::device::OpenDevice)) have memory of their own. A recorded step keeps its
//! pages for its replays, so steps that are issued (those that measure gradient norms, an epoch's last)
//! need further pages. The estimate lists the tensors that are alive at the points of a step where most
//! are, and packs them into pages.

use gansweep_config::{AugmentConfig, Config, DatasetSpec, ImageShape, Relativistic};

use super::images::packed_bytes;
use super::inputs::most_steps;
use super::step_plan::{Mask, StepPlan, StepShape, dropout_layers};
use gansweep_nn::average;
use gansweep_nn::network::{Entry, Layer, Mismatch, Network, Role, Window};
use gansweep_nn::optimizer::{self, Algorithm};
use gansweep_nn::penalty::Points;

const MIB: u64 = 1 << 20;
/// A page of the pool for tensors of up to 64 KiB.
const SMALL_PAGE: u64 = 8 * MIB;
/// A page for larger tensors is this much larger than the largest of them, and at least twice as large as
/// this.
const PAGE_SLACK: u64 = MIB;
/// Tensors of a hidden layer that are saved for the backward pass, in use, or freed and not yet reused: the sum of product
/// and bias, the factor of the activation, their product, the gradients of both. This and the next three were fitted to
/// measurements.
const TENSORS_OF_A_LAYER: usize = 5;
/// The same for its normalisation: centred, its square, normalised, scaled, the gradients of two of them.
const TENSORS_OF_A_NORM: usize = 6;
/// The same of feature maps, for activation, normalisation and enlarging each; the patches of the products are counted besides.
const TENSORS_OF_A_MAP: usize = 2;
/// The same of the weights of attentions, a number for each pair of pixels.
const TENSORS_OF_WEIGHTS: usize = 4;
/// Temporary tensors of the size of all dropout masks of a step, while the masks are made.
const TENSORS_OF_MASKS: usize = 3;

/// Bytes of device memory that a group of `lanes` lanes of that config takes on that data.
///
/// # Errors
///
/// If the config's networks do not fit the images.
pub fn memory_bytes(config: &Config, spec: &DatasetSpec, lanes: usize) -> Result<u64, Mismatch> {
    let sizes = Sizes::new(config, spec, lanes)?;
    let moments =
        [sizes.updating(), sizes.gathering(), sizes.discriminating(), sizes.generating(), vec![sizes.block]];
    let largest = moments.iter().flatten().copied().max().unwrap_or(0);
    let page = (largest + PAGE_SLACK).next_multiple_of(MIB).max(2 * PAGE_SLACK);
    let pages = moments.into_iter().map(|tensors| pack(tensors, page)).max().unwrap_or(0);
    let reading = pack(sizes.reading(), page);
    Ok(sizes.lasting() + 2 * SMALL_PAGE + (pages.max(reading) + pages) * page)
}

/// Bytes of the largest tensor of such a group.
///
/// # Errors
///
/// As [`memory_bytes`].
pub fn largest_buffer_bytes(config: &Config, spec: &DatasetSpec, lanes: usize) -> Result<u64, Mismatch> {
    let sizes = Sizes::new(config, spec, lanes)?;
    Ok(sizes.largest_of_a_step().max(sizes.block).max(sizes.images))
}

/// Bytes of the largest tensor that a step of such a group makes and frees again.
///
/// # Errors
///
/// As [`memory_bytes`].
pub(crate) fn largest_temporary_bytes(
    config: &Config,
    spec: &DatasetSpec,
    lanes: usize,
) -> Result<u64, Mismatch> {
    Ok(Sizes::new(config, spec, lanes)?.largest_of_a_step())
}

/// Pages of `page` bytes that the tensors need, placed first-fit from the largest on.
fn pack(mut tensors: Vec<u64>, page: u64) -> u64 {
    tensors.sort_unstable_by(|a, b| b.cmp(a));
    let mut rooms: Vec<u64> = Vec::new();
    for tensor in tensors {
        match rooms.iter_mut().find(|room| **room >= tensor) {
            Some(room) => *room -= tensor,
            None => rooms.push(page.saturating_sub(tensor)),
        }
    }
    rooms.len() as u64
}

/// Bytes of a group's tensors.
struct Sizes {
    /// Bytes of one 32-bit number in each lane.
    number: u64,
    networks: [Network; 2],
    /// Of each network: its parameters, and in how many tensors they are, with the buffers of the optimiser and averages.
    kept: Vec<(usize, usize)>,
    batch: usize,
    /// Discriminator updates in a step.
    updates: u32,
    /// Numbers in an image.
    image: usize,
    penalty: Option<Points>,
    /// Numbers of each tensor that a change of the discriminator's inputs saves.
    saved_of_changes: Vec<usize>,
    /// Whether they are changed.
    augmented: bool,
    /// Bytes of the training images.
    images: u64,
    /// Bytes of the floats and the integers of a block of steps.
    block: u64,
    integers: u64,
    /// Entries of all dropout masks of one network in a step, the larger of both.
    masks: usize,
}

impl Sizes {
    fn new(config: &Config, spec: &DatasetSpec, lanes: usize) -> Result<Self, Mismatch> {
        let networks = Network::both(config, spec)?;
        let optimizers = Role::BOTH.map(|role| Algorithm::of(optimizer::of(role, config)).declaration());
        let averaged = average::is_kept(&config.train);
        let kept = networks.iter().zip(&optimizers).map(|(network, it)| {
            let averages = usize::from(averaged && network.role == Role::Generator);
            (network.parameter_count(), 1 + it.buffers.len() + averages)
        });
        let kept: Vec<_> = kept.collect();
        let batch = config.train.batch_size as usize;
        let shape = StepShape {
            lanes,
            batches: vec![batch; config.train.d_steps as usize],
            latent_dim: config.model.latent_dim as usize,
            generator_dropout: dropout_layers(&networks[0]),
            discriminator_dropout: dropout_layers(&networks[1]),
            compares_with_real: config.loss.relativistic != Relativistic::None,
            flips: config.loss.label_flip > 0.0,
            augmented: config.augment.exists(),
            noise: config.train.instance_noise > 0.0,
            classes: config.model.conditional,
            image: spec.image.size(),
            penalty: Points::of(&config.penalty),
            penalised: vec![config.penalty.exists(); config.train.d_steps as usize],
            generator_coefficients: optimizers[0].varying,
            discriminator_coefficients: optimizers[1].varying,
            averaged,
        };
        let StepPlan { generator, discriminator, layout } = StepPlan::new(&shape);
        let entries = [generator, discriminator].map(|plan| plan.masks.iter().map(Mask::count).sum());
        let steps = most_steps(&layout);
        let stored = u64::from(config.images(spec)) * if config.data.flip { 2 } else { 1 };
        Ok(Self {
            number: 4 * lanes as u64,
            networks,
            kept,
            batch,
            updates: config.train.d_steps,
            image: spec.image.size(),
            penalty: shape.penalty,
            saved_of_changes: saved_of_changes(config, spec.image, batch),
            augmented: shape.augmented,
            images: stored * packed_bytes(spec.image.size()) as u64,
            block: 4 * (steps * layout.floats) as u64,
            integers: 4 * (steps * layout.integers) as u64,
            masks: entries.into_iter().max().unwrap_or(0),
        })
    }

    /// The largest tensor of a step that is no persistent one.
    fn largest_of_a_step(&self) -> u64 {
        let moments = [self.updating(), self.gathering(), self.discriminating(), self.generating()];
        moments.into_iter().flatten().max().unwrap_or(0)
    }

    /// Persistent tensors: images, rows, parameters with their buffers, two indices for each mask entry.
    fn lasting(&self) -> u64 {
        let indices = 8 * self.masks as u64;
        let kept: usize = self.kept.iter().map(|(count, tensors)| count * tensors).sum();
        self.images + self.block + self.integers + self.number * kept as u64 + indices
    }

    /// Tensors while the state of a lane is read: its parameters with their buffers.
    fn reading(&self) -> Vec<u64> {
        self.kept
            .iter()
            .flat_map(|&(count, tensors)| std::iter::repeat_n(4 * count as u64, tensors))
            .collect()
    }

    /// Tensors during the optimiser's update: a gradient and two tensors of its size.
    fn updating(&self) -> Vec<u64> {
        let largest = self.networks.iter().map(Network::parameter_count).max().unwrap_or(0);
        vec![self.number * largest as u64; 3]
    }

    /// Tensors while the discriminator's batch is assembled: images as bytes and as floats, the fakes, both
    /// together, and the masks.
    fn gathering(&self) -> Vec<u64> {
        let images = self.batch * self.image;
        let mut tensors = vec![images, images, images, 2 * images];
        tensors.extend(&self.saved_of_changes);
        // Before and after a change.
        tensors.extend([images; 2].iter().filter(|_| self.augmented));
        tensors.extend([self.masks; TENSORS_OF_MASKS]);
        self.bytes(tensors)
    }

    /// Tensors during the discriminator's update: images and fakes, saved tensors of its layers, and the
    /// gradients of its weights.
    fn discriminating(&self) -> Vec<u64> {
        let [_, discriminator] = &self.networks;
        let mut tensors = vec![2 * self.batch * self.image];
        tensors.extend(layers(discriminator, 2 * self.batch));
        tensors.extend([self.masks; TENSORS_OF_MASKS]);
        tensors.extend(weights(discriminator));
        if self.updates > 1 {
            // The gradient of the update before.
            tensors.push(discriminator.parameter_count());
        }
        if let Some(points) = self.penalty {
            // The points, their gradient and the tangents, and what both passes save.
            let rows = self.batch * points.per_image();
            tensors.extend([rows * self.image; 3]);
            tensors.extend(layers(discriminator, rows).chain(layers(discriminator, rows)));
        }
        self.bytes(tensors)
    }

    /// Tensors during the generator's update: saved tensors of both networks' layers, the fakes before and
    /// after the output activation and their gradient, and the gradients of the generator's weights.
    fn generating(&self) -> Vec<u64> {
        let [generator, discriminator] = &self.networks;
        let mut tensors = vec![self.batch * self.image; 3];
        tensors.extend(&self.saved_of_changes);
        tensors.extend(layers(generator, self.batch));
        tensors.extend(layers(discriminator, self.batch));
        tensors.extend([self.masks; TENSORS_OF_MASKS]);
        tensors.extend(weights(generator));
        self.bytes(tensors)
    }

    /// Bytes of tensors with these numbers per lane.
    fn bytes(&self, tensors: Vec<usize>) -> Vec<u64> {
        tensors.into_iter().map(|numbers| self.number * numbers as u64).collect()
    }
}

/// Numbers in each tensor that the hidden layers of a network save for `rows` rows, and in what an embedding adds.
fn layers(network: &Network, rows: usize) -> impl Iterator<Item = usize> {
    let of_classes = network.condition.map(|condition| match condition.entry {
        // The rows with their embeddings.
        Entry::Concat => rows * network.inputs(),
        // The weights of the last layer with those of the classes.
        Entry::Projection => condition.width * (1 + condition.classes),
    });
    let nodes = network.nodes.iter().flat_map(move |node| {
        let is_map = node.output.len() == 3;
        let (count, numbers) = match &node.layer {
            Layer::LeakyRelu | Layer::Smooth(_) => {
                (if is_map { TENSORS_OF_A_MAP } else { TENSORS_OF_A_LAYER }, node.outputs())
            }
            Layer::BatchNorm(_) | Layer::LayerNorm | Layer::InstanceNorm => {
                (if is_map { TENSORS_OF_A_MAP } else { TENSORS_OF_A_NORM }, node.outputs())
            }
            // What is dropped or scaled, or what the shortcut is entered with.
            Layer::Dropout | Layer::Scale | Layer::Shortcut(_) => (1, node.outputs()),
            Layer::Upsample(_) => (TENSORS_OF_A_MAP, node.outputs()),
            // The sum, and what the block is entered with.
            Layer::Residual(_) => (2, node.outputs()),
            Layer::Attention(_) => (TENSORS_OF_WEIGHTS, pixels_of(&node.output).pow(2)),
            // The patches of the input.
            Layer::Conv2d(layer) => {
                (1, taps_of_blocks(layer.window) * node.input[0] * node.outputs() / node.output[0])
            }
            // The columns of the output, before they are summed.
            Layer::ConvTranspose2d(layer) => {
                (1, taps_of_blocks(layer.window) * node.output[0] * node.inputs() / node.input[0])
            }
            // Counted with the activation, or for the last layer by the caller.
            _ => (0, 0),
        };
        std::iter::repeat_n(rows * numbers, count)
    });
    of_classes.into_iter().chain(nodes)
}

fn pixels_of(map: &[usize]) -> usize {
    map.iter().skip(1).product()
}

/// Numbers of each tensor that a change of a batch of images saves for its gradient: the matrices that move the images, and
/// which of their pixels are kept.
fn saved_of_changes(config: &Config, image: ImageShape, batch: usize) -> Vec<usize> {
    let AugmentConfig { translation, cutout, .. } = config.augment;
    let (channels, height, width) = (image.channels as usize, image.height as usize, image.width as usize);
    let moved = [height, width].map(|side| batch * channels * side * side);
    let moved = moved.into_iter().filter(|_| translation > 0.0);
    moved.chain((translation > 0.0 || cutout > 0.0).then_some(batch * height * width)).collect()
}

/// Weights of a kernel for one pair of channels, with the zeros that fill it up to whole blocks.
fn taps_of_blocks(Window { kernel, stride, .. }: Window) -> usize {
    kernel.next_multiple_of(stride).pow(2)
}

/// Numbers in the gradient of each weight; where weights are divided by their norms, also in the quotient and its
/// gradient.
fn weights(network: &Network) -> impl Iterator<Item = usize> {
    let copies = if network.spectral_norm { 3 } else { 1 };
    let weights = network.parameters().into_iter().filter(|spec| spec.shape.len() > 1);
    weights.flat_map(move |spec| std::iter::repeat_n(spec.count(), copies))
}

#[cfg(test)]
mod tests {
    use gansweep_fixtures::config::{config, like_mnist};

    use super::super::tests::recording::RECORDED_ANEW;
    use super::super::tests::{advance, burn, initial, lanes, test_device};
    use super::*;
    use crate::TensorTrainer;

    /// How far an estimate is from what is held, as a share of the latter.
    fn far(config: &Config, spec: &DatasetSpec, lanes: usize, held: f64) -> f64 {
        (memory_bytes(config, spec, lanes).unwrap() as f64 - held).abs() / held
    }

    #[test]
    fn estimates_are_near_what_was_measured() {
        const SMALL: &str =
            "model.generator.width=32 model.discriminator.width=16 train.batch_size=16 data.images=320";
        const ENLARGED: &str = "model.generator.kind=layers model.discriminator.width=16 train.batch_size=16 data.images=320 \
            model.generator.layers=[{linear=1568},{reshape=[32,7,7]},'batch-norm','relu',{upsample=2},\
            {conv=16,kernel=3,padding=1},'batch-norm','relu',{upsample=2},{conv=1,kernel=3,padding=1}]";
        // Measured with the example `tensor_speed` on Mesa's lavapipe, Burn 0.22.1, in millions of bytes. Measurements of one
        // group differ by up to 20 %, since the room that a recording finds depends on the timing of threads.
        for (recipe, lanes, sets, held) in [
            ("jovian", 1, "data.images=1000", 45.8),
            ("jovian", 4, "data.images=1000", 123.9),
            ("jovian", 12, "data.images=1000", 276.8),
            ("jovian", 8, "train.batch_size=4 data.images=400", 131.4),
            ("jovian", 8, "model.hidden=32 train.batch_size=512 data.images=5120", 261.2),
            ("fast", 1, "data.images=640", 72.2),
            ("fast", 6, "train.batch_size=8 data.images=400", 188.6),
            ("realpython", 3, "train.batch_size=4 data.images=100", 281.0),
            ("coursera", 2, "data.images=1280", 184.4),
            ("udacity", 4, "data.images=600", 71.3),
            ("wgan-gp", 1, "data.images=640", 84.9),
            ("wgan-gp", 4, "data.images=640", 218.0),
            ("conditional", 1, "data.images=640", 72.4),
            ("conditional", 4, "data.images=640", 187.4),
            ("conditional", 8, "data.images=640", 305.1),
            ("dcgan", 1, SMALL, 45.0),
            ("dcgan", 4, SMALL, 110.8),
            ("dcgan", 8, SMALL, 210.8),
            ("dcgan", 1, ENLARGED, 74.1),
            ("dcgan", 4, ENLARGED, 214.9),
        ] {
            let config = config(recipe, &sets.split_whitespace().collect::<Vec<_>>());
            let far = far(&config, &like_mnist(), lanes, held * 1e6);
            assert!(far < 0.2, "{recipe}, {lanes} lanes, {sets}: {:.0} % off", far * 100.0);
        }
    }

    #[test]
    fn estimates_of_colour_are_near_what_was_measured() {
        let sets = [
            "model.generator.width=32",
            "model.discriminator.width=16",
            "train.batch_size=16",
            "data.images=320",
        ];
        let config = config("dcgan-color", &sets);
        let spec = DatasetSpec { image: ImageShape { channels: 3, height: 32, width: 32 }, ..like_mnist() };
        for (lanes, held) in [(1, 55.5), (4, 142.2)] {
            let far = far(&config, &spec, lanes, held * 1e6);
            assert!(far < 0.2, "{lanes} lanes: {:.0} % off", far * 100.0);
        }
    }

    /// The words for a group whose steps were recorded more than once.
    fn how(trainer: &TensorTrainer) -> String {
        if trainer.work.unrecorded == 0 { String::new() } else { format!(" {RECORDED_ANEW}") }
    }

    /// Trains a group of that config and compares what is held. In a process of its own, since the device's memory is counted as
    /// a whole.
    fn assert_holds_what_was_estimated(config: &Config, count: usize) {
        if std::env::var_os("GANSWEEP_TEST_DEVICE").is_none() {
            return;
        }
        let group = lanes(&vec![config.clone(); count]);
        let mut trainer = burn(&group, &initial(&group));
        for _ in 0..2 {
            advance(&mut trainer, 8);
        }
        let Some(held) = test_device().memory_held_bytes() else { return };
        let far = far(config, &like_mnist(), count, held as f64);
        let estimated = memory_bytes(config, &like_mnist(), count).unwrap();
        assert!(far < 0.2, "{held} bytes held, {estimated} estimated{}", how(&trainer));
    }

    #[test]
    fn a_group_holds_what_was_estimated() {
        assert_holds_what_was_estimated(&config("udacity", &["data.images=600"]), 4);
    }

    #[test]
    fn a_group_that_changes_images_holds_what_was_estimated() {
        let sets = ["data.images=600", "augment.color=1", "augment.translation=0.125", "augment.cutout=0.5"];
        assert_holds_what_was_estimated(&config("udacity", &sets), 4);
    }

    #[test]
    fn a_group_of_dcgans_holds_what_was_estimated() {
        let sets = [
            "model.generator.width=16",
            "model.discriminator.width=16",
            "train.batch_size=8",
            "data.images=160",
        ];
        assert_holds_what_was_estimated(&config("dcgan", &sets), 4);
    }

    #[test]
    fn a_group_with_residual_blocks_and_shortcuts_holds_what_was_estimated() {
        let generator = "model.generator.layers=[{linear=1568},{reshape=[8,14,14]},'batch-norm','relu',\
                         {conv=8,kernel=3,padding=1},{residual=3},'relu',{upsample=2},{conv=4,kernel=3,padding=1},\
                         {shortcut=3},{upsample=2},{conv=4,kernel=1},{residual=3},{conv=1,kernel=3,padding=1}]";
        let discriminator = "model.discriminator.layers=[{conv=8,kernel=4,stride=2,padding=1},{leaky-relu=0.2},\
                             {conv=8,kernel=3,padding=1},{residual=2},'relu',{conv=16,kernel=3,padding=1},{avg-pool=2},\
                             {shortcut=3},{conv=16,kernel=1},{avg-pool=2},{residual=3},'flatten',{linear=1}]";
        let sets = ["model.kind=layers", generator, discriminator, "train.batch_size=8", "data.images=160"];
        assert_holds_what_was_estimated(&config("fast", &sets), 2);
    }

    #[test]
    fn a_group_with_attention_holds_what_was_estimated() {
        let generator = "model.generator.layers=[{linear=1568},{reshape=[8,14,14]},'batch-norm','relu',{conv=24,kernel=1},\
                         {attention=8},{conv=8,kernel=1},'scale',{residual=4},{conv-transpose=1,kernel=2,stride=2}]";
        let discriminator = "model.discriminator.layers=[{conv=8,kernel=4,stride=2,padding=1},{leaky-relu=0.2},\
                             {conv=24,kernel=1},{attention=8},{conv=8,kernel=1},'scale',{residual=4},'flatten',{linear=1}]";
        let sets = ["model.kind=layers", generator, discriminator, "train.batch_size=8", "data.images=160"];
        assert_holds_what_was_estimated(&config("fast", &sets), 2);
    }

    #[test]
    fn a_group_that_knows_classes_holds_what_was_estimated() {
        let sets = ["train.batch_size=8", "data.images=160"];
        assert_holds_what_was_estimated(&config("conditional", &sets), 4);
    }

    #[test]
    fn a_group_with_smooth_activations_holds_what_was_estimated() {
        let sets =
            ["data.images=600", "model.generator.activation=silu", "model.discriminator.activation=gelu"];
        assert_holds_what_was_estimated(&config("udacity", &sets), 4);
    }
}
