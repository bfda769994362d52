//! Networks whose layers are listed in any order.

use std::sync::Arc;

use gansweep_config::{
    ConditionKind, Config, ImageShape, LossKind, NetworkKind, NetworkLayer, NetworkOptimizer, Noise,
    PenaltyConfig, PenaltyKind, SmoothActivation, Window,
};
use gansweep_fixtures::config::like_mnist;
use gansweep_nn::network::{Network, Role};
use gansweep_nn::state::LaneState;
use gansweep_train::{Lane, Trainer, TrainingImages};
use proptest::prelude::*;

use super::{CpuTrainer, LR, small, with};
use crate::net::Form;

/// A layer as experiment files have it.
fn layer(text: &str) -> NetworkLayer {
    serde_json::from_value(text.into()).unwrap()
}

pub(super) fn listed(config: &mut Config, role: Role, texts: &[&str]) {
    let layers = texts.iter().map(|text| layer(text)).collect();
    let (own, kind) = match role {
        Role::Generator => (&mut config.model.generator.layers, &mut config.model.generator.kind),
        Role::Discriminator => (&mut config.model.discriminator.layers, &mut config.model.discriminator.kind),
    };
    (*own, *kind) = (layers, NetworkKind::Layers);
}

/// Normalisations behind activations, activations behind each other, and dropout by itself.
fn in_an_unusual_order() -> Config {
    with(|c| {
        listed(
            c,
            Role::Generator,
            &[
                "linear 147",
                "leaky-relu 0.3",
                "batch-norm",
                "dropout 0.2",
                "reshape 3x7x7",
                "upsample 2",
                "conv 5 kernel 3 padding 1",
                "relu",
                "layer-norm",
                "conv-transpose 3 kernel 4 stride 2 padding 1",
                "tanh",
                "leaky-relu 0.5",
                "conv 1 kernel 5 padding 2",
            ],
        );
        listed(
            c,
            Role::Discriminator,
            &[
                "conv 3 kernel 5 stride 3 padding 2",
                "sigmoid",
                "layer-norm",
                "leaky-relu 0.1",
                "conv 4 kernel 2",
                "leaky-relu 0.2",
                "dropout 0.3",
                "conv-transpose 2 kernel 3 padding 2",
                "flatten",
                "dropout 0.1",
                "linear 6",
                "layer-norm",
                "tanh",
                "linear 1",
            ],
        );
        (c.data.images, c.train.batch_size) = (20, 8);
        // With the rate of the other cases, in one step an activation behind the first layer normalisation comes within 5e-7 of
        // zero. Rounding then decides which slope of the leaky ReLU it has, and with it a hundredth of a gradient.
        (c.optimizer.generator.lr, c.optimizer.discriminator.lr) = (LR / 10.0, LR / 10.0);
        c.train.d_steps = 2;
    })
}

/// Weights of every kind of layer that are divided by their norms.
fn with_spectral_norms() -> Config {
    with(|c| {
        (c.model.generator.spectral_norm, c.model.discriminator.spectral_norm) = (true, true);
        listed(
            c,
            Role::Generator,
            &[
                "linear 98",
                "reshape 2x7x7",
                "leaky-relu 0.3",
                "conv-transpose 3 kernel 4 stride 2 padding 1",
                "leaky-relu 0.2",
                "conv-transpose 1 kernel 4 stride 2 padding 1",
                "tanh",
                "conv 1 kernel 3 padding 1",
            ],
        );
        listed(
            c,
            Role::Discriminator,
            &[
                "conv 3 kernel 5 stride 3 padding 2",
                "tanh",
                "flatten",
                "linear 6",
                "leaky-relu 0.1",
                "linear 1",
            ],
        );
        c.loss.kind = LossKind::Hinge;
    })
}

