//! The values of layers that are no part of a network's shape, and may differ between the lanes of a group.

use gansweep_config::{Activation, Config, NetworkKind, NetworkLayer};

use super::Role;

/// The slope below zero of the leaky `ReLU` at `index` of that network; 0 for a `ReLU`.
pub fn slope(role: Role, config: &Config, index: usize) -> f64 {
    let (kind, activation, slope, layers) = match role {
        Role::Generator => {
            let it = &config.model.generator;
            (it.kind, it.activation, it.slope, &it.layers)
        }
        Role::Discriminator => {
            let it = &config.model.discriminator;
            (it.kind, it.activation, it.slope, &it.layers)
        }
    };
    match (kind, activation, layers.get(index)) {
        (NetworkKind::Layers, _, Some(NetworkLayer::LeakyRelu(slope))) => *slope,
        (NetworkKind::Mlp | NetworkKind::Dcgan, Activation::LeakyRelu, _) => slope,
        _ => 0.0,
    }
}

/// The probability that the dropout at `index` of that network drops a number.
pub fn rate(role: Role, config: &Config, index: usize) -> f64 {
    let (kind, dropout, layers) = match role {
        Role::Generator => {
            let it = &config.model.generator;
            (it.kind, it.dropout, &it.layers)
        }
        Role::Discriminator => {
            let it = &config.model.discriminator;
            (it.kind, it.dropout, &it.layers)
        }
    };
    match (kind, layers.get(index)) {
        (NetworkKind::Layers, Some(NetworkLayer::Dropout(rate))) => *rate,
        (NetworkKind::Layers, _) => 0.0,
        (NetworkKind::Mlp | NetworkKind::Dcgan, _) => dropout,
    }
}
