//! Networks with products that have no bias.

use gansweep_config::{Config, PenaltyKind};
use gansweep_fixtures::config::like_mnist;
use gansweep_nn::network::{Network, Role};
use gansweep_nn::state::LaneState;

use super::lists::{listed, penalised};
use super::with;
use crate::net::Form;

/// Products without biases in every place, one of them with an output padding: beside normalisations, at both ends, and at
/// rows that become maps and maps that become rows.
fn without_biases() -> Config {
    with(|c| {
        listed(
            c,
            Role::Generator,
            &[
                "linear 98 bias false",
                "reshape 2x7x7",
                "batch-norm",
                "leaky-relu 0.1",
                "conv-transpose 3 kernel 3 stride 2 padding 1 output_padding 1 bias false",
                "leaky-relu 0.2",
                "upsample 2",
                "conv 1 kernel 3 padding 1 bias false",
            ],
        );
        listed(
            c,
            Role::Discriminator,
            &[
                "conv 3 kernel 4 stride 4 bias false",
                "leaky-relu 0.2",
                "conv 4 kernel 3 padding 1 bias false",
                "layer-norm",
                "leaky-relu 0.2",
                "flatten",
                "linear 9",
                "tanh",
                "linear 1 bias false",
            ],
        );
        c.train.ema = 0.9;
        c.optimizer.generator.clip_norm = 0.05;
    })
}

const IN_COMMON_ORDERS: &str = "lists in the common orders without biases";

/// Lists with such products, in the common orders and in others.
pub(super) fn lists_without_biases() -> Vec<(&'static str, Config)> {
    vec![
        ("lists without biases", without_biases()),
        (
            IN_COMMON_ORDERS,
            with(|c| {
                listed(
                    c,
                    Role::Generator,
                    &[
                        "linear 98 bias false",
                        "reshape 2x7x7",
                        "batch-norm",
                        "relu",
                        "conv-transpose 3 kernel 4 stride 2 padding 1 bias false",
                        "leaky-relu 0.1",
                        "conv-transpose 1 kernel 3 stride 2 padding 1 output_padding 1 bias false",
                    ],
                );
                listed(
                    c,
                    Role::Discriminator,
                    &[
                        "conv 3 kernel 4 stride 2 padding 1 bias false",
                        "leaky-relu 0.3",
                        "conv 5 kernel 4 stride 2 padding 1 bias false",
                        "batch-norm",
                        "relu",
                        "flatten",
                        "linear 1 bias false",
                    ],
                );
                c.train.ema = 0.9;
                c.optimizer.discriminator.clip_norm = 0.5;
            }),
        ),
    ]
}

/// Critics of such products that have a penalty.
pub(super) fn penalised_without_biases() -> Vec<(&'static str, Config)> {
    vec![
        (
            "a penalty through products without biases",
            penalised(
                PenaltyKind::WganGp,
                &[
                    "conv 3 kernel 5 stride 4 bias false",
                    "layer-norm",
                    "leaky-relu 0.2",
                    "conv-transpose 2 kernel 3 stride 2 padding 1 output_padding 1 bias false",
                    "leaky-relu 0.1",
                    "flatten",
                    "linear 6 bias false",
                    "tanh",
                    "linear 1 bias false",
                ],
            ),
        ),
        (
            "a penalty through perceptrons without biases",
            penalised(
                PenaltyKind::R1R2,
                &[
                    "linear 9 bias false",
                    "leaky-relu 0.2",
                    "linear 6 bias false",
                    "relu",
                    "linear 1 bias false",
                ],
            ),
        ),
    ]
}

#[test]
fn they_have_the_faster_ways_too() {
    let cases = lists_without_biases();
    let (_, config) = cases.iter().find(|(case, _)| *case == IN_COMMON_ORDERS).unwrap();
    let networks = Network::both(config, &like_mnist()).unwrap();
    assert_eq!(networks.each_ref().map(|network| Form::of(network, config)), [Form::Convolutions; 2]);
    let cases = penalised_without_biases();
    let (_, config) = &cases[1];
    let discriminator = Network::of(Role::Discriminator, config, &like_mnist()).unwrap();
    assert_eq!(Form::of(&discriminator, config), Form::Perceptron);
}

#[test]
fn a_state_has_no_tensors_for_the_biases_that_there_are_not() {
    for (case, config) in lists_without_biases() {
        let state = LaneState::initial(&config, &like_mnist(), 1).unwrap();
        for (role, network) in Role::BOTH.into_iter().zip(Network::both(&config, &like_mnist()).unwrap()) {
            for (index, node) in network.nodes.iter().enumerate() {
                let has = |tensor: &str| state.arrays.contains_key(&format!("{role}.{index}.{tensor}"));
                let is_norm =
                    node.layer.describe().parameters(&node.input).len() == 2 && !node.layer.has_bias();
                assert_eq!(has("bias"), node.layer.has_bias() || is_norm, "{case}: {role}, layer {index}");
            }
        }
    }
}