/// Blocks of maps and of rows; one in another, one behind another, and some that start with the network's input, with an
/// activation, between a convolution and its normalisation, and next to changes of shape.
fn residual_blocks() -> Config {
    with(|c| {
        listed(
            c,
            Role::Generator,
            &[
                "leaky-relu 0.9",
                "residual 1",
                "linear 98",
                "leaky-relu 0.2",
                "residual 1",
                "reshape 2x7x7",
                "conv 3 kernel 1",
                "leaky-relu 0.1",
                "conv 3 kernel 3 padding 1",
                "batch-norm",
                "residual 3",
                "leaky-relu 0.3",
                "residual 5",
                "upsample 4",
                "conv 1 kernel 3 padding 1",
            ],
        );
        listed(
            c,
            Role::Discriminator,
            &[
                "conv 1 kernel 3 padding 1",
                "leaky-relu 0.2",
                "residual 2",
                "avg-pool 3",
                "conv 3 kernel 1",
                "layer-norm",
                "leaky-relu 0.1",
                "conv 3 kernel 3 padding 1",
                "residual 2",
                "dropout 0.2",
                "residual 5",
                "tanh",
                "residual 1",
                "avg-pool 2",
                "flatten",
                "linear 48",
                "residual 1",
                "reshape 3x4x4",
                "residual 4",
                "avg-pool 4",
                "flatten",
                "linear 1",
            ],
        );
        c.train.ema = 0.9;
        c.optimizer.discriminator.clip_norm = 0.5;
    })
}

/// Lists in the common orders and in others; every kind of layer in front of and behind every other kind of memory.
pub(super) fn lists() -> Vec<(&'static str, Config)> {
    vec![
        ("lists in an unusual order", in_an_unusual_order()),
        (
            "a resize-convolution, rows that become maps in the middle, clipped gradients, an average",
            with(|c| {
                listed(
                    c,
                    Role::Generator,
                    &[
                        "linear 98",
                        "reshape 2x7x7",
                        "relu",
                        "conv-transpose 17 kernel 4 stride 2 padding 1",
                        "leaky-relu 0.2",
                        "upsample 2",
                        "conv 1 kernel 3 padding 1",
                    ],
                );
                listed(
                    c,
                    Role::Discriminator,
                    &[
                        "flatten",
                        "linear 12",
                        "leaky-relu 0.2",
                        "leaky-relu 0.5",
                        "reshape 3x2x2",
                        "conv 2 kernel 1",
                        // Not "relu": with seed 5, both channels would be zero for all images, and so all gradients.
                        "leaky-relu 0.1",
                        "flatten",
                        "linear 1",
                    ],
                );
                c.train.noise = Noise::Shared;
                c.train.ema = 0.9;
                c.optimizer.generator.clip_norm = 0.05;
                c.optimizer.discriminator.clip_norm = 0.05;
            }),
        ),
        ("lists with spectral norms", with_spectral_norms()),
        ("residual blocks", residual_blocks()),
        (
            "a residual block that starts with the embedding of the class",
            with(|c| {
                c.model.conditional = true;
                listed(c, Role::Generator, &["leaky-relu 0.9", "residual 1", "linear 784"]);
            }),
        ),
        (
            "a list that starts with an upsample and ends with a convolution, clipped weights",
            with(|c| {
                listed(c, Role::Generator, &["linear 20", "dropout 0.4", "linear 784", "reshape 1x28x28"]);
                listed(
                    c,
                    Role::Discriminator,
                    &[
                        "upsample 2",
                        "conv 2 kernel 8 stride 4 padding 3",
                        "tanh",
                        "conv 3 kernel 7 stride 7",
                        "relu",
                        "conv 1 kernel 2",
                    ],
                );
                c.loss.kind = LossKind::Wasserstein;
            }),
        ),
        (
            "lists in the common orders",
            with(|c| {
                listed(c, Role::Generator, &["linear 18", "layer-norm", "leaky-relu 0.1", "linear 784"]);
                listed(
                    c,
                    Role::Discriminator,
                    &[
                        "conv 3 kernel 4 stride 2 padding 1",
                        "leaky-relu 0.3",
                        "conv 5 kernel 4 stride 2 padding 1",
                        "relu",
                        "dropout 0.2",
                        "flatten",
                        "linear 1",
                    ],
                );
            }),
        ),
    ]
}

/// A critic of these layers with a penalty.
pub(super) fn penalised(kind: PenaltyKind, layers: &[&str]) -> Config {
    with(|c| {
        listed(c, Role::Discriminator, layers);
        c.loss.kind = LossKind::Hinge;
        c.penalty = PenaltyConfig { kind, weight: 2.0, ..PenaltyConfig::default() };
    })
}

