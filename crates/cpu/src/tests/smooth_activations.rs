//! Networks with smooth activations.

use gansweep_config::{Activation, Config, NetworkKind, PenaltyKind};
use gansweep_fixtures::config::like_mnist;
use gansweep_nn::network::{Network, Role};

use super::lists::{listed, penalised};
use super::with;
use crate::net::Form;

/// Of each kind of network.
pub(super) fn smooth_activations() -> Vec<(&'static str, Config)> {
    vec![
        (
            "SiLU and GELU in multilayer perceptrons, with batch normalisation and dropout",
            with(|c| {
                c.model.generator.activation = Activation::Silu;
                c.model.generator.batch_norm = true;
                c.model.discriminator.activation = Activation::Gelu;
                c.model.discriminator.dropout = 0.2;
                c.train.ema = 0.9;
            }),
        ),
        (
            "ELU and SiLU in DCGANs of classes",
            with(|c| {
                (c.model.generator.kind, c.model.discriminator.kind) =
                    (NetworkKind::Dcgan, NetworkKind::Dcgan);
                (c.model.generator.width, c.model.discriminator.width) = (2, 3);
                (c.model.conditional, c.model.embedding) = (true, 3);
                c.model.generator.activation = Activation::Elu;
                c.model.generator.batch_norm = true;
                c.model.discriminator.activation = Activation::Silu;
                c.model.discriminator.layer_norm = true;
            }),
        ),
        (
            "smooth activations in front, behind each other, and in residual blocks",
            with(|c| {
                listed(c, Role::Generator, &["gelu", "linear 17", "elu", "silu", "residual 1", "linear 784"]);
                listed(
                    c,
                    Role::Discriminator,
                    &["elu", "conv 3 kernel 7 stride 7", "gelu", "residual 1", "flatten", "silu", "linear 1"],
                );
            }),
        ),
    ]
}

/// Critics with a penalty.
pub(super) fn penalised_smooth_activations() -> Vec<(&'static str, Config)> {
    let perceptron = |kind, activation| {
        with(|c| {
            (c.penalty.kind, c.penalty.weight) = (kind, 0.3);
            c.model.discriminator.activation = activation;
        })
    };
    vec![
        ("a penalty through SiLU", perceptron(PenaltyKind::WganGp, Activation::Silu)),
        ("a penalty through GELU", perceptron(PenaltyKind::Dragan, Activation::Gelu)),
        ("a penalty at the images of the batch, through ELU", perceptron(PenaltyKind::R1R2, Activation::Elu)),
        (
            "a penalty through smooth activations in front, behind norms, and in residual blocks",
            penalised(
                PenaltyKind::WganGp,
                &[
                    "silu",
                    "conv 3 kernel 7 stride 7",
                    "instance-norm",
                    "gelu",
                    "conv 3 kernel 3 padding 1",
                    "elu",
                    "residual 2",
                    "flatten",
                    "linear 5",
                    "layer-norm",
                    "silu",
                    "linear 1",
                ],
            ),
        ),
    ]
}

#[test]
fn they_go_the_general_way_in_every_kind_of_network() {
    for (name, config) in smooth_activations().into_iter().chain(penalised_smooth_activations()) {
        let [_, discriminator] = Network::both(&config, &like_mnist()).unwrap();
        assert_eq!(Form::of(&discriminator, &config), Form::AnyOrder, "{name}");
    }
}
