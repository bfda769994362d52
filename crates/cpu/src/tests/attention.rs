//! Lists with self-attention and trained factors.

use gansweep_config::{Config, PenaltyKind};
use gansweep_fixtures::config::like_mnist;
use gansweep_nn::network::{Network, Role};

use super::lists::{listed, penalised};
use super::with;
use crate::net::Form;

/// Networks with such layers.
pub(super) fn attentions() -> Vec<(&'static str, Config)> {
    vec![
        (
            "attention as a residual block, with an average, and with more channels and pixels than a panel has columns",
            with(|c| {
                let generator = [
                    "linear 36",
                    "reshape 2x6x3",
                    "conv 21 kernel 1",
                    "attention 2",
                    "leaky-relu 0.1",
                    "conv 2 kernel 1",
                    "scale",
                    "residual 5",
                    "flatten",
                    "linear 784",
                ];
                listed(c, Role::Generator, &generator);
                let discriminator = [
                    "conv 3 kernel 7 stride 7",
                    "leaky-relu 0.2",
                    "conv 39 kernel 1",
                    "attention 18",
                    "scale",
                    "residual 3",
                    "flatten",
                    "linear 1",
                ];
                listed(c, Role::Discriminator, &discriminator);
                c.train.ema = 0.9;
                c.optimizer.discriminator.clip_norm = 0.5;
            }),
        ),
        (
            "attention of the latent vector, behind an activation and of the image",
            with(|c| {
                let generator = [
                    "scale",
                    "linear 36",
                    "reshape 4x3x3",
                    "attention 1",
                    "tanh",
                    "flatten",
                    "scale",
                    "linear 784",
                ];
                listed(c, Role::Generator, &generator);
                let discriminator = ["sum-pool 7", "conv 5 kernel 1", "attention 2", "flatten", "linear 1"];
                listed(c, Role::Discriminator, &discriminator);
                (c.model.generator.spectral_norm, c.model.discriminator.spectral_norm) = (true, true);
            }),
        ),
    ]
}

/// Critics with such layers that have a penalty.
pub(super) fn penalised_attentions() -> Vec<(&'static str, Config)> {
    vec![
        (
            "a penalty through attention as a residual block, in front of other layers with second derivatives",
            penalised(
                PenaltyKind::WganGp,
                &[
                    "conv 3 kernel 7 stride 7",
                    "leaky-relu 0.2",
                    "conv 7 kernel 1",
                    "attention 2",
                    "scale",
                    "residual 3",
                    "conv 4 kernel 2",
                    "layer-norm",
                    "tanh",
                    "flatten",
                    "linear 1",
                ],
            ),
        ),
        (
            "a penalty at the images of the batch, through two attentions, with more channels than a panel has columns",
            penalised(
                PenaltyKind::R1R2,
                &[
                    "conv 4 kernel 7 stride 7",
                    "tanh",
                    "conv 21 kernel 1",
                    "attention 1",
                    "leaky-relu 0.1",
                    "conv 8 kernel 1",
                    "attention 3",
                    "flatten",
                    "linear 1",
                ],
            ),
        ),
        (
            "a penalty through factors alone",
            penalised(
                PenaltyKind::Dragan,
                &[
                    "scale",
                    "residual 1",
                    "flatten",
                    "linear 5",
                    "leaky-relu 0.2",
                    "scale",
                    "residual 1",
                    "linear 1",
                ],
            ),
        ),
    ]
}

#[test]
fn they_go_the_general_way() {
    for (name, config) in attentions().into_iter().chain(penalised_attentions()) {
        let [_, discriminator] = Network::both(&config, &like_mnist()).unwrap();
        assert_eq!(Form::of(&discriminator, &config), Form::AnyOrder, "{name}");
    }
}