/// Critics of layers in any order that have a penalty.
pub(super) fn penalised_lists() -> Vec<(&'static str, Config)> {
    vec![
        (
            "a penalty through convolutions of both kinds, enlarged maps and lone activations",
            penalised(
                PenaltyKind::WganGp,
                &[
                    "conv 2 kernel 4 stride 4",
                    "leaky-relu 0.2",
                    "upsample 2",
                    "conv-transpose 3 kernel 3 padding 1",
                    "leaky-relu 0.1",
                    "leaky-relu 0.5",
                    "dropout 0.3",
                    "conv 2 kernel 4 stride 5",
                    "flatten",
                    "dropout 0.1",
                    "linear 1",
                ],
            ),
        ),
        (
            "a penalty at the images of the batch, through rows that become maps, with clipped gradients",
            Config {
                optimizer: {
                    let mut adam = small().optimizer;
                    adam.discriminator.clip_norm = 0.5;
                    adam
                },
                ..penalised(
                    PenaltyKind::R1R2,
                    &[
                        "leaky-relu 0.9",
                        "flatten",
                        "linear 12",
                        "leaky-relu 0.2",
                        "dropout 0.2",
                        "reshape 3x2x2",
                        "upsample 2",
                        "conv 2 kernel 3",
                        "leaky-relu 0.1",
                        "flatten",
                        "linear 1",
                    ],
                )
            },
        ),
        (
            "a penalty through every layer with a second derivative",
            penalised(
                PenaltyKind::WganGp,
                &[
                    "conv 3 kernel 5 stride 4",
                    "layer-norm",
                    "leaky-relu 0.2",
                    "dropout 0.2",
                    "tanh",
                    "upsample 2",
                    "conv-transpose 2 kernel 3 padding 1",
                    "sigmoid",
                    "layer-norm",
                    "conv 2 kernel 4 stride 4",
                    "flatten",
                    "linear 6",
                    "tanh",
                    "linear 1",
                ],
            ),
        ),
        (
            "a penalty at the images of the batch, through activations in front of the first product",
            penalised(
                PenaltyKind::R1R2,
                &[
                    "sigmoid",
                    "flatten",
                    "dropout 0.1",
                    "linear 9",
                    "layer-norm",
                    "dropout 0.3",
                    "linear 17",
                    "linear 1",
                ],
            ),
        ),
        (
            "a penalty through a first layer that normalises the image",
            penalised(
                PenaltyKind::Dragan,
                &["layer-norm", "conv 2 kernel 4 stride 4", "leaky-relu 0.2", "flatten", "linear 1"],
            ),
        ),
    ]
}

/// Critics with residual blocks that have a penalty.
pub(super) fn penalised_blocks() -> Vec<(&'static str, Config)> {
    vec![
        (
            "a penalty through residual blocks, with second derivatives in them, behind them and in none",
            penalised(
                PenaltyKind::WganGp,
                &[
                    "conv 1 kernel 3 padding 1",
                    "leaky-relu 0.2",
                    "residual 2",
                    "avg-pool 3",
                    "conv 3 kernel 1",
                    "layer-norm",
                    "leaky-relu 0.1",
                    "conv 3 kernel 3 padding 1",
                    "residual 2",
                    "tanh",
                    "residual 5",
                    "leaky-relu 0.3",
                    "residual 6",
                    "avg-pool 4",
                    "conv 3 kernel 1",
                    "leaky-relu 0.2",
                    "residual 2",
                    "flatten",
                    "dropout 0.2",
                    "linear 12",
                    "residual 1",
                    "leaky-relu 0.1",
                    "residual 1",
                    "linear 1",
                ],
            ),
        ),
        (
            "a penalty at the images of the batch, through blocks without second derivatives",
            penalised(
                PenaltyKind::R1R2,
                &[
                    "flatten",
                    "leaky-relu 0.9",
                    "residual 1",
                    "linear 9",
                    "leaky-relu 0.2",
                    "linear 9",
                    "leaky-relu 0.2",
                    "residual 2",
                    "residual 4",
                    "linear 1",
                ],
            ),
        ),
        (
            "a penalty through a block around which the image goes",
            penalised(
                PenaltyKind::WganGp,
                &["linear 4", "tanh", "linear 784", "residual 3", "linear 6", "leaky-relu 0.2", "linear 1"],
            ),
        ),
    ]
}

