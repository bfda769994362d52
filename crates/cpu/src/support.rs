//! What this backend can train.

use gansweep_config::{Config, DatasetSpec};
use gansweep_nn::network::{Layer, Network, Role};
use gansweep_nn::penalty::Points;
use gansweep_train::Unsupported;

use super::net::Form;

/// Whether this backend can train runs of that config on that data.
///
/// # Errors
///
/// The reason why not.
pub fn supports(config: &Config, spec: &DatasetSpec) -> Result<(), Unsupported> {
    for network in Network::both(config, spec)? {
        let form = Form::of(&network);
        if form == Form::AnyOrder && network.condition.is_some() {
            return Err(Unsupported(format!(
                "it lets networks with layers in the common orders alone know classes, and its {} has others",
                network.role
            )));
        }
        let is_penalised = network.role == Role::Discriminator && Points::of(&config.penalty).is_some();
        let mut layers = network.nodes.iter().enumerate().filter(|_| is_penalised);
        if let Some((index, node)) = layers.find(|(_, node)| !has_tangents(&node.layer)) {
            return Err(Unsupported(format!(
                "it does not compute the derivative of the input gradient through layer {index} of the discriminator, {}",
                node.layer.describe().name(&node.input)
            )));
        }
    }
    Ok(())
}

/// Whether the derivative of a layer is one factor for each number, which depends on its sign alone.
fn has_tangents(layer: &Layer) -> bool {
    !matches!(layer, Layer::BatchNorm | Layer::LayerNorm | Layer::Tanh | Layer::Sigmoid)
}
