//! Lists of layers that know the class of an image.

use gansweep_config::{ConditionKind, Config, LossKind, PenaltyConfig, PenaltyKind};
use gansweep_fixtures::config::like_mnist;
use gansweep_nn::network::{Network, Role};

use super::lists::listed;
use super::with;
use crate::net::Form;

/// Both networks of these layers.
fn conditional(condition: ConditionKind, lists: [&[&str]; 2], change: impl FnOnce(&mut Config)) -> Config {
    with(|c| {
        (c.model.conditional, c.model.discriminator.condition) = (true, condition);
        Role::BOTH.into_iter().zip(lists).for_each(|(role, layers)| listed(c, role, layers));
        change(c);
    })
}

/// From 17 numbers, 10 of them the class's.
const GENERATOR: &[&str] =
    &["linear 98", "reshape 2x7x7", "leaky-relu 0.1", "conv-transpose 1 kernel 4 stride 4"];

const IN_COMMON_ORDERS: [(&str, Form); 3] = [
    ("perceptrons in lists with classes by concatenation", Form::Perceptron),
    ("perceptrons in lists with classes by projection, without biases", Form::Perceptron),
    ("convolutions in lists with classes by projection, without biases", Form::Convolutions),
];

/// Lists with classes, in the common orders.
fn in_common_orders() -> Vec<(&'static str, Config)> {
    let (concat, projection) = (ConditionKind::Concat, ConditionKind::Projection);
    let [(perceptrons, _), (projected_perceptrons, _), (convolutions, _)] = IN_COMMON_ORDERS;
    vec![
        (
            perceptrons,
            conditional(
                concat,
                [
                    &["linear 18", "relu", "linear 784"],
                    &["linear 9 bias false", "leaky-relu 0.2", "linear 1"],
                ],
                |c| c.model.embedding = 5,
            ),
        ),
        (
            projected_perceptrons,
            conditional(
                projection,
                [
                    &["linear 18 bias false", "relu", "linear 784"],
                    &["linear 9", "relu", "linear 1 bias false"],
                ],
                |c| c.train.ema = 0.9,
            ),
        ),
        (
            convolutions,
            conditional(
                projection,
                [
                    &["linear 98 bias false", "reshape 2x7x7", "relu", "conv-transpose 1 kernel 4 stride 4"],
                    &["conv 3 kernel 4 stride 4", "leaky-relu 0.2", "flatten", "linear 1 bias false"],
                ],
                |c| c.optimizer.discriminator.clip_norm = 0.5,
            ),
        ),
    ]
}

/// Lists with classes, in the common orders and in others.
pub(super) fn conditional_lists() -> Vec<(&'static str, Config)> {
    let (concat, projection) = (ConditionKind::Concat, ConditionKind::Projection);
    let others = vec![
        (
            "a list whose first layer makes one map of latent vector and class",
            conditional(
                concat,
                [
                    &[
                        "reshape 17x1x1",
                        "conv-transpose 3 kernel 7 bias false",
                        "relu",
                        "upsample 4",
                        "conv 1 kernel 1",
                    ],
                    &[
                        "conv 3 kernel 4 stride 4",
                        "tanh",
                        "conv 2 kernel 3 stride 2",
                        "relu",
                        "flatten",
                        "linear 1",
                    ],
                ],
                |c| c.train.ema = 0.9,
            ),
        ),
        (
            "classes as a channel of the image that a residual block starts with, clipped gradients",
            conditional(
                concat,
                [
                    &["leaky-relu 0.9", "linear 17", "residual 2", "linear 784"],
                    &[
                        "leaky-relu 0.5",
                        "conv 2 kernel 3 padding 1",
                        "residual 2",
                        "avg-pool 7",
                        "flatten",
                        "linear 1",
                    ],
                ],
                |c| c.optimizer.discriminator.clip_norm = 0.5,
            ),
        ),
        (
            "classes as a channel of the image that is enlarged first, spectral norms",
            conditional(
                concat,
                [
                    GENERATOR,
                    &["upsample 2", "conv 3 kernel 8 stride 8", "sigmoid", "flatten", "linear 1 bias false"],
                ],
                |c| (c.model.generator.spectral_norm, c.model.discriminator.spectral_norm) = (true, true),
            ),
        ),
        (
            "a projection of a map and one of a row, spectral norms",
            conditional(
                projection,
                [
                    GENERATOR,
                    &["conv 3 kernel 4 stride 4", "sigmoid", "leaky-relu 0.2", "flatten", "linear 1"],
                ],
                |c| {
                    (c.loss.kind, c.model.discriminator.spectral_norm) = (LossKind::Hinge, true);
                    c.optimizer.discriminator.clip_norm = 0.5;
                },
            ),
        ),
        (
            "a projection behind a normalisation that follows an activation, without a bias",
            conditional(
                projection,
                [
                    GENERATOR,
                    &["flatten", "linear 9", "tanh", "layer-norm", "dropout 0.2", "linear 1 bias false"],
                ],
                |c| (c.train.d_steps, c.model.embedding) = (2, 3),
            ),
        ),
    ];
    in_common_orders().into_iter().chain(others).collect()
}

/// Critics that know classes and have a penalty.
pub(super) fn penalised_conditional_lists() -> Vec<(&'static str, Config)> {
    let penalised = |kind, weight| {
        move |c: &mut Config| {
            c.loss.kind = LossKind::Hinge;
            c.penalty = PenaltyConfig { kind, weight, ..PenaltyConfig::default() };
            (c.data.images, c.train.batch_size) = (5, 2);
        }
    };
    vec![
        (
            "a penalty through a list with classes as a channel of the image, second derivatives and a residual block",
            conditional(
                ConditionKind::Concat,
                [
                    GENERATOR,
                    &[
                        "conv 2 kernel 3 padding 1",
                        "residual 1",
                        "conv 3 kernel 4 stride 4",
                        "layer-norm",
                        "leaky-relu 0.2",
                        "flatten",
                        "linear 6",
                        "tanh",
                        "linear 1",
                    ],
                ],
                penalised(PenaltyKind::WganGp, 2.0),
            ),
        ),
        (
            "a penalty at the images of the batch, through a projection",
            conditional(
                ConditionKind::Projection,
                [GENERATOR, &["conv 2 kernel 7 stride 7", "tanh", "flatten", "linear 1 bias false"]],
                // With a larger one, rounding of the loss shows in its finite differences.
                penalised(PenaltyKind::R1R2, 0.05),
            ),
        ),
        (
            "a penalty through a perceptron in a list with classes by concatenation",
            conditional(
                ConditionKind::Concat,
                [GENERATOR, &["linear 9 bias false", "leaky-relu 0.2", "linear 6", "relu", "linear 1"]],
                penalised(PenaltyKind::Dragan, 0.5),
            ),
        ),
    ]
}

#[test]
fn they_have_the_faster_ways_too() {
    let cases = conditional_lists();
    for (name, form) in IN_COMMON_ORDERS {
        let (_, config) = cases.iter().find(|(case, _)| *case == name).unwrap();
        let discriminator = Network::of(Role::Discriminator, config, &like_mnist()).unwrap();
        assert_eq!(Form::of(&discriminator, config), form, "{name}");
    }
}