#[test]
fn a_penalty_through_a_normalisation_of_batches_is_refused_with_the_layer() {
    let config = with(|c| {
        listed(c, Role::Discriminator, &["conv 2 kernel 4 stride 4", "batch-norm", "flatten", "linear 1"]);
        c.penalty.kind = PenaltyKind::R1;
    });
    let reason = crate::supports(&config, &like_mnist()).unwrap_err().to_string();
    assert!(reason.contains("layer 1 of the discriminator, BatchNorm2d"), "{reason}");
}

#[test]
fn the_common_orders_have_their_faster_ways_in_lists_too() {
    let forms = |name: &str| {
        let cases = lists();
        let (_, config) = cases.iter().find(|(case, _)| *case == name).unwrap();
        Network::both(config, &like_mnist()).unwrap().each_ref().map(|network| Form::of(network, config))
    };
    assert_eq!(forms("lists in an unusual order"), [Form::AnyOrder, Form::AnyOrder]);
    assert_eq!(forms("lists in the common orders"), [Form::Perceptron, Form::Convolutions]);
}

#[test]
fn what_a_faster_way_would_leave_out_goes_the_general_way() {
    let form = |role, texts: &[&str]| {
        let config = with(|c| listed(c, role, texts));
        Form::of(&Network::of(role, &config, &like_mnist()).unwrap(), &config)
    };
    let patches = "conv 2 kernel 4 stride 2 padding 1";
    for texts in [
        &["linear 3", "batch-norm", "linear 1", "batch-norm"][..],
        &["linear 3", "relu", "linear 1", "tanh"],
        &["linear 3", "relu", "linear 1", "relu"],
        &["linear 3", "linear 1"],
        &["relu", "flatten", "linear 1"],
        &[patches, "relu", "flatten", "dropout", "linear 1"],
        &[patches, "tanh", "flatten", "linear 1"],
        &[patches, "relu", "flatten", "linear 1", "leaky-relu"],
        &[patches, "relu", "dropout", "dropout", "flatten", "linear 1"],
        &[patches, "relu", "batch-norm", "flatten", "linear 1"],
        &[patches, "relu", "flatten", "linear 49", "reshape 1x7x7", "flatten", "linear 1"],
    ] {
        assert_eq!(form(Role::Discriminator, texts), Form::AnyOrder, "{texts:?}");
    }
    let last = "conv-transpose 1 kernel 4 stride 4";
    for texts in [
        &["linear 49", "relu", "reshape 1x7x7", last][..],
        &["linear 49", "reshape 1x7x7", last, "relu"],
        &["linear 784", "batch-norm"],
    ] {
        assert_eq!(form(Role::Generator, texts), Form::AnyOrder, "{texts:?}");
    }
}

/// Small images of noise with any shape.
fn noise(shape: ImageShape, count: usize, config: &Config) -> TrainingImages {
    let bytes = (0..count * shape.size()).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let (bytes, labels) = (Arc::new(bytes), Arc::new(vec![0; count]));
    TrainingImages { shape, bytes, labels, count, pixels: config.data.pixels }
}

