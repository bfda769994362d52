//! Lists with instance normalisation.

use gansweep_config::{Config, PenaltyKind};
use gansweep_fixtures::config::like_mnist;
use gansweep_nn::network::{Network, Role};

use super::lists::{listed, penalised};
use super::with;
use crate::net::Form;

/// Convolutions in the common order, with more channels than a panel has columns and fewer.
fn in_the_common_order() -> Config {
    with(|c| {
        listed(
            c,
            Role::Generator,
            &[
                "linear 833",
                "reshape 17x7x7",
                "instance-norm",
                "relu",
                "conv-transpose 3 kernel 4 stride 2 padding 1",
                "instance-norm",
                "leaky-relu 0.1",
                "conv-transpose 1 kernel 4 stride 2 padding 1",
            ],
        );
        listed(
            c,
            Role::Discriminator,
            &[
                "conv 3 kernel 4 stride 4",
                "leaky-relu 0.2",
                "conv 18 kernel 3 stride 2",
                "instance-norm",
                "leaky-relu 0.2",
                "dropout 0.2",
                "flatten",
                "linear 1",
            ],
        );
        c.train.ema = 0.9;
        c.optimizer.discriminator.clip_norm = 0.5;
    })
}

/// Networks with such layers.
pub(super) fn instance_norms() -> Vec<(&'static str, Config)> {
    vec![
        ("instance norm in convolutions in the common order", in_the_common_order()),
        (
            "instance norm of the image, behind activations, and in residual blocks",
            with(|c| {
                listed(
                    c,
                    Role::Generator,
                    &[
                        "linear 147",
                        "tanh",
                        "reshape 3x7x7",
                        "instance-norm",
                        "conv 3 kernel 3 padding 1",
                        "instance-norm",
                        "leaky-relu 0.1",
                        "residual 4",
                        "upsample 4",
                        "conv 1 kernel 3 padding 1",
                        "instance-norm",
                    ],
                );
                listed(
                    c,
                    Role::Discriminator,
                    &[
                        "instance-norm",
                        "conv 3 kernel 4 stride 4",
                        "leaky-relu 0.2",
                        "instance-norm",
                        "residual 1",
                        "flatten",
                        "linear 1",
                    ],
                );
            }),
        ),
    ]
}

/// Critics with such layers that have a penalty.
pub(super) fn penalised_instance_norms() -> Vec<(&'static str, Config)> {
    vec![
        (
            "a penalty through instance norm behind a product, of more channels than a panel has columns",
            penalised(
                PenaltyKind::WganGp,
                &[
                    "conv 17 kernel 7 stride 7",
                    "instance-norm",
                    "leaky-relu 0.2",
                    "conv 3 kernel 2",
                    "instance-norm",
                    "tanh",
                    "flatten",
                    "linear 1",
                ],
            ),
        ),
        (
            "a penalty at the images of the batch, through instance norm by itself and layer norm",
            penalised(
                PenaltyKind::R1R2,
                &[
                    "conv 2 kernel 4 stride 4",
                    "leaky-relu 0.2",
                    "instance-norm",
                    "conv 3 kernel 3 stride 2",
                    "layer-norm",
                    "leaky-relu 0.1",
                    "flatten",
                    "linear 1",
                ],
            ),
        ),
    ]
}

#[test]
fn it_has_the_faster_way_too() {
    let networks = Network::both(&in_the_common_order(), &like_mnist()).unwrap();
    let forms = networks.each_ref().map(|network| Form::of(network, &in_the_common_order()));
    assert_eq!(forms, [Form::Convolutions; 2]);
}