/// A choice of what to append to a list: any of these, where it fits.
fn appended(choice: u8, shape: &[usize]) -> NetworkLayer {
    let small = |kernel, stride, padding| Window { kernel, stride, padding };
    let bias = choice & 64 == 0;
    match choice % 18 {
        0 if choice & 128 == 0 => NetworkLayer::BatchNorm,
        0 => NetworkLayer::InstanceNorm,
        1 => NetworkLayer::LayerNorm,
        2 => NetworkLayer::LeakyRelu(0.0),
        3 => NetworkLayer::LeakyRelu(0.2),
        4 if choice & 128 == 0 => NetworkLayer::Tanh,
        4 => NetworkLayer::Smooth(SmoothActivation::ALL[usize::from(choice) / 16 % 3]),
        5 => NetworkLayer::Sigmoid,
        6 => NetworkLayer::Dropout(0.3),
        7 => NetworkLayer::Flatten,
        8 => NetworkLayer::Linear { outputs: 1 + u32::from(choice) % 21, bias },
        9 => NetworkLayer::Conv { outputs: 1 + u32::from(choice) % 5, window: small(3, 1, 1), bias },
        10 => NetworkLayer::Conv { outputs: 17, window: small(2, 2, 0), bias },
        11 => NetworkLayer::ConvTranspose {
            outputs: 1 + u32::from(choice) % 4,
            window: small(3, 2, 1),
            output_padding: usize::from(choice) / 16 % 2,
            bias,
        },
        12 => NetworkLayer::Upsample(2),
        13 if choice & 64 == 0 => NetworkLayer::AveragePool(2),
        13 => NetworkLayer::SumPool(2),
        14 if choice & 128 == 0 => NetworkLayer::Residual(1 + u32::from(choice) / 16 % 5),
        14 => NetworkLayer::Shortcut(1 + u32::from(choice) / 16 % 5),
        15 => NetworkLayer::Attention(1 + u32::from(choice) / 64),
        16 => NetworkLayer::Scale,
        _ => NetworkLayer::Reshape([1, 1, shape.iter().product::<usize>() as u32]),
    }
}

/// The layers of `choices` that fit one behind the other, then some that make `end` numbers.
fn sound(choices: &[u8], input: &[usize], end: usize) -> Vec<NetworkLayer> {
    let (mut layers, mut shape): (Vec<NetworkLayer>, Vec<usize>) = (Vec::new(), input.to_vec());
    let mut inputs = Vec::new();
    for &choice in choices {
        let layer = appended(choice, &shape);
        // A discriminator with a Linear layer in front takes its images as rows.
        let misplaced = layers.is_empty() && matches!(layer, NetworkLayer::Linear { .. });
        if let Ok(output) = layer.output(&inputs, &shape)
            && !misplaced
            && output.iter().product::<usize>() < 2000
        {
            layers.push(layer);
            inputs.push(std::mem::replace(&mut shape, output));
        }
    }
    layers.extend([NetworkLayer::Flatten, NetworkLayer::Linear { outputs: end as u32, bias: true }]);
    layers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_sound_lists_train_and_have_the_shapes_of_their_descriptions(
        generator in prop::collection::vec(any::<u8>(), 0..10),
        discriminator in prop::collection::vec(any::<u8>(), 0..10),
        channels in prop::sample::select(vec![1u32, 3]),
        condition in prop::option::of(prop::sample::select(vec![ConditionKind::Concat, ConditionKind::Projection])),
    ) {
        let image = ImageShape { channels, height: 6, width: 5 };
        let mut config = with(|c| {
            (c.data.images, c.train.batch_size) = (8, 4);
            let adam = NetworkOptimizer::adam(1e-3, 0.5, 0.99, 1e-8);
            (c.optimizer.generator, c.optimizer.discriminator) = (adam, adam);
        });
        let spec = gansweep_config::DatasetSpec { image, train_images: 8, ..like_mnist() };
        let model = &mut config.model;
        (model.generator.kind, model.discriminator.kind) = (NetworkKind::Layers, NetworkKind::Layers);
        model.conditional = condition.is_some();
        model.discriminator.condition = condition.unwrap_or_default();
        config.model.generator.layers = sound(&generator, &config.generator_input(&spec), image.size());
        config.model.discriminator.layers = sound(&discriminator, &config.discriminator_input(&spec), 1);
        let networks = Network::both(&config, &spec);
        prop_assert!(networks.is_ok(), "{networks:?}");
        let state = LaneState::initial(&config, &spec, 1).unwrap();
        let lane = Lane { config: config.clone(), spec: spec.clone(), seed: 1 };
        let mut trainer = CpuTrainer::new(vec![lane], vec![state], noise(image, 8, &config), 1).unwrap();
        let chunk = trainer.advance(2, true).unwrap().remove(0).unwrap();
        prop_assert_eq!(chunk.steps.len(), 2);
        let norms = chunk.point.unwrap();
        prop_assert!(norms.iter().all(|norm| norm.is_finite()), "{norms:?}");
        let state = trainer.state(0).unwrap();
        prop_assert!(state.check(&config, &spec).is_ok());
        let finite = state.arrays.values().all(|array| array.values.iter().all(|value| value.is_finite()));
        prop_assert!(finite);
    }
}
